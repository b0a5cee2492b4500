"""Elements of XML that can be asked like those of a page: `xpath()` and `css()`, by lxml (extra `xpath`).

Names are those of the document, so an element of a namespace is asked for by a prefix, `node.xpath("m:title/text()")`
and `node.css("m|title::text")`, which is declared in the spider's `namespaces` or by `register_namespace()`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, overload

from scraper.errors import SettingsError
from scraper.markup.document.text_stream import texts
from scraper.markup.document.xml_stream import Builder, Records
from scraper.markup.selectors.query import SelectorError
from scraper.markup.selectors.regex import Regex, find_all
from scraper.markup.selectors.xpath import NAMESPACES, asked

WHOLE = 64 * 1024 * 1024  # characters of a document that is read as a whole; an element counts for a hundred


def builder() -> Callable[[], Builder]:
    """What makes elements for nodes. Raises `SettingsError` if lxml is not there."""
    try:
        from lxml import etree
    except ImportError:
        raise SettingsError("XML needs lxml: pip install 'scraper[xpath]'") from None
    made: Callable[[], Builder] = etree.TreeBuilder
    return made


def nodes(
    body: bytes, content_type: str, is_record: Callable[[str, str, str], bool], prefixes: dict[str, str]
) -> Iterator["Node"]:
    """The elements of an XML document that `is_record` (see `Records`) wants, one by one.

    Raises `DocumentError`, after those that could be read, where the document breaks off.
    """
    for element in Records(is_record, builder()).read(texts(body, content_type)):
        yield Node(element, prefixes)


def root(body: bytes, content_type: str = "") -> "Node":
    """The root element of an XML document, whose own prefixes queries may use.

    Raises `DocumentError` if it is none, breaks off, declares entities, or is larger than `WHOLE`.
    """
    [element] = Records(lambda *_: True, builder(), most=WHOLE).read(texts(body, content_type))
    return Node(element, {prefix: uri for prefix, uri in element.nsmap.items() if prefix})


class Node:
    """One match: an element, or the text or attribute that a query gave.

    `element` is lxml's, or a text. `prefixes` are namespaces by the prefixes that queries use.
    """

    __slots__ = ("element", "prefixes")

    def __init__(self, element: Any, prefixes: dict[str, str] | None = None) -> None:
        self.element = element
        self.prefixes = prefixes if prefixes is not None else {}

    def register_namespace(self, prefix: str, uri: str) -> None:
        """Let queries of this node, and of what they find, call the namespace `uri` by `prefix`."""
        self.prefixes = {**self.prefixes, prefix: uri}

    def remove_namespaces(self) -> None:
        """Take all elements and attributes out of their namespaces, so that queries need no prefixes."""
        if isinstance(self.element, str):
            return
        from lxml import etree

        for each in self.element.iter("*"):
            each.tag = etree.QName(each).localname
            for name in [name for name in each.attrib if name.startswith("{")]:
                each.attrib[etree.QName(name).localname] = each.attrib.pop(name)
        etree.cleanup_namespaces(self.element)

    def xpath(self, query: str, **variables: Any) -> "NodeList":
        """What the XPath 1.0 expression `query` finds from here on; `namespaces` adds prefixes to those of the node.

        Raises `SelectorError` for one that is not understood, or that uses a prefix which is not declared.
        """
        if isinstance(self.element, str):
            return NodeList()
        found = asked(self.element, query, variables, NAMESPACES | self.prefixes)
        return NodeList([Node(_written(each), self.prefixes) for each in found])

    def css(self, query: str) -> "NodeList":
        """What the CSS selector `query`, with `::text` and `::attr(name)`, finds from here on."""
        return self.xpath(_as_xpath(query))

    def get(self) -> str:
        """The element as XML, or the text itself."""
        if isinstance(self.element, str):
            return str(self.element)
        from lxml import etree

        return str(etree.tostring(self.element, encoding="unicode", with_tail=False))

    def getall(self) -> list[str]:
        """`get()` in a list of one."""
        return [self.get()]

    extract = get

    @property
    def text(self) -> str:
        """All text in it, with white space folded."""
        whole = self.element if isinstance(self.element, str) else "".join(self.element.itertext())
        return " ".join(whole.split())

    @property
    def attrib(self) -> dict[str, str]:
        """The element's attributes; those of a namespace are written `{namespace}name`."""
        return {} if isinstance(self.element, str) else {str(key): str(each) for key, each in self.element.items()}

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """All that `regex` finds in `get()`: its group `extract`, or all its groups, or the whole match."""
        return find_all(regex, self.get(), replace_entities)

    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first of `re(regex)`, or `default`."""
        return next(iter(self.re(regex, replace_entities)), default)

    def __repr__(self) -> str:
        return f"<Node {self.get()[:60]!r}>"


class NodeList(Sequence[Node]):
    """What a query found, in document order."""

    __slots__ = ("_found",)

    def __init__(self, found: Sequence[Node] = ()) -> None:
        self._found = list(found)

    @overload
    def get(self, default: None = None) -> str | None: ...
    @overload
    def get(self, default: str) -> str: ...
    def get(self, default: str | None = None) -> str | None:
        """The first match as XML or text, or `default`."""
        return self._found[0].get() if self._found else default

    def getall(self) -> list[str]:
        """Every match as XML or text."""
        return [each.get() for each in self._found]

    extract_first = get
    extract = getall

    def xpath(self, query: str, **variables: Any) -> "NodeList":
        """What `query` finds from each match on."""
        return NodeList([one for each in self._found for one in each.xpath(query, **variables)])

    def css(self, query: str) -> "NodeList":
        """What `query` finds from each match on."""
        return NodeList([one for each in self._found for one in each.css(query)])

    @property
    def text(self) -> str:
        """The first match's text, with white space folded; "" if there is no match."""
        return self._found[0].text if self._found else ""

    @property
    def attrib(self) -> dict[str, str]:
        """The first match's attributes, or {}."""
        return self._found[0].attrib if self._found else {}

    def re(self, regex: Regex, replace_entities: bool = True) -> list[str]:
        """All that `regex` finds in the matches."""
        return [text for each in self._found for text in each.re(regex, replace_entities)]

    def re_first(self, regex: Regex, default: str | None = None, replace_entities: bool = True) -> str | None:
        """The first thing that `regex` finds in the matches, or `default`."""
        return next(iter(self.re(regex, replace_entities)), default)

    @overload
    def __getitem__(self, index: int) -> Node: ...
    @overload
    def __getitem__(self, index: slice) -> "NodeList": ...
    def __getitem__(self, index: int | slice) -> "Node | NodeList":
        return NodeList(self._found[index]) if isinstance(index, slice) else self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return repr(self._found)


