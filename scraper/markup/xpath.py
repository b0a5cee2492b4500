"""XPath 1.0 over a page that Lexbor parsed: the same tree, mirrored node by node for lxml (extra `xpath`).

Mirroring the tree, rather than parsing the page a second time, keeps both views equal: an element found by
`css()` can be asked by `xpath()` and the other way round, and neither parser's repairs contradict the other's.
"""

from functools import lru_cache
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scraper.errors import SettingsError
from scraper.markup.query import SelectorError
from scraper.markup.selectors import Selector

NAMESPACES = {"re": "http://exslt.org/regular-expressions", "set": "http://exslt.org/sets"}


class Mirror:
    """An lxml tree with one element for each element of a Lexbor tree, and the way back."""

    def __init__(self, root: LexborNode) -> None:
        try:
            from lxml import etree
        except ImportError:
            raise SettingsError("xpath() needs lxml: pip install 'scraper[xpath]'") from None
        self._etree = etree
        self._nodes: dict[Any, LexborNode] = {}
        self._elements: dict[int, Any] = {}
        self._build(root)

    def _build(self, root: LexborNode) -> None:
        pending: list[tuple[LexborNode, Any]] = [(root, None)]
        while pending:
            node, parent = pending.pop()
            element = self._element(node, parent)
            last = None
            child = node.first_child
            while child is not None:
                if child.is_text_node:
                    text = _legal(child.text_content or "")
                    if last is None:
                        element.text = (element.text or "") + text
                    else:
                        last.tail = (last.tail or "") + text
                elif child.is_element_node:
                    last = self._etree.SubElement(element, "x")
                    pending.append((child, last))
                child = child.next

    def _element(self, node: LexborNode, element: Any) -> Any:
        element = self._etree.Element("x") if element is None else element
        try:
            element.tag = node.tag or "x"
        except ValueError:  # a tag name that XML does not know, as in <a"b>
            element.tag = "x"
        for name, value in node.attributes.items():
            try:
                element.set(name, _legal(value or ""))
            except ValueError:  # likewise an attribute's name
                continue
        self._nodes[element] = node
        self._elements[node.mem_id] = element
        return element

    def select(self, scope: LexborNode, query: str, variables: dict[str, Any]) -> list[Selector]:
        """What `query` finds from `scope` on. Raises `SelectorError` for an expression that is not understood."""
        element = self._elements.get(scope.mem_id)
        if element is None:
            return []
        try:
            found = element.xpath(query, namespaces=NAMESPACES, **variables)
        except self._etree.XPathError as error:
            raise SelectorError(f"the XPath expression {query!r} is not understood: {error}") from None
        return [self._selector(scope, each) for each in (found if isinstance(found, list) else [found])]

    def _selector(self, scope: LexborNode, found: Any) -> Selector:
        if self._etree.iselement(found):
            return Selector(self._nodes[found])
        match found:
            case bool():
                return Selector(scope, str(int(found)))
            case float():
                return Selector(scope, f"{found:g}" if found.is_integer() else str(found))
        parent = found.getparent() if hasattr(found, "getparent") else None
        return Selector(self._nodes[parent] if parent is not None else scope, str(found))


@lru_cache(maxsize=8)
def _mirror(parser: LexborHTMLParser) -> Mirror:
    root = parser.root
    assert root is not None
    return Mirror(root)


def evaluate(scope: Selector, query: str, variables: dict[str, Any]) -> list[Selector]:
    """The selectors that the XPath expression `query` finds from `scope` on."""
    return _mirror(scope.node.parser).select(scope.node, query, variables)


def _legal(text: str) -> str:
    """`text` without the control characters that XML has no place for."""
    return text if text.isprintable() else "".join(c for c in text if c in "\t\n\r" or c >= " " and c not in "\ufffe\uffff")
