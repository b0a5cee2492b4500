"""Pages as trees: parsed by Lexbor, and what must be known of a page to ask it."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scraper.markup.document.complexity import SHORT, is_simple
from scraper.markup.document.sandbox import WITHOUT_EVENTS, sandbox
from scraper.markup.selectors.query import Query, compile_exactly, compile_query
from scraper.urls import without_credentials

_DOCTYPE = r"[ \t\n\f\r]*<!doctype[ \t\n\f\r]+html[ \t\n\f\r]*>"
_STANDARD = re.compile(rf"\ufeff?{_DOCTYPE}", re.IGNORECASE)
_STANDARD_BYTES = re.compile(rb"(?:\xef\xbb\xbf)?" + _DOCTYPE.encode(), re.IGNORECASE)


class Tree(LexborHTMLParser):
    """A parsed page. `compiled` reads the queries that it is asked; `url` is the page's address, or "".

    `namespaces` are prefixes that its XPath expressions may use, besides those that all may.

    In a page that does not begin as it should, with `<!doctype html>`, Lexbor matches classes and ids whatever their
    case is (HTML, 13.2.6.4.1: quirks mode), so queries are read another way for those.
    """

    compiled: Callable[[str], Query]
    url: str
    namespaces: Mapping[str, str] = MappingProxyType({})


def parse(text: str | bytes, url: str = "", *, is_vetted: bool = False) -> LexborNode:
    """The root of a page given as text, or as UTF-8 bytes. Raises what `vet` raises, unless it `is_vetted`."""
    if not is_vetted:
        vet(text)
    tree = Tree(text, options=WITHOUT_EVENTS)
    tree.url = url
    start = _STANDARD.match(text) if isinstance(text, str) else _STANDARD_BYTES.match(text)
    tree.compiled = compile_exactly if start is None else compile_query
    root = tree.root
    if root is None:
        return empty_root()
    _drop_doctype(root)
    return root


def _drop_doctype(root: LexborNode) -> None:
    """Take the doctype out of a tree: `:first-child` and its like would count it among the siblings of `<html>`."""
    before = root.prev
    while before is not None:
        if before.tag == "-doctype":
            before.decompose()
            return
        before = before.prev


def is_quick(text: str | bytes) -> bool:
    """Whether a look at a page's source tells that it is parsed at once, so that it need not be tried."""
    return len(text) <= SHORT // 4 or is_simple(_as_bytes(text))


def vet(text: str | bytes) -> float:
    """How many seconds it took to try whether a page can be parsed; 0 for one that need not be tried.

    Raises `TooComplexError` for a page that would take too long to parse, or too much memory.
    """
    if len(text) <= SHORT // 4:
        return 0.0
    return sandbox.check(_as_bytes(text))


def _as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def empty_root() -> LexborNode:
    """The root of a page without content."""
    tree = Tree("")
    tree.compiled, tree.url = compile_query, ""
    root = tree.root
    assert root is not None
    return root


NOWHERE = empty_root()
"""The element at which stands what is in no page."""


def described(node: LexborNode) -> str:
    """An element, and the page it is in, as errors name them."""
    url = getattr(node.parser, "url", "")
    return f"<{node.tag}> in {without_credentials(url)}" if url else f"<{node.tag}>"


def reference(node: LexborNode) -> str | None:
    """What an element refers to, by its href or src, "" if that has no value; None if it refers to nothing."""
    attributes = node.attributes
    found = attributes.get("href")
    if found is None:
        found = attributes[name] or "" if (name := "href") in attributes or (name := "src") in attributes else None
    return found
