"""A crawl that was recorded is replayed: the same items, in the same order, with no socket and no waiting."""

import gzip
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from msgspec import structs
from multidict import CIMultiDict

from scraper import DropItem, Failure, FetchError, Item, Request, Response, Spider, css
from scraper.crawling.recordings.folder import open_recording
from scraper.crawling.recordings.replay import accept, check
from scraper.recording.origin import recorded_origin
from scraper.testing import bookshop
from tests.flow.site import Asked, Servers
from tests.recording.recorded import record, without_sockets


def texts(items: list[Any]) -> list[str]:
    """Items as JSON, which can be sorted."""
    return [json.dumps(dict(each), sort_keys=True, default=str) for each in items]


class Book(Item):
    title: str = css("h1")
    price: str = css(".price")


class Shop(Spider):
    """Reads the books, and opens the shop itself."""

    name = "shop"

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with bookshop.serve(slow=0.1) as shop:
            self.start_urls = [shop.url]
            yield

    def parse(self, response: Response) -> Iterator[Any]:
        if response.css("article.product"):
            yield Book.extract(response)
        yield from response.follow_all(css="a", errback=self.failed)

    def failed(self, failure: Failure) -> Iterator[Any]:
        yield {"failed": failure.request.url, "why": str(getattr(failure.error, "reason", ""))}


class Long(Spider):
    """Gives more items than one callback may have in memory, and fetches in between."""

    name = "long"

    async def parse(self, response: Response) -> AsyncIterator[Any]:
        for number in range(2500):
            yield {"number": number}
            if number % 600 == 0:
                await self.fetch(f"{response.url}?{number}")


async def test_a_long_callback_is_replayed(tmp_path: Path) -> None:
    """What is accepted of a page are all items of its callback, those too that it gives before it ends."""
    async with bookshop.serve() as shop:
        recorded = await record(Long, tmp_path, start_urls=[shop.url])
    result, tap = await recorded.replay()
    assert [each["number"] for each in result.items] == [each["number"] for each in recorded.live.items]
    assert [len(page.items) for page in tap.pages] == [2500]


async def test_the_bookshop_is_replayed(tmp_path: Path) -> None:
    """The items of a replay are those of the crawl: of 240 books, and of what failed, or was refused by robots.txt."""
    recorded = await record(Shop, tmp_path)
    result, tap = await recorded.replay()
    assert len(result.items) > 240
    assert sorted(texts(result.items)) == sorted(texts(recorded.live.items))
    assert not tap.missing
    assert not result.problems
    now, live = result.statistics, recorded.live.statistics
    assert (now.fetched, now.retries, now.redirects, now.statuses) == (
        live.fetched,
        live.retries,
        live.redirects,
        live.statuses,
    )


async def test_a_replay_is_the_same_each_time(tmp_path: Path) -> None:
    """Items come in one order, however they came when they were recorded."""
    recorded = await record(Shop, tmp_path, pages=60)
    first, tap = await recorded.replay()
    second, other = await recorded.replay()
    assert texts(first.items) == texts(second.items)
    assert tap.pages == other.pages


class Odd(Spider):
    """Logs in, follows redirects, and asks an API in several ways."""

    name = "odd"
    root = ""
    start_urls = ()

    async def start(self) -> AsyncIterator[Any]:
        yield {"from": "start"}
        login = {"user": "me", "password": "hunter2"}
        yield Request(f"{self.root}/login", form=login, callback="parse_home")
        for word in ("sea", "wind"):
            yield Request(f"{self.root}/api", json={"q": word}, callback="parse_api")
        yield Request(f"{self.root}/flaky")
        yield Request(f"{self.root}/gone", errback="failed")
        yield Request(f"{self.root}/broken", errback="failed")
        yield Request(f"{self.root}/private/x", errback="failed")
        for session in ("one", "two"):
            yield Request(f"{self.root}/basket?of={session}", session=session)

    def parse(self, response: Response) -> Any:
        return {"url": response.url, "text": response.text, "history": response.history}

    def parse_home(self, response: Response) -> Any:
        kept = [response.headers.get("Content-Encoding"), response.headers.getall("X-Twice")]
        yield {"home": response.css("h1::text").get(), "headers": kept}
        yield response.follow("/members", callback="parse")

    async def parse_api(self, response: Response) -> Any:
        for number in response.json()["found"]:
            answer = await self.fetch(f"{self.root}/stock/{number}")
            yield {"number": number, "stock": answer.json()["stock"]}

    def failed(self, failure: Failure) -> Any:
        assert isinstance(failure.error, FetchError)
        return {"failed": failure.request.url, "reason": failure.error.reason}


