"""Elements of XML, which selectors ask like those of a page: by `xpath()` and `css()`, with lxml (extra `xpath`).

Names are those of the document, so an element of a namespace is asked for by a prefix, `node.xpath("m:title/text()")`
and `node.css("m|title::text")`, which is declared in the spider's `namespaces` or by `register_namespace()`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from selectolax.lexbor import LexborNode

from scraper.errors import SettingsError
from scraper.markup.document.text_stream import DocumentError, texts
from scraper.markup.document.tree import NOWHERE
from scraper.markup.document.xml_stream import Builder, Records
from scraper.markup.selectors.css_parser import SelectorError
from scraper.markup.selectors.xpath import NAMESPACES, asked, is_itself
from scraper.markup.structured_data import lenient_json

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
    pieces: Iterable[str], is_record: Callable[[str, str, str], bool], prefixes: Mapping[str, str], url: str = ""
) -> "Iterator[XmlNode]":
    """The elements of the XML document at `url` that `is_record` (see `Records`) wants, one by one.

    Raises `DocumentError`, after those that could be read, where the document breaks off.
    """
    for element in Records(is_record, builder(), url=url).read(pieces):
        yield XmlNode(element, prefixes)


def root(source: bytes | str, content_type: str = "", prefixes: Mapping[str, str] | None = None) -> "XmlNode":
    """The root element of an XML document. Queries may use `prefixes`, and those that the root itself declares.

    Raises `DocumentError` if it is not XML, breaks off, declares entities, or is larger than `WHOLE`.
    """
    pieces = [source] if isinstance(source, str) else texts(source, content_type)
    [element] = Records(_is_root, builder(), most=WHOLE).read(pieces)
    return node_of(element, prefixes)


def _is_root(root: str, _: str, name: str) -> bool:
    if root.lower() == "html":
        raise DocumentError("it is an HTML page")
    return True


def node_of(element: Any, prefixes: Mapping[str, str] | None = None) -> "XmlNode":
    """An element of lxml's, with `prefixes` and those that are declared for it."""
    own = {prefix: uri for prefix, uri in element.nsmap.items() if prefix}
    return XmlNode(element, {**own, **(prefixes or {})})


class XmlNode:
    """An element of XML, or a text or an attribute's value in it; selectors that stand there ask it.

    `value` is lxml's element, or the text. `prefixes` are namespaces by the prefixes that queries use.
    """

    __slots__ = ("prefixes", "value")

    kind: Literal["xml"] = "xml"

    def __init__(self, value: Any, prefixes: Mapping[str, str] | None = None) -> None:
        self.value = value
        self.prefixes = {} if prefixes is None else prefixes

    def remove_namespaces(self) -> None:
        """Take all elements and attributes out of their namespaces, so that queries need no prefixes."""
        if isinstance(self.value, str):
            return
        from lxml import etree

        for each in self.value.iter("*"):
            each.tag = etree.QName(each).localname
            for name in [name for name in each.attrib if name.startswith("{")]:
                each.attrib[etree.QName(name).localname] = each.attrib.pop(name)
        etree.cleanup_namespaces(self.value)

    def xpath(self, query: str, variables: dict[str, Any]) -> "list[tuple[LexborNode, XmlNode]]":
        """What the XPath 1.0 expression `query` finds; `namespaces` among the `variables` adds to `prefixes`.

        Raises `SelectorError` for one that is not understood, or that uses a prefix which is not declared.
        """
        if isinstance(self.value, str):
            return [(NOWHERE, self)] if is_itself(query) else []
        found = asked(self.value, query, variables, {**NAMESPACES, **self.prefixes})
        return [(NOWHERE, XmlNode(_written(each), self.prefixes)) for each in found]

    def css(self, query: str) -> "list[tuple[LexborNode, XmlNode]]":
        """What the CSS selector `query`, with `::text` and `::attr(name)`, finds from here on."""
        return self.xpath(_as_xpath(query), {})

    def get(self) -> str:
        """The element as XML, or the text itself."""
        if isinstance(self.value, str):
            return str(self.value)
        from lxml import etree

        return str(etree.tostring(self.value, encoding="unicode", with_tail=False))

    @property
    def text(self) -> str:
        """All text in it, with white space folded."""
        return " ".join(self._content().split())

    @property
    def attrib(self) -> dict[str, str]:
        """The element's attributes; those of a namespace are written `{namespace}name`."""
        return {} if isinstance(self.value, str) else {str(key): str(each) for key, each in self.value.items()}

    @property
    def reference(self) -> str | None:
        """The element's href or src; a text or an attribute is its own reference."""
        return str(self.value) if isinstance(self.value, str) else self.value.get("href", self.value.get("src"))

    def json(self) -> Any:
        """All text in it read as JSON. Raises `ValueError` if it is not JSON."""
        return lenient_json.read(self._content())

    def _content(self) -> str:
        return str(self.value) if isinstance(self.value, str) else "".join(self.value.itertext())


def _written(found: Any) -> Any:
    """What an expression gives: elements and texts as they are; a number or a truth as parsel writes it."""
    if isinstance(found, bool):
        return str(int(found))
    return found if isinstance(found, str) or hasattr(found, "itertext") else str(found)


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
