"""A crawl with worker processes gives what the same crawl gives without: items, counts, and words."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec
import pytest

from scraper import Crawl, Result, Spider
from tests.flow.crawls import QUICK, check, merged
from tests.flow.site import Asked, Servers, Site, links
from tests.workers import spiders

PAGES = 24
UNHURRIED = merged(QUICK, {"limits": {"adapt": False}})
"""A site that is down for a moment is not asked more slowly from then on."""
_OF_THE_CLOCK = {"seconds"}


def _page(number: int) -> str:
    near = {2 * number, 2 * number + 1, number // 2, PAGES, PAGES + 1}
    targets = [f"/{each}" for each in sorted(near) if each > 0]
    return f"<h1>{number}</h1><p class=price>{number}.5</p>{links(*targets)}"


def _login(asked: Asked) -> Any:
    from aiohttp import web

    answer = web.Response(text="<p>come in</p>", content_type="text/html")
    answer.set_cookie("who", "me")
    return answer


def _secret(asked: Asked) -> Any:
    return f"<p>{asked.headers.get('Cookie', 'nobody')}</p>"


def shop(servers: Servers) -> Site:
    """A site whose pages are numbers; some are not there, some lead elsewhere, and one needs a second try."""
    pages: dict[str, Any] = {f"/{number}": _page(number) for number in range(1, PAGES)}
    pages["/"] = _page(1)
    pages["/login"], pages["/secret/1"], pages["/secret/2"] = _login, _secret, _secret
    tries = iter((503, 503))
    pages["/5"] = lambda _: next(tries, _page(5))
    pages["/6"] = f'<meta http-equiv="refresh" content="0; url=/12"><h1>6</h1>{links("/7")}'
    pages["/9"] = f'<meta name="robots" content="nofollow"><h1>9</h1>{links("/18", "/never")}'
    pages["/22"] = _page(22) + links("/18")  # found again after /9, whose links are not followed
    pages["/robots.txt"] = "User-agent: *\nDisallow: /13\n"
    return servers.site(pages)


async def crawled(spider: type[Spider], site: Site, settings: Mapping[str, Any], processes: int) -> Result:
    """A whole crawl, whose counts are right."""
    tables = merged(merged(UNHURRIED, settings), {"engine": {**settings.get("engine", {}), "processes": processes}})
    async with asyncio.timeout(50):
        result = await Crawl(spider, tables, arguments={"root": site.root}).run()
    check(result)
    return result


def told(items: list[Any]) -> list[str]:
    """Items as texts that can be compared, in no order: pages come as they come."""
    return sorted(json.dumps(msgspec.to_builtins(_plain(each)), sort_keys=True) for each in items)


def _plain(item: Any) -> Any:
    return item.model_dump() if hasattr(item, "model_dump") else item


def counts(result: Result) -> dict[str, Any]:
    """The counts of a crawl that do not depend on the clock, or on the order of pages."""
    return {name: value for name, value in asdict(result.statistics).items() if name not in _OF_THE_CLOCK}


CASES: list[tuple[type[Spider], dict[str, Any]]] = [
    (spiders.FollowAll, {}),
    (spiders.FollowAll, {"limits": {"robots_meta": True, "adapt": False}}),
    (spiders.FollowAll, {"limits": {"max_links": 3, "max_depth": 2, "adapt": False}}),
    (spiders.FollowAll, {"engine": {"concurrency": 1}}),
    (spiders.FollowEach, {}),
    (spiders.FollowEach, {"network": {"meta_refresh": 0.0}}),
    (spiders.FollowEach, {"frontier": {"ignore_params": ["a"]}}),
    (spiders.FollowEach, {"frontier": {"unique_redirects": True}}),
    (spiders.Asynchronous, {}),
    (spiders.Fetching, {}),
    (spiders.Failing, {}),
    (spiders.Handing, {}),
    (spiders.Ruled, {}),
    (spiders.LoggingIn, {}),
    (spiders.Books, {"pipelines": {"unique": ["title"]}}),
    (spiders.Streaming, {}),
    (spiders.Many, {}),
    (spiders.Seeing, {}),
    (spiders.Seeing, {"limits": {"robots_meta": True, "adapt": False}}),
    (spiders.Pausing, {}),
    (spiders.FollowEach, {"network": {"cache": {"mode": "always", "path": "cache"}}}),
    (spiders.FollowEach, {"network": {"auth": [{"origin": "http://a.example", "user": "me", "password": "it"}]}}),
    (spiders.FollowEach, {"parsing": {"executor": "process", "workers": 2}}),
    (
        spiders.FollowEach,
        {"parsing": {"executor": "process"}, "limits": {"robots_meta": True, "adapt": False}},
    ),
]


@pytest.mark.parametrize(("spider", "settings"), CASES)
async def test_items_and_counts(servers: Servers, spider: type[Spider], settings: dict[str, Any]) -> None:
    """Whatever a spider does, it gives the same items, and the same is counted."""
    alone = await crawled(spider, shop(servers), merged(settings, {"parsing": {"executor": "thread"}}), 1)
    processes = 1 if settings.get("parsing") else 2
    shared = await crawled(spider, shop(servers), settings, processes)
    assert [_without_port(each) for each in told(shared.items)] == [_without_port(each) for each in told(alone.items)]
    assert counts(shared) == counts(alone)
    assert (shared.reason, shared.exit_status) == (alone.reason, alone.exit_status)
    assert sorted(map(_without_port, shared.problems)) == sorted(map(_without_port, alone.problems))


def _without_port(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "site", text)


async def test_items_enough(servers: Servers) -> None:
    """A generator without end is ended after the last item that is wanted, wherever it runs."""
    result = await crawled(spiders.Flooding, shop(servers), {"engine": {"stop_after": {"items": 250}}}, 2)
    assert [each["number"] for each in result.items] == list(range(250))
    assert result.reason == "items limit"


async def test_each_process_has_its_lifespan(
    servers: Servers, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each worker calls `lifespan()`; what callbacks print and log comes from the crawl's own process."""
    numbers = range(1, 31)
    pages = {f"/{number}": "<p>" for number in numbers}
    site = servers.site({"/": links(*(f"/{number}" for number in numbers)), **pages}, latency=0.1)
    result = await crawled(spiders.Living, site, {}, 2)
    assert {each["opened"] for each in result.items} == {"open"}
    assert len({each["process"] for each in result.items}) == 2
    assert capsys.readouterr().out.count("printed by a callback\n") == len(result.items)
    logged = [each for each in caplog.records if each.name == "rooted" and each.levelname == "WARNING"]
    assert [each.getMessage() for each in logged] == ["logged by a callback: {'a': 1}"] * len(result.items)


async def test_limits_are_the_whole_crawls(servers: Servers) -> None:
    """However many workers there are, no more than `per_host` requests reach a host at once."""
    site = shop(servers)
    site.latency = 0.01
    await crawled(spiders.FollowEach, site, {"limits": {"per_host": 3, "adapt": False}}, 3)
    assert site.most_in_flight == 3


async def test_a_state_is_refused(servers: Servers) -> None:
    """`self.state` is one thing, which a worker has not: its use is an error that says so."""
    result = await crawled(spiders.Remembering, shop(servers), {}, 2)
    assert (result.exit_status, result.statistics.errors) == (1, 1)


async def test_an_item_that_cannot_be_sent_is_told(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    """It is an error that names the callback, also while that goes on; what stands beside it is kept."""
    result = await crawled(spiders.Unsendable, shop(servers), {}, 2)
    assert [each["number"] for each in result.items] == [1, 2]
    assert (result.exit_status, result.statistics.errors) == (1, 1)
