"""In which order the requests of one site are handed out.

Higher priority first; among equals, breadth hands out what was found first, depth what was found last.
"""

from typing import Literal

Order = Literal["breadth", "depth"]
Rank = tuple[int, int]


def rank(order: Order, priority: int, number: int) -> Rank:
    """The place of a request among those of its site: the smallest goes first. `number` grows with each request."""
    return (-priority, number if order == "breadth" else -number)
