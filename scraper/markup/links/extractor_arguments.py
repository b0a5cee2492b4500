"""The arguments of a `LinkExtractor`, read and checked: each may be one value, several, or None.

All functions take the argument's name, and raise `SpiderError` with that name for a value that makes no sense.
"""

import re
from collections.abc import Iterable
from typing import Any

from scraper import urls
from scraper.errors import SpiderError
from scraper.markup.selectors.query import SelectorError, compile_query

Pattern = str | re.Pattern[str]
Texts = str | Iterable[str] | None
Patterns = Pattern | Iterable[Pattern] | None

_NAME = re.compile(r"[A-Za-z_][\w:.-]*|\*")


def argument_error(argument: str, text: str) -> SpiderError:
    """The error for an argument of which `text` is true."""
    return SpiderError(f"LinkExtractor: {argument} {text}")


def _as_tuple(argument: str, given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    if isinstance(given, str | re.Pattern):
        return (given,)
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise argument_error(argument, f"is a text or a list of texts, not {given!r:.60}")
    return tuple(given)


def read_texts(argument: str, given: Texts) -> tuple[str, ...]:
    """Any texts."""
    items = _as_tuple(argument, given)
    for item in items:
        if not isinstance(item, str):
            raise argument_error(argument, f"holds texts, not {item!r:.60}")
    return items


def read_patterns(argument: str, given: Patterns) -> tuple[re.Pattern[str], ...]:
    """Regular expressions, compiled."""
    compiled = []
    for item in _as_tuple(argument, given):
        try:
            compiled.append(re.compile(item))
            compiled[-1].search("")  # an expression for bytes compiles as well
        except (re.error, TypeError) as error:
            raise argument_error(argument, f"holds {item!r:.60}, which is not a regular expression: {error}") from None
    return tuple(compiled)


def read_names(argument: str, given: Texts) -> tuple[str, ...]:
    """Names of elements or attributes, or `*`, in lower case and each once."""
    names = tuple(dict.fromkeys(name.lower() for name in read_texts(argument, given)))
    for name in names:
        if not _NAME.fullmatch(name):
            raise argument_error(argument, f"holds names of HTML or *, not {name!r:.60}")
    return names


def read_domains(argument: str, given: Texts) -> tuple[str, ...]:
    """Host names in the form that URLs have."""
    return tuple(_host_name(argument, domain) for domain in read_texts(argument, given))


def _host_name(argument: str, domain: str) -> str:
    url = urls.canonical(f"http://{domain.strip('.')}/")
    if url is None or url.count("/") != 3 or urls.site(url) != urls.host(url) or "@" in url:
        raise argument_error(argument, f"holds host names as shop.example, not {domain!r:.60}")
    return urls.host(url)


def read_queries(argument: str, given: Texts) -> tuple[str, ...]:
    """CSS selectors of elements."""
    queries = read_texts(argument, given)
    for query in queries:
        try:
            compiled = compile_query(query)
        except SelectorError as error:
            raise argument_error(argument, f"is not understood: {error}") from None
        if compiled.kind != "element":
            raise argument_error(argument, f"selects elements, which {query!r} does not")
    return queries
