"""Selecting parts of a page: parsel's names and meanings on selectolax's Lexbor engine.

A `SelectorList` searches only when a result is needed. `.get()` then stops at the first match, which on most
fields of most pages saves a walk through the rest of the tree. Trees are never changed, so a late answer is
the same answer.

Nearly all selectors stand at elements of pages, which are asked here. What else there is to stand at, XML and data,
answers for itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex, overload

from selectolax.lexbor import LexborNode

from scraper.markup.document.tree import NOWHERE, described, parse, reference
from scraper.markup.selectors.element_text import visible
from scraper.markup.selectors.lazy_list import LazyList
from scraper.markup.selectors.matching import all_texts, leading, nodes, taken
from scraper.markup.selectors.query import Query, compile_exactly, compile_query
from scraper.markup.selectors.regex import Regex, Searchable, find_all
from scraper.markup.selectors.xpath import is_itself
from scraper.markup.structured_data import lenient_json

if TYPE_CHECKING:  # what few spiders ask for is loaded when one does
    from decimal import Decimal

    from scraper.markup.selectors.source import Kind, Other, Place
    from scraper.markup.structured_data.numbers import Mark

_MISSING: Any = object()
_FIRST = slice(None, 1)
_new = object.__new__


class _NoAttributes(dict[str, str]):
    """The attributes of an element that was not found."""

    def __missing__(self, name: str) -> str:
        raise KeyError(f"{name}: the selector matched nothing; .attrib.get({name!r}) gives None then")


class SelectorList(LazyList["Selector"], Searchable):
    """What a query found, in document order: a list of selectors. Evaluated when it is first looked at."""

    __slots__ = ("_lead", "_query", "_scope")

    _scope: "Selector"
    _query: Query
    _lead: "Selector | None"  # the first match, if it was made before the others were looked for

    def _look(self) -> list["Selector"]:
        at = self._scope.at
        found = [at(node, text) for node, text in taken(self._scope.node, self._query)]
        if self._lead is not None:
            found[0] = self._lead
        return found

    def _first(self) -> "Selector | None":
        """The first match, which is found without looking for the rest."""
        if self._found is None and self._lead is None:
            found = leading(self._scope.node, self._query)
            if found is None:
                self._found = []
            else:
                self._lead = self._scope.at(*found)
        if self._found is None:
            return self._lead
        return self._found[0] if self._found else None

    @overload
    def get(self, default: None = None) -> str | None: ...
    @overload
    def get(self, default: str) -> str: ...
    def get(self, default: str | None = None) -> Any:
        """The first match as HTML or text, or `default`."""
        if self._found is not None:
            return self._found[0].get() if self._found else default
        found = leading(self._scope.node, self._query)
        if found is None:
            return default
        node, text = found
        return node.html if text is None else text

    extract_first = get

    def getall(self) -> list[str]:
        """Every match as HTML or text."""
        if self._found is not None:
            return [found.get() for found in self._found]
        return all_texts(self._scope.node, self._query)

    extract = getall

    def references(self) -> list[str]:
        """What the matches refer to: see `Selector.reference`; those that refer to nothing are passed over."""
        if self._found is None and self._query.kind == "element":
            found = [reference(node) for node in nodes(self._scope.node, self._query)]
        else:
            found = [each.reference for each in self._all()]
        return [each for each in found if each is not None]

    def css(self, query: str) -> Self:
        """What `query` finds from each match on."""
        every = self._all()
        if not every and "|" not in str(query):  # which XML knows more of
            compile_query(query)  # to tell what is wrong with it, where there is nothing to be asked
        return type(self)([one for found in every for one in found.css(query)])

    def xpath(self, query: str, namespaces: Mapping[str, str] | None = None, **variables: Any) -> Self:
        """What the XPath 1.0 expression `query` finds from each match on, by lxml (extra `xpath`)."""
        return type(self)([one for found in self._all() for one in found.xpath(query, namespaces, **variables)])

    def jmespath(self, expression: str, options: Any = None) -> Self:
        """What the JMESPath `expression` finds in each match's text, read as JSON (extra `jmespath`)."""
        return type(self)([one for found in self._all() for one in found.jmespath(expression, options)])

    @property
    def text(self) -> str:
        """What a reader sees of the first match, with white space folded; "" if there is no match."""
        first = self._first()
        return "" if first is None else first.text

    def number(self, decimal: "Mark | None" = None) -> "Decimal | None":
        """The first number in the first match's `text`; None if there is no match, or no number in it."""
        first = self._first()
        return None if first is None else first.number(decimal)

    def table(self) -> list[dict[str, str]]:
        """The rows of the first match, which is a table or has one; [] if there is none."""
        first = self._first()
        return [] if first is None else first.table()

    def json(self) -> Any:
        """The first match's text read as JSON; None if there is no match. Raises `ValueError` if it is not JSON."""
        first = self._first()
        return None if first is None else first.json()

    @property
    def attrib(self) -> dict[str, str]:
        """The first match's attributes; none if there is no match, where a `KeyError` says so."""
        first = self._first()
        return _NoAttributes() if first is None else first.attrib

    def _hits(self, regex: Regex, replace_entities: bool) -> Iterator[str]:
        return (text for found in self._all() for text in found.re(regex, replace_entities))

    @overload
    def __getitem__(self, index: SupportsIndex) -> "Selector": ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: SupportsIndex | slice) -> "Selector | Self":
        if self._found is None and index in (0, _FIRST) and (first := self._first()) is not None:
            return first if index == 0 else type(self)([first])
        return super().__getitem__(index)

    def __bool__(self) -> bool:
        return self._first() is not None


