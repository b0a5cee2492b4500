"""A callback has so much time, wherever it runs; then the next page has its turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from scraper.errors import SpiderError
from scraper.parsing import open_parse
from scraper.protocols import Parse, Results
from scraper.request import Request
from scraper.response import Response
from scraper.settings import ParsingSettings
from scraper.spider import Spider

SECONDS = 0.3


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

    async def waits(self, response: Response) -> AsyncIterator[Any]:
        yield {"first": True}
        await asyncio.sleep(60)

    async def raises(self, response: Response) -> Any:
        raise TimeoutError("its own")

    def quick(self, response: Response) -> Any:
        return {"quick": True}


def parse(executor: Any, timeout: float = SECONDS) -> Parse:
    """An executor that has little patience."""
    return open_parse(ParsingSettings(executor=executor, timeout=timeout), Slow())


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
