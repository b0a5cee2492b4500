"""Cookies: a jar for each named session."""

import stat
from pathlib import Path
from random import Random

import msgspec
import pytest
from multidict import CIMultiDict

from scraper import Request, SettingsError, StorageError, urls
from scraper.http.public_suffixes import is_public_suffix
from scraper.http.response import Response
from scraper.network import open_network
from scraper.network.cookies import jars
from scraper.network.cookies.jar import Jar
from scraper.network.cookies.middleware import Cookies
from scraper.settings.schema import NetworkSettings
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, raw, repeating

NOW = 1_700_000_000.0


def new_jar() -> Jar:
    return Jar(is_public_suffix=is_public_suffix)


def sent(jar: Jar, url: str, now: float = NOW) -> str:
    """What a Cookie header to `url` would hold."""
    return "; ".join(cookie.pair for cookie in jar.matching(url, now))


def cookie_of(request: bytes) -> str | None:
    """The Cookie header of a request as the server heard it."""
    lines = [line for line in request.decode().split("\r\n") if line.lower().startswith("cookie:")]
    assert len(lines) <= 1
    return lines[0].partition(": ")[2] if lines else None


# The jar.


@pytest.mark.parametrize(
    ("field", "to", "expected"),
    [
        ("a=b", "http://x.example/", "a=b"),
        ("a=b", "https://x.example/deep/page", "a=b"),
        ("a=b", "http://www.x.example/", ""),
        ("a=b; Domain=x.example", "http://www.x.example/", "a=b"),
        ("a=b; Domain=.x.example", "http://www.x.example/", "a=b"),
        ("a=b; Domain=y.example", "http://y.example/", ""),
        ("a=b; Domain=www.x.example", "http://www.x.example/", ""),
        ("a=b; Path=/deep", "http://x.example/deep/page", "a=b"),
        ("a=b; Path=/deep", "http://x.example/deeper", ""),
        ("a=b; Secure", "https://x.example/", ""),
        ("a=b; Secure", "http://x.example/", ""),
        ("a=b; Max-Age=0", "http://x.example/", ""),
        ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://x.example/", ""),
        ("a=b; Expires=Thu, 01 Jan 2998 00:00:00 GMT; HttpOnly; SameSite=Lax", "http://x.example/", "a=b"),
        ("a", "http://x.example/", ""),
        ("a=", "http://x.example/", "a="),
        ('a="b c"', "http://x.example/", 'a="b c"'),
        ("a=b/c+d==", "http://x.example/", "a=b/c+d=="),
        ('a={"b":1}', "http://x.example/", 'a={"b":1}'),
        ("a=b\x01c", "http://x.example/", ""),
    ],
)
async def test_where_a_cookie_goes(field: str, to: str, expected: str) -> None:
    """A cookie goes, letter by letter as it was set, to the hosts, paths and schemes that it was set for (RFC 6265)."""
    jar = new_jar()
    jar.store("http://x.example/", [field], NOW)
    assert sent(jar, to) == expected


async def test_addresses_have_cookies() -> None:
    """An IP address may set cookies, which go to it alone."""
    jar = new_jar()
    jar.store("http://127.0.0.1:8001/", ["a=b", "c=d; Domain=0.0.1"], NOW)
    assert sent(jar, "http://127.0.0.1:8002/") == "a=b"
    assert sent(jar, "http://128.0.0.1/") == ""


async def test_the_last_word_counts() -> None:
    """A cookie that is set again has its new value; one that is set to have expired is gone."""
    jar = new_jar()
    jar.store("http://x.example/", ["a=b"], NOW)
    jar.store("http://x.example/", ["a=c"], NOW)
    assert sent(jar, "http://x.example/") == "a=c"
    jar.store("http://x.example/", ["a=; Max-Age=0"], NOW)
    assert sent(jar, "http://x.example/") == ""


async def test_given_cookies() -> None:
    """Given cookies are for the whole host and for it alone, verbatim, and stay on https if they were given there."""
    jar = new_jar()
    jar.put("https://x.example/deep/page", [("a", "b c/="), ("odd[name]", "1")], NOW)
    assert sent(jar, "https://x.example/") == "a=b c/=; odd[name]=1"
    assert sent(jar, "http://x.example/") == ""
    assert sent(jar, "https://www.x.example/") == ""


async def test_paths_are_told_apart() -> None:
    """What was sent to one page of a host is not sent to another that it is not for, nor is what has gone since."""
    jar = new_jar()
    jar.store("http://x.example/", ["a=b; Path=/"], NOW)
    assert sent(jar, "http://x.example/page") == sent(jar, "http://x.example/page") == "a=b"
    jar.store("http://x.example/deep/page", ["c=d"], NOW)
    assert sent(jar, "http://x.example/deep/page") == "c=d; a=b"
    assert sent(jar, "http://x.example/page") == "a=b"
    jar.put("http://x.example/", [("a", "e")], NOW)
    assert sent(jar, "http://x.example/page") == "a=e"


