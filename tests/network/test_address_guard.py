"""Which hosts may be reached."""

import asyncio
import socket
import threading
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import FetchError, Request, SettingsError, urls
from scraper.errors import Reason
from scraper.network import Network, open_network
from scraper.network.connection import resolver
from scraper.network.connection.address_guard import AddressNotAllowedError, Guard, is_public
from scraper.network.connection.resolver import Resolver
from scraper.settings.tables import from_tables
from scraper.verdict import GO, Refuse
from tests.network.raw import Raw, raw, repeating

NAT64 = ip_network("64:ff9b::/96")
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2606:4700::5efe:a00:1",
    "2606:4700::200:5efe:7f00:1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::200e",
    "2002:808:808::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2606:4700::5efe:808:808",
]
LOOPBACK = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[0:0:0:0:0:ffff:7f00:1]/",
    "http://127.0.0.1./",
    "http://1%32%37.0.0.1/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://user@127.0.0.1/",
    "http://a.example@127.0.0.1/",
    "https://127.0.0.1:8443/",
    "http://127.0.0.1#@a.example/",
    "http://127.0.0.1\\@a.example/",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public(address: str) -> None:
    """Loopback, private, shared, link-local, reserved, and what only contains one of them, is not public."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public(address: str) -> None:
    """Addresses of the public internet are."""
    assert is_public(ip_address(address))


@given(st.ip_addresses())
def test_nothing_is_more_public_than_python_thinks(address: Any) -> None:
    """What Python's own list calls private or special is not public, but for a public address within."""
    is_wrapped = address.version == 6 and (address.ipv4_mapped or address in NAT64)
    if is_public(address) and not is_wrapped:
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("url", LOOPBACK)
def test_every_spelling_of_an_address(url: str) -> None:
    """However a page writes this machine's address, it is refused."""
    canonical = urls.canonical(url)
    assert canonical is not None
    assert Guard().refusal(urls.host(canonical)) == Reason.ADDRESS_NOT_ALLOWED


LOOPBACK_NAMES = [
    "localhost", "localhost.", "x.localhost", "a.b.localhost.", "localhost.localdomain", "localhost4", "localhost6",
    "ip6-localhost", "ip6-loopback", "host.docker.internal",
]  # fmt: skip
METADATA_NAMES = ["metadata.google.internal", "metadata.google.internal.", "metadata.goog", "metadata", "instance-data"]


@pytest.mark.parametrize("host", [*LOOPBACK_NAMES, *METADATA_NAMES])
def test_names_that_mean_an_address(host: str) -> None:
    """Names that mean this machine, or a cloud's metadata, are refused without a look-up, unless they are named."""
    assert Guard().refusal(host) == Reason.ADDRESS_NOT_ALLOWED
    assert Guard([host]).refusal(host) is None
    guard = Guard()
    guard.name(host)
    assert guard.refusal(host) is None


def test_names_are_allowed_with_what_they_mean() -> None:
    """Who allows the address that a name means allows the name; names that only look like it are as any others."""
    assert Guard(["127.0.0.0/8"]).refusal("x.localhost") is None
    assert Guard(["::1"]).refusal("ip6-localhost") is None
    assert Guard(["169.254.169.254"]).refusal("metadata.google.internal") is None
    assert Guard(["10.0.0.0/8"]).refusal("localhost") == Reason.ADDRESS_NOT_ALLOWED
    for host in ("localhost.example", "mylocalhost", "metadata.example", "wiki.internal", "intranet"):
        assert Guard().refusal(host) is None


def test_hosts_that_are_not_canonical() -> None:
    """A host that another parser could read as something else is no host."""
    for host in ("127.1", "0x7f.1", "2130706433", "127.0.0.1?x", "a b", "[::1", "A.example", ""):
        assert Guard().refusal(host) == Reason.INVALID_URL


def test_who_is_named_may_be_reached() -> None:
    """Who is named may be reached, on all ports, and nobody else; also by address, network and name in the settings."""
    guard = Guard()
    guard.name_url("http://127.0.0.1:8000/start")
    guard.name_url("HTTP://LocalHost/")
    guard.name_url("ftp://10.0.0.1/")
    guard.name_url("nothing")
    assert guard.refusal("127.0.0.1") is None
    assert guard.may_connect("localhost", "127.0.0.1")
    for host in ("127.0.0.2", "[::1]", "10.0.0.1"):
        assert guard.refusal(host) == Reason.ADDRESS_NOT_ALLOWED
    assert not guard.may_connect("localhost.", "127.0.0.1")

    guard = Guard(["10.0.0.0/8", "192.168.1.7", "::1", "fd00::/8", "Intranet.Example"])
    for host in ("10.1.2.3", "192.168.1.7", "[::1]", "[fd12::1]", "intranet.example", "a.example"):
        assert guard.refusal(host) is None
    for host in ("11.0.0.1", "8.8.8.8"):
        assert guard.refusal(host) is None
    assert guard.refusal("192.168.1.8") == Reason.ADDRESS_NOT_ALLOWED
    assert guard.may_connect("intranet.example", "127.0.0.1")
    assert guard.may_connect("a.example", "10.1.2.3")
    assert not guard.may_connect("a.example", "fe80::1%eth0")