def asked(scope: "Selector", query: Query) -> SelectorList:
    """What `query` will be found to match from an element on, once somebody looks."""
    found = _new(scope.selectorlist_cls)
    found._found = found._lead = None
    found._scope = scope
    found._query = query
    return found


class Selector(Searchable):
    """One thing found in a page: an element, or a piece of text or an attribute's value.

    `Selector(html)` parses a page and is its root; so does `Selector(body=…, encoding=…)` with bytes. The `type` is
    "html", "xml", "json" or "text": see `source` for what is taken for which. `root` is an element of Lexbor's or
    lxml's, a text, or data. `namespaces` are prefixes that `xpath()` may use, and errors name the `base_url`. A
    subclass gives its own kind of list by `selectorlist_cls`; its `__init__` is not called for what is found.

    Raises `TypeError` for an argument of a wrong type, `ValueError` unless there is one of text, body and root, and for
    what cannot be read; it is a `TooComplexError` for a page that would take too long to parse, or too much memory.
    """

    __slots__ = ("__weakref__", "_other", "node")

    selectorlist_cls: ClassVar[type[SelectorList]] = SelectorList

    node: LexborNode
    _other: "Other | None"  # what there is in place of an element; `node` is the element that it is of

    def __init__(  # noqa: PLR0913, PLR0917 -- parsel's arguments, in their order
        self,
        text: str | None = None,
        type: "Kind | None" = None,  # noqa: A002 -- parsel's word
        body: bytes | bytearray | None = None,
        encoding: str = "utf-8",
        namespaces: Mapping[str, str] | None = None,
        root: Any = _MISSING,
        base_url: str = "",
    ) -> None:
        from scraper.markup.selectors.source import decoded, found, read

        if (text is not None) + (body is not None) + (root is not _MISSING) != 1:
            raise ValueError("a Selector needs one of text, body and root")
        if root is _MISSING:
            text = text if body is None else decoded(body, encoding)
            self.node, self._other = read(text, type, namespaces, base_url)
        else:
            self.node, self._other = found(root, type, namespaces)

    @classmethod
    def at(cls, node: LexborNode, other: "Other | None" = None) -> Self:
        """A selector of an element, or of something else and the element that it is of."""
        made = _new(cls)
        made.node = node
        made._other = other
        return made

    @classmethod
    def from_text(cls, text: str | bytes, url: str = "", *, is_vetted: bool = False) -> Self:
        """The root of a page given as text, or as UTF-8 bytes; errors name its `url`. See `tree.parse`."""
        return cls.at(parse(text, url, is_vetted=is_vetted))

    def css(self, query: str) -> SelectorList:
        """What `query` finds from here on. Raises `SelectorError` for a query that is not understood."""
        other = self._other
        if other is None:
            try:
                compiled = self.node.parser.compiled  # type: ignore[attr-defined]
            except AttributeError:  # it was parsed by somebody else
                compiled = compile_exactly
            return asked(self, compiled(query))
        if isinstance(other, str):
            compile_query(query)
            return self.selectorlist_cls()
        return self._list(other.css(query))

    def xpath(self, query: str, namespaces: Mapping[str, str] | None = None, **variables: Any) -> SelectorList:
        """What the XPath 1.0 expression `query` finds from here on, by lxml (extra `xpath`).

        `namespaces` adds prefixes that it may use. Raises `SelectorError` for one that is not understood.
        """
        from scraper.markup.selectors.mirror import evaluate

        other = self._other
        if namespaces:
            variables["namespaces"] = namespaces
        if other is None:
            return self._list(evaluate(self.node, query, variables))
        if isinstance(other, str):
            return self.selectorlist_cls([self] if is_itself(query) else [])
        return self._list(other.xpath(query, variables))

    def jmespath(self, expression: str, options: Any = None) -> SelectorList:
        """What the JMESPath `expression` finds in `json()`; nothing in what is not JSON (extra `jmespath`).

        A list gives a selector for each of its elements. `options` are `jmespath.Options`. Raises `SelectorError` for
        an expression that is not understood.
        """
        from scraper.markup.selectors.jmespath import Data, search

        try:
            data = self.json()
        except ValueError:
            data = None
        found = search(expression, data, options)
        every = found if isinstance(found, list) else [] if found is None else [found]
        return self._list((NOWHERE, Data(each)) for each in every)

    def _list(self, places: "Iterable[Place]") -> SelectorList:
        return self.selectorlist_cls([self.at(*place) for place in places])

    @property
    def root(self) -> Any:
        """What it stands at: an element of Lexbor's or, in XML, of lxml's; a text; or data."""
        other = self._other
        return self.node if other is None else other if isinstance(other, str) else other.value

    @property
    def type(self) -> "Kind":
        """What it is read as: "html", "xml", "json", or "text", which is part of no page."""
        other = self._other
        return "html" if other is None or isinstance(other, str) else other.kind

    @property
    def is_text(self) -> bool:
        """Whether it is a piece of text, an attribute's value or data, rather than an element."""
        return self._other is not None and not hasattr(self.root, "tag")

    def register_namespace(self, prefix: str, uri: str) -> None:
        """Let XPath expressions call the namespace `uri` by `prefix`: in this page, or in what is found in this XML."""
        from scraper.markup.selectors.source import register

        register(self.node, self._other, {prefix: uri})

    def remove_namespaces(self) -> None:
        """Take the elements and attributes of XML out of their namespaces; HTML and data have none."""
        from scraper.markup.selectors.xml_nodes import XmlNode

        if isinstance(self._other, XmlNode):
            self._other.remove_namespaces()

    def get(self) -> Any:
        """The element as HTML or XML, the text itself, or the data."""
        other = self._other
        return (self.node.html or "") if other is None else other if isinstance(other, str) else other.get()

    def getall(self) -> list[Any]:
        """`get()` in a list of one."""
        return [self.get()]

    extract = get

    @property
    def text(self) -> str:
        """What a reader sees of it, with white space folded; "" if there is nothing to be seen."""
        other = self._other
        if other is None:
            return visible(self.node)
        return " ".join(other.split()) if isinstance(other, str) else other.text

    @property
    def reference(self) -> str | None:
        """What the element refers to, by its href or src; a text or an attribute is its own reference."""
        other = self._other
        return reference(self.node) if other is None else other if isinstance(other, str) else other.reference

    @property
    def attrib(self) -> dict[str, str]:
        """The element's attributes; one without a value is ''."""
        other = self._other
        if other is None:
            return {name: value or "" for name, value in self.node.attributes.items()}
        return {} if isinstance(other, str) else other.attrib

    def _hits(self, regex: Regex, replace_entities: bool) -> Iterator[str]:
        return iter(find_all(regex, self.get(), replace_entities))

    def json(self) -> Any:
        """The text (of a script, say) read as JSON. Raises `ValueError`, which names the page, if it is not JSON."""
        other = self._other
        try:
            if other is None or isinstance(other, str):
                return lenient_json.read(self.node.text() if other is None else other)
            return other.json()
        except ValueError as error:
            place = repr(self) if self.node is NOWHERE else described(self.node)
            raise ValueError(f"what is in {place} is not JSON: {error}") from None

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

        if self._other is not None:
            return []
        table = self.node if self.node.tag == "table" else self.node.css_first("table")
        try:
            return [] if table is None else read_table(table)
        except TableError as error:
            raise ValueError(f"the {described(self.node)} {error}") from None

    def json_ld(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The objects that its JSON-LD scripts hold, or those of a `kind`; what is not JSON is passed over."""
        from scraper.markup.structured_data.json_ld import json_ld

        return [] if self._other is not None else json_ld(self.node, kind)

    def __bool__(self) -> bool:
        other = self._other
        return other is None or (bool(other) if isinstance(other, str) else bool(other.get()))

    def __str__(self) -> str:
        return str(self.get())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self)[:60]!r}>"


def reference_of(found: Any) -> str | None:
    """The reference that a text, a link, an element or an attribute holds; None for an element without one."""
    if isinstance(found, str):
        return found
    try:
        refers_to: str | None = found.reference
    except AttributeError:
        raise ValueError(f"a reference is a text, a Selector or a Link, not {found!r:.80}") from None
    return refers_to