async def test_a_jar_is_bounded() -> None:
    """A host that sets thousands of cookies fills neither memory nor the Cookie header."""
    jar = new_jar()
    for start in range(0, 10_000, 20):
        jar.store("http://x.example/", [f"name{start + n}={'v' * 100}" for n in range(20)], NOW)
    assert len(jar) == 180
    assert len(sent(jar, "http://x.example/")) <= 8192


# The middleware.


async def answering(talk: Talk) -> None:
    """Sets the cookie that the path names."""
    while True:
        path = (await talk.hear()).split()[1].decode()
        setting = f"Set-Cookie: {path[5:]}\r\nSet-Cookie: x=y\r\n" if path.startswith("/set/") else ""
        await talk.say(f"HTTP/1.1 200 OK\r\n{setting}Content-Length: 0\r\n\r\n".encode())


async def test_cookies_come_back(network: Open) -> None:
    """What an answer sets is sent with the requests that follow, of the same session only."""
    async with raw(answering) as server:
        net = await network()
        await net.fetch(Request(f"{server.url}set/a=b;Path=/", session="one"))
        await net.fetch(Request(f"{server.url}page", session="one"))
        await net.fetch(Request(f"{server.url}page", session="two"))
        await net.fetch(Request(f"{server.url}page"))
        assert [cookie_of(request) for request in server.heard] == [None, "a=b", None, None]


async def test_a_redirect_sets_cookies(network: Open) -> None:
    """Every hop sets cookies, and so does an answer of an error status."""
    net = await network()
    for status in (302, 404):
        async with raw(
            repeating(
                b"HTTP/1.1 %d X\r\nLocation: /b\r\nSet-Cookie: a=%d\r\nContent-Length: 0\r\n\r\n" % (status, status)
            )
        ) as server:
            for _ in range(2):
                await net.fetch(Request(server.url, session=str(status)))
            assert [cookie_of(request) for request in server.heard] == [None, f"a={status}"]


async def test_given_cookies_stay(network: Open) -> None:
    """A request's own cookies are sent with it and with those that follow to the host."""
    async with raw(repeating(OK)) as server:
        net = await network()
        await net.fetch(Request(f"{server.url}deep/page", cookies={"a": "b"}))
        await net.fetch(Request(f"{server.url}other"))
        await net.fetch(Request(server.url.replace("127.0.0.1", "localhost")))
        assert [cookie_of(request) for request in server.heard] == ["a=b", "a=b", None]


async def test_a_cookie_header_by_hand(network: Open) -> None:
    """A Cookie header given by hand comes first, and wins over a kept cookie of the same name."""
    async with raw(repeating(OK)) as server:
        net = await network()
        await net.fetch(Request(server.url, cookies={"a": "kept", "c": "d"}))
        await net.fetch(Request(server.url, headers={"cookie": "a=mine; b=2"}))
        assert cookie_of(server.heard[1]) == "a=mine; b=2; c=d"


async def test_the_response_knows_the_request_as_it_was_made(network: Open) -> None:
    """The cookies that were sent do not stay in `response.request`, which may be sent again."""
    async with raw(repeating(OK)) as server:
        request = Request(server.url, cookies={"a": "b"})
        assert (await (await network()).fetch(request)).request is request


async def test_without_merging(network: Open) -> None:
    """With `dont_merge_cookies` only a request's own cookies are sent, and nothing is kept."""
    alone = {"dont_merge_cookies": True}
    async with raw(answering) as server:
        net = await network()
        await net.fetch(Request(server.url, cookies={"a": "b"}))
        await net.fetch(Request(f"{server.url}set/c=d", meta=alone))
        await net.fetch(Request(f"{server.url}set/c=d", meta=alone, cookies={"e": "f"}))
        await net.fetch(Request(server.url))
        assert [cookie_of(request) for request in server.heard] == ["a=b", None, "e=f", "a=b"]


async def test_without_cookies(network: Open) -> None:
    """With `cookies = false` nothing is kept; a request's own cookies are sent with it alone."""
    async with raw(answering) as server:
        net = await network(cookies=False)
        await net.fetch(Request(f"{server.url}set/a=b;Path=/"))
        await net.fetch(Request(server.url, cookies={"c": "d"}))
        await net.fetch(Request(server.url))
        assert [cookie_of(request) for request in server.heard] == [None, "c=d", None]


async def test_no_jar_without_cookies() -> None:
    """A session that never met a cookie has no jar, and its requests are passed on as they are."""
    cookies = Cookies(is_on=True, wall=lambda: NOW)
    seen = []

    async def fetch(request: Request) -> Response:
        seen.append(request)
        return Response(request.url, request=request)

    request = Request("http://x.example/")
    await cookies(request, fetch)
    assert seen[0] is request
    assert repr(cookies) == "<Cookies of 0 sessions>"


# What outlives the crawl.


async def told(cookies: Cookies, session: str, *fields: str, url: str = "http://x.example/") -> str:
    """The Cookie header of a request of `session`, whose answer sets cookies by `fields`."""
    asked = []

    async def fetch(request: Request) -> Response:
        asked.append(request)
        return Response(url, headers=CIMultiDict(("Set-Cookie", each) for each in fields), request=request)

    await cookies(Request(url, session=session), fetch)
    return asked[0].headers.get("Cookie", "")


