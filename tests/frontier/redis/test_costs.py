"""What a job in Redis costs: memory of the server, commands of a client, and scripts that are sent once."""

import os
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from scraper.frontier.redis.store import RedisStore
from scraper.frontier.serialization.requests import encoded
from scraper.frontier.store import Commit, Unit
from scraper.http.request import Request
from tests.frontier.redis.desk import A, Desk, take
from tests.redis_server import RedisServer

Start = Callable[..., RedisServer]


@pytest.fixture
def alone(start: Start, desk_at: Callable[..., Desk]) -> Desk:
    """A desk at a server that nobody else uses."""
    return desk_at(start())


def used(desk: Desk) -> int:
    """Bytes that the server uses for data and their overhead."""
    desk.redis.memory_purge()
    memory: int = desk.redis.info("memory")["used_memory"]
    return memory


def products(number: int) -> Iterator[bytes]:
    """Requests as spiders make them, with a callback and something to remember."""
    for each in range(number):
        url = f"https://www.shop.example/catalogue/category/tools/page-{each}/product-{each * 7919}.html?sort=price"
        yield encoded(Request(url, callback="product", meta={"category": "garden tools", "page": each, "depth": 3}))


async def test_a_waiting_request_takes_at_most_600_bytes(alone: Desk) -> None:
    """20,000 requests of ordinary size take at most 600 bytes each."""
    store, number = await alone.worker(), 20_000
    await take(store, A)
    before, places = used(alone), count()
    rows = [(A, 0, next(places), each, False) for each in products(number)]
    for start in range(0, number, 250):
        await store.commit(Commit({A: Unit(waiting=rows[start : start + 250])}))
    assert (used(alone) - before) / number <= 600


@pytest.mark.parametrize(("each", "number"), [(7, 20_000), (64, 100_000), (1000, 400_000)])
async def test_a_url_that_was_seen_takes_at_most_10_bytes(alone: Desk, each: int, number: int) -> None:
    """In a large job a fingerprint of 8 bytes takes at most 10, however many each commit adds."""
    store = await alone.worker()
    await take(store, A)
    before = used(alone)
    for _ in range(number // each):
        await store.commit(Commit({A: Unit(fingerprints=os.urandom(8 * each))}))
    assert (used(alone) - before) / number <= 10


async def test_a_job_that_is_worked_off_takes_nothing(alone: Desk) -> None:
    """When all requests are done, their keys and their places among the loads are gone."""
    store = await alone.worker()
    await take(store, A)
    kept = alone.stored() | {f"m:{A}"}
    await store.commit(Commit({A: Unit(waiting=[(A, 0, number, b"x", False) for number in range(1000)])}))
    await store.commit(Commit({A: Unit(gone=[(A, 0, number) for number in range(1000)], memory=[("p", "k", b"v")])}))
    assert alone.stored() - kept == set()


async def test_each_call_is_one_command(alone: Desk) -> None:
    """A client sends one command for each call: a script by its digest, which is sent whole once to a server."""
    store = await alone.worker()
    await take(store, A)
    await store.commit(Commit())
    alone.redis.config_resetstat()
    for number in range(50):
        await store.commit(Commit({A: Unit(waiting=[(A, 0, number, b"x", False)])}))
    statistics = alone.redis.info("commandstats")
    assert statistics["cmdstat_evalsha"]["calls"] == 50
    assert "cmdstat_eval" not in statistics
    alone.redis.script_flush()
    await store.commit(Commit())
    await store.commit(Commit())
    statistics = alone.redis.info("commandstats")
    assert (statistics["cmdstat_evalsha"]["calls"], statistics["cmdstat_eval"]["calls"]) == (52, 1)


async def test_two_jobs_share_a_server(alone: Desk) -> None:
    """Two jobs on one server have nothing in common."""
    first = await alone.worker()
    other = RedisStore(alone.server.url, "other", lease=100, keep=0, timeout=10)
    alone.stores.append(other)
    await other.join(b"other", replaces=None, fresh=False)
    await take(first, A)
    await take(other, A)
    await first.commit(Commit({A: Unit(waiting=[(A, 0, 1, b"x", False)])}, items=b"items"))
    news = await other.commit(Commit())
    assert (news.backlog, news.peers, await other.read(A, A, None, 9)) == (0, [], [])
