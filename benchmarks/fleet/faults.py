"""What happens to the machines of a crawl: when, to whom, for how long, and back again."""

from __future__ import annotations

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from fleet.stand import Stand
from fleet.workers import Worker

TOO_LATE = 5.0  # seconds before the end: a worker that joins later might find the job finished, and begin another
REST = 2.0  # seconds until a worker that refused to work is started again
BUSIEST = -1
KINDS = ("kill", "kill_all", "leave", "stop", "part", "redis", "cut", "freeze")


@dataclass(frozen=True, slots=True)
class Fault:
    """At the moment when a part `at` of all pages is answered, `kind` happens for `seconds`.

        kill        kill -9 of a worker, which joins again
        kill_all    the same of all workers
        leave       SIGTERM to a worker, which joins again
        stop        SIGSTOP of a worker, and SIGCONT
        part        the link of a worker is down, and up again
        redis       kill -9 of Redis, which is started again
        cut         the same, and `lost` seconds of its last writes are gone
        freeze      SIGSTOP of Redis, and SIGCONT

    `worker` is the number of a worker, from 0, or `BUSIEST`: who has asked the shop most lately.
    """

    kind: str
    at: float
    seconds: float
    worker: int = 0
    lost: float = 1.0

    def __str__(self) -> str:
        name = "the busiest" if self.worker == BUSIEST else f"m{self.worker + 1}"
        whom = f" {name}" if self.kind in ("kill", "leave", "stop", "part") else ""
        lost = f", {self.lost:.1f} s lost" if self.kind == "cut" else ""
        return f"{self.kind}{whom} at {self.at:.0%} for {self.seconds:.1f} s{lost}"


@dataclass
class Happened:
    """A fault that happened: when it began, on the clock of the stamps, and what is to be said of it."""

    fault: Fault
    moment: float
    note: str = ""


