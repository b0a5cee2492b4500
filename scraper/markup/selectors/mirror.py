"""XPath 1.0 over a page that Lexbor parsed: the same tree, mirrored node by node for lxml (extra `xpath`).

Mirroring the tree, rather than parsing the page a second time, keeps both views equal: an element found by
`css()` can be asked by `xpath()` and the other way round, and neither parser's repairs contradict the other's.
"""

from contextlib import suppress
from functools import lru_cache
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scraper.errors import SettingsError
from scraper.markup.document.sandbox import TooComplexError
from scraper.markup.selectors.xml_nodes import XmlNode
from scraper.markup.selectors.xpath import NAMESPACES, asked

DEEPEST = 1_000
"""Elements within each other. Browsers allow 512; libxml2 takes a time that grows with the square of it, and more."""

Found = tuple[LexborNode, str | XmlNode | None]
"""An element of the page; a text and the element it is of; or an element that a function of the expression made."""


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
        whole = self._etree.HTMLParser().makeelement(_TAG_OF_NAMELESS)  # HTML's trees have fewer rules for names
        pending: list[tuple[LexborNode, Any, int]] = [(root, whole, 1)]
        while pending:
            node, element, depth = pending.pop()
            if depth > DEEPEST:
                raise TooComplexError(f"xpath() cannot be asked of a page with {DEEPEST:,} elements within each other")
            self._name(node, element)
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
                    last = self._etree.SubElement(element, _TAG_OF_NAMELESS)
                    pending.append((child, last, depth + 1))
                elif child.is_comment_node:
                    last = self._comment(child)
                    element.append(last)
                child = child.next
        # lxml lets go of an element in a time that grows with the number of those above it that were let go before.
        self._nodes = dict(reversed(self._nodes.items()))
        self._elements = dict(reversed(self._elements.items()))

    def _name(self, node: LexborNode, element: Any) -> None:
        """Give `element` the tag and the attributes of `node`, and remember both."""
        with suppress(TypeError, ValueError):  # a tag name that lxml does not know, as in <a"b>
            element.tag = node.tag
        for name, value in node.attributes.items():
            with suppress(ValueError):  # likewise an attribute's name
                element.set(name, _legal(value or ""))
        self._nodes[element] = node
        self._elements[node.mem_id] = element

    def _comment(self, node: LexborNode) -> Any:
        text = _legal(node.comment_content or "")
        while "--" in text:  # XML forbids them
            text = text.replace("--", "- -")
        comment = self._etree.Comment(f"{text} " if text.endswith("-") else text)
        self._nodes[comment] = node
        return comment

    def select(self, scope: LexborNode, query: str, variables: dict[str, Any]) -> list[Found]:
        """What `query` finds from `scope` on. Raises `SelectorError` for an expression that is not understood."""
        element = self._elements.get(scope.mem_id)
        if element is None:
            return []
        prefixes = {**NAMESPACES, **getattr(scope.parser, "namespaces", {})}
        return [self._found(scope, each) for each in asked(element, query, variables, prefixes)]

    def _found(self, scope: LexborNode, found: Any) -> Found:
        if self._etree.iselement(found):
            node = self._nodes.get(found)
            return (scope, XmlNode(found)) if node is None else (node, None)
        if isinstance(found, bool):
            return scope, str(int(found))
        parent = found.getparent() if hasattr(found, "getparent") else None
        if parent is not None and found.is_tail:
            parent = parent.getparent()
        return self._nodes.get(parent, scope), str(found)


_TAG_OF_NAMELESS = "x"


@lru_cache(maxsize=2)  # pages that are asked in turns; a tree takes more memory than its page
def _mirror(parser: LexborHTMLParser) -> Mirror:
    root = parser.root
    assert root is not None
    return Mirror(root)


def evaluate(scope: LexborNode, query: str, variables: dict[str, Any]) -> list[Found]:
    """What the XPath expression `query` finds from `scope` on: elements, or texts and the elements they are of."""
    return _mirror(scope.parser).select(scope, query, variables)


def _legal(text: str) -> str:
    """`text` without the control characters that XML has no place for."""
    return (
        text
        if text.isprintable()
        else "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
    )
