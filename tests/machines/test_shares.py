"""How many of the free sites a machine takes: all that could do more are to have equally many."""

from typing import Any, cast

import pytest

from scraper.frontier.shared.frontier import SharedFrontier
from scraper.frontier.store import News, Peer
from scraper.machines.sharing import MOST_UNITS, Sharing


class Units:
    """A frontier that has so many units with something to do."""

    def __init__(self, number: int) -> None:
        self._number = number

    def loads(self) -> dict[str, int]:
        return {f"{each}.example": 1 for each in range(self._number)}


def news(free: int, *peers: Peer) -> News:
    return News({}, free, [], peers, [], b"", 0, "", is_over=False, ended=None, moment=0)


IDLE, BUSY = True, False


@pytest.mark.parametrize(
    ("own", "free", "peers", "share"),
    [
        (0, 10, [], 10),  # alone: all
        (0, 10, [(0, IDLE)], 5),  # half
        (0, 9, [(0, IDLE)], 5),  # the odd one is somebody's
        (0, 10, [(20, BUSY)], 10),  # who has enough to do takes none
        (6, 4, [(0, IDLE)], 0),  # the other is behind
        (2, 8, [(2, IDLE)], 4),
        (0, 10, [(8, IDLE), (0, IDLE)], 6),
        (0, 1000, [], MOST_UNITS),  # not more at once
        (3, 0, [(0, IDLE)], 0),
    ],
)
async def test_the_share_of_a_machine(own: int, free: int, peers: list[tuple[int, bool]], share: int) -> None:
    """It is what is missing to the equal number, as far as that is free, and at most so many at once."""
    frontier = cast("SharedFrontier", cast("Any", Units(own)))
    sharing = Sharing(frontier, concurrency=8, delay=0.0, memories={}, private=(), clock=lambda: 0.0)
    assert sharing._share(news(free, *(Peer(*each) for each in peers))) == share
