"""One site's pages that take long do not hold up the other sites."""

import time
from typing import Any

import pytest

from scraper.http.request import Request
from scraper.http.response import Response
from scraper.parsing.hard_pages import LONG, MOST
from scraper.spider import Spider
from tests.engine.harness import crawl

NESTED = "<!doctype html>" + "<div>" * 9_000
LISTING = "<!doctype html><div>" + "<li><a href=/p>y</a>" * 5_000


class Two(Spider):
    """Ten pages that are hard to parse, or have a slow callback, and four hundred that are neither."""

    name = "two"

    def __init__(self, way: str) -> None:
        super().__init__()
        self.start_urls = [f"http://{way}.example/{each}" for each in range(10)]
        self.start_urls += [f"http://other.example/{each}" for each in range(400)]
        self.handled: list[str] = []
        self.asked: list[int] = []
        self.running = 0

    def parse(self, response: Response) -> Any:
        assert not self.running, "plain callbacks never run at the same time"
        self.running += 1
        if "slow" in response.url:
            end = time.thread_time() + 1.5 * LONG
            while time.thread_time() < end:
                pass
        if "hard" in response.url:
            assert response.css("div").get()
        self.handled.append(response.url)
        self.running -= 1
        yield {"url": response.url}


@pytest.mark.parametrize("way", ["hard", "slow"])
@pytest.mark.timeout(120)
async def test_ordinary_pages_do_not_wait_for_hard_ones(way: str) -> None:
    """All the others are asked for and handled before a few of the hard ones are; none is lost, and none is late."""
    spider, asked = Two(way), []

    async def answer(request: Request) -> str:
        asked.append(request.url)
        return NESTED if way in request.url else "<p>x"

    run = await crawl(spider, answer, concurrency=8)
    assert len(run.items) == 410
    places = [index for index, url in enumerate(spider.handled) if way in url]
    last_other = max(index for index, url in enumerate(spider.handled) if way not in url)
    assert places[2] > last_other, "two of them at most came before"


async def test_a_site_is_not_asked_for_more_than_can_be_parsed() -> None:
    """Of a site whose pages are hard, a bounded number is fetched ahead; all are fetched in the end."""
    spider, ahead = Two("hard"), []
    spider.start_urls = [f"http://hard.example/{each}" for each in range(40)]

    async def answer(request: Request) -> str:
        ahead.append(request.url)
        assert len(ahead) - len(spider.handled) <= MOST + 2 * 2, "aside, in flight, and on their way"
        return LISTING

    run = await crawl(spider, answer, concurrency=2, per_host=2)
    assert len(run.items) == 40
