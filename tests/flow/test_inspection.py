"""An inspection: a crawl that fetches and parses single pages, as whoever opened it asks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from scraper import FetchError, Request, Response, Spider, SpiderError
from scraper.crawling.inspection import Inspection
from scraper.settings.tables import from_tables
from scraper.testing import bookshop

pytestmark = pytest.mark.usefixtures("nothing_leaks")

SETTINGS = from_tables({"limits": {"delay": 0}, "network": {"backoff": 0}})


class Books(Spider):
    """Follows the books of a page, and notes what is called around it."""

    name = "books"
    calls: list[str] = []

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.calls.append("opened")
        yield
        self.calls.append("ended")

    def closed(self, reason: str) -> None:
        self.calls.append(reason)

    def parse(self, response: Response) -> Any:
        yield {"title": response.css("h1::text").get()}
        yield from response.follow_all(css=".book h3 a")


async def test_pages_go_the_way_of_a_crawl() -> None:
    """Robots and retries are as in a crawl, and so is what a callback's requests inherit from their page."""
    async with bookshop.serve() as shop, Inspection(Books, SETTINGS) as inspection:
        page = await inspection.fetch(Request(shop.url))
        assert page.status == 200
        assert shop.requests["/robots.txt"] == 1
        with pytest.raises(FetchError, match=r"^robots: "):
            await inspection.fetch(Request(f"{shop.url}admin/"))
        assert (await inspection.fetch(Request(f"{shop.url}corners/flaky"))).status == 200
        parsed = await inspection.parse(page)
        assert (parsed.where, len(parsed.items), len(parsed.requests)) == ("Books.parse", 1, 12)
        assert {each.request.depth for each in parsed.requests} == {1}


async def test_the_spider_is_opened_and_closed_once() -> None:
    """However many pages are looked at, `lifespan()` is around them all, and `closed()` before its end."""
    Books.calls.clear()
    async with bookshop.serve() as shop, Inspection(Books, SETTINGS) as inspection:
        for _ in range(3):
            await inspection.fetch(Request(shop.url))
        assert Books.calls == ["opened"]
    assert Books.calls == ["opened", "finished", "ended"]


async def test_it_is_not_ended_by_what_ends_a_crawl() -> None:
    """`[engine] stop_after` is about crawls; callbacks are run here even where they have processes of their own."""
    tables = {"engine": {"stop_after": {"pages": 1}}, "parsing": {"executor": "process"}, "limits": {"delay": 0}}
    async with bookshop.serve() as shop, Inspection(Books, from_tables(tables)) as inspection:
        pages = [await inspection.parse(await inspection.fetch(Request(shop.url))) for _ in range(3)]
    assert [len(page.items) for page in pages] == [1, 1, 1]


async def test_pages_are_walked_level_by_level() -> None:
    """Each page once; `depth` counts levels."""
    async with bookshop.serve() as shop, Inspection(Books, SETTINGS) as inspection:
        page = await inspection.fetch(Request(shop.url))
        walked = [parsed async for parsed in inspection.walk(page, depth=2)]
    assert [parsed.depth for parsed in walked] == [0] + [1] * 12
    assert len({parsed.url for parsed in walked}) == 13


async def test_a_host_that_a_page_led_to_is_not_named_by_the_user() -> None:
    """A private address is reached if the user gives it, and not if a page does."""
    async with bookshop.serve() as shop, Inspection(Books, SETTINGS) as inspection:
        with pytest.raises(FetchError, match="address_not_allowed"):
            await inspection.fetch(Request(shop.url, depth=1))
        assert (await inspection.fetch(Request(shop.url))).status == 200


async def test_accepted_statuses_are_delivered() -> None:
    """Others of an error status raise, as in a callback."""
    async with bookshop.serve() as shop:
        async with Inspection(Books, SETTINGS, accepted=[404]) as inspection:
            assert (await inspection.fetch(Request(f"{shop.url}nothing"))).status == 404
        async with Inspection(Books, SETTINGS) as inspection:
            with pytest.raises(FetchError, match="http_404"):
                await inspection.fetch(Request(f"{shop.url}nothing"))


async def test_what_opening_raises_is_raised_on_entering() -> None:
    """A spider that cannot be opened has no inspection."""

    class Broken(Books):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            raise OSError("no database")
            yield

    with pytest.raises(SpiderError, match=r"Broken\.lifespan raised OSError: no database"):
        async with Inspection(Broken, SETTINGS):
            pass


async def test_cancelling_leaves_nothing_running() -> None:
    """Whoever waits at an inspection may be cancelled: the crawl behind it ends as well."""
    async with bookshop.serve() as shop:

        async def wait() -> None:
            async with Inspection(Books, SETTINGS) as inspection:
                await inspection.fetch(Request(shop.url))
                fetched.set()
                await asyncio.sleep(60)

        fetched = asyncio.Event()
        task = asyncio.create_task(wait())
        await fetched.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def start_of(spider: type[Spider]) -> str:
    async with Inspection(spider, SETTINGS) as inspection:
        return await inspection.start_callback()


async def test_the_start_callback_is_that_of_the_first_request() -> None:
    """It is looked for in `start()` or `start_requests()`; a spider of plain start URLs has `parse`."""

    class Later(Books):
        async def start(self) -> AsyncIterator[Any]:
            yield {"title": "an item"}
            yield Request("http://a.example/", self.later)

        def later(self, response: Response) -> None:
            """A callback."""

    class Older(Books):
        def start_requests(self) -> Any:
            return [Request("http://a.example/", "older")]

    class Broken(Books):
        async def start(self) -> AsyncIterator[Any]:
            raise ValueError("no list")
            yield

    assert await start_of(Books) == "parse"
    assert await start_of(Later) == "later"
    assert await start_of(Older) == "older"
    with pytest.raises(SpiderError, match=r"Broken\.start raised ValueError: no list"):
        await start_of(Broken)
