"""What every frontier promises, wherever it keeps its requests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import StorageError
from scraper.frontier import Description, Job, MemoryFrontier, SqliteFrontier, open_job
from scraper.frontier.database import Store, create
from scraper.frontier.order import Order, rank
from scraper.frontier.redis.store import RedisStore
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.http.request import Request
from scraper.protocols import Checkpoint, Entry, Frontier, identity
from scraper.settings.schema import FrontierSettings
from scraper.urls import site
from tests.frontier.redis.alone import joined
from tests.frontier.redis.desk import LEASE
from tests.redis_server import RedisServer

A, B = "http://a.example", "http://b.example"

Make = Callable[..., AbstractAsyncContextManager[Frontier]]


@pytest.fixture(params=["memory", "sqlite", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes an empty frontier."""
    numbers = count()

    def durable(order: Order = "breadth") -> SqliteFrontier:
        path = tmp_path / f"{next(numbers)}.sqlite"
        create(path, {})
        return SqliteFrontier(Store(path), order)

    @asynccontextmanager
    async def shared(order: Order = "breadth") -> AsyncIterator[SharedFrontier]:
        server: RedisServer = request.getfixturevalue("redis_server")
        job = f"{tmp_path.name}-{next(numbers)}"
        store = RedisStore(server.url, job, lease=LEASE, keep=0, timeout=1.0)
        try:
            async with await joined(store, order) as frontier:
                yield frontier
        finally:
            await store.close()

    return {"memory": MemoryFrontier, "sqlite": durable, "redis": shared}[request.param]


def add(frontier: Frontier, *paths: str, on: str = A, **fields: Any) -> list[Entry]:
    return [frontier.add(Request(f"{on}/{path}", **fields)) for path in paths]


def taken(frontier: Frontier, on: str = A) -> list[str]:
    """The paths of all that waits for a site, in the order it is handed out."""
    paths = []
    while entry := frontier.take(site(f"{on}/")):
        paths.append(entry.request.url.rpartition("/")[2])
    return paths


async def test_breadth_hands_out_what_was_found_first(make: Make) -> None:
    """In the order `breadth`, which is the usual one, requests are handed out as they came."""
    async with make() as usual, make("breadth") as breadth:
        for frontier in (usual, breadth):
            add(frontier, *"abc")
            assert taken(frontier) == ["a", "b", "c"]


async def test_depth_hands_out_what_was_found_last(make: Make) -> None:
    """In the order `depth`, the newest request is the next one."""
    async with make("depth") as frontier:
        add(frontier, *"abc")
        assert frontier.take("a.example").request.url.endswith("c")  # type: ignore[union-attr]
        add(frontier, "d")
        assert taken(frontier) == ["d", "b", "a"]


@pytest.mark.parametrize("order", ["breadth", "depth"])
async def test_higher_priority_goes_first(make: Make, order: Order) -> None:
    """Higher priorities go first in both orders, and `priority` tells that of the next one."""
    async with make(order) as frontier:
        assert frontier.priority("a.example") is None
        add(frontier, "low", priority=-1)
        add(frontier, "usual")
        add(frontier, "high", priority=5)
        assert frontier.priority("a.example") == 5
        assert taken(frontier) == ["high", "usual", "low"]
        assert frontier.priority("a.example") is None


async def test_each_site_has_its_queue(make: Make) -> None:
    """A site's requests are asked for by its name; one that has none gives None."""
    async with make() as frontier:
        add(frontier, "x", "y")
        add(frontier, "z", on=B)
        add(frontier, "w", on="http://a.example:81")
        assert taken(frontier, B) == ["z"]
        assert taken(frontier, B) == []
        assert frontier.take("c.example") is None
        assert taken(frontier) == ["x", "y"]
        assert taken(frontier, "http://a.example:81") == ["w"]


