"""Heads of answers that are wrong, and what browsers make of them."""

import asyncio

import pytest

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.network.connection.response_head import mended
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, raw, repeating

READ = {
    "equal lengths": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "equal lengths in one line": b"Content-Length: 5, 5\r\n",
    "equal lengths in odd letters": b"content-length: 5\r\nX: y\r\nCONTENT-LENGTH:5 \r\ncontent-length: 5,5\r\n",
    "a blank in a name": b"X Made By: a hand\r\nContent-Length: 5\r\n",
    "a tab in a name": b"X\tMade: by\r\nContent-Length: 5\r\n",
    "no colon": b"Content-Length: 5\r\nnonsense\r\n",
    "no name": b": nothing\r\nContent-Length: 5\r\n",
    "a name in other letters": "\u00dcber: uns\r\nContent-Length: 5\r\n".encode("latin-1"),
    "brackets": b"<b>Warning</b>: x in /var/www\r\nContent-Length: 5\r\n",
    "folded into nothing": b"no colon\r\n Content-Length: 7\r\nContent-Length: 5\r\n",
    "all of them": b"X Y: z\r\n\tq\r\nContent-Length: 5\r\nnonsense\r\nContent-Length: 5\r\n",
    "a length in vain": b"Content-Length 7\r\nContent-Length: 5\r\n",
}
BROKEN = {
    "different lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "different lengths in one line": b"Content-Length: 5, 6\r\n",
    "a length and another, odd one": b"Content-Length: 5\r\nContent-Length: +5\r\n",
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nX Y: z\r\n",
    "a NUL": b"X Y: z\r\nContent-Length: 5\r\nX: a\0b\r\n",
    "too many headers": b"X Y: z\r\nContent-Length: 5\r\n" + b"X: a\r\n" * 300,
    "too much": b"X Y: z\r\nContent-Length: 5\r\n" + b"X: " + b"a" * 70_000 + b"\r\n",
}


def in_parts(text: bytes, size: int, *, is_held: bool = True) -> object:
    """A server that sends `text` in parts of `size` bytes, and then waits, or closes."""

    async def script(talk: Talk) -> None:
        await talk.hear()
        for start in range(0, len(text), size):
            await talk.say(text[start : start + size])
            await asyncio.sleep(0)
        if is_held:
            await talk.wait_closed()

    return script


@pytest.mark.parametrize("size", [100_000, 7])
@pytest.mark.parametrize("name", READ)
async def test_heads_that_browsers_read(network: Open, name: str, size: int) -> None:
    """Equal lengths count as one, and lines that are no headers are dropped, in however many pieces they come."""
    text = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + READ[name] + b"X-Last: yes\r\n\r\nhello"
    async with raw(in_parts(text, size)) as server:
        response = await (await network()).fetch(Request(server.url))
    assert (response.status, response.body) == (200, b"hello")
    assert [response.headers[each] for each in ("Content-Type", "X-Last")] == ["text/plain", "yes"]
    assert {each.lower() for each in response.headers} <= {"content-type", "content-length", "x", "x-last"}


@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.parametrize("name", BROKEN)
async def test_heads_that_nobody_can_read(network: Open, name: str, is_held: bool) -> None:
    """What cannot be understood in one way only is a bad response, whatever else has been mended."""
    text = b"HTTP/1.1 200 OK\r\n" + BROKEN[name] + b"\r\nhello"
    async with raw(in_parts(text, 100_000, is_held=is_held)) as server:
        with pytest.raises(FetchError) as caught:
            await (await network()).fetch(Request(server.url))
    assert caught.value.reason == Reason.BAD_RESPONSE


@pytest.mark.parametrize(
    "text", [b"HTTP/1.1 200 OK\r\nX Y: z\r\nContent-Le", b"HTTP/1.1 200 OK\r\nX Y", b"what?\r\n\r\n"]
)
async def test_a_broken_head_that_does_not_end(network: Open, text: bytes) -> None:
    """A head that is wrong and is not whole when its connection ends is a bad response."""
    async with raw(in_parts(text, 100_000, is_held=False)) as server:
        with pytest.raises(FetchError) as caught:
            await (await network()).fetch(Request(server.url))
    assert caught.value.reason == Reason.BAD_RESPONSE


async def test_all_kinds_of_bodies_come_after_a_mended_head(network: Open) -> None:
    """A body after a mended head is read as any other: in chunks, to the end, as a stream, large, or none."""
    large = bytes(range(256)) * 4_000
    head = b"HTTP/1.1 200 OK\r\nX Y: z\r\n"
    for end, expected in (
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"\r\nabc", b"abc"),
        (b"Content-Length: %d\r\n\r\n" % len(large) + large, large),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"Content-Length: 3\r\n\r\nabc and more", b"abc"),
    ):
        for size in (1_000_000, 1_000):
            async with raw(in_parts(head + end, size, is_held=False)) as server:
                net = await network()
                assert (await net.fetch(Request(server.url))).body == expected
                streamed = await net.fetch(Request(server.url, stream=True))
                assert b"".join([piece async for piece in streamed.stream()]) == expected


async def test_after_a_mended_head_the_connection_is_not_used_again(network: Open) -> None:
    """Who wrote a wrong head may have meant another end of its answer; a right one keeps its connection."""
    wrong = b"HTTP/1.1 200 OK\r\nX Y: z\r\nContent-Length: 2\r\n\r\nok"
    for text, connections in ((wrong, 3), (OK, 1)):
        async with raw(repeating(text)) as server:
            net = await network()
            answers: list[Response] = [await net.fetch(Request(server.url)) for _ in range(3)]
            assert [each.body for each in answers] == [b"ok"] * 3
            assert server.connections == connections


def test_only_the_head_is_mended() -> None:
    """The body, the status and right headers stay as they are, in their order."""
    right = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nX: 1\r\n 2\r\nSet-Cookie: c=d\r\n\r\nX Y: z\r\n\r\n"
    assert mended(right) == right
    assert mended(right.replace(b"X: 1", b"X Y: 1")) == right.replace(b"X: 1\r\n 2\r\n", b"")
    for other in (b"", b"HTTP/1.1 200 OK\r\nX Y: z\r\n", b"<p>\r\nX Y: z\r\n\r\n", b"ICY 200 OK\nX Y: z\n\n"):
        assert mended(other) == other
