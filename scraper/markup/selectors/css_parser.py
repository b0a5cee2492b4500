"""CSS selectors taken apart into steps, in words that Lexbor knows.

A *step* is a compound selector (`a.next[href]`) and how it is combined with the one before. Its simple selectors
are handed to Lexbor as they are, said in other words (`[rel!=next]` is `:not([rel=next])`), or, where Lexbor has
no words for them (`:contains()`, `:lang()`), kept as *tests* that are made of each element Lexbor finds.

All names mean what they mean to cssselect, and so to parsel; what only Lexbor knows (`:is()` of several steps,
`:nth-child(2 of .x)`) is left to it. Classes, ids and values are compared exactly: where a page without a doctype
would have Lexbor ignore their case, they are asked as attributes (`is_exact`).
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

import msgspec
from msgspec.structs import replace
from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from scraper.markup.selectors.css_text import FILLER, NAME, WHITE, cut, end_of_brackets, literal, unescaped
from scraper.markup.selectors.lexbor_css import NOTHING, PSEUDO_CLASSES, as_name, as_text, attribute, series

NESTING = 32  # brackets in brackets that a selector may have


_XPATH = re.compile(r"^\(?\s*\.{0,2}/|/@|text\(\)|\[@")
"""What XPath has and CSS has not."""


class SelectorError(ValueError):
    """A query that is not understood; the text names it."""


LONGEST = 300
"""Characters of a query that errors show."""


def shortened(query: object) -> str:
    """A query as errors show it."""
    text = repr(query)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


class Contains(msgspec.Struct, frozen=True):
    """The element's text has `text` in it; `is_folded` ignores case and folds white space."""

    text: str
    is_folded: bool


class Language(msgspec.Struct, frozen=True):
    """The nearest `lang` is `tag` or one of its kind: `en-GB` is `en`."""

    tag: str


class Among(msgspec.Struct, frozen=True):
    """The element is, or is not, one that a chain finds in the page."""

    chains: "tuple[Chain, ...]"
    is_wanted: bool


class Has(msgspec.Struct, frozen=True):
    """A chain that starts from the element finds something."""

    chains: "tuple[Chain, ...]"


Test: TypeAlias = Contains | Language | Among | Has


class Step(msgspec.Struct, frozen=True):
    """A compound selector of a chain, and how it is combined with the one before: ' ', '>', '+' or '~'."""

    combinator: str
    css: str  # what Lexbor is asked; "" if there is nothing to ask for
    tests: tuple[Test, ...] = ()
    is_scope: bool = False  # it is the very element that is asked
    tag: str = ""  # the only tag it can match, or ""
    word_of: str = ""  # the attribute, class or id, that must hold ...
    word: str = ""  # ... this word, in lower case

    @property
    def any_css(self) -> str:
        """`css`, or what finds everything."""
        return self.css or "*"


class Chain(msgspec.Struct, frozen=True):
    """Steps that lead from one element to another."""

    steps: tuple[Step, ...]

    @property
    def css(self) -> str:
        """What Lexbor finds by it: all that the chain does, and more if steps have tests or begin at the scope."""
        words = (f"{'' if step.combinator == ' ' else step.combinator} {step.any_css}" for step in self.steps)
        return "".join(words).lstrip(" ")

    @property
    def needs_steps(self) -> bool:
        """Whether Lexbor alone cannot answer it.

        From a step with brackets, Lexbor (as of 2.7) tries the nearest ancestor or sibling and no other.
        """
        return any(step.tests for step in self.steps) or any(
            following.combinator in (" ", "~") and _BRACKETS.search(step.css)
            for step, following in pairwise(self.steps)
        )

    @property
    def is_sideways(self) -> bool:
        """Whether it leads to siblings."""
        return any(step.combinator in ("+", "~") for step in self.steps)