async def test_a_request_comes_back_as_it_was(make: Make) -> None:
    """What is taken is the request that was added, with all its fields, and the entry that `add` gave."""
    request = Request(f"{A}/x", "parse", meta={"m": [1]}, cb_kwargs={"k": "v"}, json={"a": 1}, depth=2, session="s")
    async with make() as frontier:
        added = frontier.add(request, is_start=True)
        entry = frontier.take("a.example")
        assert entry is not None
        assert (entry.request, entry.is_start, entry.number) == (request, True, added.number)
        assert frontier.add(Request(f"{A}/y")).is_start is False


async def test_numbers_grow(make: Make) -> None:
    """Entries are numbered in the order they came."""
    async with make("depth") as frontier:
        numbers = [entry.number for entry in add(frontier, *"abcd")]
        assert numbers == sorted(set(numbers))


async def test_waiting_counts_what_waits(make: Make) -> None:
    """`waiting` counts what was added and not taken, whatever becomes of the taken ones."""
    async with make() as frontier:
        assert frontier.waiting == 0
        add(frontier, "x", "y", "z")
        first, second = frontier.take("a.example"), frontier.take("a.example")
        assert first is not None
        assert second is not None
        assert frontier.waiting == 1
        frontier.done(first)
        frontier.failed(second, "http_404")
        assert frontier.waiting == 1


async def test_remember(make: Make) -> None:
    """A key is new once; adding a request remembers nothing by itself."""
    async with make() as frontier:
        add(frontier, "x")
        assert not frontier.knows(f"{A}/x", A)
        assert frontier.remember(f"{A}/x", A)
        assert frontier.knows(f"{A}/x", A)
        assert not frontier.remember(f"{A}/x", A)
        assert frontier.remember(f"{A}/X", A)
        assert not frontier.remember(f"{A}/X", A)


async def test_commit(make: Make) -> None:
    """A commit changes nothing of what waits."""
    async with make() as frontier:
        add(frontier, "x", "y")
        frontier.take("a.example")
        await frontier.commit(Checkpoint({}))
        assert taken(frontier) == ["y"]


async def test_sites(make: Make) -> None:
    """`sites` names each site that something waits for."""
    async with make() as frontier:
        add(frontier, "x", "y")
        add(frontier, "z", on=B)
        frontier.take("b.example")
        assert list(frontier.sites()) == ["a.example"]


def test_rank() -> None:
    """The smallest rank goes first: by priority, then by age."""
    assert sorted([rank("breadth", 0, 2), rank("breadth", 1, 3), rank("breadth", 0, 1)]) == [(-1, 3), (0, 1), (0, 2)]
    assert rank("depth", 0, 2) < rank("depth", 0, 1)


@pytest.mark.parametrize("folder", [None, "job"])
def test_settings_choose_the_frontier(tmp_path: Path, folder: str | None) -> None:
    """`[frontier]` names the store; what has no folder is kept in memory, and so nothing is gone on with."""
    where = tmp_path / folder if folder else None
    for store in ("memory", "sqlite"):
        job = open_job(FrontierSettings(store=store), where, Description("books"))  # type: ignore[arg-type]
        assert isinstance(job, Job) == (store == "sqlite" and folder is not None)
    with pytest.raises(StorageError, match="books keeps no job"):
        open_job(FrontierSettings(), None, Description("books"), begun_only=True)


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        (Request(f"{A}/x"), Request(f"{A}/x#y", "parse", priority=1, meta={"a": 1}), True),
        (Request(f"{A}/x"), Request(f"{A}/x", method="POST"), False),
        (Request(f"{A}/x", json=1), Request(f"{A}/x", json=2), False),
        (Request(f"{A}/x", json=1), Request(f"{A}/x", json=1), True),
        (Request(f"{A}/x"), Request(f"{A}/x", session="s"), False),
        (Request(f"{A}/x"), Request(f"{A}/X"), False),
    ],
)
def test_identity(first: Request, second: Request, are_one: bool) -> None:
    """Requests are one if their URLs, methods, contents and sessions are; fragments never count."""
    assert (identity(first) == identity(second)) is are_one
