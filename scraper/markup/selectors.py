"""Selecting parts of a page: parsel's names and meanings on selectolax's Lexbor engine.

A `SelectorList` looks for nothing until it is asked. `.get()` then stops at the first match, which on most
fields of most pages saves a walk through the rest of the tree. Trees are never changed, so a late answer is
the same answer.
"""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any, overload

import msgspec
from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode, SelectolaxError

from scraper.markup.query import Part, Query, SelectorError, compile_query

Regex = str | re.Pattern[str]
_WITHOUT_EVENTS = int(LexborDocumentOptions.WO_EVENTS)


def _matches(node: LexborNode, css: str, query: str) -> list[LexborNode]:
    """The nodes below (or equal to) `node` that match `css`, in document order, each once."""
    try:
        nodes = node.css(css)
    except SelectolaxError:
        raise SelectorError(f"the CSS selector {query!r} is not understood") from None
    return list({found.mem_id: found for found in nodes}.values()) if "," in css and len(nodes) > 1 else nodes


def _texts(node: LexborNode) -> list[str]:
    """The text nodes right inside `node`."""
    texts = []
    child = node.first_child
    while child is not None:
        if child.is_text_node:
            texts.append(child.text_content or "")
        child = child.next
    return texts


def _reference(node: LexborNode) -> str | None:
    """What an element refers to."""
    attributes = node.attributes
    return attributes.get("href") or attributes.get("src")


def _taken(node: LexborNode, part: Part) -> Iterator["Selector"]:
    """What `part` takes of a node it matched."""
    match part.kind:
        case "element":
            yield Selector(node)
        case "text":
            for text in _texts(node):
                yield Selector(node, text)
        case "attribute":
            attributes = node.attributes
            if part.attribute in attributes:
                yield Selector(node, attributes[part.attribute] or "")
        case "deep text":
            for inner in node.traverse(include_text=True):
                if inner.is_text_node:
                    yield Selector(inner.parent or node, inner.text_content or "")


