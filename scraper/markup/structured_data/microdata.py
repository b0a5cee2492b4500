"""Microdata: items that a page marks by `itemscope` and `itemprop` (HTML, 5.4), in the form of its JSON."""

from collections.abc import Callable, Iterator
from typing import Any

from selectolax.lexbor import LexborNode

STEPS = 1_000_000
"""Elements that are looked at for a page's items; those that many refer to are looked at for each."""

_ADDRESSES = dict.fromkeys(("audio", "embed", "iframe", "img", "source", "track", "video"), "src")
_ADDRESSES |= dict.fromkeys(("a", "area", "link"), "href") | {"object": "data"}

# Others say it by their text, or as many shops have it and search engines read it, by `content`.
_VALUES = {"meta": "content", "data": "value", "meter": "value", "time": "datetime"}


class MicrodataError(ValueError):
    """Items that refer to so much of the page that they are not read."""


def read_microdata(root: LexborNode, join: Callable[[str], str]) -> list[dict[str, Any]]:
    """The items at the top of a page: `{"type": […], "id": …, "properties": {name: […]}}`, `type` and `id` if given.

    A value is a text with white space folded, an absolute address, or an item. An item that is in itself, by way
    of `itemref`, stands there as "ERROR". Raises `MicrodataError` for items that refer to too much.
    """
    scopes = root.css("[itemscope]")
    if not scopes:
        return []
    return _Reading(root, join).items([node for node in scopes if "itemprop" not in node.attributes])


class _Reading:
    """Of one page: items are read one by one, an inner one after that which it is in."""

    def __init__(self, root: LexborNode, join: Callable[[str], str]) -> None:
        self._join = join
        self._by_id: dict[str, LexborNode] = {}
        for node in root.css("[id]"):
            self._by_id.setdefault(node.attributes["id"] or "", node)
        self._steps = 0

    def items(self, nodes: list[LexborNode]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{} for _ in nodes]
        pending = [(node, item, frozenset((node.mem_id,))) for node, item in zip(nodes, found, strict=True)]
        while pending:
            node, item, around = pending.pop()
            properties: dict[str, list[Any]] = {}
            attributes = node.attributes
            if types := (attributes.get("itemtype") or "").split():
                item["type"] = types
            if "itemid" in attributes:
                item["id"] = self._join((attributes["itemid"] or "").strip())
            item["properties"] = properties
            for each in self._properties(node):
                value: Any = self._value(each)
                if value is None and each.mem_id in around:
                    value = "ERROR"
                elif value is None:
                    value = {}
                    self._count(len(around))
                    pending.append((each, value, around | {each.mem_id}))
                for name in dict.fromkeys((each.attributes["itemprop"] or "").split()):
                    properties.setdefault(name, []).append(value)
        return found

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > STEPS:
            raise MicrodataError(
                "has microdata whose items are too deep in each other, or refer to too much of the page"
            )

    def _properties(self, item: LexborNode) -> Iterator[LexborNode]:
        """The elements that are an item's properties, first those in it, then those it refers to."""
        met = {item.mem_id}
        references = (item.attributes.get("itemref") or "").split()
        starts = [item.first_child, *(self._by_id.get(name) for name in dict.fromkeys(references))]
        for number, start in enumerate(starts):
            yield from self._walk(start, met, is_alone=number > 0)

    def _walk(self, start: LexborNode | None, met: set[int], *, is_alone: bool) -> Iterator[LexborNode]:
        around: list[LexborNode] = []
        node = start
        while node is not None or around:
            if node is None:
                node = around.pop()
                node = None if is_alone and not around else node.next
                continue
            inner = None
            if node.is_element_node and node.mem_id not in met:
                met.add(node.mem_id)
                self._count(1)
                if "itemprop" in node.attributes:
                    yield node
                inner = node.first_child if "itemscope" not in node.attributes else None
            if inner is not None:
                around.append(node)
                node = inner
            else:
                node = None if is_alone and not around else node.next

    def _value(self, node: LexborNode) -> str | None:
        """What an element with `itemprop` says; None for an item."""
        attributes, tag = node.attributes, node.tag or ""
        if "itemscope" in attributes:
            return None
        if tag in _ADDRESSES:
            said = (attributes.get(_ADDRESSES[tag]) or "").strip()
            return self._join(said) if said else ""
        name = _VALUES.get(tag, "content")
        if name in attributes or tag in {"meta", "data", "meter"}:
            return attributes.get(name) or ""
        text = node.text()
        self._count(len(text) // 64)
        return " ".join(text.split())
