"""What combinators say: which elements stand in a relation to some that were found before."""

from collections.abc import Iterable

from selectolax.lexbor import LexborNode


class Relation:
    """A combinator, ' ', '>', '+' or '~', and the places of the elements before it.

    What was found out on the way to an answer is remembered, so that a page is walked through once, however deep.
    """

    def __init__(self, combinator: str, places: set[int]) -> None:
        self._combinator = combinator
        self._places = places
        self._known: dict[int, bool] = {}

    def holds(self, node: LexborNode) -> bool:
        """Whether `node` stands in the relation to one of the places."""
        if self._combinator in (" ", "~"):
            return self._leads_back(node)
        nearest = _one_back(node, self._combinator)
        return nearest is not None and nearest.mem_id in self._places

    def _leads_back(self, node: LexborNode) -> bool:
        """Whether one of the places is met on the way up from `node`, or back."""
        places, known, step = self._places, self._known, self._combinator
        passed: list[int] = []
        place = node.mem_id
        answer = known.get(place)
        while answer is None:
            passed.append(place)
            before = _one_back(node, step)
            if before is None:
                answer = False
            else:
                node, place = before, before.mem_id
                answer = True if place in places else known.get(place)
        known.update(dict.fromkeys(passed, answer))
        return answer


def origins(combinator: str, nodes: Iterable[LexborNode]) -> set[int]:
    """The places of all elements from which a combinator leads to one of `nodes`."""
    places: set[int] = set()
    for node in nodes:
        before = _one_back(node, combinator)
        while before is not None and (place := before.mem_id) not in places:
            places.add(place)
            before = _one_back(before, combinator) if combinator in (" ", "~") else None
    return places


def outermost(nodes: Iterable[LexborNode]) -> list[LexborNode]:
    """`nodes` without those that are in another one."""
    nodes = list(nodes)
    within = Relation(" ", {node.mem_id for node in nodes})
    return [node for node in nodes if not within.holds(node)]


def _one_back(node: LexborNode, combinator: str) -> LexborNode | None:
    """The parent, or the element before, whichever a combinator is about."""
    if combinator in (" ", ">"):
        return node.parent
    before = node.prev
    while before is not None and not before.is_element_node:
        before = before.prev
    return before
