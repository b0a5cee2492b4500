"""Answers that were kept, in place of asking again."""

import logging
import sqlite3
import stat
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from scraper import Request, SettingsError
from scraper.http.response import Response
from scraper.network.cache.store import Kept, Store
from tests.network.conftest import Open
from tests.network.raw import Talk, raw

HOUR = "Cache-Control: max-age=3600"
STALE = "Cache-Control: max-age=0"


class Site:
    """Answers every request with its number, and `fields`; with 304 if the request asks whether `tag` is right."""

    def __init__(self, *fields: str, tag: str = "", status: int = 200, date: bool = True) -> None:
        self.fields = [*fields, *([f"ETag: {tag}"] if tag else [])]
        self.tag = tag
        self.status = status
        self.count = 0

    async def __call__(self, talk: Talk) -> None:
        while True:
            heard = await talk.hear()
            self.count += 1
            fields = "".join(f"{field}\r\n" for field in self.fields)
            if self.tag and f"if-none-match: {self.tag}" in heard.decode().lower():
                await talk.say(f"HTTP/1.1 304 Same\r\n{fields}\r\n".encode())
            else:
                body = "" if heard.startswith(b"HEAD") else str(self.count)
                head = f"HTTP/1.1 {self.status} X\r\n{fields}Content-Length: {len(str(self.count))}\r\n\r\n"
                await talk.say((head + body).encode())


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder/cache.sqlite")


async def bodies(net: Any, *requests: Request) -> list[str]:
    return [(await net.fetch(request)).text for request in requests]


def settings(path: str, mode: str = "rfc", **fields: Any) -> dict[str, Any]:
    return {"cache": {"mode": mode, "path": path, **fields}}


async def test_what_is_fresh_is_not_asked_for(network: Open, path: str) -> None:
    """A fresh answer is given again, with all its headers and its age, to the request that was made now."""
    async with raw(Site(HOUR, "X-A: b", "X-A: c")) as server:
        net = await network(**settings(path))
        request = Request(f"{server.url}page")
        first, again = await net.fetch(request), await net.fetch(Request(f"{server.url}page#part"))
        assert (first.body, again.body, len(server.heard)) == (b"1", b"1", 1)
        assert (again.status, again.url, again.headers.getall("X-A")) == (200, f"{server.url}page", ["b", "c"])
        assert again.request.url == f"{server.url}page#part"
        assert again.headers["Age"] == "0"
        assert (first.flags, again.flags) == ((), ("cached",))
        assert (net.cached.hits, net.cached.misses, net.cached.revalidated) == (1, 1, 0)


async def test_it_outlives_the_crawl(network: Open, path: str) -> None:
    """What one crawl has kept another finds, in a file that only its owner can read."""
    async with raw(Site(HOUR)) as server:
        assert await bodies(await network(**settings(path)), Request(server.url)) == ["1"]
        assert await bodies(await network(**settings(path)), Request(server.url)) == ["1"]
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


async def test_what_is_stale_is_checked(network: Open, path: str) -> None:
    """A stale answer is given again when the server says, by 304, that it is still right; else the new one is."""
    site = Site(STALE, tag='"one"')
    async with raw(site) as server:
        net = await network(**settings(path))
        assert await bodies(net, *[Request(server.url)] * 3) == ["1", "1", "1"]
        assert net.cached.revalidated == 2
        site.tag, site.fields = '"two"', [HOUR, 'ETag: "two"']
        assert await bodies(net, *[Request(server.url)] * 2) == ["4", "4"]


async def test_a_304_makes_an_answer_fresh(network: Open, path: str) -> None:
    """The headers of a 304 take the place of those that were kept."""
    site = Site(STALE, tag='"one"')
    async with raw(site) as server:
        net = await network(**settings(path))
        await bodies(net, Request(server.url))
        site.fields = [HOUR, 'ETag: "one"', "X-A: b"]
        await bodies(net, Request(server.url))
        response = await net.fetch(Request(server.url))
        assert (response.body, response.headers["X-A"], site.count) == (b"1", "b", 2)


async def test_last_modified(network: Open, path: str) -> None:
    """Without an ETag the date of the last change is asked about."""
    date = formatdate(0, usegmt=True)
    async with raw(Site(STALE, f"Last-Modified: {date}")) as server:
        await bodies(await network(**settings(path)), *[Request(server.url)] * 2)
        assert f"If-Modified-Since: {date}".lower().encode() in server.heard[1].lower()


@pytest.mark.parametrize("field", ["Cache-Control: no-store", "Cache-Control: no-cache", "Vary: *", "X-A: b"])
async def test_what_is_not_given_again(network: Open, path: str, field: str) -> None:
    """What may not be kept, may not be given unasked, or says nothing of itself is asked for each time."""
    async with raw(Site(field)) as server:
        assert await bodies(await network(**settings(path)), *[Request(server.url)] * 2) == ["1", "2"]


async def test_private_and_shared(network: Open, path: str) -> None:
    """The cache is a private one: it keeps what is private, and s-maxage is not for it."""
    async with raw(Site("Cache-Control: private, max-age=3600, s-maxage=0")) as server:
        assert await bodies(await network(**settings(path)), *[Request(server.url)] * 2) == ["1", "1"]