def test_naming_takes_a_refusal_back() -> None:
    """A host that was refused before it was named may be reached afterwards."""
    guard = Guard()
    assert guard.refusal("127.0.0.1") is not None
    guard.name("127.0.0.1")
    assert guard.refusal("127.0.0.1") is None


def test_what_cannot_be_allowed() -> None:
    """An entry of allow_addresses that is no address, network or host is named in one line."""
    for entry in ("http://a.example", "a.example:80", "a b", "10.0.0.0/99", "a.example/b"):
        with pytest.raises(SettingsError, match=r"\[network\] allow_addresses: '"):
            Guard([entry])


def test_a_proxy_is_not_a_page() -> None:
    """A proxy is connected to wherever it is, but no page leads to it, unless it was named as a host."""
    guard = Guard()
    guard.name_proxy("proxy.internal")
    assert guard.may_connect("proxy.internal", "10.0.0.1")
    assert guard.refusal("proxy.internal") == Reason.ADDRESS_NOT_ALLOWED
    guard.name("proxy.internal")
    assert guard.refusal("proxy.internal") is None


def test_the_guard_is_a_limit() -> None:
    """As a limit, the guard refuses what it would refuse when it is sent, and a name once it is known to lead there."""
    guard = Guard()
    assert guard.judge(Request("http://127.0.0.1/"), 0.0) == Refuse(Reason.ADDRESS_NOT_ALLOWED)
    assert guard.judge(Request("http://a.example/"), 0.0) is GO
    assert guard.judge(Request("mailto:a@a.example"), 0.0) is GO  # which is not for it to say
    guard.refuse("a.example")
    assert guard.judge(Request("http://a.example/"), 0.0) == Refuse(Reason.ADDRESS_NOT_ALLOWED)
    guard.name("a.example")
    guard.refuse("a.example")
    assert guard.judge(Request("http://a.example/"), 0.0) is GO


def test_the_guard_forgets() -> None:
    """A crawl of any number of hosts remembers the verdicts on some."""
    guard = Guard()
    for number in range(20_000):
        guard.refusal(f"host{number}.example")
    assert len(guard._verdicts) <= 16_384


def test_the_guard_forgets_proxies() -> None:
    """Of any number of proxies those that were asked last are known; no page leads to the others' addresses either."""
    guard = Guard()
    for number in range(20_000):
        guard.name_proxy(f"proxy{number}.internal")
        guard.name_proxy("usual.internal")
    assert len(guard._proxies) <= 16_384
    assert guard.may_connect("usual.internal", "10.0.0.1")
    assert guard.may_connect("proxy19999.internal", "10.0.0.1")
    assert not guard.may_connect("proxy0.internal", "10.0.0.1")


# Names.


def answers(*addresses: str) -> Any:
    """A look-up that gives these addresses, one list a call; the last one again and again."""
    left = list(addresses)

    def lookup(host: str, port: int, **_: Any) -> Any:
        found = left.pop(0) if len(left) > 1 else left[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in found.split()
        ]

    return lookup


async def test_addresses_of_a_name_are_judged() -> None:
    """Of the addresses of a name those are used that may be; a name without any is refused."""
    made = Resolver(Guard(), lookup=answers("127.0.0.1 8.8.8.8 ::1", "10.0.0.1 ::ffff:10.0.0.1", "8.8.8.8", ""))
    assert [each["host"] for each in await made.resolve("a.example", 80)] == ["8.8.8.8"]
    with pytest.raises(AddressNotAllowedError, match=r"a\.example is at 10\.0\.0\.1"):
        await made.resolve("a.example", 80)
    assert len(await made.resolve("a.example", 80)) == 1
    with pytest.raises(socket.gaierror):
        await made.resolve("a.example", 80)
    await made.close()


