"""Workers may die, and so may their owner: nothing is lost, nothing comes twice, and nobody is left behind."""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scraper import Crawl, Result, Spider
from tests.flow.crawls import check
from tests.flow.site import Servers, Site, links
from tests.workers import spiders

ROOT = Path(__file__).resolve().parents[2]
PAGES = 200


def tree(servers: Servers, pages: int = PAGES, latency: float = 0.0) -> Site:
    """A site whose pages are the numbers from 1 on, each with links to two greater ones."""
    found = {f"/{n}": f"<h1>{n}</h1>" + links(f"/{2 * n}", f"/{2 * n + 1}") for n in range(1, pages + 1)}
    return servers.site({"/": found["/1"], **found}, latency=latency)


async def crawled(spider: type[Spider], site: Site, settings: dict[str, Any] | None = None, **given: Any) -> Result:
    """A whole crawl with two workers, whose counts are right."""
    tables = {"engine": {"processes": 2}, **(settings or {})}
    async with asyncio.timeout(50):
        result = await Crawl(spider, tables, arguments={"root": site.root, **given}).run()
    check(result)
    return result


def numbers(items: list[Any]) -> list[str]:
    """The ends of the URLs of items, in order."""
    return sorted(each["url"].rpartition("/")[2] for each in items)


EVERY = sorted(["", *(str(each) for each in range(2, PAGES + 1))])


async def test_a_worker_that_dies_costs_nothing(servers: Servers, tmp_path: Path) -> None:
    """Its pages are asked for again, and the page at which it died is handled, as it does not die there again."""
    result = await crawled(spiders.Dying, tree(servers), folder=str(tmp_path))
    assert (tmp_path / "died").exists()
    assert numbers(result.items) == EVERY
    assert (result.exit_status, result.reason) == (0, "finished")


async def test_a_page_at_which_workers_die_is_quarantined(servers: Servers, tmp_path: Path) -> None:
    """It ends two of them, and fails; every other page is handled."""
    result = await crawled(spiders.Dying, tree(servers), folder=str(tmp_path), always=True)
    below = [number for number in range(1, PAGES + 1) if _is_below(number, 7)]
    assert numbers(result.items) == sorted({*EVERY} - {str(each) for each in below})
    assert result.statistics.failed["quarantined"] == 1


def _is_below(number: int, other: int) -> bool:
    """Whether the page `number` is found by way of the page `other` alone, or is that page."""
    while number > other:
        number //= 2
    return number == other


async def test_a_callback_that_cannot_be_ended_ends_its_worker(servers: Servers) -> None:
    """A regular expression without end holds up a whole process, and no other page."""
    site = tree(servers, 6)
    result = await crawled(spiders.Stuck, site, {"parsing": {"timeout": 0.2}})
    assert {"", "2", "4", "5"} <= {*numbers(result.items)}
    assert "3" not in numbers(result.items)
    assert result.statistics.failed.get("quarantined", 0) + result.statistics.errors == 1


# By the command.


SPIDER = """
from tests.workers.spiders import FollowAll

class Tree(FollowAll):
    name = "tree"
"""


def command(site: Site, *words: str) -> list[str]:
    """A crawl of the site by the command, with two workers."""
    given = ["-a", f"root={site.root}", "-o", "items.jsonl", "-s", "frontier.interval=0.05", "--processes", "2"]
    return [sys.executable, "-m", "scraper", "crawl", "tree.py", *given, *words]


async def started(site: Site, folder: Path, *words: str) -> asyncio.subprocess.Process:
    """The command, once its site was asked for some pages."""
    (folder / "tree.py").write_text(SPIDER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = await asyncio.create_subprocess_exec(
        *command(site, *words), cwd=folder, env=environment, stdout=PIPE, stderr=PIPE
    )
    asked = len(site.asked)
    async with asyncio.timeout(40):
        while len(site.asked) < asked + 20:  # noqa: ASYNC110 -- by servers in another thread
            await asyncio.sleep(0.005)
    return child


def workers(owner: int) -> list[int]:
    """The processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{owner}/task/{owner}/children").read_text().split()]


def is_alive(process: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def ended(child: asyncio.subprocess.Process) -> str:
    """What a command said, once it has ended."""
    _, error = await asyncio.wait_for(child.communicate(), 50)
    return error.decode()


def items(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]


async def test_killed_workers_do_not_change_the_exit_status(servers: Servers, tmp_path: Path) -> None:
    """Each worker is killed once, and the crawl ends as if nothing had been."""
    site = tree(servers, latency=0.005)
    child = await started(site, tmp_path)
    for worker in workers(child.pid):
        os.kill(worker, signal.SIGKILL)
        await asyncio.sleep(0.3)
    said = await ended(child)
    assert child.returncode == 0, said
    assert numbers(items(tmp_path)) == EVERY
    assert "a worker process died (signal 9)" in said


async def test_workers_end_with_their_owner(servers: Servers, tmp_path: Path) -> None:
    """A killed command leaves no process, and the same command resumes: each item once."""
    site = tree(servers, latency=0.01)
    child = await started(site, tmp_path)
    left = workers(child.pid)
    assert len(left) == 2
    child.kill()
    await ended(child)
    due = time.monotonic() + 10
    while any(map(is_alive, left)):
        assert time.monotonic() < due, "workers live on"
        await asyncio.sleep(0.01)
    child = await started(site, tmp_path)
    said = await ended(child)
    assert child.returncode == 0, said
    assert numbers(items(tmp_path)) == EVERY


async def test_workers_have_nothing_of_their_owner(servers: Servers, tmp_path: Path) -> None:
    """No thread, no event loop, and no file of the job or of the data: a lock or a database is not theirs to hold."""
    child = await started(tree(servers, latency=0.02), tmp_path)
    for worker in workers(child.pid):
        opened = [str(each.readlink()) for each in Path(f"/proc/{worker}/fd").iterdir()]
        assert not [each for each in opened if str(tmp_path) in each or each.endswith(".sqlite")]
        loops = [each for each in opened if "eventpoll" in each]
        assert len(loops) <= 2, "its own, of libuv"
    await ended(child)
    assert child.returncode == 0


@pytest.mark.parametrize("times", [1, 2])
async def test_interrupted(servers: Servers, tmp_path: Path, times: int) -> None:
    """Ctrl-C ends the crawl in good order, a second one at once; no worker is left, and it can be resumed."""
    site = tree(servers, latency=0.02)
    child = await started(site, tmp_path)
    left = workers(child.pid)
    for _ in range(times):
        with suppress(ProcessLookupError):  # it may have ended before the second
            child.send_signal(signal.SIGINT)
        await asyncio.sleep(0.01)
    await ended(child)
    assert child.returncode == 130
    assert not any(map(is_alive, left))
    child = await started(site, tmp_path)
    assert (await ended(child), child.returncode)[1] == 0
    assert numbers(items(tmp_path)) == EVERY
