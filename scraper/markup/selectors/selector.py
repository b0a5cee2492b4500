"""Selecting parts of a page: parsel's names and meanings on selectolax's Lexbor engine.

A `SelectorList` looks for nothing until it is asked. `.get()` then stops at the first match, which on most
fields of most pages saves a walk through the rest of the tree. Trees are never changed, so a late answer is
the same answer.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from selectolax.lexbor import LexborNode

from scraper.markup.document.tree import described, empty_root, parse
from scraper.markup.selectors.element_text import own_texts, visible
from scraper.markup.selectors.matching import Taken, first_node, nodes, taken
from scraper.markup.selectors.query import Query, compile_exactly, compile_query
from scraper.markup.selectors.regex import Regex, find_all
from scraper.markup.structured_data import lenient_json

if TYPE_CHECKING:  # what few spiders ask for is loaded when one does
    from decimal import Decimal

    from scraper.markup.structured_data.numbers import Mark


class Selector:
    """One thing found in a page: an element, or a piece of text or an attribute's value.

    `Selector(text=html)` parses a page and is its root. Raises `TooComplexError`, a `ValueError`, for one that would
    take too long to parse, or too much memory.
    """

    __slots__ = ("_text", "node")

    def __init__(self, node: LexborNode | None = None, text: str | None = None) -> None:
        if node is None:
            node, text = parse(text or ""), None
        self.node = node
        self._text = text

    @classmethod
    def from_text(cls, text: str | bytes, url: str = "", *, is_vetted: bool = False) -> "Selector":
        """The root of a page given as text, or as UTF-8 bytes; errors name its `url`. See `tree.parse`."""
        return cls(parse(text, url, is_vetted=is_vetted))

    def css(self, query: str) -> "SelectorList":
        """What `query` finds from here on. Raises `SelectorError` for a query that is not understood."""
        node = self.node
        if self._text is not None:
            return SelectorList.of([])
        return SelectorList(node, getattr(node.parser, "compiled", compile_exactly)(query))  # whoever parsed it

    def xpath(self, query: str, **variables: Any) -> "SelectorList":
        """What the XPath 1.0 expression `query` finds from here on, by lxml (extra `xpath`)."""
        from scraper.markup.selectors.xpath import evaluate

        if self._text is not None:
            return SelectorList.of([])
        return SelectorList.of([Selector(*found) for found in evaluate(self.node, query, variables)])

    def get(self) -> str:
        """The element as HTML, or the text itself."""
        return (self.node.html or "") if self._text is None else self._text

    @property
    def is_text(self) -> bool:
        """Whether it is a piece of text or an attribute's value, and no element."""
        return self._text is not None

    def getall(self) -> list[str]:
        """`get()` in a list of one."""
        return [self.get()]

    extract = get

    @property
    def text(self) -> str:
        """What a reader sees of it, with white space folded; "" if there is nothing to be seen."""
        return visible(self.node) if self._text is None else " ".join(self._text.split())

    @property
    def reference(self) -> str | None:
        """What the element refers to, by its href or src; a text or an attribute is its own reference."""
        return _reference(self.node) if self._text is None else self._text

    @property
    def attrib(self) -> dict[str, str]:
        """The element's attributes; one without a value is ''."""
        if self._text is not None:
            return {}
        return {name: value or "" for name, value in self.node.attributes.items()}

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """All that `regex` finds in `get()`: its group `extract`, or all its groups, or the whole match."""
        return find_all(regex, self.get(), replace_entities)

    @overload
    def re_first(self, regex: Regex, default: None = None, replace_entities: bool = True) -> str | None: ...
    @overload
    def re_first(self, regex: Regex, default: str, replace_entities: bool = True) -> str: ...
    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first of `re(regex)`, or `default`."""
        return next(iter(self.re(regex, replace_entities)), default)

    def json(self) -> Any:
        """The text (of a script, say) read as JSON. Raises `ValueError`, which names the page, if it is none."""
        try:
            return lenient_json.read(self.node.text() if self._text is None else self._text)
        except ValueError as error:
            raise ValueError(f"what is in {described(self.node)} is not JSON: {error}") from None

    def jmespath(self, expression: str) -> Any:
        """What the JMESPath `expression` finds in `json()` (extra `jmespath`)."""
        from scraper.markup.selectors.jmespath import search

        return search(expression, self.json())

    def number(self, decimal: "Mark | None" = None) -> "Decimal | None":
        """The first number in `text`, as people write it: see `structured_data.numbers`; None if there is none.

        `decimal` is the mark of decimals, "." or ",", for pages that are known to write 1.234 for a bit more than one.
        """
        from scraper.markup.structured_data.numbers import read_number

        return read_number(self.text, decimal)

    def table(self) -> list[dict[str, str]]:
        """The rows of this table, or of the first one in this element, as dicts (see `structured_data.tables`); or [].

        Raises `ValueError`, which names the page, for a table of more than a million cells.
        """
        from scraper.markup.structured_data.tables import TableError, read_table

        if self._text is not None:
            return []
        table = self.node if self.node.tag == "table" else self.node.css_first("table")
        try:
            return [] if table is None else read_table(table)
        except TableError as error:
            raise ValueError(f"the {described(self.node)} {error}") from None

    def json_ld(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The objects that its JSON-LD scripts hold, or those of a `kind`; what is no JSON is passed over."""
        from scraper.markup.structured_data.json_ld import json_ld

        return [] if self._text is not None else json_ld(self.node, kind)

    def __bool__(self) -> bool:
        return self._text != ""

    def __repr__(self) -> str:
        return f"<Selector {self.get()[:60]!r}>"


