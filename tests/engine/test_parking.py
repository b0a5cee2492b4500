"""Sites that a limit parks: what waits for them is kept, and all else goes on."""

import asyncio
from typing import Any

from scraper import CloseSpider, FetchError, Request, Response, Spider
from scraper.engine.engine import HOSTS_PARKED
from scraper.engine.seeds import AHEAD
from scraper.events import Broke, Parked
from scraper.protocols import Attempts
from scraper.urls import site
from scraper.verdict import GO, First, Park, Redirect, Retry, Verdict
from tests.engine.harness import crawl, failing

A, B = "http://a.example/", "http://b.example/"


class Parking:
    """A limit that parks b.example, after `first` requests."""

    def __init__(self, first: int = 0) -> None:
        self.left = first

    def judge(self, request: Request, now: float) -> Verdict:
        return Park("refused") if site(request.url) == "b.example" and not self.left else GO

    def sent(self, request: Request, now: float) -> None:
        self.left -= site(request.url) == "b.example" and self.left > 0

    def learn(self, request: Request, outcome: object, now: float) -> None: ...


class Given(Spider):
    """Asks for the pages it is given, one after the other."""

    name = "given"

    def __init__(self, *urls: str) -> None:
        super().__init__()
        self.urls = urls

    async def start(self) -> Any:
        for url in self.urls:
            yield Request(url)

    def parse(self, response: Response) -> Any:
        return {"url": response.url}


async def empty(request: Request) -> str:
    return ""


async def test_what_waits_is_kept() -> None:
    """What waits for a parked site is neither sent nor failed nor refused; it is told once; the crawl ends."""
    async with asyncio.timeout(30):
        run = await crawl(Given(*(f"{B}{n}" for n in range(50)), A), empty, limits=[Parking()])
    now = run.engine.statistics()
    assert (run.reason, run.site.asked) == (HOSTS_PARKED, [A])
    assert (now.parked, now.waiting, now.refused, now.failed) == ({"b.example": 50}, 50, {}, {})
    assert [event for event in run.events if isinstance(event, Parked)] == [Parked("b.example", "refused")]


async def test_start_requests_go_on() -> None:
    """However much waits for parked sites, the spider is asked for more."""
    async with asyncio.timeout(30):
        run = await crawl(Given(*(f"{B}{n}" for n in range(2 * AHEAD)), A), empty, limits=[Parking()])
    assert run.site.asked == [A]
    assert run.engine.statistics().parked == {"b.example": 2 * AHEAD}


async def test_retries_and_redirects_are_kept() -> None:
    """A request that was to be sent again, or on to a parked site, waits there, though its time has not come."""

    def policy(request: Request, outcome: Response | FetchError, attempts: Attempts) -> Retry | Redirect:
        return Retry(3600, "test") if request.url.startswith(B) else Redirect(request.replace(url=f"{B}new"))

    urls = (f"{B}1", f"{B}2", A)
    async with asyncio.timeout(30):
        run = await crawl(Given(*urls), empty, limits=[Parking(1)], policies=[policy], per_host=1)
    assert sorted(run.site.asked) == [A, f"{B}1"]
    assert run.engine.statistics().parked == {"b.example": 3}


async def test_who_awaits_a_page_of_a_parked_site() -> None:
    """A callback that awaits a page of a parked site is told, since it cannot wait for another run."""

    class Awaits(Given):
        async def parse(self, response: Response) -> Any:
            await self.fetch(f"{B}page")

    async with asyncio.timeout(30):
        run = await crawl(Awaits(A), empty, limits=[Parking()])
    assert run.engine.statistics().refused == {"parked": 1}
    assert [str(event.error) for event in run.events if isinstance(event, Broke)] == [f"parked: {B}page (refused)"]


async def test_what_waits_for_the_answer_of_a_parked_site() -> None:
    """Where one request has to be answered before others, and its site is parked, the others are kept."""

    class Asks(Parking):
        def judge(self, request: Request, now: float) -> Verdict:
            verdict = super().judge(request, now)
            return First(Request(f"{B}first")) if verdict is GO and request.url == f"{B}page" else verdict

    async with asyncio.timeout(30):
        run = await crawl(Given(f"{B}page"), failing("refused"), limits=[Asks(1)])
    assert run.site.asked == [f"{B}first"]
    assert run.engine.statistics().parked == {"b.example": 1}


async def test_a_crawl_that_is_stopped() -> None:
    """A crawl that is stopped while sites are parked ends for that reason."""

    class Stopping(Given):
        def parse(self, response: Response) -> Any:
            raise CloseSpider("enough")

    async with asyncio.timeout(30):
        run = await crawl(Stopping(f"{B}1", f"{B}2", A), empty, limits=[Parking()])
    assert run.reason == "enough"
    assert run.engine.statistics().parked == {"b.example": 2}
