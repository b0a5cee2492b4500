"""Several proxies that share the work."""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from scraper import FetchError, Request, SettingsError
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.network.proxies.rotation import LONGEST_REST, REST, Proxies
from tests.network.conftest import Open
from tests.network.raw import OK, raw, repeating

ADDRESSES = ("http://one.example", "http://two.example", "http://three.example")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Wire:
    """Notes which proxy each request is sent through; those that are broken fail."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self.broken: dict[str, Reason] = {}

    async def __call__(self, request: Request) -> Response:
        assert request.proxy is not None
        self.used.append(request.proxy)
        if request.proxy in self.broken:
            raise FetchError(self.broken[request.proxy], request.url)
        return Response(request.url, request=request)


def pool(per: Any = "host", clock: Clock | None = None) -> Proxies:
    return Proxies(ADDRESSES, per=per, clock=clock or Clock())


async def used(proxies: Proxies, url: str = "http://a.example/", wire: Wire | None = None, **fields: Any) -> str:
    """The proxy that a request is sent through."""
    wire = wire or Wire()
    with suppress(FetchError):
        await proxies(Request(url, **fields), wire)
    return wire.used[-1]


async def test_a_host_keeps_its_proxy() -> None:
    """All requests to a host go through one proxy, in another crawl as well; all proxies have about as many hosts."""
    proxies = pool()
    first = await used(proxies)
    assert {await used(proxies, f"https://a.example/{n}") for n in range(20)} == {first} == {await used(pool())}
    shares = Counter([await used(proxies, f"http://n{n}.example/") for n in range(300)])
    assert min(shares.values()) > 60


async def test_proxies_in_turn() -> None:
    """With `proxy_per = "request"` they take turns, but for a named session, which keeps its own."""
    proxies = pool("request")
    assert [await used(proxies) for _ in range(6)] == [*ADDRESSES, *ADDRESSES]
    assert len({await used(proxies, f"http://n{n}.example/", session="me") for n in range(20)}) == 1


async def test_a_proxy_of_its_own() -> None:
    """A request that names a proxy has that, and no answer knows which proxy it was."""
    proxies, wire = pool(), Wire()
    assert await used(proxies, wire=wire, proxy="http://mine.example") == "http://mine.example"
    request = Request("http://a.example/")
    assert (await proxies(request, wire)).request is request


@pytest.mark.parametrize("reason", [Reason.PROXY, Reason.CONNECT_TIMEOUT])
async def test_a_proxy_that_fails_rests(reason: Reason) -> None:
    """Another takes its place meanwhile, and after the rest it has its hosts back; each rest is twice as long."""
    clock, wire = Clock(), Wire()
    proxies = pool(clock=clock)
    first = await used(proxies, wire=wire)
    wire.broken[first] = reason
    rest = REST
    for _ in range(10):
        assert await used(proxies, wire=wire) == first
        assert await used(proxies, wire=wire) != first
        clock.now += min(rest, LONGEST_REST)
        rest *= 2
    wire.broken.clear()
    assert await used(proxies, wire=wire) == first
    assert repr(proxies) == "<Proxies 3, 0 rest>"


async def test_failures_of_the_site_are_not_the_proxys() -> None:
    """A site that breaks off, or answers slowly, says nothing of the proxy."""
    proxies, wire = pool(), Wire()
    first = await used(proxies)
    wire.broken[first] = Reason.RESET
    assert await used(proxies, wire=wire) == await used(proxies, wire=wire) == first


async def test_all_rest() -> None:
    """When all proxies rest, the one whose rest ends first is asked, so nothing is lost."""
    clock, wire = Clock(), Wire()
    proxies = pool(clock=clock)
    wire.broken = dict.fromkeys(ADDRESSES, Reason.PROXY)
    for _ in ADDRESSES:
        clock.now += 1
        await used(proxies, wire=wire)
    assert len(set(wire.used)) == 3
    assert await used(proxies, wire=wire) == wire.used[0]


async def test_each_proxy_has_its_own_password(network: Open) -> None:
    """What lets us through one proxy is told to it alone, also when a request is tried again through another."""
    async with raw(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n") as one, raw(repeating(OK)) as two:
        words = [one.url.replace("//", "//user1:pw1@"), two.url.replace("//", "//user2:pw2@")]
        net = await network(proxies=words, proxy_per="request")
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request("http://a.example/"))
        assert caught.value.reason == Reason.PROXY
        assert "pw1" not in str(caught.value)
        await net.fetch(Request("http://a.example/"))
        assert b"dXNlcjE6cHcx" in one.heard[0]
        assert b"dXNlcjI6cHcy" in two.heard[0]
        assert b"dXNlcjE6cHcx" not in two.heard[0]


async def test_proxies_that_cannot_be_used(network: Open) -> None:
    """A proxy that is none, and both ways to name them, are errors before anything is sent."""
    with pytest.raises(SettingsError, match=r"\[network\] proxies: a proxy is written"):
        await network(proxies=["gopher://me:secret@a.example:1"])
    with pytest.raises(SettingsError, match="give one of them"):
        await network(proxy="http://a.example", proxies=["http://a.example"])