def new_cookies() -> Cookies:
    return Cookies(is_on=True, wall=lambda: NOW)


async def test_what_has_changed_is_told_once() -> None:
    """`changes()` gives the cookies that have changed since it was last asked; `recall()` takes them back."""
    cookies = new_cookies()
    await told(cookies, "one", "a=b", "c=d; Path=/")
    await told(cookies, "two")
    await told(cookies, "", "a=e")
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(cookies.changes()))
    assert len(kept) == 3
    assert cookies.changes() == {}
    again = new_cookies()
    again.recall(kept)
    assert again.changes() == {}
    assert await told(again, "one", url="http://www.x.example/") == ""
    assert await told(again, "two") == ""
    assert await told(again, "") == "a=e"
    assert await told(again, "one", "a=; Max-Age=0") == "a=b; c=d"
    [(key, value)] = again.changes().items()
    assert (key in kept, value) == (True, None)


async def test_a_checkpoint_costs_what_has_changed() -> None:
    """Of ten thousand cookies in many sessions only those are told that were set since the last time."""
    cookies = new_cookies()
    for session in range(60):
        await told(cookies, str(session), *(f"n{number}=1" for number in range(170)))
    assert len(cookies.changes()) == 60 * 170
    for session in range(60):
        await told(cookies, str(session), "n5=2")
    changed = cookies.changes()
    assert len(changed) == 60
    assert {value[2] for value in changed.values()} == {"2"}


async def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Of more sessions than there is room for those that were used last keep their cookies, and so does the unnamed."""
    monkeypatch.setattr(jars, "MOST_SESSIONS", 100)
    cookies = new_cookies()
    await told(cookies, "", "a=unnamed")
    await told(cookies, "usual", "a=usual")
    kept = dict(cookies.changes())
    for number in range(300):
        await told(cookies, f"once {number}", f"a={number}")
        assert await told(cookies, "usual") == "a=usual"
        kept |= cookies.changes()
    assert repr(cookies) == "<Cookies of 101 sessions>"
    assert await told(cookies, "") == "a=unnamed"
    assert await told(cookies, "once 299") == "a=299"
    assert await told(cookies, "once 0") == ""
    assert sum(value is not None for value in kept.values()) == 101, "a job forgets what the crawl has forgotten"
    assert [each.message for each in caplog.records] == [
        "cookies are kept of the 100 sessions used last, and 64 MiB of them: others start again without"
    ]


async def test_the_size_of_sessions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that are full of cookies take the place of others, however few they are."""
    monkeypatch.setattr(jars, "MOST_BYTES", 1024 * 1024)
    cookies = new_cookies()
    for number in range(100):
        await told(cookies, f"{number}", *(f"n{n}={'v' * 2000}" for n in range(50)))
        assert sum(jar.size for jar in cookies._jars._named.values()) <= 1024 * 1024
    assert len(cookies._jars) == 8
    assert await told(cookies, "99") != ""
    assert await told(cookies, "0") == ""
    assert await told(cookies, "0", "a=b") == ""
    assert await told(cookies, "0") == "a=b", "it starts again"


async def test_cookie_files(network: Open, tmp_path: Path) -> None:
    """`load_cookies` is read at the start and `save_cookies` written at the end, for its owner's eyes only."""
    loaded, saved = tmp_path / "in.txt", tmp_path / "out.txt"
    async with raw(answering) as server:
        host = urls.host(server.url)
        loaded.write_bytes(f"\ufeff{host}\tFALSE\t/\tFALSE\t0\ta\tb\r\n".encode())  # as Windows writes it
        settings = NetworkSettings(load_cookies=str(loaded), save_cookies=str(saved))
        async with open_network(settings, rng=Random(0), wall=lambda: NOW) as net:
            await net.fetch(Request(f"{server.url}set/c=d;Path=/"))
            assert not saved.exists()
        assert cookie_of(server.heard[0]) == "a=b"
    assert [line.split("\t")[5:] for line in saved.read_text().splitlines()[1:]] == [["a", "b"], ["c", "d"], ["x", "y"]]
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == [loaded, saved]


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file"), (b"x", "line 1 is not"), (b"\xff\xfex\0", "not UTF-8")]
)
async def test_a_cookie_file_that_cannot_be_read(
    network: Open, tmp_path: Path, content: bytes | None, told: str
) -> None:
    """A cookie file that is not there, or none, is an error before anything is sent."""
    path = tmp_path / "cookies.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"\[network\] load_cookies: .*{told}"):
        await network(load_cookies=str(path))


async def test_a_cookie_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A cookie file that cannot be written is an error of our disk."""
    path = tmp_path / "nowhere/cookies.txt"
    with pytest.raises(StorageError, match="save_cookies"):
        async with open_network(NetworkSettings(save_cookies=str(path)), rng=Random(0)):
            pass
