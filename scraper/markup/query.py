"""CSS queries taken apart: what Lexbor is to match, and what is taken of each match.

A query is a list of CSS selectors, each of which may end in one of parsel's two pseudo-elements: `::text` for
the text nodes of what it matches (`p::text` those right inside it, `p ::text` all below it) and
`::attr(name)` for an attribute. Queries are compiled once and remembered.

A selector with combinators is kept in *steps* as well: asked of an element, all of its steps are to be found in
that element, while Lexbor looks for the first ones in the rest of the page, too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

Kind = Literal["element", "text", "deep text", "attribute"]


class SelectorError(ValueError):
    """A query that is not understood; the text names it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A compound selector of a longer one, and how it is combined with the one before: ' ', '>', '+' or '~'."""

    combinator: str
    css: str
    tag: str = ""  # the only tag it can match, or ""
    word_of: str = ""  # the attribute, class or id, that must hold ...
    word: str = ""  # ... this word, in lower case


@dataclass(frozen=True, slots=True)
class Part:
    """One selector of a query's list."""

    css: str
    kind: Kind = "element"
    attribute: str = ""
    is_deep: bool = False  # takes the attribute of all that is in a match, too
    steps: tuple[Step, ...] = ()

    @property
    def is_chain(self) -> bool:
        """Whether a match depends on elements above or beside it."""
        return len(self.steps) > 1 or self.is_deep


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query.

    `css` is what Lexbor matches. If all parts of the list take the same of their matches, that is `kind` and
    `attribute`; `is_quick` tells that it can be taken of the first match without looking at the others, and
    `is_chain` that a selector has several steps, `is_sideways` that some of them are siblings, `has_scope` that one
    begins with `:scope`. `is_whole` asks for all text, whatever it is in.
    """

    text: str
    css: str
    parts: tuple[Part, ...]
    kind: Kind | None
    attribute: str
    is_quick: bool
    is_chain: bool
    is_sideways: bool
    has_scope: bool
    is_whole: bool


@lru_cache(maxsize=4096)
def compile_query(text: str) -> Query:
    """`text` taken apart. Raises `SelectorError` if it is empty or ends in an unknown pseudo-element."""
    parts = tuple(_with_steps(_part(piece.strip(), text)) for piece in _pieces(text, ","))
    first = parts[0]
    are_alike = all((part.kind, part.attribute) == (first.kind, first.attribute) for part in parts)
    return Query(
        text=text,
        css=", ".join(f"{part.css}, {part.css} *" if part.is_deep else part.css for part in parts),
        parts=parts,
        kind=first.kind if are_alike else None,
        attribute=first.attribute,
        is_quick=are_alike and first.kind != "deep text",
        is_chain=any(part.is_chain or part.steps[0].css == SCOPE for part in parts),
        is_sideways=any(step.combinator in ("+", "~") for part in parts for step in part.steps),
        has_scope=any(part.steps[0].css == SCOPE for part in parts),
        is_whole=are_alike and any(part.kind == "deep text" and part.css == "*" for part in parts),
    )


_PSEUDO = re.compile(
    r"(?P<before>.*?)(?P<space>\s*)::(?:(?P<text>text)|attr\(\s*(?P<name>[^()\s]+)\s*\))\s*$", re.DOTALL
)


def _part(selector: str, query: str) -> Part:
    if not selector:
        raise SelectorError(f"the CSS selector {query!r} has an empty part")
    if "::" not in selector:
        return Part(selector)
    found = _PSEUDO.match(selector)
    if found is None:
        if _PSEUDO_ELEMENT.match(selector) is None:
            return Part(selector)
        raise SelectorError(f"the CSS selector {query!r} has a pseudo-element other than ::text and ::attr(name)")
    css, is_deep = found["before"] or "*", bool(found["space"]) or not found["before"]
    if css.endswith((">", "+", "~")):
        css, is_deep = f"{css} *", False
    if found["text"]:
        inside = _ALL_INSIDE.fullmatch(css)  # to parsel, `div *::text` is `div ::text`
        if inside:
            return Part(inside[1], "deep text")
        return Part(css, "deep text" if is_deep else "text")
    return Part(css, "attribute", found["name"].strip("'\""), is_deep and css != "*")


_ALL_INSIDE = re.compile(r"(.*[^\s>+~])\s+\*", re.DOTALL)
_PSEUDO_ELEMENT = re.compile(r"""(?:[^"'\[]|"[^"]*"|'[^']*'|\[(?:[^\]"']|"[^"]*"|'[^']*')*\])*?::""")

SCOPE = ":scope"
_TAG = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*(?![\w|\\-])")
_WORD = re.compile(r"([.#])([a-zA-Z_-][\w-]*)(?!\\)")


def _with_steps(part: Part) -> Part:
    """`part` with its steps. Lexbor does not know `:scope`, and is asked for anything in its place."""
    steps = tuple(_steps(part.css))
    if steps[0].css == SCOPE:
        return replace(part, css=f"*{part.css[len(SCOPE) :]}", steps=steps)
    return replace(part, steps=steps)


def _steps(css: str) -> Iterator[Step]:
    combinator = ""
    for piece in _pieces(css, " \t\n\f\r>+~", keep=True):
        if not piece:
            continue
        if piece.isspace():
            combinator = combinator or " "
        elif piece in ">+~":
            combinator = piece
        else:
            yield _step(combinator, piece)
            combinator = ""


def _step(combinator: str, css: str) -> Step:
    if tag := _TAG.match(css):
        return Step(combinator, css, tag=tag[0].lower())
    if word := _WORD.match(css):
        return Step(combinator, css, word_of="class" if word[1] == "." else "id", word=word[2].lower())
    return Step(combinator, css)


def _pieces(text: str, separators: str, keep: bool = False) -> Iterator[str]:
    """`text` cut at `separators` outside of brackets and quotes; with `keep`, these are pieces as well."""
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
        elif char in separators and depth == 0:
            yield text[start:place]
            if keep:
                yield char
            start = place + 1
    yield text[start:]
