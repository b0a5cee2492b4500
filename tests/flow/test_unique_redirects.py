"""With `[frontier] unique_redirects` a page is crawled once, also if redirects lead to it; and none is missed."""

from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from scraper import Request, Response, Spider
from tests.flow.crawls import Ended, Follower, crawl
from tests.flow.site import Asked, Flaky, Servers, Site, links, redirect

ON = {"frontier": {"unique_redirects": True}}


async def asked(site: Site, spider: type[Spider] = Follower, **settings: Any) -> tuple[Ended, Counter[str]]:
    """What was asked for by a crawl of `site`, and how it ended."""
    ended = await crawl(spider(start_urls=[site.url()]), ON | settings)
    assert ended.result.reason == "finished"
    return ended, site.paths


async def test_a_page_is_crawled_once(servers: Servers) -> None:
    """Whichever of its names comes first: the redirects, which are refused as `duplicate`, or its own."""
    pages = {"/": links("/page", *(f"/go/{each}" for each in range(9))), "/page": "page", "/late": links("/hidden")}
    pages |= {f"/go/{each}": redirect("/page" if each % 2 else "/hidden") for each in range(9)}
    pages |= {"/hidden": links("/hidden", "/late")}
    ended, paths = await asked(servers.site(pages))
    assert paths == dict.fromkeys(pages, 1)
    assert ended.statistics.fetched == 4
    assert ended.statistics.refused == {"duplicate": 8}


async def test_a_home_page_that_is_elsewhere(servers: Servers) -> None:
    """What the first page leads to is met, for its own links as for those of others; a cookie makes no difference."""
    home = redirect("/en/", 301, **{"Set-Cookie": "visitor=7"})
    site = servers.site({"/": home, "/en/": links("/en/", "/", "/a"), "/a": links("/en/", "/")})
    ended, paths = await asked(site)
    assert paths == {"/": 1, "/en/": 1, "/a": 1}
    assert ended.statistics.refused == {}


async def test_it_is_as_ever_unless_it_is_set(servers: Servers) -> None:
    """Without the setting every redirect is followed."""
    pages = {"/": links("/1", "/2", "/page"), "/1": redirect("/page"), "/2": redirect("/page"), "/page": "page"}
    site = servers.site(pages)
    await crawl(Follower, start_urls=[site.url()])
    assert site.paths["/page"] == 3


async def test_ways_that_go_back(servers: Servers) -> None:
    """A page that sends its visitor for a cookie and takes them back is crawled, and so is one that leads to itself."""
    visits: Counter[str] = Counter()

    def wall(asked: Asked) -> Any:
        if "cookie" in asked.headers.get("Cookie", ""):
            return "page"
        visits[asked.path] += 1
        return web.Response(status=302, headers={"Location": f"/wall?{asked.path}"})

    def give(asked: Asked) -> Any:
        return web.Response(status=302, headers={"Location": asked.path.partition("?")[2], "Set-Cookie": "cookie=1"})

    def itself(asked: Asked) -> Any:
        visits[asked.path] += 1
        return "page" if visits[asked.path] > 1 else web.Response(status=302, headers={"Location": "/itself"})

    site = servers.site({"/": links("/1", "/itself"), "/1": wall, "/itself": itself, "/wall": give})
    ended, paths = await asked(site)
    assert ended.statistics.refused == {}
    assert ended.statistics.fetched == 3
    assert paths == {"/": 1, "/1": 2, "/itself": 2, "/wall?/1": 1}


async def test_what_may_have_changed_is_not_met(servers: Servers) -> None:
    """After a form, and after an answer that sets a cookie, a page that was met is another."""

    class Login(Follower):
        def parse(self, response: Response) -> Any:
            yield from super().parse(response)
            if response.url.endswith("/account") and response.text == "who are you?":
                yield Request(response.urljoin("/login"), self.parse, method="POST", body=b"name=tea")

    def account(asked: Asked) -> str:
        return "your tea" if "name=tea" in asked.headers.get("Cookie", "") else "who are you?"

    enter = redirect("/account", 303, **{"Set-Cookie": "name=tea"})
    site = servers.site({"/": links("/account", "/later"), "/account": account, "/login": enter, "/later": enter})
    _, paths = await asked(site, Login, engine={"concurrency": 1})
    assert paths == {"/": 1, "/account": 3, "/later": 1, "/login": 1}


async def test_dont_filter_and_pages_that_callbacks_await(servers: Servers) -> None:
    """Who asks for a page that may be met already has it."""

    class Asking(Spider):
        name = "asking"

        async def parse(self, response: Response) -> Any:
            yield {"inner": (await self.fetch(response.urljoin("/go"))).url}
            yield Request(response.urljoin("/go?2"), self.last, dont_filter=True)

        def last(self, response: Response) -> Any:
            yield {"last": response.url}

    site = servers.site({"/": links(), "/go": redirect("/"), "/go?2": redirect("/")})
    ended, paths = await asked(site, Asking)
    assert paths == {"/": 3, "/go": 1, "/go?2": 1}
    assert ended.items == [{"inner": site.url("/")}, {"last": site.url("/")}]


@pytest.mark.parametrize("status", [404, 503])
async def test_a_target_that_fails_is_not_met(servers: Servers, status: int) -> None:
    """A page that was not to be had under one name may be asked for by another."""
    target = Flaky("page", status=status, times=1)
    site = servers.site({"/": links("/1", "/2"), "/1": redirect("/page"), "/2": redirect("/page"), "/page": target})
    ended, paths = await asked(site, engine={"concurrency": 1}, network={"retries": 0})
    assert paths["/page"] == 2
    assert ended.statistics.fetched == 2
    assert sum(ended.statistics.failed.values()) == 1


async def test_errors_of_callbacks_are_no_reason_to_ask_again(servers: Servers) -> None:
    """A page whose callback raised was met."""

    class Raises(Follower):
        def parse(self, response: Response) -> Any:
            if response.url.endswith("/page"):
                raise ValueError("no tea")
            yield from super().parse(response)

    site = servers.site({"/": links("/1", "/2"), "/1": redirect("/page"), "/2": redirect("/page"), "/page": "page"})
    ended, paths = await asked(site, Raises, engine={"concurrency": 1})
    assert paths["/page"] == 1
    assert ended.statistics.errors == 1
