"""Regular expressions over what was selected, as parsel applies them."""

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5, name2codepoint
from typing import overload

from scraper.markup.selectors.css_parser import SelectorError, shortened

Regex = str | re.Pattern[str]

_ENTITY = re.compile(r"&(?:([a-zA-Z0-9]+)|#(?:[0-9]+|[xX][0-9a-fA-F]+));?", re.ASCII)
_KEPT = frozenset(("lt", "amp"))


class Searchable:
    """What regular expressions are looked for in: one thing that was found, or a list of them."""

    __slots__ = ()

    def _hits(self, regex: Regex, replace_entities: bool) -> Iterator[str]:
        """What `regex` finds, as it is asked for."""
        raise NotImplementedError

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """All that `regex` finds in `get()`: its group `extract`, or all its groups, or the whole match.

        Character references are replaced in it, unless `replace_entities` is False. Raises `SelectorError` for an
        expression that is not understood, `TypeError` for data that is not text.
        """
        return list(self._hits(regex, replace_entities))

    @overload
    def re_first(self, regex: Regex, default: None = None, replace_entities: bool = True) -> str | None: ...
    @overload
    def re_first(self, regex: Regex, default: str, replace_entities: bool = True) -> str: ...
    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first of `re(regex)`, or `default`."""
        return next(self._hits(regex, replace_entities), default)


def find_all(regex: Regex, text: str, replace_entities: bool) -> list[str]:
    """All that `regex` finds: the first match's group `extract`, or all matches' groups, or all matches.

    Raises `SelectorError` for an expression that is not understood, `TypeError` if there is no text to search.
    """
    if not isinstance(text, str):
        raise TypeError(f"a regular expression is looked for in text, not in {text!r:.80}")
    try:
        pattern = re.compile(regex) if isinstance(regex, str) else regex
    except re.error as error:
        raise SelectorError(f"the regular expression {shortened(regex)} is not understood: {error}") from None
    found: list[str]
    if "extract" in pattern.groupindex:
        match = pattern.search(text)
        found = [] if match is None or match["extract"] is None else [match["extract"]]
    else:
        found = [group or "" for match in pattern.finditer(text) for group in match.groups() or (match[0],)]
    return [without_entities(each) for each in found] if replace_entities else found


def without_entities(text: str) -> str:
    """`text` with its character references replaced, except `&lt;` and `&amp;`; unknown ones stay."""
    return _ENTITY.sub(_meaning, text) if "&" in text else text


def _meaning(found: re.Match[str]) -> str:
    name = found[1]
    if name is None:
        return unescape(found[0])
    if name.lower() in _KEPT:
        return found[0]
    if found[0].endswith(";") and f"{name};" in html5:
        return html5[f"{name};"]
    code = name2codepoint.get(name) or name2codepoint.get(name.lower())
    return chr(code) if code else found[0]
