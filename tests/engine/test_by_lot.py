"""Crawls of which everything is drawn by lot: each ends by itself, and every request is accounted for."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any

import pytest

from scraper import CloseSpider, FetchError, IgnoreRequest, Request, Response, Spider
from scraper.engine.engine import Engine
from scraper.errors import Reason
from scraper.protocols import Attempts
from scraper.verdict import GO, Fail, First, Park, Redirect, Refuse, Retry, Verdict, Wait
from tests.engine.harness import crawl

PAGES = 60


class Lot:
    """What happens to each request, by its URL: the same in every call, whatever comes between."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.draw = Random(seed)
        self.hosts = self.draw.choice([1, 2, 7])
        self.troubles = self.draw.choice([0.0, 0.1, 0.4])
        self.delay = self.draw.choice([0.0, 0.0, 0.002])

    def of(self, url: str, about: str) -> Random:
        return Random(f"{self.seed} {about} {url}")

    def url(self, number: int, path: str = "") -> str:
        return f"http://h{number % self.hosts}.example/{number}{path}"

    def has_trouble(self, url: str, about: str) -> bool:
        return self.of(url, about).random() < self.troubles

    async def answer(self, request: Request) -> str:
        lot = self.of(request.url, "answer")
        await asyncio.sleep(lot.choice([0, 0, 0.001, 0.004]))
        if self.has_trouble(request.url, "failing"):
            raise lot.choice([FetchError(Reason.TIMEOUT, request.url), IgnoreRequest("by lot")])
        return ""


class Troubles:
    """A limit and a policy that do all that such may do."""

    def __init__(self, lot: Lot) -> None:
        self.lot = lot
        self.known: set[str] = set()
        self.due: dict[str, float] = {}

    def judge(self, request: Request, now: float) -> Verdict:
        host = request.url.split("/")[2]
        rules = Request(f"http://{host}/rules")
        if request.url != rules.url and host not in self.known and self.lot.has_trouble(host, "rules"):
            return First(rules)
        if now < self.due.get(host, 0.0):
            return Wait(self.due[host] - now)
        if self.lot.has_trouble(request.url, "refused"):
            return self.lot.of(request.url, "why").choice(
                [Refuse(Reason.ROBOTS), Refuse(Reason.BUDGET), Park("timeout")]
            )
        return GO

    def sent(self, request: Request, now: float) -> None:
        self.due[request.url.split("/")[2]] = now + self.lot.delay

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        if request.url.endswith("/rules"):
            self.known.add(request.url.split("/")[2])

    def __call__(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Any:
        lot = self.lot.of(request.url, "sequel")
        if not self.lot.has_trouble(request.url, "sequels") or attempts.retries > 1 or len(attempts.hops) > 1:
            return None
        return lot.choice(
            [Retry(lot.choice([0.0, 0.003]), "by lot"), Fail("http_500"), Redirect(Request(f"{request.url}/to"))]
        )


class Drawn(Spider):
    """Every kind of callback, each with its kinds of results."""

    name = "drawn"
    lot: Lot

    async def start(self) -> AsyncIterator[Request]:
        for number in range(PAGES // 2):
            yield self.asking(self.lot.url(number))
            if self.lot.has_trouble(str(number), "slow start"):
                await asyncio.sleep(0.001)

    def asking(self, url: str) -> Request:
        lot = self.lot.of(url, "asking")
        return Request(
            url,
            callback=lot.choice([self.parse, self.awaiting, self.several]),
            errback=lot.choice([None, self.failed]),
            priority=lot.choice([0, 0, 5, -5]),
            dont_filter=lot.random() < 0.1,
        )

    def links(self, response: Response) -> Iterator[Any]:
        number = int(response.url.split("/")[3])
        if number < PAGES:
            yield {"url": response.url}
            for each in {number * 2 + 1, number + 7}:
                yield self.asking(self.lot.url(each))
        if self.lot.has_trouble(response.url, "raising"):
            raise self.lot.of(response.url, "what").choice([ValueError("by lot")] * 20 + [CloseSpider("by lot")])

    def parse(self, response: Response) -> Any:
        return self.links(response)

    async def awaiting(self, response: Response) -> AsyncIterator[Any]:
        try:
            for part in "ab":
                answer = await self.fetch(f"{response.url}/{part}")
                yield {"inner": answer.url}
        except FetchError as error:
            yield {"error": error.reason}
        for each in self.links(response):
            yield each

    async def several(self, response: Response) -> list[Any]:
        asked = [self.fetch(Request(self.lot.url(n, f"/of{len(response.url)}"), dont_filter=True)) for n in range(4)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        return [{"found": len(found)}, *self.links(response)]

    def failed(self, failure: Any) -> Any:
        yield {"failed": failure.request.url}


async def stopping(engine: Engine) -> None:
    """Stops the crawl while it is at it."""
    await asyncio.sleep(0.03)
    engine.stop("by hand")


@pytest.mark.parametrize("seed", range(60))
async def test_a_crawl_ends(seed: int) -> None:
    """Whatever limits, policies, callbacks and the site do: no crawl hangs, and `discovered` is the sum of the rest."""
    lot = Lot(seed)
    troubles = Troubles(lot)
    spider = Drawn()
    spider.lot = lot
    draw = lot.draw
    stop_after = draw.choice(
        [{}, {}, {"pages": draw.randrange(1, 60)}, {"items": 20}, {"seconds": 0.05}, {"errors": 3}]
    )
    async with asyncio.timeout(20):
        run = await crawl(
            spider,
            lot.answer,
            limits=[troubles],
            policies=[troubles],
            per_host=draw.choice([1, 2, 8]),
            concurrency=draw.choice([1, 2, 5, 32]),
            meanwhile=draw.choice([None, None, stopping]),
            stop_after=stop_after,
        )
    statistics = run.engine.statistics()
    assert statistics.in_flight == 0
    if run.reason == "finished":
        assert statistics.waiting == 0
