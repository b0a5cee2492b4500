"""A Redis for the tests of a folder, and stores that are closed when a test ends."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.frontier.redis.desk import Desk
from tests.redis_server import RedisServer, needs_redis, starting


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The server that tests share."""
    needs_redis()
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def desk_at() -> AsyncIterator[Callable[..., Desk]]:
    """Makes a desk at a server."""
    desks: list[Desk] = []

    def made(server: RedisServer, **options: Any) -> Desk:
        desks.append(Desk(server, **options))
        return desks[-1]

    yield made
    for desk in desks:
        await desk.close()


@pytest.fixture
def desk(redis_server: RedisServer, desk_at: Callable[..., Desk]) -> Desk:
    """A desk at the server that tests share."""
    desk = desk_at(redis_server)
    desk.redis.flushall()
    return desk


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Starts a server for one test, which may do with it what it likes."""
    with starting(tmp_path) as start_one:
        yield start_one
