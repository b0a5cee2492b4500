"""How a site is asked, measured at the site: how fast, how much at once, and robots.txt first."""

import asyncio
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from aiohttp import web

from scraper import Request, Response, Spider
from tests.flow.crawls import Follower, crawl
from tests.flow.site import Asked, Flaky, Page, Servers, Site, links, redirect


def trying_pages(numbers: range) -> dict[str, Page]:
    """A start page that leads to pages which redirect, fail at first, or just answer."""
    pages: dict[str, Page] = {"/robots.txt": "User-agent: *\nDisallow: /private", "/": links(*numbers, "/private")}
    for number in numbers:
        match number % 3:
            case 0:
                pages[f"/{number}"] = redirect(f"/to/{number}", 302 + 5 * (number % 2))
                pages[f"/to/{number}"] = "there"
            case 1:
                pages[f"/{number}"] = Flaky("at last")
            case 2:
                pages[f"/{number}"] = "page"
    return pages


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def is_every(seconds: float, times: list[float]) -> bool:
    """Whether requests came at this distance: most of them nearly so, as a busy machine notes one or the other late."""
    distances = gaps(times)
    is_usual = 0.9 * seconds < median(distances) < 1.3 * seconds
    is_in_all = len(distances) - 0.6 < sum(distances) / seconds < len(distances) * 4 / 3
    return is_usual and is_in_all and min(distances) > 0.2 * seconds  # one that does not wait is too many


async def test_the_delay(servers: Servers) -> None:
    """A delay of 0.25 s gives four requests a second, robots.txt, redirects and retries included."""
    site = servers.site(trying_pages(range(6)))
    ended = await crawl(Follower, {"limits": {"delay": 0.25, "adapt": False}}, start_urls=[site.url()])
    assert ended.statistics.requests == len(site.asked) == 12
    assert (ended.statistics.retries, ended.statistics.redirects) == (2, 2)
    assert is_every(0.25, site.times)


async def test_the_delay_of_pages_that_callbacks_fetch(servers: Servers) -> None:
    """What a callback fetches takes its turn as well; and two crawls at once do not disturb each other."""

    class FetchingSpider(Spider):
        name = "fetching"

        async def parse(self, response: Response) -> Any:
            both = await asyncio.gather(self.fetch(response.urljoin("/a")), self.fetch(response.urljoin("/b")))
            yield {"found": [each.url for each in both]}
            yield Request(response.urljoin("/c"), self.parse_last)

        def parse_last(self, response: Response) -> None: ...

    sites = [servers.site(otherwise="page") for _ in range(2)]
    settings = {"limits": {"delay": 0.25}}
    crawls = [crawl(FetchingSpider, settings, alone=False, start_urls=[site.url(), site.url("/z")]) for site in sites]
    for site, ended in zip(sites, await asyncio.gather(*crawls), strict=True):
        assert len(ended.items) == 2
        assert len(site.asked) == 8  # robots.txt, two pages, two fetched for each, and one
        assert is_every(0.25, site.times)


@pytest.mark.parametrize("per_host", [1, 2])
async def test_the_host_s_limit(servers: Servers, per_host: int) -> None:
    """A host never has more requests in flight than its limit: through redirects, retries, robots.txt and fetch()."""
    site = servers.site(trying_pages(range(12)), latency=0.02)

    class ManySpider(Spider):
        name = "many"
        start_urls = [site.url()]

        async def parse(self, response: Response) -> Any:
            for link in response.follow_all(css="a", callback=self.parse_page):
                yield link

        async def parse_page(self, response: Response) -> Any:
            more = [self.fetch(f"{response.url}?{number}") for number in range(3)]
            yield {"pages": [each.status for each in await asyncio.gather(*more)]}

    site.pages |= {f"/{number}?{part}": "more" for number in range(12) for part in range(3)}
    site.pages |= {f"/to/{number}?{part}": "more" for number in range(12) for part in range(3)}
    settings = {"limits": {"per_host": per_host, "adapt": False}}
    ended = await crawl(ManySpider, settings, start_urls=[site.url()])
    assert len(ended.items) == 12
    assert site.most_in_flight == per_host


async def test_the_limit_is_that_of_a_site_however_it_is_named(servers: Servers) -> None:
    """Start URLs, links and redirects to one host all count towards its limit; another host has a limit of its own."""
    one, two = servers.site(latency=0.03), servers.site(latency=0.03)
    one.pages |= {f"/{number}": redirect(two.url(f"/{number}")) for number in range(20)}
    two.pages |= {f"/{number}": redirect(one.url(f"/end/{number}")) for number in range(20)}
    one.pages |= {f"/end/{number}": "page" for number in range(20)}
    urls = [one.url(f"/{number}") for number in range(20)]
    ended = await crawl(Follower, {"limits": {"per_host": 2}}, start_urls=urls)
    assert len(ended.items) == 20
    assert (one.most_in_flight, two.most_in_flight) == (2, 2)


