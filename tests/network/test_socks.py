"""SOCKS proxies: what is said to them and by way of them, and how many connections that takes."""

import asyncio
import ssl
import sys

import pytest
import trustme

from scraper import FetchError, Request, SettingsError
from scraper.errors import Reason
from scraper.network.proxies.socks import _library
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, joined, open_sockets, raw, repeating


async def greet(talk: Talk) -> tuple[str, int] | None:
    """Speak SOCKS5: let everybody but `nobody` through, with `pass`, to names ending in .example or localhost."""
    reader = talk.reader
    _, number = await reader.readexactly(2)
    methods = await reader.readexactly(number)
    if 2 in methods:
        await talk.say(b"\5\2")
        _, length = await reader.readexactly(2)
        user = await reader.readexactly(length)
        [length] = await reader.readexactly(1)
        is_right = await reader.readexactly(length) == b"pass" and user != b"nobody"
        await talk.say(b"\1\0" if is_right else b"\1\1")
        if not is_right:
            return None
    else:
        await talk.say(b"\5\0")
    _, _, _, kind, length = await reader.readexactly(5)
    name = (await reader.readexactly(length)).decode()
    port = int.from_bytes(await reader.readexactly(2))
    if kind != 3 or not name.endswith((".example", "localhost")):
        await talk.say(b"\5\4\0\1\0\0\0\0\0\0")
        return None
    await talk.say(b"\5\0\0\1\0\0\0\0\0\0")
    return name, port


async def socks(talk: Talk) -> None:
    """A SOCKS5 proxy through which everything is `OK`."""
    if await greet(talk) is not None:
        await repeating(OK)(talk)


async def socks_tunnel(talk: Talk) -> None:
    """A SOCKS5 proxy that connects to this machine's port."""
    target = await greet(talk)
    assert target is not None
    await joined(talk, *await asyncio.open_connection("127.0.0.1", target[1]))


async def test_socks(network: Open) -> None:
    """A SOCKS proxy is given names, not addresses, and what is said through it is as if it were not there."""
    async with raw(socks) as server:
        address = server.url.replace("http://", "socks5://me:pass@").rstrip("/")
        net = await network(proxy=address)
        for _ in range(2):
            assert (await net.fetch(Request("http://a.example/page"))).body == b"ok"
        assert server.connections == 1
        assert server.heard[0].startswith(b"GET /page HTTP/1.1\r\nHost: a.example\r\n")
        assert b"Proxy-Authorization" not in server.heard[0]
        net = await network()
        assert (await net.fetch(Request("http://a.example/", proxy=address))).body == b"ok"


@pytest.mark.parametrize("user", ["nobody:pass@", "me:secret@", ""])
async def test_socks_that_fails(network: Open, user: str) -> None:
    """A SOCKS proxy that refuses, does not know us or is not there fails the request as `proxy`."""
    async with raw(socks) as server:
        address = server.url.replace("http://", f"socks5://{user}").rstrip("/")
        net = await network(proxy=address)
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request("http://a.test/"))
        assert caught.value.reason == Reason.PROXY
        assert not {"secret", "pass"} & set(str(caught.value).replace(":", " ").split())
    await asyncio.sleep(0)
    with pytest.raises(FetchError) as caught:
        await net.fetch(Request("http://a.example/"))
    assert caught.value.reason == Reason.PROXY


async def test_https_by_socks(network: Open) -> None:
    """TLS is spoken with the site, which is asked as if there were no proxy, and its certificate is checked."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    async with raw(repeating(OK), tls=context) as server, raw(socks_tunnel) as way:
        url, address = f"https://localhost:{server.port}/page", way.url.replace("http://", "socks5://me:pass@")
        with authority.cert_pem.tempfile() as ca_file:
            net = await network(ca_file=ca_file, proxy=address)
            for _ in range(2):
                assert (await net.fetch(Request(url))).body == b"ok"
        assert way.connections == 1
        assert server.heard[0].startswith(b"GET /page HTTP/1.1\r\nHost: localhost")
        assert not any(b"proxy-" in each.lower() for each in server.heard)
        with pytest.raises(FetchError) as caught:
            await (await network(proxy=address)).fetch(Request(url))
        assert caught.value.reason == Reason.TLS_UNTRUSTED


async def test_a_user_for_each_request_costs_no_connections(network: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections by SOCKS proxies are bounded together with all others: no more are kept than of many hosts."""
    monkeypatch.setattr("scraper.network.room", lambda: (10, 3))
    async with raw(socks) as server:
        net, before = await network(), open_sockets()
        kept = []
        for number in range(40):
            by = server.url.replace("http://", f"socks5://user-{number}:pass@")
            assert (await net.fetch(Request("http://a.example/", proxy=by))).body == b"ok"
            kept.append(open_sockets() - before)
        assert server.connections == 40, "a connection is for its user alone"
        assert max(kept) <= 2 * 3 + 2
        assert (await net.fetch(Request("http://a.example/", proxy=by))).body == b"ok"
        assert server.connections == 40, "the last one is still there"
        assert not any(b"proxy-" in each.lower() or b"pass" in each for each in server.heard)


async def test_so_many_requests_by_socks_at_once(network: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many users there are, no more requests are sent at once than there are descriptors for; all finish."""
    monkeypatch.setattr("scraper.network.room", lambda: (5, 1))
    now = most = 0

    async def slow(talk: Talk) -> None:
        nonlocal now, most
        assert await greet(talk) is not None
        await talk.hear()
        now += 1
        most = max(most, now)
        for _ in range(20):
            await asyncio.sleep(0)
        now -= 1
        await talk.say(OK)

    async with raw(slow) as server:
        net = await network()
        users = [server.url.replace("http://", f"socks5://user-{number}:pass@") for number in range(30)]
        answers = await asyncio.gather(*(net.fetch(Request("http://a.example/", proxy=each)) for each in users))
    assert [each.body for each in answers] == [b"ok"] * 30
    assert most <= 5


async def test_socks_without_its_extra(network: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that names a SOCKS proxy fails, and says what is to be installed; so do settings, at the start."""
    monkeypatch.setitem(sys.modules, "python_socks", None)
    _library.cache_clear()
    with pytest.raises(FetchError, match=r"bad_request: .*pip install 'scraper\[socks\]'"):
        await (await network()).fetch(Request("http://a.example/", proxy="socks5://a.example:1080"))
    with pytest.raises(SettingsError, match=r"pip install 'scraper\[socks\]'"):
        await network(proxy="socks5://a.example:1080")
