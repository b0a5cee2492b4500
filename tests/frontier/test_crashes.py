"""Whatever is done in whatever order, and however often the process dies, nothing that was committed is lost."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scraper.events import Statistics
from scraper.frontier import MemoryFrontier, SqliteFrontier, window
from scraper.frontier.database import Store, create
from scraper.frontier.order import rank
from scraper.http.request import Request
from scraper.protocols import Checkpoint, Entry, Frontier
from tests.examples import examples

SITES = ("a.example", "b.example", "c.example")


@contextmanager
def tiny_windows() -> Iterator[None]:
    """So few requests in memory that all ways to the disk and back are gone."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"MOST": 6, "HEAD": 4, "FILL": 3, "LEAST_FILL": 1}.items():
            patch.setattr(window, name, value)
        yield


class Model:
    """What the frontier holds, as plainly as can be; copied at each commit."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[str, int]] = {}  # site and priority
        self.failed: dict[int, str] = {}
        self.met: set[str] = set()
        self.busy: dict[int, tuple[str, int]] = {}

    def as_committed(self) -> "Model":
        copy = Model()
        copy.waiting = self.waiting | self.busy
        copy.failed = dict(self.failed)
        copy.met = set(self.met)
        return copy


class Crashes(RuleBasedStateMachine):
    """A frontier and its model. Subclasses say which one, and whether it comes back after a crash."""

    is_durable = False

    @initialize(order=st.sampled_from(["breadth", "depth"]))
    def open(self, order: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.tiny = tiny_windows()
        self.tiny.__enter__()
        self.folder = Path(tempfile.mkdtemp())
        self.order = order
        self.number = 0
        self.model, self.committed = Model(), Model()
        self.entries: dict[int, Entry] = {}
        self.pending: list[Any] = []
        self.frontier = self.begun()
        self.run(self.frontier.__aenter__())

    def run(self, awaitable: Any) -> Any:
        async def wait() -> Any:
            return await awaitable

        return self.loop.run_until_complete(wait())

    def begun(self) -> Frontier:
        return MemoryFrontier(self.order)

    def teardown(self) -> None:
        if hasattr(self, "frontier"):
            self.settle()
            self.run(self.frontier.__aexit__(None, None, None))
            self.tiny.__exit__(None, None, None)
            self.loop.close()
            shutil.rmtree(self.folder)

    @rule(site=st.sampled_from(SITES), priorities=st.lists(st.integers(-1, 1), min_size=1, max_size=8))
    def add(self, site: str, priorities: list[int]) -> None:
        for priority in priorities:
            self.number += 1
            request = Request(f"http://{site}/{self.number}", priority=priority, meta={"n": self.number})
            entry = self.frontier.add(request)
            self.model.waiting[entry.number] = (site, priority)

    @rule(site=st.sampled_from(SITES), times=st.integers(1, 6))
    def take(self, site: str, times: int) -> None:
        for _ in range(times):
            due = sorted(
                (rank(self.order, priority, number), number)
                for number, (where, priority) in self.model.waiting.items()
                if where == site
            )
            next_priority = -due[0][0][0] if due else None
            self.have_read(site)
            assert self.frontier.priority(site) == next_priority
            entry = self.frontier.take(site)
            assert (entry.number if entry else None) == (due[0][1] if due else None)
            if entry is not None:
                assert entry.request.url.startswith(f"http://{site}/")
                self.entries[entry.number] = entry
                self.model.busy[entry.number] = self.model.waiting.pop(entry.number)

    def have_read(self, site: str) -> None:
        """Have what waits for `site` next in memory, if it is elsewhere."""

    @precondition(lambda self: self.model.busy)
    @rule(data=st.data(), reason=st.sampled_from(["", "http_404"]))
    def end(self, data: st.DataObject, reason: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.busy)))
        if reason:
            self.frontier.failed(self.entries[number], reason)
            self.model.failed[number] = reason
        else:
            self.frontier.done(self.entries[number])
        del self.model.busy[number]

    @rule(key=st.integers(0, 30).map(str))
    def meet(self, key: str) -> None:
        assert self.frontier.remember(key, "http://a.example/") is (key not in self.model.met)
        self.model.met.add(key)

    @rule(waits=st.booleans())
    def commit(self, waits: bool) -> None:
        async def call() -> Any:
            return asyncio.ensure_future(
                self.frontier.commit(Checkpoint(statistics=Statistics(discovered=self.number)))
            )

        self.pending.append((self.run(call()), self.model.as_committed(), self.number))
        if waits:
            self.settle()

    def settle(self) -> None:
        for durable, committed, _ in self.pending:
            self.run(durable)
            self.committed = committed
        self.pending = []

    @invariant()
    def counts_what_waits(self) -> None:
        if hasattr(self, "frontier"):
            assert self.frontier.waiting == len(self.model.waiting)
            assert {site: self.frontier.waiting_for(site) for site in SITES} == {
                site: sum(where == site for where, _ in self.model.waiting.values()) for site in SITES
            }
            assert sorted(self.frontier.sites()) == sorted({site for site, _ in self.model.waiting.values()})


class DurableCrashes(Crashes):
    """SQLite: a crash is a copy of the files as they are, which another frontier opens."""

    def begun(self) -> Frontier:
        path = self.folder / "0.sqlite"
        create(path, {})
        return SqliteFrontier(Store(path), self.order)

    @rule()
    def crash(self) -> None:
        self.settle()
        name = next(self.folder.glob("*.sqlite")).stem
        path = self.folder / f"{int(name) + 1}.sqlite"
        for each in self.folder.glob(f"{name}.sqlite*"):
            if not each.name.endswith("-shm"):
                shutil.copy(each, self.folder / each.name.replace(name, path.stem, 1))
        self.run(self.frontier.__aexit__(None, None, None))
        for each in self.folder.glob(f"{name}.sqlite*"):
            each.unlink()
        self.model = self.committed.as_committed()
        store = Store(path)
        assert {row[0]: row[3] for row in store.failures()} == self.model.failed
        self.frontier = SqliteFrontier(store, self.order)
        self.run(self.frontier.__aenter__())


class TestMemory(Crashes.TestCase):  # type: ignore[name-defined,misc]
    """The frontier in memory does as the model."""

    settings = settings(max_examples=examples(40), stateful_step_count=40, deadline=None)


@pytest.mark.timeout(300)
class TestDurable(DurableCrashes.TestCase):  # type: ignore[name-defined,misc]
    """The durable frontier does as the model, and after each crash has what was committed."""

    settings = settings(max_examples=examples(100), stateful_step_count=50, deadline=None)