def odd_site(servers: Servers) -> str:
    """The site that `Odd` asks; its root."""
    flaky = iter([503, 503])

    def login(asked: Asked) -> web.Response:
        assert asked.body == b"user=me&password=hunter2"
        headers = {"Location": "/home", "Set-Cookie": "id=hunter2; Path=/"}
        return web.Response(status=303, headers=headers)

    def home(asked: Asked) -> web.Response:
        if asked.headers.get("Cookie") != "id=hunter2":
            return web.Response(status=403)
        answer = web.Response(body=gzip.compress(b"<h1>Hello</h1>"), content_type="text/html")
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers.add("X-Twice", "1")
        answer.headers.add("X-Twice", "2")
        return answer

    def broken(asked: Asked) -> web.Response:
        return web.Response(status=200, headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"<p>")[:-4])

    def first(asked: Asked) -> dict[str, Any]:
        return {"found": [1, 2] if json.loads(asked.body)["q"] == "sea" else [3]}

    return servers.site(
        {
            "/robots.txt": b"User-agent: *\nDisallow: /private/\nCrawl-delay: 0.01\n",
            "/login": login,
            "/home": home,
            "/members": lambda asked: "in" if asked.headers.get("Cookie") == "id=hunter2" else 403,
            "/api": first,
            **{f"/stock/{number}": {"stock": number * 10} for number in (1, 2, 3)},
            "/flaky": lambda asked: next(flaky, "at last"),
            "/broken": broken,
            "/basket?of=one": "one",
            "/basket?of=two": "two",
        }
    ).root


async def test_what_is_odd_about_a_site_is_replayed(tmp_path: Path, servers: Servers) -> None:
    """Forms, JSON, redirects, cookies, gzip, sessions, retries, error statuses, broken answers and robots.txt."""
    recorded = await record(Odd, tmp_path, root=odd_site(servers))
    live = recorded.live.items
    assert {"home": "Hello", "headers": ["gzip", ["1", "2"]]} in live
    assert {"number": 3, "stock": 30} in live
    assert {each["reason"] for each in live if "reason" in each} == {"http_404", "partial_body", "robots"}
    assert sum(each.get("text") == "at last" for each in live) == 1
    result, tap = await recorded.replay()
    assert sorted(texts(result.items)) == sorted(texts(live))
    assert not tap.missing
    assert result.statistics.statuses == recorded.live.statistics.statuses
    found = await check(Odd, recorded.settings, recorded.recording, recorded.arguments)
    assert found.is_same


async def test_no_secret_is_in_a_recording(tmp_path: Path, servers: Servers) -> None:
    """Neither the password that was sent, nor the cookie that was set, is in any file, unless they are asked for."""
    root = odd_site(servers)
    await record(Odd, tmp_path, root=root)
    files = [gzip.decompress((tmp_path / "pages.warc.gz").read_bytes()), (tmp_path / "items.jsonl").read_bytes()]
    assert not [file for file in files if b"hunter2" in file]
    kept = await record(Odd, tmp_path, root=root, secrets=True)
    assert b"hunter2" in gzip.decompress((tmp_path / "pages.warc.gz").read_bytes())
    result, _ = await kept.replay()
    assert sorted(texts(result.items)) == sorted(texts(kept.live.items))


