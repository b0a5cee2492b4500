"""Whole crawls over real HTTP: what arrives in the files, and what the server saw."""

import asyncio
import csv
import gzip
import io
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import scraper
from scraper import Request, Response, Result, Spider
from scraper.testing import bookshop

FIELDS = ("title", "author", "category", "upc", "price", "rating", "stock", "published", "description")


def checked(result: Result) -> Result:
    """`result`, in which every request that was met is accounted for."""
    assert result.statistics.is_balanced, result.statistics
    return result


@asynccontextmanager
async def served(answer: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    """A server on loopback that gives every request to `answer`; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_the_bookshop_item_by_item(tmp_path: Path) -> None:
    """Every book of the shop stands in every file once, with every field as the shop has it."""
    from spiders.bookshop import BookshopSpider

    paths = [str(tmp_path / name) for name in ("b.jsonl", "b.json", "b.csv", "b.jsonl.gz")]
    spider = BookshopSpider()
    result = checked(await scraper.crawl(spider, {"sinks": [{"path": path} for path in paths]}))
    assert result.exit_status == 0
    truth = {book.upc: {name: str(getattr(book, name)) for name in FIELDS} for book in spider.shop.books}
    lines = Path(paths[0]).read_text().splitlines()
    rows = [
        [json.loads(line) for line in lines],
        json.loads(Path(paths[1]).read_text()),
        list(csv.DictReader(io.StringIO(Path(paths[2]).read_bytes().decode(), newline=""))),
        [json.loads(line) for line in gzip.decompress(Path(paths[3]).read_bytes()).splitlines()],
    ]
    for each in rows:
        assert len(each) == len(truth) == 240
        assert {row["upc"]: {name: str(row[name]) for name in FIELDS} for row in each} == truth
    assert spider.shop.requests["/robots.txt"] == 1
    assert not any(path.startswith(("/admin", "/cart")) for path in spider.shop.requests)
    assert result.statistics.refused == {"robots": 1}
    assert result.statistics.failed == {"http_404": 1}


async def test_the_host_s_limit_at_the_server() -> None:
    """A host never sees more requests at a time than its limit, robots.txt, redirects and inline fetches included."""
    now = most = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        if request.path.startswith("/go"):
            return web.Response(status=302, headers={"Location": f"/end{request.path[3:]}"})
        if request.path == "/":
            return web.Response(text="".join(f"<a href=/go{n}>x</a>" for n in range(40)), content_type="text/html")
        return web.Response(status=404 if request.path == "/robots.txt" else 200)

    class Redirected(Spider):
        name = "redirected"

        def parse(self, response: Response) -> Any:
            yield from response.follow_all(css="a", callback=self.parse_end)

        async def parse_end(self, response: Response) -> Any:
            yield {"inner": (await self.fetch(response.urljoin(f"/inner{response.url[-3:]}"))).url}

    async with served(answer) as url:
        result = checked(await scraper.crawl(Redirected, {"limits": {"per_host": 2}}, start_urls=[url]))
    assert len(result.items) == 40
    assert most == 2


async def test_the_delay_at_the_server() -> None:
    """A delay of 0.25 s gives four requests a second, robots.txt, retries and redirects included."""
    arrivals: list[float] = []
    tries: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        arrivals.append(time.monotonic())
        tries[request.path] += 1
        if request.path == "/":
            links = "".join(f"<a href=/{n}>x</a>" for n in range(6))
            return web.Response(text=links, content_type="text/html")
        if request.path == "/1" and tries["/1"] == 1:
            return web.Response(status=500)
        if request.path == "/2":
            return web.Response(status=302, headers={"Location": "/moved"})
        return web.Response(status=404 if request.path == "/robots.txt" else 200)

    class Slow(Spider):
        name = "slow"

        def parse(self, response: Response) -> Any:
            yield from response.follow_all(css="a", callback="parse")

    settings = {"limits": {"delay": 0.25}, "network": {"backoff": 0.01}}
    async with served(answer) as url:
        checked(await scraper.crawl(Slow, settings, start_urls=[url]))
    assert len(arrivals) == 1 + 1 + 6 + 1 + 1
    assert min(later - earlier for earlier, later in pairwise(arrivals)) > 0.24
    assert (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) == pytest.approx(4.0, abs=0.1)


async def test_a_slow_host_does_not_idle_the_others() -> None:
    """Twenty fast hosts are crawled as fast beside a slow one as without it."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/robots.txt":
            return web.Response(status=404)
        await asyncio.sleep(1.0 if request.path.startswith("/slow") else 0.01)
        return web.Response(text="")

    class Many(Spider):
        name = "many"
        is_slow_there: bool = True
        port: str = ""

        async def start(self) -> Any:
            for number in range(20 if self.is_slow_there else 0):
                yield Request(f"http://127.0.0.1:{self.port}/slow{number}")
            for number in range(400):
                yield Request(f"http://127.0.0.{2 + number % 20}:{self.port}/{number}")

        def parse(self, response: Response) -> Any:
            yield {"at": time.monotonic(), "is_slow": "slow" in response.url}

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = str(runner.addresses[0][1])
    for number in range(20):
        await web.TCPSite(runner, f"127.0.0.{2 + number}", int(port)).start()
    seconds = []
    try:
        for is_slow_there in (False, True):
            begin = time.monotonic()
            result = checked(await scraper.crawl(Many, is_slow_there=is_slow_there, port=port))
            seconds.append(max(item["at"] for item in result.items if not item["is_slow"]) - begin)
    finally:
        await runner.cleanup()
    assert seconds[1] < 1.5 * seconds[0] + 0.1, seconds


async def test_every_item_of_a_stream() -> None:
    """`stream()` gives every item of a crawl, and to leave it early ends the crawl."""

    class Shop(Spider):
        name = "shop"

        def parse(self, response: Response) -> Any:
            yield {"url": response.url}
            yield from response.follow_all(css=".categories a, a[rel=next]")

    async with bookshop.serve() as shop:
        urls = [item["url"] async for item in scraper.stream(Shop, start_urls=[shop.url])]
        assert len(urls) == len(set(urls)) == 36
        before = asyncio.all_tasks()
        async for _ in (stream := scraper.stream(Shop, start_urls=[shop.url])):
            break
        await stream.aclose()  # type: ignore[attr-defined]
        assert asyncio.all_tasks() == before


def test_two_crawls_in_one_process() -> None:
    """`run()` works where no loop runs, and more than once."""

    class Two(Spider):
        name = "two"
        start_urls = ("http://127.0.0.1:9/",)

    settings = {"network": {"retries": 0}, "limits": {"robots": False}}
    for _ in range(2):
        result = checked(scraper.run(Two, settings))
        assert result.statistics.failed == {"refused": 1}
        assert result.exit_status == 1
