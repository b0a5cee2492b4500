"""The units that this machine owns."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from scraper.frontier.seen import Seen
from scraper.frontier.shared.units import unit_of


class Own(msgspec.Struct, eq=False):
    """A unit of this machine: nothing of it is sent before `rest` is over, and nothing new once it `is_closing`."""

    seen: Seen
    rest: float
    in_hand: int = 0
    sites: set[str] = msgspec.field(default_factory=set)
    is_closing: bool = False


class Owned(dict[str, Own]):
    """The units of this machine, by name."""

    def keeps(self, unit: str) -> bool:
        """Whether a unit is this machine's, and is to remain so."""
        own = self.get(unit)
        return own is not None and not own.is_closing

    def is_in_hand(self, unit: str) -> bool:
        """Whether a request of a unit was taken, and is neither done nor given back."""
        return self[unit].in_hand > 0

    def sites_of(self, unit: str) -> Iterable[str]:
        """The sites of a unit that something waited for."""
        return tuple(self[unit].sites)

    def loads(self, waiting: Mapping[str, int]) -> dict[str, int]:
        """Those that have something to do, and how much of it, if so many requests are `waiting` by site."""
        loads = Counter({name: own.in_hand for name, own in self.items() if not own.is_closing})
        for site, number in waiting.items():
            if (unit := unit_of(site)) in loads:
                loads[unit] += number
        return {unit: number for unit, number in loads.items() if number}
