"""Requests by way of a proxy."""

import asyncio
import ssl

import pytest
import trustme

from scraper import FetchError, Request, SettingsError
from scraper.errors import Reason
from scraper.network.proxies.address import proxy
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, answer, joined, raw, repeating

WORD = b"Proxy-Authorization: Basic bWU6cGFzcw==\r\n"  # me:pass


async def tunnel(talk: Talk) -> None:
    """A proxy that connects wherever it is told to."""
    host, _, port = (await talk.hear()).split()[1].decode().rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await talk.say(b"HTTP/1.1 200 Connected\r\n\r\n")

    await joined(talk, reader, writer)


def test_how_a_proxy_is_written() -> None:
    """A proxy is an address, with or without scheme, user and password."""
    assert str(proxy("a.example:3128").url) == "http://a.example:3128/"
    assert proxy("http://a.example:3128").authorization is None
    assert proxy("http://me:p%40ss@a.example").authorization == "Basic bWU6cEBzcw=="
    assert str(proxy("https://me:pass@a.example").url) == "https://a.example/"
    for wrong in ("socks5://a.example", "socks4://a.example:1080", "http://", "http://me:secret@a example"):
        with pytest.raises(ValueError, match="a proxy is written") as caught:
            proxy(wrong)
        assert "secret" not in str(caught.value)


async def test_a_wrong_proxy_is_refused_at_the_start(network: Open) -> None:
    """A proxy in the settings that is none is an error before anything is sent."""
    with pytest.raises(SettingsError, match=r"\[network\] proxy"):
        await network(proxy="socks4://me:secret@a.example:1080")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a.example:3128", "'a.example:3128'"),
        ("127.0.0.1:8176", "'127.0.0.1:8176'"),
        ("me:secret@a.example:3128", "'a.example:3128'"),
        ("me:secret@[::1]:3128", "an address"),
    ],
)
async def test_a_proxy_without_a_scheme_is_refused_at_the_start(network: Open, given: str, shown: str) -> None:
    """A proxy in the settings without a scheme is one clear line, which names the setting and not the password."""
    for settings in ({"proxy": given}, {"proxies": ["http://b.example", given]}):
        with pytest.raises(SettingsError) as caught:
            await network(**settings)
        (key,) = settings
        expected = f"[network] {key}: {shown} has no scheme: a proxy is written http://host:port, "
        assert str(caught.value).startswith(expected)
        assert "secret" not in str(caught.value)


async def test_a_proxy_that_fails_is_named(network: Open, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads of a proxy that fails reads which one, without its password; it is warned of once."""
    net = await network()
    async with raw(answer(b"no", status=407)) as server:
        ports = {9: "Cannot connect to host 127.0.0.1:9", server.port: "407 "}
        for port, why in ports.items():
            for url in ("http://a.example/", "https://a.example/", "http://b.example/"):
                with pytest.raises(FetchError) as caught:
                    await net.fetch(Request(url, proxy=f"http://me:secret@127.0.0.1:{port}"))
                assert caught.value.detail.startswith(f"proxy http://127.0.0.1:{port}/: {why}")
    warnings = [record.getMessage() for record in caplog.records if record.name == "scraper"]
    assert [each.split(": ")[0] for each in warnings] == [f"proxy http://127.0.0.1:{port}/" for port in ports]
    assert "secret" not in caplog.text


async def test_http_by_way_of_a_proxy(network: Open) -> None:
    """A proxy is told the whole address, and by what word it lets us through."""
    async with raw(repeating(OK)) as server:
        net = await network(proxy=server.url.replace("//", "//me:pass@"))
        assert (await net.fetch(Request("http://a.example/page?q#part"))).body == b"ok"
        assert server.heard[0].startswith(b"GET http://a.example/page?q HTTP/1.1\r\nHost: a.example\r\n")
        assert WORD in server.heard[0]


async def test_a_proxy_of_its_own(network: Open) -> None:
    """`Request.proxy` takes the place of the settings' for this request; each gets its own password only."""
    async with raw(repeating(OK)) as one, raw(repeating(answer(b"two"))) as two:
        net = await network(proxy=one.url.replace("//", "//me:pass@"))
        assert (await net.fetch(Request("http://a.example/", proxy=two.url))).body == b"two"
        assert (await net.fetch(Request("http://a.example/"))).body == b"ok"
        assert b"Proxy-Authorization" not in two.heard[0]
        assert WORD in one.heard[0]


async def test_https_by_way_of_a_proxy(network: Open, tmp_path: object) -> None:
    """For https the proxy opens a tunnel; only it sees the Proxy-Authorization, and only the server the request."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with authority.cert_pem.tempfile() as ca_file:
        async with raw(repeating(OK), tls=context) as server, raw(tunnel) as way:
            net = await network(ca_file=ca_file)
            by = way.url.replace("//", "//me:pass@")
            assert (await net.fetch(Request(server.url, proxy=by, headers={"X-A": "b"}))).body == b"ok"
            by_hand = {"proxy-authorization": "Basic bWU6cGFzcw=="}
            assert (await net.fetch(Request(server.url, proxy=way.url, headers=by_hand))).body == b"ok"
    for request in way.heard:
        assert request.startswith(b"CONNECT 127.0.0.1:")
        assert WORD in request
        assert b"X-A" not in request
    for request in server.heard:
        assert b"proxy-" not in request.lower()
    assert b"X-A: b" in server.heard[0]


async def test_the_word_for_a_proxy_is_for_nobody_else(network: Open) -> None:
    """A Proxy-Authorization header is not sent where there is no proxy."""
    async with raw(repeating(OK)) as server:
        await (await network()).fetch(Request(server.url, headers={"Proxy-Authorization": "Basic eDp5"}))
        assert b"proxy-authorization" not in server.heard[0].lower()


async def test_a_proxy_that_fails(network: Open) -> None:
    """A proxy that is not there, that does not know us, or that cannot connect is told as a failure of the proxy."""
    net = await network()
    refusing = "http://me:secret@127.0.0.1:9"
    unknown = "http://me:secret@no-such-host.invalid:3128"
    for by in (refusing, unknown):
        for url in ("http://a.example/", "https://a.example/"):
            with pytest.raises(FetchError) as caught:
                await net.fetch(Request(url, proxy=by))
            assert caught.value.reason == Reason.PROXY
            assert "secret" not in str(caught.value)
    for status in (407, 502):
        async with raw(answer(b"no", status=status)) as server:
            with pytest.raises(FetchError) as caught:
                await net.fetch(Request("https://a.example/", proxy=server.url.replace("//", "//me:secret@")))
            assert caught.value.reason == Reason.PROXY
            assert str(status) in caught.value.detail
            assert "secret" not in str(caught.value)
    async with raw(answer(b"no", status=407)) as server:
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request("http://a.example/", proxy=server.url))
        assert caught.value.reason == Reason.PROXY


async def test_a_request_with_a_wrong_proxy(network: Open) -> None:
    """A request whose proxy lacks what its scheme needs fails, and its password is not told."""
    with pytest.raises(FetchError) as caught:
        await (await network()).fetch(Request("http://a.example/", proxy="socks5://me:secret@a.example"))
    assert caught.value.reason == Reason.BAD_REQUEST
    assert "secret" not in str(caught.value)
