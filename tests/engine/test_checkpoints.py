"""Every checkpoint holds all of a page or nothing of it, whatever goes on at that moment."""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from scraper import Request, Response, Spider
from scraper.errors import SpiderError, StorageError
from scraper.events import Statistics
from scraper.frontier import MemoryFrontier
from scraper.protocols import Checkpoint, Entry, Position, Seeds
from scraper.sinks.memory import Collect
from scraper.spider import Failure
from scraper.verdict import Fail
from tests.engine.harness import crawl, page


class Recording(MemoryFrontier):
    """Notes at each commit what is done, and what the checkpoint says."""

    def __init__(self) -> None:
        super().__init__()
        self.added: dict[int, str] = {}
        self.ended: dict[int, str] = {}
        self.commits: list[tuple[dict[int, str], dict[int, str], Checkpoint]] = []

    def add(self, request: Request, *, is_start: bool = False) -> Entry:
        entry = super().add(request, is_start=is_start)
        self.added[entry.number] = request.url
        return entry

    def done(self, entry: Entry) -> None:
        super().done(entry)
        self.ended[entry.number] = "done"

    def failed(self, entry: Entry, reason: str) -> None:
        super().failed(entry, reason)
        self.ended[entry.number] = reason

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None]:
        self.commits.append((dict(self.added), dict(self.ended), checkpoint))
        return super().commit(checkpoint)


class Slow(Collect):
    """A sink that takes its time, and whose position tells how many items it has."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.path = name

    async def write(self, items: Sequence[Any]) -> None:
        for item in items:
            await asyncio.sleep(random.uniform(0, 0.003))
            await super().write([item])

    async def sync(self) -> Position:
        position = await super().sync()
        await asyncio.sleep(0.002)
        assert position == await super().sync(), "something was written while a checkpoint was taken"
        return position


class TreeSpider(Spider):
    """Gives as many items as its page's number says, and asks for more pages, some of which fail."""

    name = "tree"
    start_urls = ["http://a.test/1"]

    async def parse(self, response: Response) -> Any:
        number = int(response.url.rpartition("/")[2])
        if number % 5 == 0:
            await self.fetch(f"http://b.test/{number}")
        for each in (2 * number, 2 * number + 1):
            if each < 150:
                yield Request(f"http://a.test/{each}", errback="failed" if each % 2 else None)
        for each in range(number % 4):
            yield {"page": number, "item": each}

    async def failed(self, failure: Failure) -> Any:
        await asyncio.sleep(0.004)
        yield {"failed": failure.request.url}


async def answer(request: Request) -> str | int:
    await asyncio.sleep(random.uniform(0, 0.006))
    return 404 if request.url.endswith("7") else page()


def failing(request: Request, outcome: Any, attempts: Any) -> Any:
    return Fail("http_404") if getattr(outcome, "status", 200) == 404 else None


async def test_all_of_a_page_or_nothing() -> None:
    """At each checkpoint the sinks hold the items of the pages that are done, and these are what is counted."""
    frontier, sinks = Recording(), [Slow("one"), Slow("two")]
    run = await crawl(
        TreeSpider(), answer, frontier=frontier, sinks=sinks, interval=0.005, policies=[failing], concurrency=8
    )
    assert run.reason == "finished"
    assert len(frontier.commits) > 5
    for added, ended, checkpoint in frontier.commits:
        now = checkpoint.statistics
        pages = [int(added[number].rpartition("/")[2]) for number, how in ended.items() if how == "done"]
        told = [number for number, how in ended.items() if how != "done" and int(added[number].rpartition("/")[2]) % 2]
        items = sum(number % 4 for number in pages) + len(told)
        fetched_within = sum(number % 5 == 0 for number in pages)
        assert {name: each.items for name, each in checkpoint.positions.items()} == {"one": items, "two": items}
        assert now.items == items
        assert now.fetched == len(pages) + fetched_within
        assert now.discovered == len(added) + fetched_within
        assert sum(now.failed.values()) == len(ended) - len(pages)
        assert now.waiting == len(added) - len(ended)
        assert now.is_balanced
        assert sum(now.statuses.values()) == now.requests == len(ended) + fetched_within
    last = frontier.commits[-1]
    assert last[0].keys() == last[1].keys()
    assert last[2].seeds == Seeds(1, has_ended=True)


