"""Requests tell on which page they were found, if they are to."""

from typing import Any

import pytest
from aiohttp import web

from scraper import Request, Response, Spider
from tests.flow.crawls import Follower, crawl
from tests.flow.site import Servers, links


@pytest.mark.parametrize(
    ("policy", "same", "other"),
    [
        ("no-referrer", None, None),
        ("unsafe-url", "/page?a=b", "/page?a=b"),
        ("same-origin", "/page?a=b", None),
        ("strict-origin-when-cross-origin", "/page?a=b", "/"),
    ],
)
async def test_links_tell_their_page(policy: str, same: str | None, other: str | None, servers: Servers) -> None:
    """A link's request has the Referer that the policy allows to the site that it leads to; a start URL has none."""
    away = servers.site(otherwise="page")
    home = servers.site({"/page": links("/next", away.url("/there"))}, otherwise="page")
    await crawl(Follower, {"network": {"referrer_policy": policy}}, start_urls=[home.url("/page?a=b#c")])
    assert "Referer" not in home.of("/page?a=b")[0].headers
    for heard, told in ((home.of("/next"), same), (away.of("/there"), other)):
        assert heard[0].headers.get("Referer") == (None if told is None else home.url(told))


async def test_a_page_and_a_request_have_their_own_words(servers: Servers) -> None:
    """A page's Referrer-Policy comes before the settings', and a Referer given by hand before both."""

    class Own(Spider):
        name = "own"

        def parse(self, response: Response) -> Any:
            if "first" in response.url:
                yield Request(response.urljoin("/hand"), headers={"referer": "http://by.hand/"})
                yield Request(response.urljoin("/plain"), meta={"some": 1})

    def page(_: Any) -> web.Response:
        return web.Response(text="page", content_type="text/html", headers={"Referrer-Policy": "bad, origin"})

    site = servers.site({"/first": page}, otherwise="page")
    await crawl(Own, {"network": {"referrer_policy": "unsafe-url"}}, start_urls=[site.url("/first")])
    assert [value for name, value in site.of("/hand")[0].headers.items() if name.lower() == "referer"] == [
        "http://by.hand/"
    ]
    assert site.of("/plain")[0].headers["Referer"] == site.url("/")