async def test_robots_come_first(servers: Servers) -> None:
    """robots.txt is asked for once an origin, before its first page, however many requests wait for it."""

    async def rules(_: Asked) -> str:
        await asyncio.sleep(0.1)
        return "User-agent: *\nDisallow: /no"

    sites = [servers.site({"/robots.txt": rules, "/": links("/1", "/2", "/no")}, otherwise="page") for _ in range(5)]
    urls = [site.url(path) for path in ("/", "/3", "/4", "/no") for site in sites]
    ended = await crawl(Follower, start_urls=urls)
    assert ended.statistics.refused == {"robots": 5}
    for site in sites:
        assert site.asked[0].path == "/robots.txt"
        assert len(site.of("/robots.txt")) == 1
        assert site.paths == dict.fromkeys(("/", "/1", "/2", "/3", "/4"), 1)


async def test_robots_of_where_a_redirect_leads(servers: Servers) -> None:
    """A redirect to another origin waits for that origin's robots.txt, and is refused if that says so."""
    other = servers.site({"/robots.txt": "User-agent: *\nDisallow: /private"}, otherwise="page")
    site = servers.site({"/a": redirect(other.url("/private")), "/b": redirect(other.url("/public"))})
    ended = await crawl(Follower, start_urls=[site.url("/a"), site.url("/b")])
    assert ended.statistics.refused == {"robots": 1}
    assert [each.path for each in other.asked] == ["/robots.txt", "/public"]


async def test_robots_that_fail_at_first(servers: Servers) -> None:
    """robots.txt is retried as a page is, and no page is asked for meanwhile."""
    site = servers.site({"/robots.txt": Flaky("", times=2), "/": "page"})
    ended = await crawl(Follower, {"limits": {"adapt": False}}, start_urls=[site.url()])
    assert [each.path for each in site.asked] == ["/robots.txt"] * 3 + ["/"]
    assert ended.statistics.fetched == 1


async def test_the_delay_that_a_site_asks_for(servers: Servers) -> None:
    """A Crawl-delay is kept from the first page on."""
    site = servers.site({"/robots.txt": "User-agent: *\nCrawl-delay: 0.3", "/": links(*range(3))}, otherwise="page")
    await crawl(Follower, start_urls=[site.url()])
    assert len(site.asked) == 5
    assert min(gaps(site.times)) > 0.2
    assert 1.1 < site.times[-1] - site.times[0] < 5


async def test_a_site_that_wants_a_rest(servers: Servers) -> None:
    """After a 503 with Retry-After the whole site is left alone for so long, and the page is then asked for again."""
    busy = web.Response(status=503, headers={"Retry-After": "1"})
    site = servers.site({"/": Flaky("page")}, otherwise="page")
    first = [busy]
    site.pages["/"] = lambda _: first.pop() if first else "page"
    ended = await crawl(Follower, {"limits": {"per_host": 1}}, start_urls=[site.url(), site.url("/a"), site.url("/b")])
    refused = site.of("/")[0].time
    assert all(time - refused > 0.9 for time in site.times if time > refused)
    assert ended.statistics.fetched == 3


async def test_robots_may_be_switched_off(servers: Servers) -> None:
    """With `[limits] robots = false` robots.txt is neither asked for nor obeyed."""
    site: Site = servers.site({"/robots.txt": "User-agent: *\nDisallow: /"}, otherwise="page")
    await crawl(Follower, {"limits": {"robots": False}}, start_urls=[site.url()])
    assert [each.path for each in site.asked] == ["/"]


async def test_what_pages_ask_themselves(servers: Servers) -> None:
    """With `robots_meta` links of `nofollow` are left, items of `noindex` dropped, and both are counted."""
    pages = {
        "/": links("/nofollow", "/noindex", "/all"),
        "/nofollow": '<meta name="robots" content="nofollow">' + links("/secret", "/hidden"),
        "/noindex": lambda _: web.Response(
            text=links("/found"), content_type="text/html", headers={"X-Robots-Tag": "noindex"}
        ),
    }
    site = servers.site(pages, otherwise="page")
    ended = await crawl(Follower, {"limits": {"robots_meta": True}}, start_urls=[site.url()])
    assert {item["url"] for item in ended.items} == {site.url(path) for path in ("/", "/nofollow", "/all", "/found")}
    assert ended.statistics.refused == {"nofollow": 2}
    assert ended.statistics.drops == {"noindex": 1}
    assert not {"/secret", "/hidden"} & set(site.paths)
    ended = await crawl(Follower, start_urls=[site.url()])
    assert ended.statistics.fetched == 7


@pytest.mark.parametrize("is_kept", [False, True])
async def test_items_of_a_running_callback_are_dropped(servers: Servers, tmp_path: Path, is_kept: bool) -> None:
    """A page that says `noindex` has all items dropped, however many its callback gives, and when it gives them."""

    class Long(Spider):
        name = "long"

        async def parse(self, response: Response) -> Any:
            for number in range(3500):
                yield {"number": number}
                if number == 1234:
                    await self.fetch(response.urljoin("/other"))

    site = servers.site({"/": '<meta name="robots" content="noindex">'}, otherwise="page")
    sinks = [{"path": str(tmp_path / "items.jsonl")}] if is_kept else []
    settings = {"limits": {"robots_meta": True}, "frontier": {"jobs": str(tmp_path)}, "sinks": sinks}
    ended = await crawl(Long, settings, start_urls=[site.url()])
    assert (ended.statistics.items, ended.statistics.drops) == (0, {"noindex": 3500})