class SelectorList(Sequence[Selector]):
    """What a query found, in document order. Evaluated when it is first looked at."""

    __slots__ = ("_found", "_query", "_scope")

    def __init__(self, scope: LexborNode, query: Query) -> None:
        self._scope = scope
        self._query = query
        self._found: list[Selector] | None = None

    @classmethod
    def of(cls, found: list[Selector]) -> "SelectorList":
        """A list of selectors that were found already."""
        made = cls(_NOWHERE, _NOTHING)
        made._found = found
        return made

    def _all(self) -> list[Selector]:
        if self._found is None:
            self._found = [Selector(node, text) for node, text in taken(self._scope, self._query)]
        return self._found

    def _leading(self) -> Taken | None:
        """The first match, found without looking for the rest where that can be told."""
        query, scope = self._query, self._scope
        if self._found is None and query.is_quick:
            node = first_node(scope, query) if query.is_chain else scope.css_first(query.css)
            if node is None:
                self._found = []
                return None
            if query.kind == "element":
                return node, None
            if query.kind == "text":
                child = node.first_child
                if child is not None and child.is_text_node:
                    return node, child.text_content or ""
            else:
                attributes = node.attributes
                if query.attribute in attributes:
                    return node, attributes[query.attribute] or ""
        found = self._all()
        return (found[0].node, found[0]._text) if found else None

    def _first(self) -> Selector | None:
        if self._found:
            return self._found[0]
        leading = self._leading()
        return None if leading is None else Selector(*leading)

    def _first_text(self) -> str | None:
        """The first of `getall()`."""
        leading = self._leading()
        if leading is None:
            return None
        node, text = leading
        return node.html if text is None else text

    @overload
    def get(self, default: None = None) -> str | None: ...
    @overload
    def get(self, default: str) -> str: ...
    def get(self, default: str | None = None) -> str | None:
        """The first match as HTML or text, or `default`."""
        first = self._first_text()
        return default if first is None else first

    @overload
    def extract_first(self, default: None = None) -> str | None: ...
    @overload
    def extract_first(self, default: str) -> str: ...
    def extract_first(self, default: str | None = None) -> str | None:
        """The same as `get()`, by its older name."""
        first = self._first_text()
        return default if first is None else first

    def getall(self) -> list[str]:
        """Every match as HTML or text."""
        query = self._query
        if self._found is not None or not query.is_quick or query.kind == "element":
            return [found.get() for found in self._all()]
        matches = nodes(self._scope, query)
        if query.kind == "text":
            return [text for _, text in own_texts(matches)]
        name = query.attribute
        return [attributes[name] or "" for node in matches if name in (attributes := node.attributes)]

    extract = getall

    def references(self) -> list[str]:
        """What the matches refer to: see `Selector.reference`; those that refer to nothing are passed over."""
        if self._found is None and self._query.kind == "element":
            found = [_reference(node) for node in nodes(self._scope, self._query)]
        else:
            found = [each.reference for each in self._all()]
        return [reference for reference in found if reference is not None]

    def css(self, query: str) -> "SelectorList":
        """What `query` finds from each match on."""
        compile_query(query)  # to tell what is wrong with it, where there is nothing to be asked
        return SelectorList.of([one for found in self._all() for one in found.css(query)])

    def xpath(self, query: str, **variables: Any) -> "SelectorList":
        """What the XPath 1.0 expression `query` finds from each match on, by lxml (extra `xpath`)."""
        return SelectorList.of([one for found in self._all() for one in found.xpath(query, **variables)])

    @property
    def text(self) -> str:
        """What a reader sees of the first match, with white space folded; "" if there is no match."""
        first = self._first()
        return "" if first is None else first.text

    def number(self, decimal: "Mark | None" = None) -> "Decimal | None":
        """The first number in the first match's `text`; None if there is no match, or no number in it."""
        from scraper.markup.structured_data.numbers import read_number

        return read_number(self.text, decimal)

    def table(self) -> list[dict[str, str]]:
        """The rows of the first match, which is a table or has one; [] if there is none."""
        first = self._first()
        return [] if first is None else first.table()

    def json(self) -> Any:
        """The first match's text read as JSON; None if there is no match. Raises `ValueError` if it is no JSON."""
        first = self._first()
        return None if first is None else first.json()

    def jmespath(self, expression: str) -> Any:
        """What the JMESPath `expression` finds in `json()`; None if there is no match (extra `jmespath`)."""
        first = self._first()
        return None if first is None else first.jmespath(expression)

    @property
    def attrib(self) -> dict[str, str]:
        """The first match's attributes, or {}."""
        first = self._first()
        return {} if first is None else first.attrib

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """All that `regex` finds in the matches."""
        return [text for found in self._all() for text in found.re(regex, replace_entities)]

    @overload
    def re_first(self, regex: Regex, default: None = None, replace_entities: bool = True) -> str | None: ...
    @overload
    def re_first(self, regex: Regex, default: str, replace_entities: bool = True) -> str: ...
    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first thing that `regex` finds in the matches, or `default`."""
        return next((text for found in self._all() for text in found.re(regex, replace_entities)), default)

    @overload
    def __getitem__(self, index: int) -> Selector: ...
    @overload
    def __getitem__(self, index: slice) -> "SelectorList": ...
    def __getitem__(self, index: int | slice) -> "Selector | SelectorList":
        if index in (0, _FIRST) and (first := self._first()) is not None:
            return first if index == 0 else SelectorList.of([first])
        found = self._all()
        return SelectorList.of(found[index]) if isinstance(index, slice) else found[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Selector]:
        return iter(self._all())

    def __bool__(self) -> bool:
        return self._first_text() is not None

    def __repr__(self) -> str:
        return repr(self._all())


def reference_of(found: str | Selector) -> str | None:
    """The reference that an element, an attribute or a text holds; None for an element without one."""
    if isinstance(found, str):
        return found
    if not isinstance(found, Selector):
        raise ValueError(f"a reference is a text or a Selector, not {found!r:.80}")
    return found.reference


def _reference(node: LexborNode) -> str | None:
    """What an element refers to."""
    attributes = node.attributes
    name = next((each for each in ("href", "src") if each in attributes), None)
    return attributes[name] or "" if name is not None else None


_NOWHERE = empty_root()
_NOTHING = compile_query("*")
_FIRST = slice(None, 1)
