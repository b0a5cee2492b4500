"""CSS queries taken apart: what Lexbor is to match, and what is taken of each match.

A query is a list of CSS selectors, each of which may end in one of parsel's two pseudo-elements: `::text` for
the text nodes of what it matches (`p::text` those right inside it, `p ::text` all below it) and
`::attr(name)` for an attribute. Queries are compiled once and remembered.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["element", "text", "deep text", "attribute"]


class SelectorError(ValueError):
    """A query that is not understood; the text names it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One selector of a query's list."""

    css: str
    kind: Kind = "element"
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query.

    `css` is what Lexbor matches. If all parts of the list take the same of their matches, that is `kind` and
    `attribute`; `is_quick` tells that it can be taken of the first match without looking at the others.
    """

    text: str
    css: str
    parts: tuple[Part, ...]
    kind: Kind | None
    attribute: str
    is_quick: bool


@lru_cache(maxsize=4096)
def compile_query(text: str) -> Query:
    """`text` taken apart. Raises `SelectorError` if it is empty or ends in an unknown pseudo-element."""
    parts = tuple(_part(piece.strip(), text) for piece in _split_list(text))
    first = parts[0]
    are_alike = all((part.kind, part.attribute) == (first.kind, first.attribute) for part in parts)
    return Query(
        text=text,
        css=", ".join(part.css for part in parts),
        parts=parts,
        kind=first.kind if are_alike else None,
        attribute=first.attribute,
        is_quick=are_alike and first.kind != "deep text",
    )


_PSEUDO = re.compile(r"(?P<before>.*?)(?P<space>\s*)::(?:(?P<text>text)|attr\(\s*(?P<name>[^()\s]+)\s*\))\s*$", re.DOTALL)


def _part(selector: str, query: str) -> Part:
    if not selector:
        raise SelectorError(f"the CSS selector {query!r} has an empty part")
    if "::" not in selector:
        return Part(selector)
    found = _PSEUDO.match(selector)
    if found is None:
        raise SelectorError(f"the CSS selector {query!r} has a pseudo-element other than ::text and ::attr(name)")
    css, deep = found["before"] or "*", bool(found["space"]) or not found["before"]
    if css.endswith((">", "+", "~")):
        css, deep = f"{css} *", False
    if found["text"]:
        return Part(css, "deep text" if deep else "text")
    return Part(f"{css}, {css} *" if deep and found["before"] else css, "attribute", found["name"].strip("'\""))


def _split_list(text: str) -> Iterator[str]:
    """The selectors of a list: `text` cut at commas outside of brackets and quotes."""
    start, depth, quote = 0, 0, ""
    escaped = False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]
