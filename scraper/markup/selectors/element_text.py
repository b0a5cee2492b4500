"""The texts of elements: their own, all below them, and what a reader sees."""

from collections.abc import Iterator, Sequence

from selectolax.lexbor import LexborNode

# Elements that stand within a line of text; the edge of any other one separates words.
_INLINE = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rb rp rt rtc ruby s samp "
    "small span strike strong sub sup time tt u var wbr"
)
_IN_LINE = frozenset(_INLINE.split())
_UNSEEN = frozenset(("head", "noscript", "script", "style", "template", "title"))

Text = tuple[LexborNode, str]
"""A text node's text, and the element that it is in."""


def own_texts(nodes: Sequence[LexborNode]) -> list[Text]:
    """The text nodes right inside `nodes`, which are given in document order, and so are the texts."""
    texts: list[Text] = []
    is_interrupted = False
    for node in nodes:
        child = node.first_child
        is_after_another = False
        while child is not None:
            if child.is_text_node:
                texts.append((node, child.text_content or ""))
                is_interrupted = is_interrupted or is_after_another
            else:
                is_after_another = True
            child = child.next
    if is_interrupted and len(nodes) > 1 and are_nested(nodes):
        places = {node.mem_id for node in nodes}  # an outer one's texts go on after those of the inner one
        return [(node, text) for node, text in deep_texts(nodes) if node.mem_id in places]
    return texts


def deep_texts(nodes: Sequence[LexborNode]) -> Iterator[Text]:
    """All text nodes below `nodes`, which are given in document order, each once."""
    places = {node.mem_id for node in nodes} if len(nodes) > 1 else set()
    met: set[int] = set()
    for node in nodes:
        if node.mem_id in met:
            continue
        for inner in node.traverse(include_text=True):
            if inner.is_text_node:
                yield inner.parent or node, inner.text_content or ""
            elif places and (place := inner.mem_id) in places:
                met.add(place)


def are_nested(nodes: Sequence[LexborNode]) -> bool:
    """Whether one of `nodes` is inside another."""
    places = {node.mem_id for node in nodes}
    outside: set[int] = set()  # elements that are in none of them
    for node in nodes:
        above = node.parent
        while above is not None and (place := above.mem_id) not in outside:
            if place in places:
                return True
            outside.add(place)
            above = above.parent
    return False


def visible(node: LexborNode) -> str:
    """What a reader sees of an element: its text with white space folded, without scripts and styles.

    The edges of blocks, table cells and lines separate words; those of inline elements do not.
    """
    child = node.first_child
    if child is None:
        return ""
    if child.next is None and child.is_text_node:
        return " ".join((child.text_content or "").split())
    return " ".join("".join(_seen(node)).split())


def _seen(node: LexborNode) -> Iterator[str]:
    """The texts below `node`, and a space at each edge of a block."""
    child = node.first_child
    around: list[tuple[LexborNode, bool]] = []
    while True:
        while child is None:
            if not around:
                return
            child, is_block = around.pop()
            if is_block:
                yield " "
            child = child.next
        if child.is_text_node:
            yield child.text_content or ""
        elif child.is_element_node and (tag := child.tag) not in _UNSEEN:
            is_block = tag not in _IN_LINE
            if is_block:
                yield " "
            if (inner := child.first_child) is not None:
                around.append((child, is_block))
                child = inner
                continue
        child = child.next
