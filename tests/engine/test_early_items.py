"""The items of a callback that goes on for long: they do not stay in memory, and are written once, in order."""

import asyncio
import threading
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from scraper import CloseSpider, DropItem, Request, Response, Spider
from scraper.engine.engine import Engine
from scraper.engine.items import early
from scraper.errors import StorageError
from scraper.parsing.callbacks import is_asynchronous_generator
from scraper.pipelines.chain import Chain
from scraper.pipelines.unique import Unique
from scraper.sinks.memory import Collect
from tests.engine.harness import Run, crawl
from tests.engine.test_checkpoints import Recording
from tests.little_space import little_space

URL = "http://long.example/"
MEBIBYTE = 1024 * 1024
WAYS = ("at once", "spooled")


async def answer(request: Request) -> str:
    await asyncio.sleep(0)
    return "page"


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """What makes a crawl write items as they come, or have them wait for their page."""
    return {} if request.param == "at once" else spooled(tmp_path)


def spooled(folder: Path) -> dict[str, Any]:
    return {"interval": 60.0, "job": folder}


class Long(Spider):
    """Gives so many items, and is held up by other pages now and then."""

    name = "long"
    start_urls = [URL]

    def __init__(self, number: int, *, pause: int = 1500) -> None:
        super().__init__()
        self.number = number
        self.pause = pause

    async def parse(self, response: Response) -> Any:
        for number in range(self.number):
            yield self.item(number)
            if number % self.pause == self.pause - 1:
                await self.fetch(f"{URL}{number}")
        yield Request(f"{URL}last", self.parse_last)

    def item(self, number: int) -> Any:
        return {"number": number, "text": f"item {number} " * 10}

    def parse_last(self, response: Response) -> Any:
        return {"number": -1}


