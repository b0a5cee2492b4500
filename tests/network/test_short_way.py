"""The short way of a plain GET: a server hears, and is understood, as by aiohttp's session."""

import asyncio
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper import FetchError, Request
from scraper.network import fetcher
from scraper.network.connection import short_way
from tests.examples import examples
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, answer, raw, repeating
from tests.network.replay import cases, outcome

WAYS = (True, False)
_WIRE = [case for case in cases("wire.json") if not any(step.get("times") for step in case["script"])]
ANSWERS = [*cases("curl.json"), *_WIRE]
QUICK: dict[str, Any] = {"timeout": 30.0, "headers_timeout": 2.0, "read_timeout": 1.9, "max_body": 10_000_000}


def lines(head: bytes) -> tuple[bytes, set[bytes]]:
    """The request line of a head, and its fields, whose order means nothing."""
    first, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    return first, set(fields)


async def heard(network: Open, *requests: Request, **options: Any) -> list[tuple[bytes, set[bytes]]]:
    """What a server hears of these requests to it."""
    async with raw(repeating(OK)) as server:
        net = await network(**options)
        for request in requests:
            await net.fetch(request.replace(url=request.url.replace("http://site/", server.url)))
        return [lines(head.replace(str(server.port).encode(), b"PORT")) for head in server.heard]


@pytest.mark.parametrize(
    "request_",
    [
        Request("http://site/"),
        Request("http://site/a/b?c=d&e=%20f#fragment"),
        Request("http://site/é?ü"),
        Request("http://site/x?"),
        Request("http://site/?#fragment"),
        Request("http://site/x??"),
        Request("http://site/", headers={"X-One": "1", "x-two": "zwei ü"}),
        Request("http://site/", cookies={"session": "a b", "other": "1"}),
        Request("http://site/", headers={"Accept": "text/plain", "User-Agent": "another"}),
        Request("http://site/", headers={"Referer": "http://other.example/", "If-None-Match": '"x"'}),
        Request("http://site/", headers={"X-Session": None, "ACCEPT": None, "X-One": "1", "X-None": None}),
        Request("http://site/", headers={"X-None": None}),
        Request("http://site/", auth=("user", "word")),
        Request("http://site/", timeout=5.0),
        Request("http://site/", method="HEAD"),
        Request("http://site/", method="POST", body=b"text"),
    ],
    ids=repr,
)
async def test_a_server_hears_the_same(network: Open, request_: Request) -> None:
    """Method, path and header fields are those that aiohttp's session sends."""
    options = {"headers": {"X-Session": "yes", "Accept-Language": "de"}}
    short = await heard(network, request_, request_, short_way=True, **options)
    assert short == await heard(network, request_, request_, short_way=False, **options)
    assert len(short) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_an_empty_query_is_not_sent(network: Open, way: bool) -> None:
    """`/x?` is asked for as `/x`, which is the same page; a query that has anything in it is sent as it is."""
    requests = [Request(f"http://site/{path}") for path in ("x?", "?", "x?#part", "x??", "x?&", "x?=")]
    sent = [line.split()[1] for line, _ in await heard(network, *requests, short_way=way)]
    assert sent == [b"/x", b"/", b"/x", b"/x??", b"/x?&", b"/x?="]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case["name"])
async def test_an_answer_means_the_same(network: Open, case: dict[str, Any]) -> None:
    """Whatever a server answers, both ways end alike."""
    ends = [await outcome(await network(short_way=way, **QUICK), case["script"]) for way in WAYS]
    assert ends[0] == ends[1]


_NAMES = st.from_regex(r"X-[A-Za-z0-9-]{1,12}", fullmatch=True)
_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="\x7f"), max_size=20)


@settings(max_examples=examples(60))
@given(headers=st.dictionaries(_NAMES, _VALUES, max_size=4), path=st.text(max_size=20))
def test_any_head_is_the_same(headers: dict[str, str], path: str) -> None:
    """Drawn paths and header fields are sent alike by both ways, or refused alike."""

    async def ways() -> list[Any]:
        connector = aiohttp.TCPConnector(force_close=True)
        async with raw(repeating(OK)) as server, aiohttp.ClientSession(connector=connector) as session:
            url = Request(f"{server.url}{path}").url
            head = short_way.ShortWay(session).head(url, headers)
            assert head is not None
            async with session.get(short_way.URL(url, encoded=True), headers=headers) as response:
                await response.read()
            return [lines(server.heard[0]), lines(head[1])]

    first, second = asyncio.run(ways())
    assert first[0] == second[0]
    assert {field.rstrip() for field in first[1]} - {b"Connection: close"} == {field.rstrip() for field in second[1]}


async def test_a_connection_is_used_again(network: Open) -> None:
    """Requests one after the other go over one connection, also when both ways take turns."""
    async with raw(repeating(OK)) as server:
        net = await network()
        for method in ("GET", "HEAD", "GET", "POST", "GET"):
            await net.fetch(Request(server.url, method=method, headers={"X": "y"}))
        assert server.connections == 1 + 1  # of an answer to HEAD no body comes, though this server sends one


async def test_a_connection_that_was_closed_meanwhile_costs_nothing(network: Open) -> None:
    """A request whose kept connection was closed is sent once more, on a new one."""

    async def once(talk: Talk) -> None:
        await talk.hear()
        await talk.say(OK)
        await asyncio.sleep(0.05)

    async with raw(once) as server:
        net = await network(retries=0)
        for _ in range(3):
            assert (await net.fetch(Request(server.url))).status == 200
            await asyncio.sleep(0.04)
        assert server.connections == 3


async def test_what_aiohttp_lacks_is_not_used(network: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an aiohttp that has not what the short way takes, everything goes by its session."""

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(short_way.ShortWay, "send", nothing)
    monkeypatch.setattr(fetcher, "is_there", lambda: False)
    async with raw(repeating(OK)) as server:
        assert (await (await network()).fetch(Request(server.url))).status == 200


@pytest.mark.parametrize("missing", ["read", "start_timeout"])
def test_what_is_taken_of_aiohttp_is_checked(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The short way is there with the installed aiohttp, and not with one that misses a part."""
    assert short_way.is_there.__wrapped__()

    class Handler:
        set_response_params = short_way.ResponseHandler.set_response_params
        close = read = start_timeout = None

    delattr(Handler, missing)
    monkeypatch.setattr(short_way, "ResponseHandler", Handler)
    assert not short_way.is_there.__wrapped__()


async def test_origins_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many origins those that came last are remembered."""
    monkeypatch.setattr(short_way, "MOST_ORIGINS", 3)
    async with aiohttp.ClientSession() as session:
        way = short_way.ShortWay(session)
        for number in range(10):
            way.head(f"http://{number}.example/", None)
        assert repr(way) == "<ShortWay to 3 origins>"


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_says_nothing(network: Open, *, way: bool) -> None:
    """A connection without a word is a read timeout by either way, and is not kept."""

    async def silent(talk: Talk) -> None:
        await talk.hear()
        await talk.wait_closed()

    async with raw(silent) as server:
        net = await network(short_way=way, read_timeout=0.2, headers_timeout=5.0, timeout=10.0)
        with pytest.raises(FetchError) as error:
            await net.fetch(Request(server.url))
        assert error.value.reason == "read_timeout"


async def test_an_answer_before_the_answer_is_passed_over(network: Open) -> None:
    """Interim answers (RFC 9110, 15.2) are not the answer."""
    async with raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(b"hello")) as server:
        assert (await (await network()).fetch(Request(server.url))).body == b"hello"
