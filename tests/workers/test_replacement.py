"""What ends a worker process, or keeps it from ending, ends no crawl."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.flow.crawls import Ended
from tests.workers.odd_crawls import crawled
from tests.workers.odd_spiders import AwaitsSuspect, Dies, DiesTwice, KillsEarly, LeavesChild, TermsAll


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """A file for the numbers of processes, which are ended after the test."""
    path = tmp_path / "pids"
    yield path
    for each in path.read_text().split() if path.exists() else ():
        with suppress(ProcessLookupError):
            os.kill(int(each), signal.SIGKILL)


def urls(ended: Ended) -> list[str]:
    """The last characters of the pages that gave items."""
    return sorted(each["url"][-1] for each in ended.items if "url" in each)


@pytest.mark.asyncio
async def test_the_errback_of_a_quarantined_page_is_called(site: str) -> None:
    """A page that ends its process twice fails as quarantined, which its errback is told; all others are crawled."""
    ended = await crawled(Dies(site))
    assert urls(ended) == ["0", "1", "2", "4", "5"]
    (failed,) = [each for each in ended.items if "failed" in each]
    assert failed["failed"] == f"{site}/3"
    assert failed["error"].startswith("quarantined: ")
    assert ended.statistics.failed == {"quarantined": 1}


@pytest.mark.asyncio
async def test_an_errback_that_ends_its_process_is_an_error(site: str) -> None:
    """An errback that ends its process, too, is counted as an error, and the crawl goes on."""
    ended = await crawled(DiesTwice(site))
    assert urls(ended) == ["0", "1", "2", "4", "5"]
    assert ended.statistics.failed == {"quarantined": 1}
    assert ended.statistics.errors == 1


@pytest.mark.asyncio
async def test_a_process_that_outlives_its_worker_holds_up_nothing(site: str, pids: Path) -> None:
    """The death of a worker is noticed although a process that a callback has started holds its sockets open."""
    ended = await crawled(LeavesChild(site, str(pids)))
    assert urls(ended) == ["0", "1", "2", "4", "5"]
    assert len(pids.read_text().split()) == 2


@pytest.mark.asyncio
async def test_workers_that_begin_late_know_the_hosts_that_were_named(site: str) -> None:
    """A worker may reach hosts that the user named while it began."""
    ended = await crawled(KillsEarly(site))
    assert urls(ended) == ["0", "1", "2", "3", "4", "5"]
    assert not ended.statistics.failed


@pytest.mark.asyncio
async def test_signals_to_a_whole_group_are_the_owners_to_hear(site: str, caplog: pytest.LogCaptureFixture) -> None:
    """Workers do not hear what ends a crawl; what their callbacks start can be ended as usual."""
    ended = await crawled(TermsAll(site))
    assert urls(ended) == ["0", "1", "2", "3", "4", "5"]
    assert {each["ended"] for each in ended.items} == {-15}
    assert "worker process died" not in caplog.text


@pytest.mark.asyncio
async def test_a_suspect_may_await_a_suspect(site: str, tmp_path: Path) -> None:
    """A callback that runs alone, as its process died, may fetch a page that is to be handled alone as well."""
    ended = await crawled(AwaitsSuspect(site, str(tmp_path)))
    assert urls(ended) == ["1", "3"]
    assert f"{site}/1" in [each.get("awaited") for each in ended.items]
    assert not ended.statistics.failed
