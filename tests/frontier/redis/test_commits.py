"""What the shared frontier commits, and in which order."""

import asyncio

import msgspec

from scraper.events import Statistics
from scraper.http.request import Request
from scraper.protocols import Checkpoint
from tests.frontier.redis.alone import joined
from tests.frontier.redis.desk import Desk


async def test_commits_keep_their_order(desk: Desk) -> None:
    """A commit whose items take time to be packed is written before the next one, which has none."""
    async with await joined(desk.store(), "breadth") as frontier:
        await frontier.outbox.write([{"number": number} for number in range(1000)])
        first = frontier.commit(Checkpoint(statistics=Statistics(items=1000)))
        frontier.add(Request("http://a.example/"))
        second = frontier.commit(Checkpoint(statistics=Statistics(items=1000, discovered=1)))
        await second
        [written] = desk.redis.hvals(desk.key("statistics"))
        assert msgspec.msgpack.decode(written, type=Statistics).discovered == 1
        assert desk.redis.llen(desk.key("items")) == 1
        await asyncio.wait_for(first, 1.0)


async def test_a_commit_that_nobody_waits_for_any_more(desk: Desk) -> None:
    """Once a commit was asked for it is written, also if what waits for it is cancelled: the next one builds on it."""
    async with await joined(desk.store(), "breadth") as frontier:
        frontier.add(Request("http://a.example/"))
        await frontier.outbox.write([{"number": 1}])
        first = asyncio.ensure_future(frontier.commit(Checkpoint()))
        await asyncio.sleep(0)
        first.cancel()
        await frontier.commit(Checkpoint())
        assert desk.redis.zcard(desk.key("w:a.example")) == 1
        assert desk.redis.llen(desk.key("items")) == 1