class Numbers(Collect):
    """Keeps the numbers of the items, and not the items; notes how many there were when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    async def write(self, items: Sequence[Any]) -> None:
        self.written += len(items)


def numbers(run: Run) -> list[int]:
    """Those of the page that gives many."""
    return [each["number"] for each in run.items if each["number"] >= 0]


@pytest.mark.parametrize("number", [1, 999, 1000, 1001, 5000])
async def test_each_item_is_written_once_in_order(way: dict[str, Any], number: int) -> None:
    """However many a callback gives, each is in the sink once, in the order given, and what it leads to follows."""
    run = await crawl(Long(number), answer, **way)
    assert numbers(run) == [*range(number)]
    assert run.engine.statistics().items == number + 1


async def test_memory_holds_few_of_many_items(way: dict[str, Any]) -> None:
    """A callback that yields 40,000 items has some 1,000 of them in memory at any time."""
    sink = Numbers()
    tracemalloc.start()
    try:
        await crawl(Long(40_000), answer, sinks=[sink], **way)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.written == 40_001
    assert peak < 4 * MEBIBYTE  # all of them are more than 16


async def test_memory_holds_little_of_large_items(tmp_path: Path) -> None:
    """Items of a megabyte wait in the file after four of them, though they are few."""

    class Large(Long):
        def item(self, number: int) -> Any:
            return {"number": number, "text": str(number % 10) * MEBIBYTE}

    sink = Numbers()
    tracemalloc.start()
    try:
        await crawl(Large(64), answer, sinks=[sink], **spooled(tmp_path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.written == 65
    assert peak < 20 * MEBIBYTE


async def test_items_come_before_the_callback_ends() -> None:
    """Where nothing can be resumed an item is written when the callback waits, however few there are."""
    collect = Collect()

    class Waiting(Spider):
        name = "waiting"
        start_urls = [URL]

        async def parse(self, response: Response) -> Any:
            for number in range(3):
                yield {"number": number}
                async with asyncio.timeout(30):
                    while len(collect.kept) <= number:  # noqa: ASYNC110 -- written by another task
                        await asyncio.sleep(0)

    run = await crawl(Waiting(), answer, sinks=[collect])
    assert len(collect.kept) == 3
    assert run.engine.statistics().errors == 0


def test_whose_items_are_taken() -> None:
    """Those of `async def` methods that yield, also behind a decorator; what returns its items gives them at once."""

    class Various(Spider):
        name = "various"

        async def yields(self, response: Response) -> Any:
            yield {}

        @wraps(yields)
        def decorated(self, response: Response) -> Any:
            return self.yields(response)

        async def returns(self, response: Response) -> Any:
            return [{}]

        def plain(self, response: Response) -> Any:
            yield {}

    names = ["yields", "decorated", "returns", "plain", "missing"]
    assert [is_asynchronous_generator(Various(), each) for each in names] == [True, True, False, False, False]


async def test_items_of_a_job_come_with_their_page(tmp_path: Path) -> None:
    """Where the crawl can be resumed no item of a callback that goes on is written, and no checkpoint knows of any."""
    frontier, sink, seen = Recording(), Numbers(), list[int]()

    class Watching(Long):
        async def parse(self, response: Response) -> Any:
            async for each in super().parse(response):
                yield each
                seen.append(sink.written)

    await crawl(Watching(3000), answer, frontier=frontier, sinks=[sink], interval=0.005, job=tmp_path)
    assert set(seen) == {0}
    assert sink.written == 3001
    assert {checkpoint.statistics.items for _, ended, checkpoint in frontier.commits if not ended} <= {0}


class Ended(Spider):
    """Gives items until something ends it, after 2,500 or so: `reason`."""

    name = "ended"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
        self.given: list[int] = []
        self.is_well_on = asyncio.Event()

    async def start(self) -> Any:
        yield Request(URL)
        yield Request(f"{URL}other", self.parse_other)

    async def parse(self, response: Response) -> Any:
        for number in range(20_000):
            self.given.append(number)
            yield {"number": number}
            if number == 2500:
                self.is_well_on.set()
                if self.reason == "raised":
                    raise ValueError("no more")
            if number % 100 == 0:
                await self.fetch(f"{URL}{number}")

    async def parse_other(self, response: Response) -> Any:
        if self.reason == "enough":
            await self.is_well_on.wait()
            raise CloseSpider("enough")


@pytest.mark.parametrize("reason", ["items limit", "interrupted", "enough", "raised"])
async def test_what_was_given_before_a_stop_is_written(way: dict[str, Any], reason: str) -> None:
    """A callback that is ended in the middle has written what it gave until then, once, and its page is done."""
    spider, frontier = Ended(reason), Recording()

    async def interrupt(engine: Engine) -> None:
        if reason == "interrupted":
            await spider.is_well_on.wait()
            engine.stop(reason)

    limits = {"stop_after": {"items": 2500}} if reason == "items limit" else {}
    run = await crawl(spider, answer, frontier=frontier, meanwhile=interrupt, **limits, **way)
    assert numbers(run) == spider.given
    assert len(spider.given) == 2500 if reason == "items limit" else 2501 <= len(spider.given) < 20_000
    assert run.reason == ("finished" if reason == "raised" else reason)
    assert run.engine.statistics().errors == (reason == "raised")
    assert {frontier.added[each] for each in frontier.ended} == {URL, f"{URL}other"}


class Odd:
    """A pipeline that drops some items, breaks at others and changes what is left."""

    async def process(self, item: Any) -> Any:
        number = item["number"]
        if number % 100 == 0:
            raise ValueError(number)
        if number % 2:
            raise DropItem("odd")
        if number % 1000 == 500:
            await asyncio.sleep(0)
        return {**item, "half": number // 2}


class Twice(Long):
    def item(self, number: int) -> Any:
        return {"number": number // 2 if number > 3000 else number}


async def test_pipelines_make_the_same_of_early_items(way: dict[str, Any]) -> None:
    """What pipelines drop, change, raise and remember is the same as if all items had waited for the end."""
    outcomes = []
    for options in ({"takes_early": False}, way):
        unique = Unique(("number",))
        run = await crawl(Twice(4321), answer, refine=Chain([unique, Odd()]).refine, **options)
        now = run.engine.statistics()
        outcomes.append((run.items, now.drops, now.errors, Counter(map(type, run.events)), len(unique.changes())))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][2] > 30
    assert outcomes[0][4] > 3000


async def test_a_pipeline_stops_the_crawl_at_once(way: dict[str, Any]) -> None:
    """A pipeline that closes the spider is heard while the callback goes on; what it kept before is written."""

    class Closing:
        def process(self, item: Any) -> Any:
            if item["number"] == 5:
                raise CloseSpider("full")
            return item

    run = await crawl(Long(100_000, pause=1500), answer, refine=Chain([Closing()]).refine, **way)
    assert run.reason == "full"
    assert len(run.items) < 5000
    assert numbers(run) == [each for each in range(len(numbers(run)) + 1) if each != 5]


@pytest.mark.parametrize("trouble", ["full", "gone"])
async def test_a_spool_that_cannot_be_written(tmp_path: Path, trouble: str) -> None:
    """Without room for the items that wait the crawl ends as `storage failed`, and the page is not done."""
    frontier, sink = Recording(), Numbers()
    folder = tmp_path if trouble == "full" else tmp_path / "gone"
    with little_space(500_000 if trouble == "full" else -1):
        run = await crawl(Long(50_000), answer, frontier=frontier, sinks=[sink], interval=60.0, job=folder)
    assert run.reason == "storage failed"
    assert isinstance(run.engine.storage_error, StorageError)
    told = "File too large" if trouble == "full" else "No such file or directory"
    assert str(run.engine.storage_error) == f"{folder}: the items of a page cannot wait there: {told}"
    assert (sink.written, frontier.ended) == (0, {})


async def test_few_items_need_no_file(tmp_path: Path) -> None:
    """Up to a bound the items of a page wait in memory: its spool is not even opened."""
    run = await crawl(Long(early.MOST_ITEMS - 1), answer, interval=60.0, job=tmp_path / "gone")
    assert (run.reason, len(run.items)) == ("finished", early.MOST_ITEMS)


async def test_items_that_no_file_can_hold(tmp_path: Path) -> None:
    """Items that cannot be pickled, or are not what they were, wait in memory, among the others and in order."""

    class Local(dict[str, Any]):
        """Not to be found by its name."""

    class Changing(Long):
        def item(self, number: int) -> Any:
            match number // 1500:
                case 1:
                    return Local(number=number)
                case 3:
                    return {"number": number, "lock": threading.Lock()}
                case _:
                    return {"number": number}

    run = await crawl(Changing(7000), answer, **spooled(tmp_path))
    assert numbers(run) == [*range(7000)]
    assert {each["number"] // 1500 for each in run.items if type(each) is Local} == {1}


async def test_nothing_is_left_beside_the_job(tmp_path: Path) -> None:
    """The file in which items wait has no name, even while it is there."""
    names = set()

    class Looking(Long):
        async def parse(self, response: Response) -> Any:
            async for each in super().parse(response):
                names.update(tmp_path.iterdir())
                yield each

    run = await crawl(Looking(5000), answer, **spooled(tmp_path))
    assert len(run.items) == 5001
    assert names == set()
