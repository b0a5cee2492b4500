"""Pages that take long to parse, and callbacks that take long, do not hold up those of other sites."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from scraper import FetchError, Request, Response, Spider
from scraper.markup.document import sandbox as module
from scraper.markup.document.complexity import SHORT
from scraper.markup.document.sandbox import sandbox
from scraper.parsing import HardPages, Inline, Thread, executor, parse_thread
from scraper.parsing.hard_pages import BLOCKED, LONG, MOST, MOST_OF_SLOW
from scraper.protocols import Parse
from tests.parsing.processes import in_processes

NESTED = "<!doctype html>" + "<div>" * 9_000  # a quarter of a second
LISTING = "<!doctype html>" + "<li><a href=/p>y</a>" * 5_000  # as suspicious, and no time at all
TOO_MUCH = "<!doctype html>" + "<div>" * 100_000
PLAIN = "<!doctype html><p>x"


@pytest.fixture(autouse=True)
def _ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Patience is short, and no process is left."""
    monkeypatch.setattr(module, "SECONDS", 1.0)
    yield
    sandbox.close()


class Noting(Spider):
    """Notes which of its callbacks were called, in order, and whether two of them ran at the same time."""

    name = "noting"

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        self.threads: set[int] = set()
        self.running = 0
        self.overlaps = 0

    def parse(self, response: Response) -> Any:
        self.running += 1
        self.overlaps += self.running > 1
        self.threads.add(threading.get_ident())
        if "/slow" in response.url:
            end = time.thread_time() + 1.5 * LONG
            while time.thread_time() < end:
                pass
        if "/blocked" in response.url:
            time.sleep(1.2 * BLOCKED)
        self.order.append(response.url)
        self.running -= 1
        return {"url": response.url, "depth": len(response.css("div, p, li"))}

    async def later(self, response: Response) -> AsyncIterator[Any]:
        yield self.parse(response)

    def remote(self, response: Response) -> Any:
        return {"depth": len(response.css("div, p, li"))}


def page(url: str, body: str = PLAIN, kind: str = "text/html") -> Response:
    return Response(url, body=body, headers={"Content-Type": kind}, request=Request(url))


async def parsed(parse: Parse, pages: list[Response], callback: str = "parse") -> list[Any]:
    """What the callback gave for all `pages`, which come together."""
    results = await asyncio.gather(*(parse(callback, each, {}) for each in pages))
    return [each.error or each.items[0] for each in results]


def others(number: int) -> list[Response]:
    return [page(f"http://other.example/{each}") for each in range(number)]


@pytest.mark.parametrize("callback", ["parse", "later"])
@pytest.mark.parametrize("kind", [Thread, Inline])
async def test_a_page_on_trial_keeps_nobody_waiting(kind: Callable[..., Parse], callback: str) -> None:
    """The pages that come after it are handled before; the loop runs on meanwhile, even for small pages."""
    spider = Noting()
    assert SHORT < len(NESTED) < 64 * 1024, "too small to be looked at by anybody else before"
    async with kind(spider) as parse:
        found = await parsed(parse, [page("http://hard.example/", NESTED), *others(50)], callback)
    assert [each["url"] for each in found] == ["http://hard.example/", *(each.url for each in others(50))]
    assert found[0]["depth"] == 9_000
    assert spider.order[-1] == "http://hard.example/"
    assert spider.overlaps == 0


