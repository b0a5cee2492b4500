"""Hostile pages among good ones: each ends with its reason, and the crawl goes on."""

import asyncio
import time
from typing import Any

import pytest

from scraper import Failure, Response, Spider
from scraper.markup.document import sandbox
from tests.flow.crawls import crawl
from tests.flow.site import Servers, Site, links

DEEP = "<div>" * 100_000
WIDE = "<a " + " ".join(f"x{each}=1" for each in range(100_000)) + ">"


@pytest.fixture(autouse=True)
def _short_of_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is given up sooner than usual."""
    monkeypatch.setattr(sandbox, "SECONDS", 1.0)


class Titles(Spider):
    """Gives an item for each page."""

    name = "titles"

    def parse(self, response: Response) -> Any:
        yield {"came": response.url}
        yield {"title": response.css("title::text").get()}
        yield from response.follow_all(css="a", errback=self.failed)

    def failed(self, failure: Failure) -> Any:
        yield {"failed": failure.request.url, "reason": getattr(failure.error, "reason", "")}


class Later(Titles):
    """The same on the loop."""

    async def parse(self, response: Response) -> Any:
        for each in super().parse(response):
            yield each


def hostile(servers: Servers) -> Site:
    """A hundred good pages, and two bad ones."""
    pages: dict[str, Any] = {f"/{each}": f"<title>{each}</title>" for each in range(100)}
    return servers.site({"/": links("/deep", "/wide", *pages), "/deep": DEEP, "/wide": WIDE, **pages})


@pytest.mark.parametrize("kind", [Titles, Later])
async def test_a_page_that_cannot_be_parsed_has_failed(kind: type[Titles], servers: Servers) -> None:
    """It is counted as `parse_too_complex`, what its callback gave before is kept, and all others are as ever."""
    site = hostile(servers)
    gaps: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            gaps.append(time.perf_counter() - before - 0.01)

    watching = asyncio.create_task(watch())
    ended = await crawl(kind(start_urls=[site.url()]), {"limits": {"per_host": 32}}, seconds=40)
    watching.cancel()
    assert ended.statistics.failed == {"parse_too_complex": 2}
    assert ended.statistics.fetched == 101
    assert ended.statistics.errors == 0
    failed = {item["failed"]: item["reason"] for item in ended.items if "failed" in item}
    assert failed == {site.url("/deep"): "parse_too_complex", site.url("/wide"): "parse_too_complex"}
    assert sum("title" in item for item in ended.items) == 101
    assert {"came": site.url("/deep")} in ended.items
    assert max(gaps) < 3, "the loop was blocked"


async def test_good_pages_do_not_wait_for_bad_ones(servers: Servers) -> None:
    """While a page is on trial, the callbacks of others are called."""
    times: dict[str, float] = {}

    class Timed(Titles):
        def parse(self, response: Response) -> Any:
            yield from super().parse(response)
            times[response.url] = time.perf_counter()

        def failed(self, failure: Failure) -> Any:
            times[failure.request.url] = time.perf_counter()

    site = hostile(servers)
    ended = await crawl(Timed(start_urls=[site.url()]), {"limits": {"per_host": 32}}, seconds=40)
    assert ended.statistics.fetched == 101
    bad = {site.url("/deep"), site.url("/wide")}
    assert max(when for url, when in times.items() if url not in bad) < min(times[url] for url in bad)