class Selector:
    """One thing found in a page: an element, or a piece of text or an attribute's value."""

    __slots__ = ("_text", "node")

    def __init__(self, node: LexborNode, text: str | None = None) -> None:
        self.node = node
        self._text = text

    @classmethod
    def from_text(cls, text: str | bytes) -> "Selector":
        """The root of a page given as text, or as UTF-8 bytes."""
        root = LexborHTMLParser(text, options=_WITHOUT_EVENTS).root
        return cls(root if root is not None else _empty_root())

    def css(self, query: str) -> "SelectorList":
        """What `query` finds from here on. Raises `SelectorError` for a query that is not understood."""
        if self._text is not None:
            return SelectorList.of([])
        return SelectorList(self.node, compile_query(query))

    def xpath(self, query: str, **variables: Any) -> "SelectorList":
        """What the XPath 1.0 expression `query` finds from here on, by lxml (extra `xpath`)."""
        from scraper.markup.xpath import evaluate

        return SelectorList.of(evaluate(self, query, variables))

    def get(self) -> str:
        """The element as HTML, or the text itself."""
        return (self.node.html or "") if self._text is None else self._text

    def getall(self) -> list[str]:
        """`get()` in a list of one."""
        return [self.get()]

    extract = get

    @property
    def text(self) -> str:
        """The visible text, with white space folded; "" if there is none."""
        return " ".join((self.node.text() if self._text is None else self._text).split())

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
        return _found_by(regex, self.get(), replace_entities)

    @overload
    def re_first(self, regex: Regex, default: None = None, replace_entities: bool = True) -> str | None: ...
    @overload
    def re_first(self, regex: Regex, default: str, replace_entities: bool = True) -> str: ...
    def re_first(
        self, regex: Regex, default: str | None = None, replace_entities: bool = True
    ) -> str | None:
        """The first of `re(regex)`, or `default`."""
        return next(iter(self.re(regex, replace_entities)), default)

    def json(self) -> Any:
        """The text (of a script element, say) read as JSON. Raises `ValueError` if it is none."""
        return msgspec.json.decode(self.node.text() if self._text is None else self._text)

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
            self._found = list(self._find())
        return self._found

    def _find(self) -> Iterator[Selector]:
        query = self._query
        nodes = _matches(self._scope, query.css, query.text)
        if query.kind is None:
            for node in nodes:
                for part in query.parts:
                    if node.css_matches(part.css):
                        yield from _taken(node, part)
            return
        if query.kind == "deep text":
            nodes = [node for node in nodes if not _is_inside(node, nodes)]
        for node in nodes:
            yield from _taken(node, query.parts[0])

    def _first(self) -> str | None:
        """The first of `getall()`, found without looking for the rest where that can be told."""
        found = self._found
        if found is not None:
            return found[0].get() if found else None
        query = self._query
        try:
            node = self._scope.css_first(query.css)
        except SelectolaxError:
            raise SelectorError(f"the CSS selector {query.text!r} is not understood") from None
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
        first = self._first()
        return default if first is None else first

    @overload
    def extract_first(self, default: None = None) -> str | None: ...
    @overload
    def extract_first(self, default: str) -> str: ...
    def extract_first(self, default: str | None = None) -> str | None:
        """The same as `get()`, by its older name."""
        first = self._first()
        return default if first is None else first

    def getall(self) -> list[str]:
        """Every match as HTML or text."""
        query = self._query
        if self._found is not None or query.kind == "element":
            return [found.get() for found in self._all()]
        nodes = _matches(self._scope, query.css, query.text)
        if query.kind == "text":
            return [text for node in nodes for text in _texts(node)]
        name = query.attribute
        return [attributes[name] or "" for node in nodes if name in (attributes := node.attributes)]

    extract = getall

    def references(self) -> list[str]:
        """What the matches refer to: see `Selector.reference`; those that refer to nothing are passed over."""
        if self._found is None and self._query.kind == "element":
            found = [_reference(node) for node in _matches(self._scope, self._query.css, self._query.text)]
        else:
            found = [each.reference for each in self._all()]
        return [reference for reference in found if reference is not None]

    def css(self, query: str) -> "SelectorList":
        """What `query` finds from each match on."""
        compiled = compile_query(query)
        inner = [one for found in self._all() if found._text is None for one in SelectorList(found.node, compiled)]
        if len(self._all()) > 1:
            inner = list({(one.node.mem_id, one._text): one for one in inner}.values())
        return SelectorList.of(inner)

    def xpath(self, query: str, **variables: Any) -> "SelectorList":
        """What the XPath 1.0 expression `query` finds from each match on, by lxml (extra `xpath`)."""
        return SelectorList.of([one for found in self._all() for one in found.xpath(query, **variables)])

    @property
    def text(self) -> str:
        """The first match's visible text, with white space folded; "" if there is no match."""
        return self._all()[0].text if self._all() else ""

    @property
    def attrib(self) -> dict[str, str]:
        """The first match's attributes, or {}."""
        return self._all()[0].attrib if self._all() else {}

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """All that `regex` finds in the matches."""
        return [text for found in self._all() for text in found.re(regex, replace_entities)]

    @overload
    def re_first(self, regex: Regex, default: None = None, replace_entities: bool = True) -> str | None: ...
    @overload
    def re_first(self, regex: Regex, default: str, replace_entities: bool = True) -> str: ...
    def re_first(
        self, regex: Regex, default: str | None = None, replace_entities: bool = True
    ) -> str | None:
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
        return self._first() is not None

    def __repr__(self) -> str:
        return repr(self._all())


def _is_inside(node: LexborNode, nodes: list[LexborNode]) -> bool:
    """Whether one of `nodes` is an ancestor of `node`."""
    if len(nodes) == 1:
        return False
    places = {other.mem_id for other in nodes}
    parent = node.parent
    while parent is not None:
        if parent.mem_id in places:
            return True
        parent = parent.parent
    return False


def _found_by(regex: Regex, text: str, replace_entities: bool) -> list[str]:
    pattern = re.compile(regex) if isinstance(regex, str) else regex
    found: list[str] = []
    for match in pattern.finditer(text):
        if "extract" in pattern.groupindex:
            found.append(match["extract"] or "")
        else:
            found.extend(group or "" for group in match.groups() or (match[0],))
    return [_without_entities(each) for each in found] if replace_entities else found


_ENTITY = re.compile(r"&(?!lt;|amp;)(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")


def _without_entities(text: str) -> str:
    """`text` with character references replaced, except `&lt;` and `&amp;`, as parsel does it."""
    return _ENTITY.sub(lambda found: unescape(found[0]), text) if "&" in text else text


def _empty_root() -> LexborNode:
    root = LexborHTMLParser("").root
    assert root is not None
    return root


_NOWHERE = _empty_root()
_NOTHING = Query("", "*", (Part("*"),), None, "", is_quick=True)