async def test_nothing_is_committed_after_a_sink_is_lost() -> None:
    """A sink that fails ends the crawl, and what is done from then on is not called so: it is to be redone."""

    class Full(Slow):
        async def write(self, items: Sequence[Any]) -> None:
            await super().write(items)
            if len(self.kept) > 10:
                raise StorageError("the disk is full")

    frontier, good, full = Recording(), Slow("one"), Full("two")
    run = await crawl(
        TreeSpider(), answer, frontier=frontier, sinks=[good, full], interval=0.005, policies=[failing], concurrency=8
    )
    assert run.reason == "storage failed"
    assert run.engine.storage_error is not None
    positions = frontier.commits[-1][2].positions
    assert positions["one"].items == positions["two"].items <= 10 < len(full.kept)


async def test_a_commit_that_fails_ends_the_crawl() -> None:
    """If the frontier cannot be written, the crawl ends in good order."""

    class Broken(Recording):
        async def _fail(self) -> None:
            raise StorageError("job.sqlite cannot be written: no space left")

        def commit(self, checkpoint: Checkpoint) -> Awaitable[None]:
            return self._fail() if len(self.commits) == 2 else super().commit(checkpoint)

    run = await crawl(TreeSpider(), answer, frontier=Broken(), interval=0.005, policies=[failing], concurrency=2)
    assert run.reason == "storage failed"
    assert "no space left" in str(run.engine.storage_error)


async def test_a_sink_of_the_user_s_that_breaks_ends_the_crawl() -> None:
    """Whatever a sink raises as it is synced, the crawl ends in good order, and says where it was."""

    class Broken(Slow):
        async def sync(self) -> Position:
            raise ValueError("no such thing")

    run = await crawl(TreeSpider(), answer, sinks=[Broken("one")], interval=0.005, policies=[failing])
    assert run.reason == "storage failed"
    assert "ValueError: no such thing" in str(run.engine.storage_error)
    assert "test_checkpoints.py" in str(run.engine.storage_error)


class Seeds3(Spider):
    """Gives three items and three requests to begin with, one of which is not to be filtered."""

    name = "seeds"

    async def start(self) -> Any:
        for number in range(3):
            yield {"seed": number}
            yield Request(f"http://a.test/{number}", dont_filter=number == 1)

    def parse(self, response: Response) -> Any:
        return {"page": response.url[-1]}


@pytest.mark.parametrize("taken", range(7))
async def test_start_is_taken_up_where_it_was_left(taken: int) -> None:
    """Of what `start()` gives again after a death, that which was taken before is passed over, whatever it is."""
    frontier = MemoryFrontier()
    for number in range(taken // 2):
        request = Request(f"http://a.test/{number}")
        frontier.remember(request.url, request.url)
        frontier.add(request)
        entry = frontier.take("a.test")
        assert entry is not None
        frontier.done(entry)
    resumed = Checkpoint(seeds=Seeds(taken, has_ended=taken == 6))
    run = await crawl(Seeds3(), answer, frontier=frontier, resumed=resumed)
    given = [{"seed": 0}, "0", {"seed": 1}, "1", {"seed": 2}, "2"][taken:]
    pages = [{"page": each} for each in given if isinstance(each, str)]
    assert sorted(map(str, run.items)) == sorted(
        map(str, [*pages, *(each for each in given if isinstance(each, dict))])
    )
    assert run.engine.statistics().duplicates == 0


async def test_what_cannot_be_remembered_is_told_once() -> None:
    """A part that has nothing fit to be kept is an error, told once; the crawl and its checkpoints go on."""

    class Forgetful:
        def changes(self) -> dict[str, Any]:
            raise SpiderError("a lambda cannot be kept")

        def recall(self, memory: dict[str, Any]) -> None: ...

    frontier = Recording()
    run = await crawl(
        TreeSpider(), answer, frontier=frontier, interval=0.005, policies=[failing], memories={"mine": Forgetful()}
    )
    assert run.engine.statistics().errors == 1
    assert len(frontier.commits) > 2


@pytest.mark.parametrize("limit", ["pages", "items", "errors"])
async def test_a_limit_that_an_earlier_process_has_reached(limit: str) -> None:
    """A crawl that resumes with as much as `[engine.stop_after]` allows ends at once, and asks for nothing."""
    before = Statistics(discovered=9, fetched=9, items=9, errors=9)
    run = await crawl(TreeSpider(), answer, resumed=Checkpoint(statistics=before), stop_after={limit: 5})
    assert (run.reason, run.site.asked) == (f"{limit} limit", [])
