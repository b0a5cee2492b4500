"""A body that is read as it is used."""

import asyncio
import gzip
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import cache, partial
from random import Random

import brotli
import pytest

from scraper import FetchError, Request, SpiderError
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.network import open_network
from scraper.network.body.streamed_coding import PIECE
from scraper.settings.schema import NetworkSettings
from tests.network.conftest import Open, longest_turn
from tests.network.raw import OK, Script, Talk, answer, raw, repeating

TEXT = b"".join(b"<p>%d</p>" % (n * n) for n in range(50_000))


async def collected(response: Response) -> bytes:
    return b"".join([piece async for piece in response.stream()])


def in_pieces(pieces: Iterable[bytes], *, headers: bytes = b"") -> Script:
    """A server that keeps its connection, and sends a body in chunks."""

    async def script(talk: Talk) -> None:
        while True:
            await talk.hear()
            await talk.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + headers + b"\r\n")
            for piece in pieces:
                await talk.say(b"%x\r\n%b\r\n" % (len(piece), piece))
            await talk.say(b"0\r\n\r\n")

    return script


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("br", brotli.compress(TEXT, quality=4)),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT))),
        ("aws-chunked", TEXT),
        ("utf-8, gzip", gzip.compress(TEXT)),
    ],
)
async def test_a_body_in_pieces(network: Open, coding: str, body: bytes) -> None:
    """A body is decoded as it comes, in pieces of a bounded size, and its connection is used again after the last."""
    headers = f"Content-Encoding: {coding}\r\n"
    async with raw(repeating(answer(body, headers=headers))) as server:
        net = await network()
        for _ in range(2):
            response = await net.fetch(Request(server.url, stream=True))
            assert (response.status, response.body) == (200, b"")
            pieces = [piece async for piece in response.stream()]
            assert b"".join(pieces) == TEXT
            assert all(0 < len(piece) <= 16 * PIECE for piece in pieces)
            await response.aclose()
        assert server.connections == 1


async def test_any_response_can_be_streamed(network: Open) -> None:
    """A response that has its body gives it as one piece, and an answer that is no success always has it."""
    net = await network()
    async with raw(OK) as server:
        assert await collected(await net.fetch(Request(server.url))) == b"ok"
    async with raw(answer(b"sorry", status=404)) as server:
        response = await net.fetch(Request(server.url, stream=True))
        assert (response.body, await collected(response)) == (b"sorry", b"sorry")


async def test_a_stream_is_read_once(network: Open) -> None:
    """Whoever reads a stream a second time is told."""
    async with raw(OK) as server:
        response = await (await network()).fetch(Request(server.url, stream=True))
        assert await collected(response) == b"ok"
        with pytest.raises(SpiderError, match="once"):
            response.stream()


async def test_the_server_waits_for_the_reader(network: Open) -> None:
    """While nobody reads, little more than what was read is sent."""
    sent = 0

    async def tireless(talk: Talk) -> None:
        nonlocal sent
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await talk.say(bytes(65_536))
            sent += 65_536

    async with raw(tireless) as server:
        response = await (await network()).fetch(Request(server.url, stream=True))
        await anext(aiter(response.stream()))
        last = -1
        while sent != last:
            last = sent
            await asyncio.sleep(0.05)
        assert sent < 16_000_000  # the buffers of the system
        await response.aclose()


