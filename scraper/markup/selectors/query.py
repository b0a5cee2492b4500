"""CSS queries taken apart: what is to be matched, and what is taken of each match.

A query is a list of CSS selectors, each of which may end in one of parsel's two pseudo-elements: `::text` for
the text nodes of what it matches (`p::text` those right inside it, `p ::text` all below it) and
`::attr(name)` for an attribute. Queries are compiled once and remembered.
"""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import msgspec

from scraper.markup.selectors.css_parser import Chain, Reader, SelectorError, Step, shortened
from scraper.markup.selectors.css_text import FILLER, NAME, STRING, WHITE, clean, cut, literal, unescaped

__all__ = ["Chain", "Kind", "Part", "Query", "SelectorError", "Step", "compile_exactly", "compile_query", "shortened"]

Kind = Literal["element", "text", "deep text", "attribute"]


class Part(msgspec.Struct, frozen=True):
    """One selector of a query's list."""

    chain: Chain
    kind: Kind = "element"
    attribute: str = ""
    is_deep: bool = False  # takes the attribute of all that is in a match, too

    @property
    def css(self) -> str:
        """What Lexbor finds by it."""
        css = self.chain.css
        return f"{css}, {css} *" if self.is_deep else css

    @property
    def is_chain(self) -> bool:
        """Whether a match depends on elements above or beside it."""
        return len(self.chain.steps) > 1 or self.is_deep

    @property
    def needs_steps(self) -> bool:
        """Whether Lexbor alone cannot answer it."""
        chain = Chain((*self.chain.steps, Step(" ", "*"))) if self.is_deep else self.chain
        return chain.needs_steps or chain.steps[0].is_scope


class Query(msgspec.Struct, frozen=True):
    """A compiled query.

    `css` is what Lexbor matches, and `last_css` what it matches by the last step of each part. If all parts take
    the same of their matches, that is `kind` and `attribute`; `is_quick` tells that it can be taken of the first
    match without looking at the others. `needs_steps` tells that Lexbor's answer is to be narrowed, `is_chain` that
    it may have to be when not the page but an element is asked, and `is_sideways` that some steps lead to siblings.
    `is_whole` asks for all text, whatever it is in.
    """

    css: str
    last_css: str
    parts: tuple[Part, ...]
    kind: Kind | None
    attribute: str
    is_quick: bool
    is_chain: bool
    is_sideways: bool
    needs_steps: bool
    is_whole: bool


@lru_cache(maxsize=4096)
def compile_query(text: str) -> Query:
    """`text` taken apart.

    Raises `SelectorError`, which names the query and the place in it, if it is not understood.
    """
    return _compiled(text, is_exact=False)


@lru_cache(maxsize=4096)
def compile_exactly(text: str) -> Query:
    """The same for pages in which Lexbor ignores the case of classes and ids: see `tree.Tree`."""
    return _compiled(text, is_exact=True)


def _compiled(text: str, *, is_exact: bool) -> Query:
    if not isinstance(text, str):
        raise SelectorError(f"a CSS selector is a text, not {shortened(text)}")
    reader = Reader(text, is_exact)
    parts = tuple(_part(reader, piece, place) for place, piece in cut(clean(text), ","))
    css = ", ".join(part.css for part in parts)
    if not reader.is_known(css):
        raise reader.error("is not understood", 0)
    first = parts[0]
    are_alike = all((part.kind, part.attribute) == (first.kind, first.attribute) for part in parts)
    needs_steps = any(part.needs_steps for part in parts)
    return Query(
        css=css,
        last_css=", ".join("*" if part.is_deep else part.chain.steps[-1].any_css for part in parts),
        parts=parts,
        kind=first.kind if are_alike else None,
        attribute=first.attribute,
        is_quick=are_alike and first.kind != "deep text",
        is_chain=needs_steps or any(part.is_chain for part in parts),
        is_sideways=any(part.chain.is_sideways for part in parts),
        needs_steps=needs_steps,
        is_whole=are_alike and not needs_steps and any(part.kind == "deep text" and part.css == "*" for part in parts),
    )


_END = re.compile(rf"""::(?P<word>{NAME})(?:\(\s*(?P<name>{STRING}|{NAME})\s*\))?""", re.DOTALL)


def _part(reader: Reader, selector: str, place: int) -> Part:
    before, colons, end = _cut_pseudo_element(selector)
    if not colons:
        return Part(reader.chain(selector, place))
    found = _END.fullmatch(colons + end.replace(FILLER, "").rstrip(WHITE))
    word = unescaped(found["word"]).lower() if found else ""
    name = literal(found["name"]) if found and found["name"] else None
    if (word, name is None) not in {("text", True), ("attr", False)}:
        raise reader.error("has a pseudo-element other than ::text and ::attr(name)", place + len(before))
    pieces = [piece for _, piece in cut(before, WHITE + ">+~", keep=True) if piece.strip(FILLER)]
    last = next((piece for piece in reversed(pieces) if piece not in WHITE), None)
    is_deep = last not in {">", "+", "~"} and (last is None or pieces[-1] in WHITE)
    chain = reader.chain(f"{before}*" if last is None or last in ">+~" else before, place)
    *outer, step = chain.steps
    if outer and not is_deep and step == Step(" ", "*"):  # `div *::text` is `div ::text`
        chain, is_deep = Chain(tuple(outer)), True
    if name is None:
        return Part(chain, "deep text" if is_deep else "text")
    return Part(chain, "attribute", name, is_deep and last is not None)


def _cut_pseudo_element(selector: str) -> tuple[str, str, str]:
    """What stands before the first `::`, the colons, and what comes after them."""
    colons = [place for place, piece in cut(selector, ":", keep=True) if piece == ":"]
    for first, second in pairwise(colons):
        if second == first + 1:
            return selector[:first], "::", selector[first + 2 :]
    return selector, "", ""