class Patient(Spider):
    """Would take minutes."""

    name = "patient"
    root = ""

    async def start(self) -> AsyncIterator[Request]:
        for number in range(3):
            yield Request(f"{self.root}/{number}", callback="parse")

    def parse(self, response: Response) -> Any:
        return {"url": response.url}


async def test_nothing_is_waited_for(tmp_path: Path, servers: Servers) -> None:
    """Neither a delay, nor a Crawl-delay, nor a Retry-After, nor the backoff holds a replay up."""
    answers = iter([web.Response(status=503)])
    pages: dict[str, Any] = {"/robots.txt": "", "/0": lambda asked: next(answers, "ok"), "/1": "ok", "/2": "ok"}
    recorded = await record(Patient, tmp_path, root=servers.site(pages).root)
    slow = structs.replace(
        recorded.settings,
        limits=structs.replace(recorded.settings.limits, delay=60.0),
        network=structs.replace(recorded.settings.network, backoff=60.0, max_backoff=600.0),
    )
    exchanges = recorded.recording.exchanges
    failed = [each.outcome for each in exchanges if isinstance(each.outcome, Response) and each.outcome.status == 503]
    failed[0].headers = CIMultiDict({"Retry-After": "250"})
    begun = time.monotonic()
    with without_sockets():
        found = await check(Patient, slow, recorded.recording, recorded.arguments)
    assert time.monotonic() - begun < 30
    assert found.is_same


# What was not recorded.


class Follower(Spider):
    name = "follower"
    root = ""
    query = "a"

    async def start(self) -> AsyncIterator[Request]:
        yield Request(f"{self.root}/", callback="parse")
        yield Request(f"{self.root}/other", callback="parse", priority=-1, errback="failed")

    def parse(self, response: Response) -> Any:
        yield {"url": response.url}
        yield from response.follow_all(css=self.query, callback="parse", errback="failed")

    def failed(self, failure: Failure) -> Any:
        return {"failed": failure.request.url}


LINKS = '<a href="/1">1</a><a href="/2">2</a><b><i href="/new">new</i></b>'


async def test_what_was_left_out_is_refused_and_nothing_becomes_of_it(tmp_path: Path, servers: Servers) -> None:
    """A recording of a few pages replays those: links that were not followed then are refused, without an errback."""
    root = servers.site({"/": LINKS}, otherwise="page").root
    recorded = await record(Follower, tmp_path, {"engine": {"concurrency": 1}}, pages=2, root=root)
    result, tap = await recorded.replay()
    assert texts(result.items) == texts(recorded.live.items)
    assert len(result.items) == 2
    assert result.statistics.refused == {"not_recorded": 2}
    assert not tap.missing
    assert not result.problems


async def test_a_new_request_fails_with_one_reason(tmp_path: Path, servers: Servers) -> None:
    """What the spider did not ask for when it was recorded fails as not_recorded, which is a problem, and told."""
    root = servers.site({"/": LINKS + '<a href="/3">'}, otherwise="page").root
    recorded = await record(Follower, tmp_path, root=root)

    class Changed(Follower):
        query = "a, b a[href='/9'], i"

        def parse(self, response: Response) -> Any:
            yield from super().parse(response)
            if response.url.endswith("/1"):
                yield response.follow("/new", errback="failed")

    result, tap = await recorded.replay(Changed)
    assert list(tap.missing) == [f"{root}/new"]
    assert result.statistics.failed == {"not_recorded": 1}
    assert {"failed": f"{root}/new"} in result.items
    assert result.problems == ("1 request(s) without an answer in the recording: record it again",)
    assert result.exit_status == 1


