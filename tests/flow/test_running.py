"""Other ways to run a crawl: item by item, and where no event loop runs."""

import asyncio
from typing import Any

import scraper
from scraper import Response, Spider
from scraper.testing import bookshop
from tests.flow.crawls import check


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

        def parse(self, response: Response) -> None:
            """Nothing is made of it."""

    settings = {"network": {"retries": 0}, "limits": {"robots": False}}
    for _ in range(2):
        result = scraper.run(Two, settings)
        check(result)
        assert result.statistics.failed == {"refused": 1}
        assert result.exit_status == 1
