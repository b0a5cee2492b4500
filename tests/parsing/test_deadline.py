"""A callback has so much time and may give so much, wherever it runs; then the next page has its turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from itertools import count, repeat
from typing import Any

import pytest

from scraper.errors import CrawlStopped, SpiderError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.parsing import open_parse
from scraper.process.running_callback import running_callback, taker
from scraper.protocols import Parse, Results
from scraper.settings.schema import ParsingSettings
from scraper.spider import Spider
from tests.parsing.processes import opened

SECONDS = 0.3


def number(n: int) -> dict[str, int]:
    """An item."""
    return {"number": n}


class Slow(Spider):
    """Callbacks that do not end by themselves."""

    name = "slow"

    def computes(self, response: Response) -> Iterator[Any]:
        yield {"first": True}
        while True:
            pass

    def swallows(self, response: Response) -> Any:
        """Goes on after every error."""
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    def gives(self, response: Response) -> Iterator[Any]:
        """Gives for ever."""
        while True:
            yield None

    def items(self, response: Response) -> Iterator[Any]:
        """Items without end."""
        return map(number, count())

    def links(self, response: Response) -> Iterator[Any]:
        """Requests without end."""
        while True:
            yield response.follow("/")

    async def streams(self, response: Response) -> AsyncIterator[Any]:
        """Items without end, and never a pause."""
        for each in count():
            yield number(each)

    async def returns(self, response: Response) -> Iterator[Any]:
        """Something that ends never."""
        return repeat({"number": 0})

    def some(self, response: Response) -> Iterator[Any]:
        """Three items."""
        yield from map(number, range(3))

    async def some_later(self, response: Response) -> AsyncIterator[Any]:
        """Three items."""
        for each in range(3):
            yield number(each)

    async def waits(self, response: Response) -> AsyncIterator[Any]:
        yield {"first": True}
        await asyncio.sleep(60)

    async def waits_later(self, response: Response) -> AsyncIterator[Any]:
        yield number(0)
        yield number(1)
        await asyncio.sleep(60)

    async def fives(self, response: Response) -> AsyncIterator[Any]:
        """Eleven items, of which five pairs are taken."""
        for each in range(11):
            yield number(each)

    async def raises(self, response: Response) -> Any:
        raise TimeoutError("its own")

    def quick(self, response: Response) -> Any:
        return {"quick": True}


def parse(executor: Any, timeout: float = SECONDS) -> AbstractAsyncContextManager[Parse]:
    """An executor that has little patience."""
    return opened(executor, Slow(), timeout=timeout, max_results=0)


def page() -> Response:
    """Some page."""
    request = Request("http://a.example/")
    return Response(request.url, body=b"<p>", request=request)


async def outcome(parse: Parse, callback: str) -> Results:
    """What a callback gave, within a few seconds."""
    async with asyncio.timeout(20):
        return await parse(callback, page(), {})


@pytest.mark.parametrize("executor", ["thread", "process"])
@pytest.mark.parametrize("callback", ["computes", "swallows", "gives"])
async def test_a_plain_callback_is_ended(executor: str, callback: str) -> None:
    """The error names callback and setting, and the page that comes next is handled."""
    async with parse(executor) as run:
        slow, quick = await asyncio.gather(outcome(run, callback), outcome(run, "quick"))
    assert isinstance(slow.error, SpiderError)
    assert str(slow.error) == f"Slow.{callback} took longer than [parsing] timeout = 0.3 s"
    assert quick.items == [{"quick": True}]


@pytest.mark.parametrize("executor", ["thread", "inline"])
async def test_an_asynchronous_callback_is_cancelled(executor: str) -> None:
    """What it gave before is kept."""
    async with parse(executor) as run:
        slow = await outcome(run, "waits")
    assert str(slow.error) == "Slow.waits took longer than [parsing] timeout = 0.3 s"
    assert slow.items == [{"first": True}]


async def test_what_was_given_before_is_kept() -> None:
    """A plain callback keeps it, too, where it runs in this process."""
    async with parse("thread") as run:
        assert (await outcome(run, "computes")).items == [{"first": True}]


class Slowly:
    """Takes two items at a time, and its time for that."""

    due = 2

    def __init__(self, *, seconds: float = SECONDS, reason: str = "") -> None:
        self.seconds = seconds
        self.reason = reason
        self.taken: list[Any] = []

    async def take(self, items: list[Any]) -> None:
        running = running_callback.get()
        assert running is not None
        if self.reason:
            running.stop(self.reason, within=0.01)
        await asyncio.sleep(self.seconds)
        self.taken += items
        items.clear()


async def outcome_of(callback: str, takes: Slowly, seconds: float) -> Results:
    """What a callback gave that has so many `seconds`, apart from what is taken while it runs."""

    async def run() -> Results:
        taker.set(takes)
        async with parse("inline", seconds) as called:
            return await outcome(called, callback)

    return await asyncio.create_task(run())


async def test_a_callback_that_waits_for_others_has_all_its_time() -> None:
    """While its items are taken its time stands still; only the time that it uses itself runs out."""
    slowly = Slowly(seconds=0.3)
    results = await outcome_of("fives", slowly, 1.0)
    assert results.error is None
    assert [*slowly.taken, *results.items] == [number(each) for each in range(11)]
    results = await outcome_of("waits_later", slowly, 0.1)
    assert str(results.error) == "Slow.waits_later took longer than [parsing] timeout = 0.1 s"


async def test_a_stop_does_not_end_what_takes_items() -> None:
    """A callback that is stopped while its items are taken ends after that, for the reason of the stop."""
    slowly = Slowly(seconds=0.1, reason="enough")
    results = await outcome_of("waits_later", slowly, 20.0)
    assert isinstance(results.error, CrawlStopped)
    assert results.error.reason == "enough"
    assert slowly.taken == [number(0), number(1)]


async def test_a_timeout_of_its_own_is_its_own_error() -> None:
    """It is not taken for the deadline."""
    async with parse("thread") as run:
        raised = (await outcome(run, "raises")).error
    assert isinstance(raised, TimeoutError)
    assert str(raised) == "its own"


@pytest.mark.parametrize("executor", ["thread", "process"])
async def test_there_may_be_no_deadline(executor: str) -> None:
    """With 0 a callback takes as long as it takes."""
    async with parse(executor, timeout=0) as run:
        assert (await outcome(run, "quick")).items == [{"quick": True}]


async def test_one_that_never_pauses_is_ended() -> None:
    """An asynchronous generator that awaits nothing does not keep the loop to itself."""
    async with parse("thread") as run:
        endless, quick = await asyncio.gather(outcome(run, "streams"), outcome(run, "quick"))
    assert str(endless.error) == "Slow.streams took longer than [parsing] timeout = 0.3 s"
    assert endless.items[:2] == [{"number": 0}, {"number": 1}]
    assert quick.items == [{"quick": True}]


@pytest.mark.parametrize("executor", ["thread", "process", "inline"])
@pytest.mark.parametrize("callback", ["items", "links", "streams", "returns"])
async def test_what_gives_without_end_is_ended(executor: Any, callback: str) -> None:
    """What it gave until then is kept; the error names callback and setting."""
    async with opened(executor, Slow(), max_results=1000) as run:
        results = await outcome(run, callback)
    told = f"Slow.{callback} gave more than [parsing] max_results = 1,000 items and requests for a page"
    assert (type(results.error), str(results.error)) == (SpiderError, told)
    links = sum(len(each.urls) if isinstance(each, Links) else 1 for each in results.requests)
    assert len(results.items) + links == 1000


@pytest.mark.parametrize("callback", ["some", "some_later"])
async def test_it_may_give_so_much(callback: str) -> None:
    """As many as the setting allows are no error."""
    for most, is_error in ((3, False), (2, True)):
        async with open_parse(ParsingSettings(max_results=most), Slow()) as run:
            results = await outcome(run, callback)
        assert (results.error is not None, results.items) == (is_error, list(map(number, range(most))))