async def test_what_is_found_can_be_accepted(tmp_path: Path, servers: Servers) -> None:
    """Once accepted, a change is as it should be, and a new request is one that was left out."""
    root = servers.site({"/": LINKS}, otherwise="page").root
    recorded = await record(Follower, tmp_path, root=root)

    class Changed(Follower):
        def parse(self, response: Response) -> Any:
            yield {"url": response.url, "length": len(response.text)}
            yield from response.follow_all(css="a, i", callback="parse", errback="failed")

        async def start(self) -> AsyncIterator[Request]:
            async for each in super().start():
                yield each
            yield Request(f"{root}/start", errback="failed")

    with without_sockets():
        found = await check(Changed, recorded.settings, recorded.recording, recorded.arguments)
        assert {(each.kind, each.field) for each in found.found} >= {("changed", "length"), ("new", "requests")}
        assert set(found.missing) == {f"{root}/start", f"{root}/new"}
        await accept(Changed, recorded.settings, recorded.recording, recorded.arguments)
        again = open_recording(tmp_path, "follower")
        found = await check(Changed, recorded.settings, again, recorded.arguments)
    assert found.is_same


async def test_a_robots_txt_that_was_not_asked_for_does_not_exist(tmp_path: Path, servers: Servers) -> None:
    """A recording that was made without robots.txt can be replayed with it."""
    root = servers.site({"/": LINKS}, otherwise="page").root
    recorded = await record(Follower, tmp_path, {"limits": {"robots": False}}, root=root)
    obedient = structs.replace(recorded.settings, limits=structs.replace(recorded.settings.limits, robots=True))
    with without_sockets():
        found = await check(Follower, obedient, recorded.recording, recorded.arguments)
    assert found.is_same


# What is accepted.


class Messy(Spider):
    """Raises, drops, and gives what changes each time."""

    name = "messy"
    root = ""

    class Drop:
        def process(self, item: Any) -> Any:
            if item.get("n") == 1:
                raise DropItem("one")
            if item.get("n") == 2:
                raise ValueError("two")
            return {**item, "refined": True}

    pipelines = [Drop()]

    async def start(self) -> AsyncIterator[Any]:
        yield {"n": 0}
        for path in ("items", "raises", "nothing"):
            yield Request(f"{self.root}/{path}", callback=f"parse_{path}")

    def parse_items(self, response: Response) -> Any:
        yield from ({"n": number} for number in (1, 2, 3))
        yield {"at": random.random()}

    def parse_raises(self, response: Response) -> Any:
        yield {"n": 4}
        raise RuntimeError("no price\nhere")

    def parse_nothing(self, response: Response) -> None:
        """Nothing."""


async def test_items_are_accepted_by_page_after_the_pipelines(tmp_path: Path, servers: Servers) -> None:
    """What is kept of each page is what would be written, what it leads to, and what was raised."""
    root = servers.site({"/robots.txt": 404}, otherwise="page").root
    recorded = await record(Messy, tmp_path, root=root, ignored=("at",))
    pages = {each.callback: each for each in recorded.recording.accepted.pages}
    assert list(pages) == ["start", "parse_items", "parse_raises", "parse_nothing"]
    assert pages["start"].items == [{"n": 0, "refined": True}]
    assert pages["parse_items"].items[0] == {"n": 3, "refined": True}
    assert pages["parse_items"].error == "ValueError: two"
    assert pages["parse_raises"].items == [{"n": 4, "refined": True}]
    assert pages["parse_raises"].error.startswith("RuntimeError: no price")
    assert (pages["parse_nothing"].items, pages["parse_nothing"].page) == ([], f"{root}/nothing")
    found = await check(Messy, recorded.settings, recorded.recording, recorded.arguments)
    assert found.is_same


async def test_code_can_tell_that_it_is_replayed(tmp_path: Path, servers: Servers) -> None:
    """`recorded_origin` is where the recording was made, for as long as it is replayed."""
    site = servers.site({"/robots.txt": 404}, otherwise="page")
    seen: list[str] = []

    class Curious(Patient):
        def parse(self, response: Response) -> Any:
            seen.append(recorded_origin.get())

    recorded = await record(Curious, tmp_path, root=site.root)
    live, replayed = seen[:3], seen[3:]
    assert live == ["", "", ""]
    assert replayed == [site.root] * 3
    await recorded.replay()
    assert recorded_origin.get() == ""