async def test_what_is_suspicious_and_quick_is_a_page_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long listing is tried, and that is all: its site is not slow."""
    monkeypatch.setattr(executor, "EASY", 1.0)  # so that it holds on a busy machine
    monkeypatch.setattr(parse_thread, "LONG", 1.0)
    hard = HardPages()
    async with Thread(Noting(), hard=hard) as parse:
        [found] = await parsed(parse, [page("http://shop.example/", LISTING)])
    assert found["depth"] == 5_000
    assert not hard.slow


@pytest.mark.parametrize("how", ["slow", "blocked"])
async def test_slow_callbacks_leave_room_for_others(how: str) -> None:
    """After the first of a site, its pages wait until the pages of others have had the thread, for as long as it."""
    spider, hard = Noting(), HardPages()
    slow = [page(f"http://slow.example/{how}/{each}") for each in range(4)]
    async with Thread(spider, hard=hard) as parse:
        await parsed(parse, [*slow, *others(50)])
    first_two = [index for index, url in enumerate(spider.order) if how in url][:2]
    assert first_two == [0, 51], "all others came before the second one"
    assert spider.overlaps == 0
    assert len(spider.threads) == 1
    assert list(hard.slow) == ["slow.example"]


async def test_others_have_as_much_time_as_slow_pages() -> None:
    """Between pages of a site that is slow those that come then are handled, and not only those that were there."""
    spider = Noting()
    async with Thread(spider) as parse:

        async def come() -> None:
            while sum("/slow" in url for url in spider.order) < 4:
                await parsed(parse, others(5))

        slow = [page(f"http://slow.example/slow/{each}") for each in range(4)]
        await asyncio.gather(parsed(parse, slow), come())
    places = [index for index, url in enumerate(spider.order) if "/slow" in url]
    assert all(after - before > 4 * 5 for before, after in pairwise(places[1:])), places


async def test_a_site_is_slow_no_longer_than_its_pages_are() -> None:
    """A page that was quick makes it a site like any other."""
    hard = HardPages()
    async with Thread(Noting(), hard=hard) as parse:
        await parsed(parse, [page("http://a.example/slow")])
        assert list(hard.slow) == ["a.example"]
        await parsed(parse, [page("http://a.example/quick")])
        assert not hard.slow


async def test_what_is_aside_is_counted() -> None:
    """Pages that wait for their turn are counted by site, until they have been handled or are given up."""
    hard = HardPages()
    body = page("http://hard.example/", NESTED)
    async with Thread(Noting(), hard=hard) as parse:
        one = asyncio.create_task(parse("parse", body, {}))
        other = asyncio.create_task(parse("parse", page("http://hard.example/2", NESTED), {}))
        while hard.pages < 2:  # noqa: ASYNC110 -- counted by the executor
            await asyncio.sleep(0)
        assert hard.bytes == 2 * len(body.body)
        other.cancel()
        await one
    assert (hard.pages, hard.bytes) == (0, 0)


def test_when_a_site_is_asked_for_no_more() -> None:
    """Nothing more is asked of a site of which some pages are aside; of one that is known to be slow, a few."""
    hard, open_pages = HardPages(), []
    while not hard.is_full("a.example"):
        open_pages.append(hard.aside("a.example", 10))
        open_pages[-1].__enter__()
    assert (hard.pages, hard.bytes) == (MOST, 10 * MOST)
    assert not hard.is_full("b.example")
    for each in open_pages[MOST_OF_SLOW:]:
        each.__exit__(None, None, None)
    assert not hard.is_full("a.example")
    hard.note("a.example", is_slow=True)
    assert hard.is_full("a.example")
    hard.note("a.example", is_slow=False)
    assert not hard.is_full("a.example")
    assert repr(hard) == f"<HardPages {MOST_OF_SLOW} aside, 0 slow sites>"


@pytest.mark.parametrize("kind", [Thread, Inline])
async def test_a_page_that_does_not_pass_is_its_callbacks_error(kind: Callable[..., Parse]) -> None:
    """Wherever it was tried, the callback is told as it asks for the tree."""
    async with kind(Noting()) as parse:
        [found] = await parsed(parse, [page("http://hard.example/", TOO_MUCH)])
    assert isinstance(found, FetchError)
    assert found.reason == "parse_too_complex"


async def test_what_is_no_markup_is_not_tried() -> None:
    """A feed of thousands of elements, or JSON, is no page to try, as nobody has it parsed as HTML."""
    hard, feed = HardPages(), "<rss>" + "<item><title>x</title></item>" * 5_000

    class Feeds(Spider):
        name = "feeds"

        def parse(self, response: Response) -> Any:
            return {"aside": hard.pages, "size": len(response.body)}

    async with Thread(Feeds(), hard=hard) as parse:
        for type_ in ("application/rss+xml", "text/xml", "application/json", "application/octet-stream"):
            assert await parsed(parse, [page("http://a.example/", feed, type_)]) == [{"aside": 0, "size": len(feed)}]
        for type_ in ("text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "text/plain"):
            assert await parsed(parse, [page("http://a.example/", feed, type_)]) == [{"aside": 1, "size": len(feed)}]


async def test_hard_pages_have_one_process_at_most() -> None:
    """The other parse processes are there for the pages of other sites."""
    hard = HardPages()
    most = 0
    async with in_processes(Noting(), 2, hard=hard) as parse:
        pages = [page(f"http://hard.example/{each}", NESTED) for each in range(4)]
        trying = asyncio.gather(*(parse("remote", each, {}) for each in pages))
        while hard.pages < 4:  # noqa: ASYNC110 -- counted by the executor
            await asyncio.sleep(0.001)
        rest = await parsed(parse, others(20), "remote")
        most = hard.pages
        results = await trying
    assert rest == [{"depth": 1}] * 20
    assert most > 0, "the others did not wait for all of them"
    assert [each.items for each in results] == [[{"depth": 9_000}]] * 4
