"""Pages with tens of thousands of links take a bounded amount of memory, however many are in hand."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import FormRequest, Request, Response, Spider
from scraper.engine.storage import MOST_UNWRITTEN
from scraper.frontier import MemoryFrontier
from scraper.http.request import Links
from scraper.parsing import Thread
from scraper.parsing.callbacks import FEW, run
from scraper.parsing.parse_thread import MOST_BYTES
from scraper.protocols import Checkpoint, Entry, Results
from tests.engine.harness import crawl

MANY = 3 * FEW


def one_by_one(results: Results) -> list[Request]:
    """The requests of `results`, each made."""
    return [
        request
        for each in results.requests
        for request in ([each] if isinstance(each, Request) else map(each.request, each.urls))
    ]


class Listing(Spider):
    """Gives the requests that it is made with."""

    name = "listing"

    def __init__(self, requests: list[Request]) -> None:
        super().__init__()
        self.requests = requests

    def parse(self, response: Response) -> Iterator[Request]:
        yield from self.requests


URLS = st.integers(0, 9).map("http://a.example/{}".format)
REQUESTS = st.one_of(
    st.builds(Request, URLS),
    st.builds(Request, URLS, callback=st.sampled_from(["parse", "item"]), priority=st.integers(0, 1)),
    st.builds(Request, URLS, meta=st.dictionaries(st.sampled_from("ab"), st.integers(0, 1))),
    st.builds(Request, URLS, headers=st.just({"A": "b"}), depth=st.integers(0, 1)),
    st.builds(FormRequest, URLS, formdata=st.just({"a": "b"})),
)


@given(st.lists(REQUESTS, min_size=1, max_size=40), st.integers(FEW, FEW + 50))
def test_many_requests_stay_what_they_are(some: list[Request], number: int) -> None:
    """Those that differ in their URL alone are kept together, and are the same requests in the same order."""
    requests = (some * (number // len(some) + 1))[:number]
    results, _ = run(Listing(requests), "parse", Response("http://a.example/"), {}, most=10**6)
    assert one_by_one(results) == requests
    assert (results.weight > 0) is (number > FEW)


def test_many_like_requests_are_kept_as_their_urls() -> None:
    """What a request has besides its URL is kept once."""
    requests = [Request(f"http://a.example/{number}", "item") for number in range(MANY)]
    results, _ = run(Listing(requests), "parse", Response("http://a.example/"), {}, most=10**6)
    assert all(type(each) is Links for each in results.requests)
    assert len(results.requests) <= MANY // FEW + 1
    assert results.weight > sum(len(request.url) for request in requests)


class Heavy(Spider):
    """Every page has links that take more memory than may wait to be handled."""

    name = "heavy"

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []

    def parse(self, response: Response) -> Any:
        self.called.append(response.url[-1])
        return response.follow_all([f"{'x' * 1500}{number}" for number in range(MOST_BYTES // 1500 + FEW)])


async def test_callbacks_wait_until_the_links_of_others_are_handled() -> None:
    """No callback runs while links that take more memory than they may wait to be handled."""
    spider = Heavy()
    async with Thread(spider) as parse:
        calls = [asyncio.create_task(parse("parse", Response(f"http://a.example/{number}"), {})) for number in range(3)]
        for number in range(3):
            results = await calls[number]
            assert spider.called == [str(each) for each in range(number + 1)]
            assert not any(call.done() for call in calls[number + 1 :])
            parse.release(results)


class Unwritten(MemoryFrontier):
    """Counts what no commit has written, and how much that ever was."""

    def __init__(self) -> None:
        super().__init__()
        self.new = self.most = self.commits = 0

    def unwritten_size(self) -> int:
        return self.new

    def add(self, request: Request, *, is_start: bool = False) -> Entry:
        self.new += 1
        self.most = max(self.most, self.new)
        return super().add(request, is_start=is_start)

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None]:
        self.new = 0
        self.commits += 1
        return super().commit(checkpoint)


class Lists(Spider):
    """Four lists, each of a quarter more links than may be unwritten."""

    name = "lists"
    start_urls = tuple(f"http://a.example/{number}/" for number in range(4))

    def parse(self, response: Response) -> Any:
        return response.follow_all([str(number) for number in range(MOST_UNWRITTEN * 5 // 4)], self.parse)


@pytest.mark.parametrize("concurrency", [1, 16])
async def test_pages_with_many_links_wait_for_commits(concurrency: int) -> None:
    """They are applied one after the other, and a commit comes as soon as too much is unwritten."""
    frontier = Unwritten()
    found = await crawl(
        Lists(),
        lambda _: asyncio.sleep(0, ""),
        frontier=frontier,
        interval=3600,
        concurrency=concurrency,
        stop_after={"pages": 4},
    )
    assert found.engine.statistics().discovered == 4 + 4 * (MOST_UNWRITTEN * 5 // 4)
    assert frontier.most <= 4 + 2 * (MOST_UNWRITTEN * 5 // 4)
    assert frontier.commits >= 3
