"""Other ways to run a crawl: item by item, and where no event loop runs."""

import asyncio
from typing import Any

import scraper
from scraper import Response, Spider
from scraper.testing import bookshop
from tests.flow.crawls import check


async def test_a_stream_does_not_wait_for_a_callback() -> None:
    """`stream()` gives an item while the callback that yielded it goes on, and `crawl()` counts it."""

    class Patient(Spider):
        name = "patient"

        async def parse(self, response: Response) -> Any:
            for number in range(3):
                yield number_of(number)
                async with asyncio.timeout(20):
                    await taken[number].wait()

    taken = [asyncio.Event() for _ in range(3)]
    async with bookshop.serve() as shop:
        async for item in scraper.stream(Patient, start_urls=[shop.url]):
            taken[item["number"]].set()
    assert all(each.is_set() for each in taken)


def number_of(number: int) -> dict[str, int]:
    """An item."""
    return {"number": number}


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
