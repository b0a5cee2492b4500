"""A Redis with a password, shops, and machines that are stopped when a test ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flow.site import Page, Servers
from tests.forks import Forks
from tests.machines.fleet import PASSWORD, Fleet, Shops
from tests.redis_server import RedisServer, needs_redis, starting


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The server that tests share."""
    needs_redis()
    with RedisServer(tmp_path_factory.mktemp("redis"), "--requirepass", PASSWORD) as server:
        yield server


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Opens sites, which are closed after the test."""
    with Servers() as opened:
        yield opened


@pytest.fixture
def shops(servers: Servers) -> Callable[..., Shops]:
    """Opens shops."""

    def opened(
        *, number: int = 6, pages: int = 60, latency: float = 0.004, odd: dict[str, Page] | None = None
    ) -> Shops:
        return Shops(servers, number=number, pages=pages, latency=latency, odd=odd or {})

    return opened


@pytest.fixture
def fleet_at(tmp_path: Path, forks: Forks, shops: Callable[..., Shops]) -> Iterator[Callable[..., Fleet]]:
    """Makes a fleet at a server."""
    fleets: list[Fleet] = []

    def made(redis: RedisServer, password: str = "", **chosen: Any) -> Fleet:
        fleets.append(Fleet(tmp_path / "fleet", forks, redis, shops(**chosen), password=password))
        return fleets[-1]

    yield made
    for fleet in fleets:
        fleet.close()


@pytest.fixture
def fleet_of(shared_redis: RedisServer, fleet_at: Callable[..., Fleet]) -> Callable[..., Fleet]:
    """Makes a fleet at the server that tests share, which is empty at first."""

    def made(**chosen: Any) -> Fleet:
        fleet = fleet_at(shared_redis, PASSWORD, **chosen)
        fleet.ask("FLUSHALL")
        return fleet

    return made


@pytest.fixture
def fleet(fleet_of: Callable[..., Fleet]) -> Fleet:
    """Machines that crawl six shops of sixty pages."""
    return fleet_of()


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Starts a server for one test, which may do with it what it likes."""
    with starting(tmp_path) as start_one:
        yield start_one
