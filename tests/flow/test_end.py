"""When a crawl ends: exactly when nothing is left, whatever happened last."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from scraper import Failure, FetchError, Request, Response, Spider, SpiderError
from scraper.errors import Reason
from tests.flow.crawls import Follower, crawl
from tests.flow.site import Page, Servers, links, redirect

NOTHING_ALLOWED = "User-agent: *\nDisallow: /"


async def test_it_ends_with_a_refusal_by_robots(servers: Servers) -> None:
    """A crawl whose only page is forbidden by robots.txt ends, and is no success."""
    site = servers.site({"/robots.txt": NOTHING_ALLOWED})
    ended = await crawl(Follower, start_urls=[site.url()], seconds=5)
    assert ended.statistics.refused == {"robots": 1}
    assert site.paths == {}
    assert ended.result.exit_status == 1
    assert "every start URL failed (robots: 1)" in ended.result.problems


@pytest.mark.parametrize("answer", [503, 429, redirect("http://localhost:1/robots.txt")])
async def test_it_ends_where_robots_cannot_be_read(servers: Servers, answer: Page) -> None:
    """Where robots.txt cannot be had, nothing of its origin is asked for, and the crawl ends."""
    site = servers.site({"/robots.txt": answer, "/": "page"})
    ended = await crawl(
        Follower, {"limits": {"adapt": False}}, start_urls=[site.url()], allowed_domains=["127.0.0.1"], seconds=8
    )
    assert ended.statistics.refused == {"robots_unreachable": 1}
    assert site.paths == {}


async def test_it_ends_with_a_spent_budget(servers: Servers) -> None:
    """What goes beyond the budget of its host is refused, also if it is the last that happens."""
    site = servers.site({"/": links("/a", "/b", "/c")}, otherwise="page")
    ended = await crawl(Follower, {"limits": {"max_per_host": 2}}, start_urls=[site.url()], seconds=5)
    assert ended.statistics.refused == {"budget": 2}
    assert site.paths.total() == 2


async def test_it_ends_with_a_redirect_that_is_refused(servers: Servers) -> None:
    """A redirect to where the crawl may not go is refused, and the crawl ends."""
    site = servers.site({"/": redirect("http://elsewhere.example:1/")})
    ended = await crawl(Follower, start_urls=[site.url()], allowed_domains=["127.0.0.1"], seconds=5)
    assert ended.statistics.refused == {"offsite": 1}


async def test_it_ends_with_a_failure_and_its_errback(servers: Servers) -> None:
    """What an errback gives is crawled and written like what a callback gives."""
    site = servers.site({"/": links("/missing"), "/instead": "page"})

    class FailingSpider(Spider):
        name = "failing"
        start_urls = [site.url()]

        def parse(self, response: Response) -> Any:
            yield response.follow("/missing", self.parse_page, errback=self.failed)

        def failed(self, failure: Failure) -> Any:
            assert failure.response is not None
            yield {"missing": failure.response.status, "reason": failure.value.reason}
            yield Request(site.url("/instead"), self.parse_page)

        def parse_page(self, response: Response) -> Any:
            return {"page": response.url}

    ended = await crawl(FailingSpider)
    assert ended.items == [{"missing": 404, "reason": "http_404"}, {"page": site.url("/instead")}]


async def test_robots_may_be_redirected_to_themselves(servers: Servers) -> None:
    """Two sites whose robots.txt lead to each other, and one that leads to itself, hold nobody up."""
    one, two = servers.site(otherwise="page"), servers.site(otherwise="page")
    alone = servers.site({"/robots.txt": redirect("/robots.txt")}, otherwise="page")
    one.pages["/robots.txt"], two.pages["/robots.txt"] = (
        redirect(two.url("/robots.txt")),
        redirect(one.url("/robots.txt")),
    )
    ended = await crawl(Follower, start_urls=[one.url(), two.url(), alone.url()], seconds=8)
    assert ended.statistics.fetched == 3


async def test_fetch_in_closed(servers: Servers) -> None:
    """After the last page nothing can be fetched any more: fetch() says so, and never waits for ever."""
    site = servers.site({"/": "page"}, otherwise="late")
    told: list[str] = []

    class LateSpider(Spider):
        name = "late"
        start_urls = [site.url()]

        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            yield
            await self.try_to_fetch()

        def parse(self, response: Response) -> None: ...

        async def closed(self, reason: str) -> None:
            await self.try_to_fetch()

        async def try_to_fetch(self) -> None:
            try:
                told.append((await self.fetch(site.url("/late"))).text)
            except (SpiderError, FetchError) as error:
                told.append(str(error))

    await crawl(LateSpider, seconds=5)
    assert len(told) == 2
    assert all(each.endswith("cannot be fetched: the crawl has ended") for each in told), told


async def test_nothing_to_do(servers: Servers) -> None:
    """A spider that gives no request is no success, and says why."""

    class IdleSpider(Spider):
        name = "idle"

        async def start(self) -> Any:
            for nothing in ():
                yield nothing

    ended = await crawl(IdleSpider, seconds=5)
    assert ended.result.problems == ("nothing was crawled: the spider gave no request",)
    assert ended.result.exit_status == 1


async def test_start_may_wait_and_fetch(servers: Servers) -> None:
    """start() may await pages before it gives more requests, and the crawl goes on as long as it does."""
    site = servers.site({"/list": {"pages": [1, 2, 3]}}, otherwise="page", latency=0.05)

    class StartSpider(Spider):
        name = "start"

        async def start(self) -> Any:
            for number in (await self.fetch(site.url("/list"))).json()["pages"]:
                await self.fetch(site.url(f"/before/{number}"))
                yield Request(site.url(f"/{number}"))

        def parse(self, response: Response) -> Any:
            return {"path": response.url[len(site.root) :]}

    ended = await crawl(StartSpider)
    assert sorted(item["path"] for item in ended.items) == ["/1", "/2", "/3"]
    assert ended.statistics.fetched == 7


@pytest.mark.parametrize("reason", [Reason.ROBOTS, Reason.OFFSITE, Reason.DEPTH])
async def test_what_is_refused_has_a_reason(servers: Servers, reason: Reason) -> None:
    """Every link that is not followed is counted, once, under why it was not."""
    site = servers.site(
        {
            "/robots.txt": "User-agent: *\nDisallow: /private",
            "/": links("/private", "http://localhost:1/", "/deep", "/private"),
            "/deep": links("/deeper"),
        },
        otherwise="page",
    )
    ended = await crawl(Follower, {"limits": {"max_depth": 1}}, start_urls=[site.url()], allowed_domains=["127.0.0.1"])
    assert ended.statistics.refused[reason] == 1
    assert site.paths == {"/": 1, "/deep": 1}