def _written(found: Any) -> Any:
    """A number or a truth that an expression gives, as parsel writes it; all else as it is."""
    if isinstance(found, bool):
        return str(int(found))
    return str(found) if isinstance(found, float) else found


@lru_cache(maxsize=256)
def _as_xpath(query: str) -> str:
    """A CSS selector as XPath: `::text` takes the texts right inside, ` ::text` all below, `::attr(name)` a value."""
    try:
        import cssselect
    except ImportError:
        raise SettingsError("css() on a node of XML needs cssselect: pip install 'scraper[xpath]'") from None
    translator = cssselect.GenericTranslator()
    try:
        return " | ".join(_one_as_xpath(translator, each) for each in cssselect.parse(query))
    except (cssselect.SelectorError, SelectorError) as error:
        raise SelectorError(f"the CSS selector {query!r} is not understood: {error}") from None


def _one_as_xpath(translator: Any, selector: Any) -> str:
    path: str = translator.selector_to_xpath(selector)
    pseudo = selector.pseudo_element
    if pseudo is None:
        return path
    if pseudo == "text":
        return f"{path[:-3]}text()" if path.endswith("::*/*") else f"{path}/text()"
    if getattr(pseudo, "name", "") == "attr" and pseudo.argument_types() in (["IDENT"], ["STRING"]):
        return f"{path}/@{pseudo.arguments[0].value}"
    raise SelectorError("of pseudo-elements there are ::text and ::attr(name)")
