"""Selecting parts of a page: parsel's names and meanings on selectolax's Lexbor engine.

A `SelectorList` looks for nothing until it is asked. `.get()` then stops at the first match, which on most
fields of most pages saves a walk through the rest of the tree. Trees are never changed, so a late answer is
the same answer.
"""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode, SelectolaxError

from scraper.markup import jsontext
from scraper.markup.matching import empty_root, first_node, nodes, not_understood, taken
from scraper.markup.query import Query, compile_query
from scraper.markup.regex import Regex, find_all
from scraper.markup.texts import own_texts, visible

_WITHOUT_EVENTS = int(LexborDocumentOptions.WO_EVENTS)


class Selector:
    """One thing found in a page: an element, or a piece of text or an attribute's value.

    `Selector(text=html)` parses a page and is its root.
    """

    __slots__ = ("_text", "node")

    def __init__(self, node: LexborNode | None = None, text: str | None = None) -> None:
        if node is None:
            node, text = parse(text or ""), None
        self.node = node
        self._text = text

    @classmethod
    def from_text(cls, text: str | bytes) -> "Selector":
        """The root of a page given as text, or as UTF-8 bytes."""
        return cls(parse(text))

    def css(self, query: str) -> "SelectorList":
        """What `query` finds from here on. Raises `SelectorError` for a query that is not understood."""
        if self._text is not None:
            return SelectorList.of([])
        return SelectorList(self.node, compile_query(query))

    def xpath(self, query: str, **variables: Any) -> "SelectorList":
        """What the XPath 1.0 expression `query` finds from here on, by lxml (extra `xpath`)."""
        from scraper.markup.xpath import evaluate

        if self._text is not None:
            return SelectorList.of([])
        return SelectorList.of([Selector(*found) for found in evaluate(self.node, query, variables)])

    def get(self) -> str:
        """The element as HTML, or the text itself."""
        return (self.node.html or "") if self._text is None else self._text

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
        """The text (of a script element, say) read as JSON. Raises `ValueError` if it is none."""
        return jsontext.read(self.node.text() if self._text is None else self._text)

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
        if not query.is_quick:
            self._all()

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

    def _first(self) -> Selector | None:
        """The first match, found without looking for the rest where that can be told."""
        if self._found is None and self._query.kind == "element":
            node = first_node(self._scope, self._query)
            return None if node is None else Selector(node)
        found = self._all()
        return found[0] if found else None

    def _first_text(self) -> str | None:
        """The first of `getall()`, likewise."""
        found = self._found
        if found is not None:
            return found[0].get() if found else None
        query = self._query
        try:
            node = first_node(self._scope, query) if query.is_chain else self._scope.css_first(query.css)
        except SelectolaxError:
            raise not_understood(query.text) from None
        if node is None:
            return None
        if query.kind == "text":
            child = node.first_child
            if child is not None and child.is_text_node:
                return child.text_content
        elif query.kind == "attribute":
            attributes = node.attributes
            if query.attribute in attributes:
                return attributes[query.attribute] or ""
        else:
            return node.html
        return next((found.get() for found in self._all()), None)

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
        if self._found is not None or query.kind == "element":
            return [found.get() for found in self._all()]
        matches = nodes(self._scope, query)
        if query.kind == "text":
            return [text for _, text in own_texts(self._scope, matches)]
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
        compiled = compile_query(query)
        return SelectorList.of(
            [one for found in self._all() if found._text is None for one in SelectorList(found.node, compiled)]
        )

    def xpath(self, query: str, **variables: Any) -> "SelectorList":
        """What the XPath 1.0 expression `query` finds from each match on, by lxml (extra `xpath`)."""
        return SelectorList.of([one for found in self._all() for one in found.xpath(query, **variables)])

    @property
    def text(self) -> str:
        """What a reader sees of the first match, with white space folded; "" if there is no match."""
        first = self._first()
        return "" if first is None else first.text

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


def parse(text: str | bytes) -> LexborNode:
    """The root of a page given as text, or as UTF-8 bytes."""
    root = LexborHTMLParser(text, options=_WITHOUT_EVENTS).root
    return root if root is not None else empty_root()


def _reference(node: LexborNode) -> str | None:
    """What an element refers to."""
    attributes = node.attributes
    reference = attributes.get("href")
    return attributes.get("src") if reference is None else reference


_NOWHERE = empty_root()
_NOTHING = compile_query("*")
