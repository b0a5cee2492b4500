"""Hosts that cannot be reached: what waits for them is kept for the next run."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper import Crawl, Request, Result, Spider
from scraper.limits import circuit_breaker
from tests.flow.crawls import check, merged
from tests.flow.site import Servers

PAGES = 8


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that cannot be reached rests for moments."""
    monkeypatch.setattr(circuit_breaker, "RESTS", (0.01, 0.02, 0.03))


@pytest.fixture
def closed() -> Iterator[int]:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


class Two(Spider):
    """Asks for some pages of each of its roots."""

    name = "two"

    def __init__(self, *roots: str) -> None:
        super().__init__()
        self.roots = roots

    async def start(self) -> Any:
        for number in range(PAGES):
            for root in self.roots:
                yield Request(f"{root}/{number}")

    def parse(self, response: Any) -> Any:
        return {"url": response.url}


def made(spider: Spider, folder: Path, **tables: Any) -> Crawl:
    settings = {
        "frontier": {"jobs": str(folder / "jobs")},
        "limits": {"adapt": False},
        "network": {"backoff": 0.001},
        "sinks": [{"path": str(folder / "pages.jsonl")}],
    }
    return Crawl(spider, merged(settings, tables))


def urls(path: Path) -> list[str]:
    return sorted(json.loads(line)["url"] for line in path.read_text().splitlines())


def expected(*roots: str) -> list[str]:
    return sorted(f"{root}/{number}" for root in roots for number in range(PAGES))


async def parked(folder: Path, *roots: str, **tables: Any) -> Result:
    result = await made(Two(*roots), folder, **tables).run()
    check(result)
    return result


@pytest.mark.parametrize("robots", [True, False])
async def test_the_next_run_goes_on(servers: Servers, tmp_path: Path, *, robots: bool) -> None:
    """A host that is dead from the first request costs no other anything; once it is back, the next run crawls it."""
    there = servers.site(otherwise="page")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        dead = f"http://127.0.0.1:{port}"
        tables = {"limits": {"robots": robots, "park_after": 1}, "network": {"retries": 9}}
        result = await parked(tmp_path, there.root, dead, **tables)
    assert (result.reason, result.exit_status) == ("hosts parked", 1)
    assert result.statistics.parked == {f"127.0.0.1:{port}": PAGES}
    assert (result.statistics.failed, result.statistics.refused) == ({}, {})
    assert f"8 request(s) not sent, as their hosts cannot be reached: 127.0.0.1:{port} (8)" in result.problems
    assert result.job is not None
    assert urls(tmp_path / "pages.jsonl.part") == expected(there.root)

    back = servers.site(otherwise="page", port=port)
    result = await parked(tmp_path, there.root, dead, **tables)
    assert (result.reason, result.exit_status, result.job) == ("finished", 0, None)
    assert urls(tmp_path / "pages.jsonl") == expected(there.root, dead)
    assert (there.paths.total(), back.paths.total()) == (PAGES, PAGES)


async def test_it_may_be_closed_as_it_is(servers: Servers, tmp_path: Path, closed: int) -> None:
    """Who does not want to go on gives the data files their final names."""
    there, dead = servers.site(otherwise="page"), f"http://127.0.0.1:{closed}"
    await parked(tmp_path, there.root, dead)
    await made(Two(there.root, dead), tmp_path).finish()
    assert urls(tmp_path / "pages.jsonl") == expected(there.root)


async def test_where_nothing_can_be_gone_on_with(servers: Servers, tmp_path: Path, closed: int) -> None:
    """Without a job no run goes on: the data files are closed with what there is, and it is no success."""
    there, dead = servers.site(otherwise="page"), f"http://127.0.0.1:{closed}"
    result = await parked(tmp_path, there.root, dead, frontier={"store": "memory"})
    assert (result.reason, result.exit_status, result.job) == ("hosts parked", 1, None)
    assert urls(tmp_path / "pages.jsonl") == expected(there.root)


async def test_a_host_that_dies_on_the_way(servers: Servers, tmp_path: Path, closed: int) -> None:
    """Requests that failed before a host was parked have failed; those after it wait."""
    result = await parked(
        tmp_path,
        f"http://127.0.0.1:{closed}",
        limits={"robots": False, "park_after": 2, "per_host": 1},
        network={"retries": 0},
    )
    assert result.statistics.failed == {"refused": 5}
    assert result.statistics.parked == {f"127.0.0.1:{closed}": PAGES - 5}
