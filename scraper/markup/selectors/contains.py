"""Which elements contain a text, in one walk through the page, however deep they are in each other."""

import re
from bisect import bisect_left
from collections.abc import Sequence

from selectolax.lexbor import LexborNode

from scraper.markup.selectors.element_text import are_nested

_WHITE = re.compile(r"\s+")


def containing(nodes: Sequence[LexborNode], text: str, is_folded: bool) -> list[LexborNode]:
    """Those of `nodes`, which are given in document order, that have `text` in all the text below them.

    `is_folded` ignores case and takes white space for one space; `text` must be folded as well.
    """
    if not are_nested(nodes):
        return [node for node in nodes if text in (_folded(node.text()).strip() if is_folded else node.text())]
    root = nodes[0].parser.root
    if root is None:
        return []
    whole, spans = _walk(root, is_folded)
    found = _places(whole, text)
    kept = []
    for node in nodes:
        start, end = spans[node.mem_id]
        next_one = bisect_left(found, start)
        if next_one < len(found) and found[next_one] + len(text) <= end:
            kept.append(node)
    return kept


def _folded(text: str) -> str:
    """`text` in one case, with a single space for each run of white space, also at its ends."""
    return _WHITE.sub(" ", text.casefold())


def _places(whole: str, text: str) -> list[int]:
    """Where `text` begins in `whole`, also where it overlaps itself."""
    places = []
    place = whole.find(text)
    while place >= 0:
        places.append(place)
        place = whole.find(text, place + 1)
    return places


def _walk(root: LexborNode, is_folded: bool) -> tuple[str, dict[int, tuple[int, int]]]:
    """All text of a page, and from where to where in it each element has its own."""
    pieces: list[str] = []
    length = 0
    spans: dict[int, tuple[int, int]] = {}
    around: list[tuple[LexborNode, int]] = []
    node: LexborNode | None = root
    while True:
        while node is None:
            if not around:
                return "".join(pieces), spans
            outer, start = around.pop()
            spans[outer.mem_id] = (start, length)
            node = outer.next if around else None
        if node.is_text_node:
            text = node.text_content or ""
            if is_folded:
                text = _folded(text)
                if pieces and pieces[-1].endswith(" "):
                    text = text.lstrip(" ")
            if text:
                pieces.append(text)
                length += len(text)
        elif node.is_element_node:
            around.append((node, length))
            node = node.first_child
            continue
        node = node.next