async def cut(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")


async def reset(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\nabc")
    await asyncio.sleep(0.02)
    await talk.reset()


BROKEN: dict[str, tuple[Script | bytes, Reason]] = {
    "cut": (cut, Reason.PARTIAL_BODY),
    "reset": (reset, Reason.PARTIAL_BODY),
    "half of a gzip stream": (
        answer(gzip.compress(TEXT)[:-9], headers="Content-Encoding: gzip\r\n"),
        Reason.PARTIAL_BODY,
    ),
    "damaged": (
        answer(zlib.compress(TEXT)[:-4] + b"abcd", headers="Content-Encoding: deflate\r\n"),
        Reason.BAD_ENCODING,
    ),
    "no last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Reason.PARTIAL_BODY),
    "a bomb": (answer(gzip.compress(bytes(30_000_000)), headers="Content-Encoding: gzip\r\n"), Reason.TOO_LARGE),
    "endless": (in_pieces([bytes(60_000)] * 1_000), Reason.TOO_LARGE),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_body(network: Open, name: str) -> None:
    """A body that is cut short, badly packed or too large ends with its reason, never as if it were whole."""
    script, reason = BROKEN[name]
    async with raw(script) as server:
        response = await (await network(max_stream=2_000_000)).fetch(Request(server.url, stream=True))
        with pytest.raises(FetchError) as caught:
            await collected(response)
        assert caught.value.reason == reason


NOTHING = gzip.compress(b"", mtime=0)
SKIPPED = b"\x50\x2a\x4d\x18\0\0\0\0"  # a frame of zstd that is not for us (RFC 8878, 3.1.2)
packed = partial(gzip.compress, compresslevel=1)
BOMBS: dict[str, tuple[str, Callable[[], bytes], Reason | None]] = {
    "br": ("br", lambda: bytes(brotli.compress(bytes(100_000_000), quality=5)), None),
    "gzip in gzip": ("gzip, gzip", lambda: packed(packed(bytes(100_000_000))), None),
    "nothing, many times": ("gzip, gzip", lambda: packed(NOTHING * 1_000_000), Reason.TOO_LARGE),
    "frames that are skipped": ("zstd, gzip", lambda: packed(SKIPPED * 1_000_000), Reason.TOO_LARGE),
    "too much on the way": ("gzip, gzip, gzip", lambda: packed(packed(NOTHING * 30_000_000)), Reason.TOO_LARGE),
}


@cache
def bomb(name: str) -> bytes:
    """It is made when it is needed, and not by whoever collects tests."""
    return BOMBS[name][1]()


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.usefixtures("no_garbage")
async def test_a_bomb_holds_nobody_up(network: Open, name: str) -> None:
    """A few bytes that become many, or come to nothing, are unpacked while other things go on, whoever reads them."""
    coding, _, reason = BOMBS[name]
    async with raw(answer(bomb(name), headers=f"Content-Encoding: {coding}\r\n")) as server, longest_turn() as turn:
        response = await (await network()).fetch(Request(server.url, stream=True))
        begun = time.process_time()
        with pytest.raises(FetchError) if reason is not None else nullcontext() as caught:
            size = 0
            async for piece in response.stream():
                assert len(piece) <= 2 * PIECE
                size += len(piece)
            assert size == 100_000_000
        assert reason is None or caught.value.reason == reason
    assert turn.seconds < max(0.05, (time.process_time() - begun) / 2)


async def test_a_body_that_is_refused_at_its_head(network: Open) -> None:
    """A body that is announced too large, or packed in a way that cannot be undone, is not begun."""
    net = await network(max_stream=1_000)
    for headers, reason in (
        ("Content-Encoding: compress\r\n", Reason.BAD_ENCODING),
        ("X: y\r\n", Reason.TOO_LARGE),
    ):
        async with raw(answer(bytes(1_001), headers=headers)) as server:
            with pytest.raises(FetchError) as caught:
                await net.fetch(Request(server.url, stream=True))
            assert caught.value.reason == reason


async def test_a_body_may_be_larger_than_max_body(network: Open) -> None:
    """max_body is for bodies that are kept in memory; a stream has max_stream."""
    async with raw(answer(TEXT)) as server:
        response = await (await network(max_body=1_000)).fetch(Request(server.url, stream=True))
        assert await collected(response) == TEXT


async def test_a_stream_takes_its_time_but_not_every_time(network: Open) -> None:
    """A stream may take longer than `timeout`, and its reader too; a server that goes silent or drips is given up."""

    async def slowly(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        for _ in range(12):
            await asyncio.sleep(0.1)
            await talk.say(b".")
        await talk.wait_closed()

    async def silent(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n...")
        await talk.wait_closed()

    async with raw(slowly) as server:
        net = await network(timeout=0.9, read_timeout=5, min_rate=0)
        assert await collected(await net.fetch(Request(server.url, stream=True))) == b"." * 12
        net = await network(read_timeout=0.5, min_rate=1_000)
        with pytest.raises(FetchError) as caught:
            await collected(await net.fetch(Request(server.url, stream=True)))
        assert caught.value.reason == Reason.TOO_SLOW
    async with raw(silent) as server:
        response = await (await network(read_timeout=0.2)).fetch(Request(server.url, stream=True))
        with pytest.raises(FetchError) as caught:
            await collected(response)
        assert caught.value.reason == Reason.READ_TIMEOUT


async def test_whoever_reads_slowly_is_not_to_blame_on_the_server(network: Open) -> None:
    """The rate is measured while somebody waits for the server, and not while it waits for them."""
    async with raw(in_pieces([bytes(100_000)] * 8)) as server:
        net = await network(read_timeout=1.0, min_rate=10_000_000)
        response = await net.fetch(Request(server.url, stream=True))
        size = 0
        async for piece in response.stream():
            size += len(piece)
            await asyncio.sleep(0.15)
        assert size == 800_000


async def endless(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\nabc")
    await talk.wait_closed()
    talk.heard.append(b"closed")


async def wait_closed(heard: list[bytes]) -> None:
    async with asyncio.timeout(20):
        while b"closed" not in heard:  # noqa: ASYNC110 -- said by the server, in whatever loop
            await asyncio.sleep(0.01)


async def test_a_reader_who_stops(network: Open) -> None:
    """Whoever stops in the middle, or is cancelled, leaves no connection open; closing twice does no harm."""
    net = await network()
    async with raw(endless) as server:
        response = await net.fetch(Request(server.url, stream=True))
        assert await anext(aiter(response.stream())) == b"abc"
        await response.aclose()
        await response.aclose()
        await wait_closed(server.heard)
    async with raw(endless) as server:
        task = asyncio.ensure_future(collected(await net.fetch(Request(server.url, stream=True))))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await wait_closed(server.heard)


async def test_a_reader_who_never_begins() -> None:
    """A stream that nobody closes ends with the network, and is not whole."""
    async with raw(endless) as server:
        async with open_network(NetworkSettings(), rng=Random(0)) as net:
            response = await net.fetch(Request(server.url, stream=True))
        await wait_closed(server.heard)
        with pytest.raises(FetchError) as caught:
            await collected(response)
        assert caught.value.reason == Reason.PARTIAL_BODY
