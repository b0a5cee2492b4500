"""Whatever several workers do in whatever order, and whoever's lease runs out, the store is as the model says."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from scraper.errors import StorageError
from scraper.frontier.store import ITEMS, SEEDS, Commit, Held, News, Unit
from scraper.protocols import LeaseLost
from tests.examples import examples
from tests.frontier.redis.desk import TIMEOUT, Desk
from tests.frontier.redis.model import ROLES, ModelJob
from tests.redis_server import RedisServer

UNITS = ["a.example", "b.example", "ü.example", "d.example"]
KEEP = 40
SLOTS = st.integers(0, 2)
MEMORIES = st.lists(
    st.tuples(st.sampled_from(["pace", "robots"]), st.sampled_from(["", "k", "\0"]), st.none() | st.binary(max_size=5)),
    max_size=3,
)


class Workers(RuleBasedStateMachine):
    """Three processes, each of which joins and loses the job now and then."""

    server: RedisServer

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.desk = Desk(self.server)
        self.desk.redis.flushall()
        self.job: ModelJob | None = None
        self.stores = [self.desk.store(keep=KEEP) for _ in range(3)]
        self.names = ["", "", ""]  # of the workers that they are, or were if they have not left
        self.tokens: dict[str, bytes] = {}
        self.numbers = count(1)

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.runner.run(self.desk.close())
            self.runner.close()

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(call)

    def ask(self, slot: int, call: Callable[[], Coroutine[Any, Any, Any]], *, frees: bool = True) -> Any:
        """What a store answers a worker; None if it is none, as it then says. `frees` others whose lease ran out."""
        job = self.job
        if job is None or self.names[slot] not in job.workers:
            with pytest.raises(LeaseLost):
                self.run(call())
            return None
        if frees:
            job.heard_of(self.names[slot])
        return self.run(call())

    # Workers come and go.

    @rule(slot=SLOTS, fresh=st.sampled_from([False, False, False, True]))
    def join(self, slot: int, fresh: bool) -> None:
        former, store = self.names[slot], self.stores[slot]
        look = self.run(store.look())
        if self.job is None:
            assert look is None
            self.job = ModelJob(KEEP)
        else:
            assert look.workers == sum(not each.has_expired for each in self.job.workers.values())
            assert (look.description, look.ended) == (b"D", self.job.outcome)
            if fresh:
                anew = self.job.begun_anew(former)
                if anew is None:
                    with pytest.raises(StorageError, match="workers that are alive"):
                        self.run(store.join(b"D", replaces=b"D", fresh=True))
                    return
                self.job, self.tokens = anew, {}
        joined = self.run(store.join(b"D", replaces=look and b"D", fresh=fresh))
        self.names[slot] = name = f"{slot}-{next(self.numbers)}"
        self.job.joined(name, former)
        known = set(self.tokens.values())
        [self.tokens[name]] = [token for token in self.desk.tokens() if token not in known]
        assert sorted(joined.memory) == sorted((*key, value) for key, value in self.job.memory.items())
        self.agrees(name, joined.news)

    @rule(slot=SLOTS)
    def leave(self, slot: int) -> None:
        if self.job is None or self.names[slot] not in self.job.workers:
            with pytest.raises(LeaseLost):
                self.run(self.stores[slot].leave())
            return
        self.run(self.stores[slot].leave())
        self.job.removed(self.names[slot], "released")
        self.names[slot] = ""

    @precondition(lambda self: self.job is not None and self.job.workers)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        assert self.job is not None
        name = data.draw(st.sampled_from(sorted(self.job.workers)))
        self.desk.expire(self.tokens[name])
        self.job.workers[name].has_expired = True

    @rule(slot=SLOTS)
    def refresh(self, slot: int) -> None:
        self.ask(slot, self.stores[slot].refresh)

    # Units.

    @rule(slot=SLOTS, most=st.integers(0, 3), names=st.lists(st.sampled_from([*UNITS, *ROLES]), max_size=3))
    def take(self, slot: int, most: int, names: list[str]) -> None:
        held = self.ask(slot, lambda: self.stores[slot].take(most, names=names))
        if held is not None:
            assert self.job is not None
            assert [each.name for each in held] == self.job.taken(self.names[slot], most, names)
            for each in held:
                self.is_as_it_was_left(each)

    def is_as_it_was_left(self, held: Held) -> None:
        assert self.job is not None
        unit = self.job.units[held.name]
        assert (held.sites, held.found, held.fingerprints) == (unit.sites(), len(unit.found), unit.fingerprints)
        assert sorted(held.memory) == sorted((*key, value) for key, value in unit.memory.items())
        match "died" if self.job.rests else unit.rest:
            case "never":
                assert held.rest is None
            case "released":
                assert held.rest == 0
            case _:
                assert held.rest is not None
                assert TIMEOUT - 100 < held.rest <= TIMEOUT

    @rule(slot=SLOTS, unit=st.sampled_from(UNITS), number=st.integers(1, 6), data=st.data())
    def read(self, slot: int, unit: str, number: int, data: st.DataObject) -> None:
        job, store, site = self.job, self.stores[slot], data.draw(st.sampled_from([unit, f"www.{unit}"]))
        if job is None or job.units.get(unit) is None or job.units[unit].owner != self.names[slot] or not job.of(""):
            return
        if not self.names[slot]:
            return
        rows = job.units[unit].rows(site)
        start = data.draw(st.none() | st.sampled_from(rows)) if rows else None
        due = [row for row in rows if start is None or row[:2] >= start[:2]]
        assert self.ask(slot, lambda: store.read(unit, site, start and start[:2], number), frees=False) == due[:number]
        found = self.ask(slot, lambda: store.found(unit, number), frees=False)
        assert found == job.units[unit].found[:number]

    @rule(slot=SLOTS, data=st.data())
    def commit(self, slot: int, data: st.DataObject) -> None:
        commit = self.drawn(data, self.names[slot])
        news = self.ask(slot, lambda: self.stores[slot].commit(commit))
        if news is not None:
            assert self.job is not None
            self.job.committed(self.names[slot], commit)
            self.agrees(self.names[slot], news)

    def drawn(self, data: st.DataObject, worker: str) -> Commit:
        draw = data.draw
        owned = sorted(self.job.of(worker)) if self.job is not None and worker else []
        units = {}
        for name in owned:
            if name in ROLES:
                if draw(st.integers(0, 9)) == 0:
                    units[name] = Unit(released=True)
            elif draw(st.booleans()):
                units[name] = self.drawn_unit(draw, name)
        return Commit(
            units,
            draw(st.dictionaries(st.sampled_from(UNITS), st.lists(st.binary(max_size=4), max_size=3), max_size=2)),
            draw(st.just(b"") | st.binary(max_size=25)),
            draw(st.just(b"") | st.binary(max_size=3)),
            seeds=draw(st.none() | st.binary(max_size=3)) if SEEDS in owned else None,
            seeds_ended=SEEDS in owned and draw(st.booleans()),
            memory=draw(MEMORIES),
            parked=draw(st.integers(0, 3)),
            is_idle=draw(st.booleans()),
            wanted=draw(st.lists(st.sampled_from(UNITS), max_size=2)),
            stop=draw(st.sampled_from(["", "", "", "", "", "", "cancelled", "limit"])),
            has_ended=draw(st.booleans()),
        )

    def drawn_unit(self, draw: Callable[[Any], Any], name: str) -> Unit:
        assert self.job is not None
        unit = self.job.units[name]
        sites = st.sampled_from([name, f"www.{name}"])
        rows = [
            (draw(sites), high, next(self.numbers) * draw(st.sampled_from([1, -1])), b"%d" % high, draw(st.booleans()))
            for high in draw(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2), max_size=3))
        ]
        there = sorted(unit.waiting)
        return Unit(
            rows,
            draw(st.lists(st.sampled_from(there), unique=True)) if there else [],
            [(next(self.numbers), name, "url", "reason", b"x", False) for _ in range(draw(st.integers(0, 1)))],
            b"%08d" % next(self.numbers) * draw(st.sampled_from([0, 1, 50])),
            draw(MEMORIES),
            draw(st.integers(0, len(unit.found))),
            draw(st.integers(0, 4)) == 0,
        )

    def agrees(self, worker: str, news: News) -> None:
        job = self.job
        assert job is not None
        assert news.found == {name: len(unit.found) for name, unit in job.of(worker).items() if unit.found}
        assert news.free == job.free
        assert sorted(news.wanted) == sorted(name for name in job.wanted if job.units[name].owner == worker)
        assert sorted(map(repr, news.peers)) == sorted(map(repr, job.peers(worker)))
        assert sorted(news.others) == sorted(each for name, each in job.statistics.items() if name != worker)
        assert (news.seeds, news.backlog, news.stop) == (job.seeds, job.backlog, job.stop)
        assert (news.is_over, news.ended) == (job.is_over, job.outcome)

    # Items.

    def collects(self) -> int | None:
        """The slot of who has the role."""
        owner = self.job.units[ITEMS].owner if self.job is not None else ""
        return self.names.index(owner) if owner else None

    @precondition(lambda self: self.collects() is not None)
    @rule(data=st.data(), memory=MEMORIES)
    def collect(self, data: st.DataObject, memory: list[tuple[str, str, bytes | None]]) -> None:
        job, slot = self.job, self.collects()
        assert job is not None
        assert slot is not None
        store = self.stores[slot]
        assert self.ask(slot, store.collected, frees=False) == job.collected()
        first = data.draw(st.integers(job.first, job.first + len(job.batches)))
        most = data.draw(st.integers(0, 60))
        assert self.ask(slot, lambda: store.batches(first, most), frees=False) == job.fitting(first, most)
        following = data.draw(st.integers(job.following, job.first + len(job.batches)))
        self.ask(slot, lambda: store.collect(following, b"at %d" % following, memory), frees=False)
        job.collect(following, b"at %d" % following, memory)
        job.workers[self.names[slot]].has_expired = False

    @precondition(lambda self: self.collects() is not None)
    @rule(percent=st.integers(0, 99))
    def finish(self, percent: int) -> None:
        job, slot = self.job, self.collects()
        assert job is not None
        assert slot is not None
        store = self.stores[slot]
        if job.following < job.first + len(job.batches):
            with pytest.raises(StorageError, match="items that are not in the data files yet"):
                self.ask(slot, lambda: store.finish(b"done"), frees=False)
        elif percent < 50:
            self.ask(slot, lambda: store.finish(b"done %d" % percent), frees=False)
            job.finished(b"done %d" % percent)
            job.workers[self.names[slot]].has_expired = False

    @invariant()
    def nothing_is_left_over(self) -> None:
        """There are keys for what is there, and for nothing else; and what failed is known."""
        if self.job is None:
            return
        stored = self.desk.stored()
        for mark, kept in {"w": "waiting", "i": "found", "s": "fingerprints", "m": "memory"}.items():
            expected = {f"{mark}:{name}" for name, unit in self.job.units.items() if getattr(unit, kept)}
            assert {key for key in stored if key.startswith(f"{mark}:")} == expected
        assert self.desk.redis.hlen(self.desk.key("failed")) == len(self.job.failed)
        assert len([key for key in stored if key.startswith("worker:")]) == len(self.job.workers)
        assert {key for key in stored if key.startswith("load:")} == {
            f"load:{self.tokens[name].decode()}"
            for name in self.job.workers
            if any(unit.load for unit in self.job.of(name).values())
        }


@pytest.mark.timeout(300)
def test_workers_in_any_order(redis_server: RedisServer) -> None:
    """All that workers are told is what the model says, in whatever order they join, take, commit, collect and die."""

    class Here(Workers):
        server = redis_server

    run_state_machine_as_test(Here, settings=settings(max_examples=examples(40), stateful_step_count=50, deadline=None))
