"""A crawl that came to its end is run again, and asks only for what has changed since."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scraper import Item, Request, Response, Spider, css
from scraper.crawling.crawl import Crawl
from scraper.crawling.result import Result
from tests.flow.site import Asked, Servers, Site, links

LATER = "Wed, 21 Oct 2026 07:28:00 GMT"


class Thing(Item):
    name: str = css("h1")
    price: float = css(".price")


class ThingsSpider(Spider):
    """Follows all links, and takes a thing from each page that has one."""

    name = "things"

    def parse(self, response: Response) -> Iterator[Any]:
        if response.css("h1"):
            yield Thing.extract(response)
        yield from response.follow_all(css="a", errback="failed")

    def failed(self, failure: Any) -> None:
        self.state.setdefault("failed", []).append(failure.request.url)


def thing(name: str, price: float, *, etag: str = "", modified: str = "") -> Any:
    """A page that answers 304 if it is asked on its own condition."""

    def answer(asked: Asked) -> web.Response:
        same = (etag and asked.headers.get("If-None-Match") == etag) or (
            not etag and modified and asked.headers.get("If-Modified-Since") == modified
        )
        headers = {name: text for name, text in (("ETag", etag), ("Last-Modified", modified)) if text}
        if same:
            return web.Response(status=304, headers=headers)
        text = f"<h1>{name}</h1><b class=price>{price}</b>"
        return web.Response(text=text, content_type="text/html", headers=headers)

    return answer


@pytest.fixture
def site() -> Iterator[Site]:
    pages: dict[str, Any] = {
        "/": links("/etag", "/date", "/plain", "/going", "/failing", "/changing"),
        "/etag": thing("etag", 1.0, etag='"v1"'),
        "/date": thing("date", 2.0, modified=LATER),
        "/plain": thing("plain", 3.0),
        "/going": thing("going", 4.0),
        "/failing": thing("failing", 5.0),
        "/changing": thing("changing", 6.0, etag='"c1"'),
    }
    with Servers() as servers:
        yield servers.site(pages)


@pytest.fixture
def run(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the crawl, and gives its items' changes by their names."""
    monkeypatch.chdir(tmp_path)

    async def crawl(spider: Any = ThingsSpider, /, **tables: Any) -> tuple[dict[str, str], Result]:
        site.asked.clear()
        settings = {
            "frontier": {"recrawl": "changed", "interval": 0.05},
            "limits": {"robots": False},
            "network": {"retries": 0},
            "sinks": [{"path": "things.jsonl"}, {"path": "things.csv"}],
        }
        result = await Crawl(spider, settings | tables, arguments={"start_urls": [site.url()]}).run()
        assert result.statistics.is_balanced
        items = [json.loads(line) for line in Path("things.jsonl").read_text().splitlines()]
        assert len(Path("things.csv").read_text().splitlines()) == len(items) + 1
        assert result.statistics.changes == Counter(item["change"] for item in items)
        assert len({item["name"] for item in items}) == len(items)
        return {item["name"]: item["change"] for item in items}, result

    return crawl


async def test_what_has_changed(site: Site, run: Any) -> None:
    """Items are new at first; then each is what its page says, and no page that has not changed is sent again."""
    first, _ = await run()
    assert first == dict.fromkeys(("etag", "date", "plain", "going", "failing", "changing"), "new")
    site.pages |= {
        "/": links("/etag", "/date", "/plain", "/going", "/failing", "/changing", "/coming"),
        "/going": 404,
        "/failing": 500,
        "/changing": thing("changing", 6.5, etag='"c2"'),
        "/coming": thing("coming", 7.0),
    }
    second, result = await run()
    assert second == {
        "etag": "unchanged",
        "date": "unchanged",
        "plain": "unchanged",
        "going": "gone",
        "failing": "unchanged",
        "changing": "changed",
        "coming": "new",
    }
    assert result.statistics.statuses == {200: 4, 304: 2, 404: 1, 500: 1}
    assert result.statistics.failed == {"http_404": 1, "http_500": 1}
    assert site.of("/etag")[0].headers["If-None-Match"] == '"v1"'
    assert "If-None-Match" not in site.of("/plain")[0].headers
    third, _ = await run()
    assert third == dict.fromkeys(("etag", "date", "plain", "failing", "changing", "coming"), "unchanged")


async def test_links_of_unchanged_pages_are_followed(site: Site, run: Any) -> None:
    """A page that has not changed leads on as it did; one whose only way there is gone, is gone."""
    site.pages["/"] = thing("front", 0.0, etag='"f"')
    site.pages["/"] = lambda asked: (
        web.Response(status=304)
        if asked.headers.get("If-None-Match") == '"f"'
        else web.Response(text=links("/etag", "/plain"), content_type="text/html", headers={"ETag": '"f"'})
    )
    assert (await run())[0] == {"etag": "new", "plain": "new"}
    again, result = await run()
    assert again == {"etag": "unchanged", "plain": "unchanged"}
    assert result.statistics.statuses == {304: 2, 200: 1}
    site.pages["/"] = links("/etag")
    assert (await run())[0] == {"etag": "unchanged", "plain": "gone"}
    assert (await run())[0] == {"etag": "unchanged"}