@dataclass
class Faults:
    """Has faults happen to a stand, one step at each `act()`."""

    stand: Stand
    planned: Sequence[Fault]
    happened: list[Happened] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    joined: list[tuple[str, float]] = field(default_factory=list)  # again: who, and when

    def __post_init__(self) -> None:
        self._left = sorted(self.planned, key=lambda fault: fault.at)
        self._order = count()
        self._steps: list[tuple[float, int, Callable[[], None]]] = []
        self._redis_is_well = True
        self._outages: list[tuple[float, float]] = []  # from when to when Redis was not there

    @property
    def left(self) -> Sequence[Fault]:
        """The faults that did not happen yet."""
        return self._left

    @property
    def writes_were_lost(self) -> bool:
        """Has Redis lost what it had acknowledged? Then a clear refusal is one of the right answers."""
        return any(each.fault.kind == "cut" for each in self.happened)

    @property
    def is_quiet(self) -> bool:
        """Is nothing to be mended any more?"""
        return not self._steps

    def act(self) -> None:
        """Do what is due."""
        while self._steps and self._steps[0][0] <= time.monotonic():
            heapq.heappop(self._steps)[2]()
        for planned in list(self._left):
            if planned.at <= self.stand.shop.done and self._may(fault := self._aimed(planned)):
                self._left.remove(planned)
                self.happened.append(Happened(fault, time.time()))
                getattr(self, f"_{fault.kind}")(fault)

    def mend(self) -> None:
        """Do at once what was to be done later, as a crawl is given up."""
        while self._steps:
            heapq.heappop(self._steps)[2]()

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        heapq.heappush(self._steps, (time.monotonic() + seconds, next(self._order), step))

    def _aimed(self, fault: Fault) -> Fault:
        if fault.worker != BUSIEST:
            return fault
        asked = Counter(stamp.machine for stamp in self.stand.shop.lately())
        names = [worker.name for worker in self.stand.workers]
        return replace(fault, worker=max(range(len(names)), key=lambda number: asked[names[number]]))

    def _may(self, fault: Fault) -> bool:
        """Is the one whom it is to happen to up and well?"""
        if fault.kind in ("redis", "cut", "freeze"):
            return self._redis_is_well
        worker = self.stand.workers[fault.worker]
        return fault.kind == "kill_all" or (worker.runs and not worker.is_stopped)

    def _join(self, workers: Sequence[Worker]) -> None:
        has_ended = any(each.status == 0 for worker in self.stand.workers for each in worker.exits if not each.sent)
        if has_ended or (self.stand.running and self.stand.shop.seconds_left() < TOO_LATE):
            self.notes.append(f"{', '.join(worker.name for worker in workers)} did not join again, so near to the end")
            return
        for worker in workers:
            if not worker.runs:
                worker.start()
                self.joined.append((worker.name, time.time()))

    def join_later(self, worker: Worker) -> None:
        """Have a worker join again that has refused to work as things were."""
        self._later(REST, lambda: self._join([worker]))

    def was_away(self, since: float) -> bool:
        """Was Redis not there when a worker was started, at `since` of the monotonic clock, or soon after?"""
        return any(since < end and since > begin - REST for begin, end in self._outages)

    def _kill(self, fault: Fault) -> None:
        worker = self.stand.workers[fault.worker]
        worker.send("KILL")
        self._later(fault.seconds, lambda: self._join([worker]))

    def _kill_all(self, fault: Fault) -> None:
        killed = self.stand.running
        for worker in killed:
            worker.send("KILL")
        self._later(fault.seconds, lambda: self._join(killed))

    def _leave(self, fault: Fault) -> None:
        worker = self.stand.workers[fault.worker]
        worker.send("TERM")
        self._join_when_gone(worker, fault.seconds)

    def _join_when_gone(self, worker: Worker, seconds: float) -> None:
        def step() -> None:
            if worker.runs:
                self._join_when_gone(worker, 0.2)
            else:
                self._join([worker])

        self._later(seconds, step)

    def _stop(self, fault: Fault) -> None:
        worker = self.stand.workers[fault.worker]
        worker.send("STOP")
        self._later(fault.seconds, lambda: worker.send("CONT") if worker.runs else None)

    def _part(self, fault: Fault) -> None:
        spaces, name = self.stand.spaces, self.stand.workers[fault.worker].name
        assert spaces is not None
        spaces.set_link(name, "down")
        self.happened[-1].moment = time.time()
        self._later(fault.seconds, lambda: spaces.set_link(name, "up"))

    def _redis(self, fault: Fault) -> None:
        redis = self.stand.redis
        assert redis is not None
        redis.kill()
        self._be_away(fault.seconds, self._start_redis)

    def _cut(self, fault: Fault) -> None:
        redis = self.stand.redis
        assert redis is not None
        redis.kill()
        self.happened[-1].note = f"{redis.cut(fault.lost):,} bytes lost"
        self._be_away(fault.seconds, self._start_redis)

    def _be_away(self, seconds: float, back: Callable[[], None]) -> None:
        self._redis_is_well = False
        now = time.monotonic()
        self._outages.append((now, now + seconds + REST))
        self._later(seconds, back)

    def _start_redis(self) -> None:
        assert self.stand.redis is not None
        self.stand.redis.start()
        self._redis_is_well = True

    def _freeze(self, fault: Fault) -> None:
        redis = self.stand.redis
        assert redis is not None
        redis.freeze()
        self._be_away(fault.seconds, self._thaw)

    def _thaw(self) -> None:
        assert self.stand.redis is not None
        self.stand.redis.thaw()
        self._redis_is_well = True


def kills(workers: int, rng: random.Random) -> list[Fault]:
    """Each worker is killed once at a random moment, and joins again within two seconds."""
    return [Fault("kill", rng.uniform(0.05, 0.6), rng.uniform(0.0, 2.0), number) for number in range(workers)]


def drawn(kinds: Sequence[str], number: int, workers: int, lease: float, rng: random.Random) -> list[Fault]:
    """So many faults of these kinds, at random; what is stopped may be so for shorter or longer than a lease."""
    found = []
    for _ in range(number):
        kind = rng.choice(kinds)
        longest = {"stop": 2.5 * lease, "part": 2.5 * lease, "freeze": 1.5 * lease}.get(kind, 3.0)
        at, seconds, lost = rng.uniform(0.03, 0.8), rng.uniform(0.1, longest), rng.uniform(0.1, 2.0)
        found.append(Fault(kind, at, seconds, rng.choice((BUSIEST, *range(workers))), lost))
    return found