async def test_vary(network: Open, path: str) -> None:
    """An answer that depends on a header is for requests with the same one alone."""
    async with raw(Site(HOUR, "Vary: Accept-Language")) as server:
        net = await network(**settings(path))
        german = Request(server.url, headers={"accept-language": "de"})
        assert await bodies(net, Request(server.url), german, Request(server.url), german) == ["1", "2", "1", "2"]
        other = await network(**settings(path), headers={"Accept-Language": "fr"})
        assert await bodies(other, Request(server.url)) == ["3"]


async def test_sessions_share_nothing(network: Open, path: str) -> None:
    """What one session was answered is not for another."""
    async with raw(Site(HOUR)) as server:
        net = await network(**settings(path))
        assert await bodies(net, Request(server.url, session="one"), Request(server.url)) == ["1", "2"]


@pytest.mark.parametrize("mode", ["rfc", "always"])
async def test_other_requests(network: Open, path: str, mode: str) -> None:
    """HEAD and GET are two; `dont_cache` goes by the cache."""
    async with raw(Site(HOUR)) as server:
        net = await network(**settings(path, mode))
        url = server.url
        assert await bodies(net, Request(url), Request(url, method="HEAD"), Request(url)) == ["1", "", "1"]
        assert await bodies(net, Request(url, meta={"dont_cache": True})) == ["3"]


async def test_an_unsafe_method_makes_an_answer_invalid(network: Open, path: str) -> None:
    """After a POST the page is asked for again (RFC 9111, 4.4)."""
    async with raw(Site(HOUR)) as server:
        net = await network(**settings(path))
        post = Request(server.url, method="POST")
        assert await bodies(net, Request(server.url), post, Request(server.url)) == ["1", "2", "3"]


async def test_only_if_cached(network: Open, path: str) -> None:
    """A request that wants what is kept, or nothing, gets 504 and is not sent (RFC 9111, 5.2.1.7)."""
    async with raw(Site(HOUR)) as server:
        request = Request(server.url, headers={"Cache-Control": "only-if-cached"})
        assert (await (await network(**settings(path))).fetch(request)).status == 504
        assert server.heard == []


@pytest.mark.parametrize("mode", ["rfc", "always"])
async def test_cookies_of_old_answers(network: Open, path: str, mode: str) -> None:
    """By RFC 9111 a cookie is set once, when it came; with "always" it is set as it was."""
    async with raw(Site(HOUR, "Set-Cookie: a=b")) as server:
        net = await network(**settings(path, mode))
        await bodies(net, Request(server.url))
        response = await net.fetch(Request(server.url))
        assert ("Set-Cookie" in response.headers) == (mode == "always")


async def test_always(network: Open, path: str) -> None:
    """With "always" an answer is kept whatever it says of itself, errors that may pass excepted."""
    async with raw(Site("Cache-Control: no-store", "Vary: *")) as server:
        net = await network(**settings(path, "always"))
        post = Request(server.url, method="POST", body=b"x")
        assert await bodies(net, Request(server.url), post, Request(server.url), post) == ["1", "2", "1", "2"]
    async with raw(Site(HOUR, status=503)) as server:
        assert await bodies(await network(**settings(path, "always")), *[Request(server.url)] * 2) == ["1", "2"]


async def test_no_cache_without_asking(network: Open) -> None:
    """Nothing is kept unless settings say so."""
    async with raw(Site(HOUR)) as server:
        net = await network()
        assert await bodies(net, *[Request(server.url)] * 2) == ["1", "2"]
        assert net.cached is None


# The store.


async def test_a_store_is_bounded(path: str) -> None:
    """When all together is larger than `max_size`, what was not used for longest goes."""
    async with Store(path, max_size=100_000) as store:
        for number in range(40):
            await store.add(f"k{number}", Kept("GET", "http://a.example/", [], 200, [], bytes(5_000)))
            assert len(await store.find("k0")) == 1
        assert not await store.find("k1")
        assert len(await store.find("k39")) == 1
        assert store._size <= 100_000
        await store.add("large", Kept("GET", "http://a.example/", [], 200, [], bytes(200_000)))
        assert not await store.find("large")
    async with Store(path, max_size=100_000) as again:
        assert again._size == store._size


@pytest.mark.parametrize("content", [b"no database" * 100, None])
async def test_a_file_that_is_no_cache(network: Open, path: str, content: bytes | None) -> None:
    """Whatever else is at the path stays, and is an error before anything is sent."""
    Path(path).parent.mkdir()
    if content is not None:
        Path(path).write_bytes(content)
    else:
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE mine (x)")
        database.close()
    before = Path(path).read_bytes()
    with pytest.raises(SettingsError, match=r"\[network\.cache\] path"):
        await network(**settings(path))
    assert Path(path).read_bytes() == before


async def test_a_cache_that_breaks(network: Open, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A cache that breaks in the middle is one that has nothing; that is told once, and the crawl goes on."""
    async with raw(Site(HOUR)) as server:
        net = await network(**settings(path))
        await bodies(net, Request(server.url))
        database = sqlite3.connect(path)
        database.execute("DROP TABLE answers")
        database.close()
        with caplog.at_level(logging.WARNING):
            assert await bodies(net, *[Request(server.url)] * 3) == ["2", "3", "4"]
        assert [record.message for record in caplog.records] == ["the cache cannot be used: no such table: answers"]


async def test_streams_are_not_kept(network: Open, path: str) -> None:
    """A body that is read as it comes goes by the cache."""
    async with raw(Site(HOUR)) as server:
        net = await network(**settings(path))
        for expected in (b"1", b"2"):
            response: Response = await net.fetch(Request(server.url, stream=True))
            assert b"".join([piece async for piece in response.stream()]) == expected