async def test_ignored_parameters(site: Site, run: Any) -> None:
    """A page is known again though its URL tells of another visit."""
    same = {"frontier": {"recrawl": "changed", "ignore_params": ["visit"]}}
    for visit, change in enumerate(("new", "unchanged")):
        site.pages = {"/": links(f"/tea?visit={visit}"), f"/tea?visit={visit}": thing("tea", 1.0, etag='"t"')}
        assert (await run(**same))[0] == {"tea": change}
    assert site.of("/tea?visit=1")[0].headers["If-None-Match"] == '"t"'


async def test_behind_a_redirect(site: Site, run: Any) -> None:
    """What is known of a page belongs to where it is, however one gets there."""
    site.pages["/"] = links("/old")
    site.pages["/old"] = lambda _: web.Response(status=302, headers={"Location": "/etag"})
    assert (await run())[0] == {"etag": "new"}
    assert (await run())[0] == {"etag": "unchanged"}
    assert [asked.headers.get("If-None-Match") for asked in (*site.of("/old"), *site.of("/etag"))] == [None, '"v1"']


async def test_dates_of_sitemaps(site: Site, run: Any) -> None:
    """A page that says it is older than its last visit is not asked for at all."""

    class Dated(ThingsSpider):
        lastmod = "2020-01-01"

        async def start(self) -> Any:
            yield Request(site.url("/plain"), meta={"lastmod": self.lastmod})

    assert (await run(Dated))[0] == {"plain": "new"}
    again, result = await run(Dated)
    assert again == {"plain": "unchanged"}
    assert site.paths == {}
    assert (result.statistics.fetched, result.statistics.requests) == (1, 0)
    Dated.lastmod = "2999-01-01T10:00:00Z"
    assert (await run(Dated))[0] == {"plain": "unchanged"}
    assert site.paths == {"/plain": 1}


async def test_items_of_a_page_by_name(site: Site, run: Any) -> None:
    """Items of one page are told apart by the fields of `unique`."""

    class Many(Spider):
        name = "many"

        def parse(self, response: Response) -> Iterator[Any]:
            for each in response.css("li"):
                name, price = each.css("::text").get().split()
                yield {"name": name, "price": price}

    tables = {"pipelines": {"unique": ["name"]}}
    site.pages["/"] = "<li>a 1</li><li>b 2</li><li>c 3</li><li>a 9</li>"
    assert (await run(Many, **tables))[0] == {"a": "new", "b": "new", "c": "new"}
    site.pages["/"] = "<li>d 4</li><li>c 3</li><li>a 5</li>"
    assert (await run(Many, **tables))[0] == {"d": "new", "c": "unchanged", "a": "changed", "b": "gone"}


async def test_a_page_whose_callback_failed_is_asked_for_again(site: Site, run: Any) -> None:
    """What a callback did not come through is not taken for known."""

    class Failing(ThingsSpider):
        fails = True

        def parse(self, response: Response) -> Iterator[Any]:
            yield from super().parse(response)
            if self.fails and response.url.endswith("/etag"):
                raise ValueError("not today")

    assert (await run(Failing))[1].statistics.errors == 1
    Failing.fails = False
    _, result = await run(Failing)
    assert "If-None-Match" not in site.of("/etag")[0].headers
    assert result.statistics.errors == 0


async def test_interrupted(site: Site, run: Any, tmp_path: Path) -> None:
    """A recrawl that was stopped in its middle is gone on with: marks and items are as if it had not been."""
    await run()
    site.pages |= {"/going": 404, "/changing": thing("changing", 6.5)}

    class Stopping(ThingsSpider):
        def parse(self, response: Response) -> Iterator[Any]:
            yield from super().parse(response)
            if response.url.endswith("/changing") and not self.state.get("stopped"):
                self.state["stopped"] = True
                crawl.stop()

    settings = {
        "frontier": {"recrawl": "changed", "interval": 0.05},
        "engine": {"concurrency": 1},
        "limits": {"robots": False},
        "network": {"retries": 0},
        "sinks": [{"path": "things.jsonl"}, {"path": "things.csv"}],
    }
    site.pages["/"] = links("/etag", "/changing", "/date", "/plain", "/going", "/failing")
    crawl = Crawl(Stopping, settings, arguments={"start_urls": [site.url()]})
    assert (await crawl.run()).reason == "interrupted"
    items, _ = await run(Stopping)
    assert items == {
        "etag": "unchanged",
        "changing": "changed",
        "date": "unchanged",
        "plain": "unchanged",
        "going": "gone",
        "failing": "unchanged",
    }


async def test_fresh_forgets(run: Any, site: Site) -> None:
    """Without `recrawl`, nothing is kept: the next crawl begins anew."""
    await run()
    settings = {"sinks": [{"path": "things.jsonl"}], "network": {"retries": 0}}
    await Crawl(ThingsSpider, settings, arguments={"start_urls": [site.url()]}).run()
    assert "change" not in Path("things.jsonl").read_text()
    assert set((await run())[0].values()) == {"new"}
