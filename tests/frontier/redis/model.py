"""What `SharedStore` promises, in plain Python: a job in which nothing is lost and nobody waits."""

from dataclasses import dataclass, field
from typing import Literal

from scraper.frontier.store import ITEMS, SEEDS, Collected, Commit, Peer, Unit
from scraper.frontier.window import Row

ROLES = (SEEDS, ITEMS)

Rest = Literal["never", "released", "died"]


@dataclass
class ModelUnit:
    """What a unit has."""

    waiting: dict[tuple[str, int, int], tuple[bytes, bool]] = field(default_factory=dict)
    found: list[bytes] = field(default_factory=list)
    fingerprints: bytes = b""
    memory: dict[tuple[str, str], bytes] = field(default_factory=dict)
    owner: str = ""
    rest: Rest = "never"

    @property
    def load(self) -> int:
        return len(self.waiting) + len(self.found)

    def sites(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for site, _, _ in self.waiting:
            counts[site] = counts.get(site, 0) + 1
        return counts

    def rows(self, site: str) -> list[Row]:
        return sorted((high, low, *self.waiting[of, high, low]) for of, high, low in self.waiting if of == site)


@dataclass
class ModelWorker:
    """A worker that is in the store; its lease may have run out all the same."""

    has_expired: bool = False
    parked: int = 0
    is_idle: bool = False
    has_ended: bool = False


@dataclass
class ModelJob:
    """A job. Names stand for workers; a worker that is not among `workers` is refused."""

    keep: int
    units: dict[str, ModelUnit] = field(default_factory=lambda: {role: ModelUnit() for role in ROLES})
    workers: dict[str, ModelWorker] = field(default_factory=dict)
    failed: dict[int, tuple[int, str, str, str, bytes, bool]] = field(default_factory=dict)
    memory: dict[tuple[str, str], bytes] = field(default_factory=dict)
    statistics: dict[str, bytes] = field(default_factory=dict)
    wanted: dict[str, str] = field(default_factory=dict)
    seeds: bytes = b""
    have_seeds_ended: bool = False
    stop: str = ""
    batches: list[bytes] = field(default_factory=list)
    first: int = 0
    following: int = 0
    positions: bytes = b""
    outcome: bytes | None = None
    rests: bool = False  # all of it, since it was begun anew a moment after a worker died

    def joined(self, worker: str, former: str) -> None:
        self.removed(former)
        self.heard_of("")
        if not former and not self.workers:
            self.stop = ""
        self.workers[worker] = ModelWorker()

    def begun_anew(self, former: str) -> "ModelJob | None":
        """The job as it is then; None if a worker is alive."""
        self.removed(former)
        self.heard_of("")
        if self.workers:
            return None
        rests = self.rests or any(unit.rest == "died" for unit in self.units.values())
        return ModelJob(self.keep, rests=rests)

    def heard_of(self, worker: str) -> bool:
        """Somebody has called: others whose lease ran out are removed. Whether it is a worker."""
        if worker and worker not in self.workers:
            return False
        for each in [name for name, state in self.workers.items() if state.has_expired and name != worker]:
            self.removed(each)
        if worker:
            self.workers[worker].has_expired = False
        return True

    def removed(self, worker: str, rest: Rest = "died") -> None:
        if self.workers.pop(worker, None) is None:
            return
        for name, unit in self.units.items():
            if unit.owner == worker:
                unit.owner, unit.rest = "", rest
                self.wanted.pop(name, None)
        self.wanted = {name: who for name, who in self.wanted.items() if who != worker}

    def taken(self, worker: str, most: int, names: list[str]) -> list[str]:
        """The units that a worker is to be given, in this order."""
        if self.outcome is not None:
            return []
        chosen = [name for name in dict.fromkeys(names) if not self.units.get(name, ModelUnit()).owner]
        free = [(unit.load, name) for name, unit in self.units.items() if unit.load and not unit.owner]
        others = [name for _, name in sorted(free, key=lambda each: (each[0], each[1].encode()), reverse=True)]
        chosen += [name for name in others if name not in chosen][:most]
        for name in chosen:
            self.units.setdefault(name, ModelUnit()).owner = worker
            self.wanted.pop(name, None)
        return chosen

    def committed(self, worker: str, commit: Commit) -> None:
        state = self.workers[worker]
        state.parked, state.is_idle, state.has_ended = commit.parked, commit.is_idle, commit.has_ended
        for name, written in commit.units.items():
            self._written(name, self.units[name], written)
        for name, found in commit.found.items():
            self.units.setdefault(name, ModelUnit()).found += found
        if commit.statistics:
            self.statistics[worker] = commit.statistics
        if commit.seeds is not None:
            self.seeds = commit.seeds
        self.have_seeds_ended |= commit.seeds_ended
        self.stop = self.stop or commit.stop
        for name in commit.wanted:
            if name in self.units and self.units[name].owner not in {"", worker}:
                self.wanted[name] = worker
        _remember(self.memory, commit.memory)
        if commit.items:
            self.batches.append(commit.items)
            self._trim()

    def _written(self, name: str, unit: ModelUnit, written: Unit) -> None:
        for site, high, low, request, is_start in written.waiting:
            unit.waiting[site, high, low] = (request, is_start)
        for key in written.gone:
            unit.waiting.pop(key, None)
        self.failed |= {each[0]: each for each in written.failed}
        unit.fingerprints += written.fingerprints
        _remember(unit.memory, written.memory)
        del unit.found[: written.drained]
        if written.released:
            unit.owner, unit.rest = "", "released"
            self.wanted.pop(name, None)

    def collected(self) -> Collected:
        return Collected(self.following, self.positions, self.first)

    def fitting(self, first: int, most: int) -> list[bytes]:
        batches = self.batches[first - self.first :]
        number = 1
        while number < len(batches) and sum(map(len, batches[: number + 1])) <= most:
            number += 1
        return batches[:number]

    def collect(self, following: int, positions: bytes, memory: list[tuple[str, str, bytes | None]]) -> None:
        self.following, self.positions = following, positions
        _remember(self.units[ITEMS].memory, memory)
        self._trim()

    def finished(self, outcome: bytes) -> None:
        self.outcome = outcome
        self.first = self.following = self.first + len(self.batches)
        self.batches = []

    def _trim(self) -> None:
        while sum(map(len, self.batches)) > self.keep and self.first < self.following:
            del self.batches[0]
            self.first += 1

    # What a worker is told.

    def of(self, worker: str) -> dict[str, ModelUnit]:
        return {name: unit for name, unit in self.units.items() if unit.owner == worker}

    @property
    def backlog(self) -> int:
        return sum(map(len, self.batches[self.following - self.first :]))

    @property
    def free(self) -> int:
        roles = (ITEMS,) if self.have_seeds_ended else ROLES
        return sum(1 for name, unit in self.units.items() if not unit.owner and (unit.load or name in roles))

    def peers(self, worker: str) -> list[Peer]:
        others = [(name, state) for name, state in self.workers.items() if name != worker]
        return [Peer(sum(1 for unit in self.of(name).values() if unit.load), state.is_idle) for name, state in others]

    @property
    def is_over(self) -> bool:
        if self.stop and all(state.has_ended for state in self.workers.values()):
            return True
        if not self.have_seeds_ended or any(unit.load for unit in self.of("").values()):
            return False
        loads = {name: sum(unit.load for unit in self.of(name).values()) for name in self.workers}
        return all(loads[name] <= state.parked for name, state in self.workers.items())


def _remember(memory: dict[tuple[str, str], bytes], changes: list[tuple[str, str, bytes | None]]) -> None:
    for part, key, value in changes:
        if value is None:
            memory.pop((part, key), None)
        else:
            memory[part, key] = value