async def test_names_that_are_not_there_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not there is not looked up again at once."""
    asked: list[str] = []

    def lookup(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    made = Resolver(None, lookup=lookup)
    for _ in range(3):
        with pytest.raises(socket.gaierror):
            await made.resolve("a.example", 80)
    assert asked == ["a.example"]
    monkeypatch.setattr(resolver, "MISSING_SECONDS", 0.0)
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await made.resolve("b.example", 80)
    assert asked == ["a.example", "b.example", "b.example"]
    await made.close()


async def test_a_slow_name_server_takes_few_threads() -> None:
    """However many names are looked up at once, few threads wait for them, and none of the loop's own."""
    go, seen = threading.Event(), set()

    def lookup(host: str, port: int, **_: Any) -> Any:
        seen.add(threading.current_thread().name)
        go.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    made = Resolver(None, lookup=lookup)
    tasks = [asyncio.ensure_future(made.resolve(f"{number}.example", 80)) for number in range(100)]
    await asyncio.sleep(0.05)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 20) == "free"
    go.set()
    await asyncio.gather(*tasks)
    assert len(seen) <= resolver.THREADS
    assert all(name.startswith("names") for name in seen)
    await made.close()


# The wire.


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what names lead to."""

    def lead_to(*addresses: str) -> None:
        monkeypatch.setattr("scraper.network.Resolver", lambda guard: Resolver(guard, lookup=answers(*addresses)))

    return lead_to


async def why(net: Network, url: str) -> str:
    """Why `url` is not fetched."""
    with pytest.raises(FetchError) as caught:
        await net.fetch(Request(url))
    return caught.value.reason


def guarded(guard: Guard, **settings: Any) -> Any:
    return open_network(from_tables({"network": settings}).network, guard=guard, rng=Random(0))


async def test_nothing_is_connected_to(lookups: Any) -> None:
    """A host that nobody named, by address or by name, is refused without a connection."""
    lookups("127.0.0.1")
    async with raw(repeating(b"")) as server, guarded(Guard()) as net:
        for host in ("127.0.0.1", "127.1", "2130706433", "0", "[::ffff:127.0.0.1]", "localhost", "a.example"):
            assert await why(net, f"http://{host}:{server.port}/") == Reason.ADDRESS_NOT_ALLOWED
        assert server.connections == 0


async def test_rebinding(lookups: Any) -> None:
    """A name that is led elsewhere when it is looked up again is judged again, and connected to as judged."""
    lookups("127.0.0.1 127.0.0.2", "127.0.0.1")
    async with raw(repeating(b"")) as server, guarded(Guard(["127.0.0.2"])) as net:
        assert await why(net, f"http://a.example:{server.port}/") == Reason.REFUSED  # nobody listens at 127.0.0.2
        assert await why(net, f"http://a.example:{server.port + 1}/") == Reason.ADDRESS_NOT_ALLOWED
        assert server.connections == 0


async def test_who_is_named_is_connected_to(lookups: Any) -> None:
    """A named host is fetched from wherever its name leads; a redirect from there names nobody."""
    lookups("127.0.0.1")
    found = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    guard = Guard()
    guard.name_url("http://start.example/")
    async with raw(repeating(found)) as server, guarded(guard) as net:
        assert (await net.fetch(Request(f"http://start.example:{server.port}/"))).body == b"ok"
        assert await why(net, f"http://other.example:{server.port}/") == Reason.ADDRESS_NOT_ALLOWED
        assert server.connections == 1


async def test_a_proxy_is_connected_to() -> None:
    """A proxy may be anywhere; what is asked of it is judged as far as it is an address, or a name that means one."""

    def port_of(server: Raw) -> str:
        return f"http://127.0.0.1:{server.port}"

    found = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with raw(repeating(found)) as server, guarded(Guard(), proxy=port_of(server)) as net:
        assert (await net.fetch(Request("http://a.example/"))).body == b"ok"
        assert await why(net, "http://169.254.169.254/") == Reason.ADDRESS_NOT_ALLOWED
        assert await why(net, server.url) == Reason.ADDRESS_NOT_ALLOWED
        for host in (*LOOPBACK_NAMES, *METADATA_NAMES):
            assert await why(net, f"http://{host}:9/") == Reason.ADDRESS_NOT_ALLOWED
        assert len(server.heard) == 1


async def test_an_address_that_is_too_long() -> None:
    """A URL of more than max_url characters is refused before it is sent, and not repeated in full."""
    async with guarded(Guard(), max_url=100) as net:
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request("http://a.example/" + "a" * 100_000))
    assert caught.value.reason == Reason.URL_TOO_LONG
    assert len(str(caught.value)) < 400
