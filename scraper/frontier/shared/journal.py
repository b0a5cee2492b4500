"""What happened on this machine since its last commit, and how the next one writes it."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from scraper.frontier.shared.owned import Own
from scraper.frontier.store import Memory, Unit

Added = tuple[str, str, int, int, bytes, bool]
"""Unit, site, rank (two numbers), request and whether it is a start request."""


class Journal(msgspec.Struct, eq=False):
    """What happened since a commit."""

    added: dict[int, Added] = msgspec.field(default_factory=dict)
    gone: list[tuple[str, str, int, int]] = msgspec.field(default_factory=list)
    failed: list[tuple[str, tuple[int, str, str, str, bytes, bool]]] = msgspec.field(default_factory=list)
    found: dict[str, list[bytes]] = msgspec.field(default_factory=dict)
    drained: Counter[str] = msgspec.field(default_factory=Counter)
    released: dict[str, Own] = msgspec.field(default_factory=dict)

    @property
    def is_anything(self) -> bool:
        """Whether anything happened."""
        return bool(self.added or self.gone or self.failed or self.found or self.drained or self.released)

    def cut(self, own: Mapping[str, Own], memory: Mapping[str, list[Memory]]) -> dict[str, Unit]:
        """What a commit writes of each unit: `own` are those that this machine keeps, `memory` is of all of them."""
        units: dict[str, Unit] = {}

        def of(name: str) -> Unit:
            return units.setdefault(name, Unit())

        for name, place, high, number, data, is_start in self.added.values():
            of(name).waiting.append((place, high, number, data, is_start))
        for name, place, high, number in self.gone:
            of(name).gone.append((place, high, number))
        for name, failure in self.failed:
            of(name).failed.append(failure)
        for name, size in self.drained.items():
            of(name).drained = size
        for name, each in (*own.items(), *self.released.items()):
            if fingerprints := each.seen.cut():
                of(name).fingerprints = fingerprints
        for name, rows in memory.items():
            of(name).memory.extend(rows)
        for name in self.released:
            of(name).released = True
        return units


class Report(msgspec.Struct, frozen=True):
    """What a commit says of the crawl on this machine: see `store.Commit`."""

    parked: int = 0
    is_idle: bool = False
    stop: str = ""
    has_ended: bool = False
    seeds: bool = False
