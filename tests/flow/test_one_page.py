"""URLs that differ in what makes no difference are one page, which is asked for once, by the URL that came first."""

from collections import Counter
from typing import Any

import pytest

from scraper import Request, Response
from tests.flow.crawls import Follower, crawl
from tests.flow.site import Asked, Servers, links


class OneByOne(Follower):
    """Gives requests rather than links, and one that is a POST."""

    def parse(self, response: Response) -> Any:
        yield from (Request(each.url) for each in response.follow_all(css="a"))
        yield Request(response.urljoin("/search?sid=7"), method="POST", body=b"tea")


def shop(asked: Asked) -> Any:
    """Every page leads to every other, by links that tell where a visitor came from."""
    if asked.method == "POST":
        return "<p>"
    here = asked.path.partition("?")[0]
    names = ("/teas?page=1", "/teas?page=2", "/cups?a=1&a=2")
    return links(*(f"{name}&sid={len(here)}&utm_source={here[1:]}" for name in names), f"/?UTM_ID={here[1:]}#x")


@pytest.mark.parametrize("kind", [Follower, OneByOne])
@pytest.mark.parametrize(
    ("settings", "pages"),
    [
        ({"ignore_params": ["sid"], "ignore_tracking": True}, 4),
        ({"ignore_params": ["sid", "utm_*"]}, 4),
        ({"ignore_params": ["*"]}, 3),
        ({"ignore_params": ["sid"]}, 13),
        ({}, 13),
    ],
)
async def test_ignored_parameters(servers: Servers, kind: type[Follower], settings: dict[str, Any], pages: int) -> None:
    """A page is asked for once, whatever those parameters are; others tell pages apart, and content does."""
    site = servers.site({}, otherwise=shop)
    tables = {"frontier": settings, "limits": {"robots": False, "max_queries": 0}}
    ended = await crawl(kind(start_urls=[site.url()]), tables)
    assert ended.result.reason == "finished"
    asked = Counter((each.method, each.path) for each in site.asked)
    assert sum(number for (method, _), number in asked.items() if method == "GET") == pages
    assert set(asked.values()) == {1}
    assert (asked["POST", "/search?sid=7"] == 1) is (kind is OneByOne)
    assert ("GET", "/teas?page=1&sid=1&utm_source=") in asked
