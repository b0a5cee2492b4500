"""The frontier that machines share, over a real Redis, does as the model of all frontiers, whatever dies."""

import asyncio
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from scraper.frontier.redis.jobs import RedisJobs
from scraper.frontier.redis.store import RedisStore
from scraper.frontier.shared.frontier import SharedFrontier
from tests.examples import examples
from tests.frontier.redis.alone import joined
from tests.frontier.redis.desk import JOB, LEASE, Desk
from tests.frontier.test_crashes import Crashes
from tests.redis_server import RedisServer

SERVERS: list[RedisServer] = []  # that a test uses


class SharedCrashes(Crashes):
    """A machine that crawls alone: a crash is one that is never heard of again, and another one takes over."""

    frontier: SharedFrontier

    def begun(self) -> SharedFrontier:
        self.desk = Desk(SERVERS[-1])
        self.desk.redis.flushall()
        return self.taken_over()

    def taken_over(self) -> SharedFrontier:
        self.store = RedisStore(self.desk.server.url, JOB, lease=LEASE, keep=0, timeout=1.0)
        frontier: SharedFrontier = self.run(joined(self.store, self.order))
        return frontier

    def have_read(self, site: str) -> None:
        async def read() -> None:
            filled = asyncio.Event()
            self.frontier.filled = lambda site: filled.set()
            while self.frontier.priority(site) is None and self.frontier.waiting_for(site):
                await filled.wait()
                filled.clear()

        self.run(read())

    @rule()
    def crash(self) -> None:
        self.settle()
        self.run(self.frontier.__aexit__(None, None, None))
        self.run(self.store.close())
        [token] = self.desk.tokens()
        self.desk.expire(token)
        self.model = self.committed.as_committed()
        self.frontier = self.taken_over()
        self.run(self.frontier.__aenter__())
        assert self.run(self.failures()) == self.model.failed

    async def failures(self) -> dict[int, str]:
        async with RedisJobs(self.desk.server.url) as jobs:
            return {failure.number: failure.reason async for failure in jobs.failures(JOB)}

    def teardown(self) -> None:
        if hasattr(self, "frontier"):
            self.settle()
            self.run(self.frontier.__aexit__(None, None, None))
            self.run(self.store.close())
            self.run(self.desk.close())
        super().teardown()


@pytest.fixture(autouse=True)
def server(redis_server: RedisServer) -> Any:
    SERVERS.append(redis_server)
    yield
    SERVERS.pop()


@pytest.mark.timeout(300)
class TestShared(SharedCrashes.TestCase):  # type: ignore[name-defined,misc]
    """The shared frontier does as the model, and whoever takes over after a crash has what was committed."""

    settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)