class Reader:
    """Reads one query: `query` is what errors show, and places are counted in it."""

    def __init__(self, query: str, is_exact: bool) -> None:
        self.query = query
        self._is_exact = is_exact
        self._empty = LexborHTMLParser("<!doctype html>").root
        self._depth = 0

    def error(self, what: str, place: int) -> SelectorError:
        """The error that says what is wrong, and where."""
        is_xpath = _XPATH.search(self.query.lstrip()) is not None
        advice = "; it looks like XPath: use xpath()" if is_xpath else ""
        return SelectorError(f"the CSS selector {shortened(self.query)} {what} (character {place + 1}){advice}")

    def chain(self, text: str, place: int, is_relative: bool = False) -> Chain:
        """The steps of the selector `text`, which stands at `place`; a relative one may begin with a combinator."""
        steps: list[Step] = []
        combinator, since = "", 0
        for start, piece in cut(text, WHITE + ">+~", keep=True):
            if piece in (">", "+", "~"):
                if combinator.strip() or not (steps or is_relative):
                    raise self.error(f"is not understood at {piece!r}", place + start)
                combinator, since = piece, start
            elif piece and piece in WHITE:
                combinator = combinator or " "
            elif piece.strip(FILLER):
                steps.append(replace(self._compound(piece, place + start, bool(steps)), combinator=combinator or " "))
                combinator = ""
        if not steps:
            raise self.error("has an empty part", place)
        if combinator.strip():
            raise self.error(f"is not understood at {combinator!r}: nothing follows it", place + since)
        return Chain(tuple(steps))

    def _compound(self, text: str, place: int, has_before: bool) -> Step:
        """A compound selector as a step; only the first of a chain may be the scope."""
        step = Step(" ", "")
        for start, simple in self._simple_selectors(text, place):
            if simple.lower() == ":scope":
                if has_before or self._depth:
                    raise self.error("has a ':scope' that is not at its start", start)
                step = replace(step, is_scope=True)
            elif simple[0] in ".#":
                step = self._with_word(step, simple, start)
            elif simple[0] == "[":
                step = self._with_words(step, attribute(simple), simple, start)
            elif simple[0] == ":":
                words, test = self._pseudo_class(simple, start)
                step = self._with_words(step, words, simple, start)
                step = replace(step, tests=step.tests if test is None else (*step.tests, test))
            else:
                step = self._with_tag(step, simple, start, is_first=not text[: start - place].strip(FILLER))
        return step

    def _with_words(self, step: Step, words: str | None, simple: str, place: int) -> Step:
        """`step`, and what `simple` says in `words`; None if nothing is known for it."""
        if words is None or (words and not self.is_known(words)):
            raise self.error(f"is not understood at {shortened(simple)}", place)
        return replace(step, css=step.css + words)

    def _with_tag(self, step: Step, simple: str, place: int, is_first: bool) -> Step:
        """`step` for a type selector: cssselect knows two namespaces, every one and that of `xml`, which HTML lacks."""
        prefix, bar, local = simple.rpartition("|")
        name = literal(local)
        if not is_first or (name is None and local != "*"):
            raise self.error(f"is not understood at {shortened(simple)}", place)
        if bar and prefix not in {"", "*", "xml"}:
            raise self.error(f"has a namespace that is not known, {prefix!r}", place)
        if prefix == "xml":
            return replace(step, css=NOTHING)
        if name is None:
            return replace(step, css="*")
        return replace(step, css=as_name(name), tag=name.lower())

    def _with_word(self, step: Step, simple: str, place: int) -> Step:
        """`step` for a class or an id; a class cannot begin with a digit."""
        word, kind = unescaped(simple[1:]), "class" if simple[0] == "." else "id"
        if kind == "class" and literal(simple[1:]) is None:
            raise self.error(f"is not understood at {shortened(simple)}", place)
        words = f"{simple[0]}{as_name(word)}"
        if self._is_exact:
            words = f"[{kind}{'~' if kind == 'class' else ''}={as_text(word)}]"
        if step.css or step.tests or step.is_scope:
            return replace(step, css=step.css + words)
        return replace(step, css=words, word_of=kind, word=word.lower())

    def _simple_selectors(self, text: str, place: int) -> Iterator[tuple[int, str]]:
        """The simple selectors of a compound one, each with its place; comments are left out, but for lists."""
        at = 0
        while at < len(text):
            if text[at] == FILLER:
                at += 1
                continue
            found = _SIMPLE.match(text, at)
            if found is None:
                raise self.error(f"is not understood at {shortened(text[at:])}", place + at)
            end = found.end()
            if text[at] == "[" or (text[at] == ":" and text[end : end + 1] == "("):
                closed = end_of_brackets(text, at if text[at] == "[" else end)
                if closed is None:
                    raise self.error(f"has a bracket that is not closed: {shortened(text[at:])}", place + at)
                end = closed
            yield place + at, text[at:end] if text[end - 1] == ")" else text[at:end].replace(FILLER, "")
            at = end

    def is_known(self, css: str) -> bool:
        """Whether Lexbor understands `css`."""
        assert self._empty is not None
        try:
            self._empty.css_first(css)
        except SelectolaxError:
            return False
        return True

    def _pseudo_class(self, simple: str, place: int) -> tuple[str | None, Test | None]:
        """A pseudo-class in Lexbor's words, and what must be tested besides."""
        word, bracket, inner = simple.partition("(")
        name = f":{as_name(unescaped(word[1:]).lower())}"
        if not bracket:
            return PSEUDO_CLASSES.get(name, name), None
        inner, inside = inner[:-1], place + len(word) + 1
        match name:
            case ":contains" | ":has-text":
                return self._text_test(name, inner, inside)
            case ":lang":
                return "", Language(self._literal(name, inner, inside).lower())
            case ":not" | ":is" | ":where" | ":matches" | ":has":
                return self._list(name, inner, inside)
            case _ if name.startswith(":nth-") and " of " not in inner:
                said = series(inner.replace(FILLER, ""))
                return said and f"{name}({said})", None
        return f"{name}({inner.replace(FILLER, ' ')})", None

    def _text_test(self, name: str, inner: str, place: int) -> tuple[str, Test | None]:
        text = self._literal(name, inner, place)
        if name == ":has-text":
            text = " ".join(text.casefold().split())
        return "", Contains(text, is_folded=name == ":has-text") if text else None

    def _literal(self, name: str, inner: str, place: int) -> str:
        text = literal(inner.replace(FILLER, "").strip(WHITE))
        if text is None:
            raise self.error(f"has no text in quotes at {shortened(inner)}, which {name}() needs", place)
        return text

    def _list(self, name: str, inner: str, place: int) -> tuple[str, Test | None]:
        """A pseudo-class that has selectors in its brackets: left to Lexbor if it can answer all of them."""
        self._depth += 1
        if self._depth > NESTING:
            raise self.error(f"has more than {NESTING} brackets in each other", place)
        chains = tuple(self.chain(text, place + start, name == ":has") for start, text in cut(inner, ","))
        self._depth -= 1
        if any(chain.needs_steps for chain in chains):
            return "", Has(chains) if name == ":has" else Among(chains, is_wanted=name != ":not")
        name = ":is" if name == ":matches" else name
        return f"{name}({', '.join(chain.css for chain in chains)})", None


_BRACKETS = re.compile(r":(?:is|where|not|has)\(")
_SIMPLE = re.compile(rf"(?:\*|{NAME})?\|(?:\*|{NAME})|\*|{NAME}|[.#]{NAME}|\[|:{NAME}")
