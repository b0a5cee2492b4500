"""A server at which everything goes wrong that can: each address has its fault, and the reason it must end with."""

import asyncio
import gzip
import random
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.flow.site import Talk

KEPT = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
HEAD = KEPT + b"Connection: close\r\n"
PAGE = b"<title>page</title>" + b"<p>some text</p>" * 400
PACKED = gzip.compress(PAGE, mtime=0)
MOST = 256 * 1024
"""The `[network] max_body` that the reasons are for."""


def whole(body: bytes, head: bytes = KEPT) -> bytes:
    """An answer whose length is told."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def bare(status: str, *headers: str) -> bytes:
    """An answer without a body, the last on its connection."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "Connection: close", "", ""]).encode()


Act = Callable[[Talk, str], Awaitable[None]]


def says(text: bytes) -> Act:
    """Says `text`; the connection is closed after it."""

    async def act(talk: Talk, _: str) -> None:
        await talk.say(text)

    return act


async def reset(talk: Talk, _: str) -> None:
    """Breaks off before it says anything."""
    talk.reset()


async def reset_within(talk: Talk, _: str) -> None:
    """Breaks off within the body."""
    await talk.say(HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 500)
    await asyncio.sleep(0.02)
    talk.reset()


async def silence(talk: Talk, _: str) -> None:
    """Never says anything."""
    await asyncio.sleep(30)


async def stall(talk: Talk, _: str) -> None:
    """Stops within the body."""
    await talk.say(HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 500)
    await asyncio.sleep(30)


async def drip(talk: Talk, _: str) -> None:
    """Sends a byte now and then."""
    await talk.say(HEAD + b"Content-Length: 5000\r\n\r\n")
    for _ in range(400):
        await asyncio.sleep(0.05)
        await talk.say(b"x")


async def switch(talk: Talk, _: str) -> None:
    """Changes to a protocol that nobody asked for."""
    await talk.say(b"HTTP/1.1 101 Hello\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    await asyncio.sleep(0.2)


async def slow_head(talk: Talk, _: str) -> None:
    """Sends its head a byte at a time."""
    for each in HEAD * 20:
        await talk.say(bytes([each]))
        await asyncio.sleep(0.2)


async def for_ever(talk: Talk, _: str) -> None:
    """Sends a body that does not end."""
    await talk.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await talk.say(b"1000\r\n" + b"x" * 4096 + b"\r\n")


async def around(talk: Talk, path: str) -> None:
    """Leads back to itself."""
    await talk.say(bare("302 Found", f"Location: {path}"))


@dataclass(frozen=True)
class Fault:
    """What a server does, and the reason of the request that asked for it."""

    act: Act
    reason: str


def _bomb() -> bytes:
    return whole(zlib.compress(bytes(MOST * 40)), HEAD + b"Content-Encoding: deflate\r\n")


FAULTS = {
    "reset": Fault(reset, "reset"),
    "closed": Fault(says(b""), "reset"),
    "reset_within": Fault(reset_within, "partial_body"),
    "silence": Fault(silence, "headers_timeout"),
    "slow_head": Fault(slow_head, "headers_timeout"),
    "stall": Fault(stall, "read_timeout"),
    "drip": Fault(drip, "too_slow"),
    "short": Fault(says(HEAD + b"Content-Length: 5000\r\n\r\nx"), "partial_body"),
    "bad_chunk": Fault(says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n"), "bad_response"),
    "cut_chunk": Fault(says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1000\r\nx"), "partial_body"),
    "cut_gzip": Fault(says(whole(PACKED[:-20], HEAD + b"Content-Encoding: gzip\r\n")), "partial_body"),
    "bad_gzip": Fault(says(whole(b"\x1f\x8b\0" + PACKED, HEAD + b"Content-Encoding: gzip\r\n")), "bad_encoding"),
    "many_codings": Fault(
        says(whole(PACKED, HEAD + b"Content-Encoding: " + b"gzip, " * 9 + b"gzip\r\n")), "bad_encoding"
    ),
    "bomb": Fault(says(_bomb()), "too_large"),
    "huge": Fault(says(whole(b"x" * (MOST + 1), HEAD)), "too_large"),
    "for_ever": Fault(for_ever, "too_large"),
    "no_http": Fault(says(b"SSH-2.0-OpenSSH_9.2\r\n"), "bad_response"),
    "bad_status": Fault(says(b"HTTP/1.1 abc\r\n\r\n"), "bad_response"),
    "two_lengths": Fault(says(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx"), "bad_response"),
    "many_headers": Fault(says(HEAD + b"X: y\r\n" * 10_000 + b"\r\n"), "bad_response"),
    "long_header": Fault(says(HEAD + b"X: " + b"y" * 200_000 + b"\r\n\r\n"), "bad_response"),
    "switched": Fault(
        says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "bad_response"
    ),
    "around": Fault(around, "too_many_redirects"),
    "nowhere": Fault(says(bare("302 Found", "Location: http://[bad/")), "bad_redirect"),
    "other_scheme": Fault(says(bare("302 Found", "Location: ftp://a.example/")), "scheme_not_allowed"),
    "private": Fault(says(bare("302 Found", "Location: http://10.0.0.1/")), "address_not_allowed"),
    "missing": Fault(says(bare("404 Not Found")), "http_404"),
    "busy": Fault(says(bare("503 Service Unavailable")), "http_503"),
    "too_many": Fault(says(bare("429 Too Many Requests")), "http_429"),
}
GOOD = "good"
SETTINGS = {
    "network": {
        "retries": 1,
        "backoff": 0.01,
        "max_redirects": 3,
        "headers_timeout": 1.5,
        "read_timeout": 2.5,
        "min_rate": 1000,
        "timeout": 30.0,
        "max_body": MOST,
    },
    "limits": {"park_after": 0, "adapt": False, "robots": False},
}
"""Under which the reasons are those that `FAULTS` tells."""


class Faults:
    """What a server does for each path, `/KIND/NUMBER`: drawn by lot, from `seed`, a `share` of them faults."""

    def __init__(self, *, seed: int, share: float) -> None:
        self._lots = random.Random(seed)
        self._share = share

    def paths(self, number: int) -> list[str]:
        """So many paths; each kind of fault is among them if they are enough."""
        kinds = list(FAULTS)
        drawn = [kinds[each % len(kinds)] if self._lots.random() < self._share else GOOD for each in range(number)]
        return [f"/{kind}/{each}" for each, kind in enumerate(drawn)]


def reason_of(path: str) -> str | None:
    """The reason with which the request for a path must end; None if it is answered."""
    fault = FAULTS.get(path.split("/")[1])
    return fault.reason if fault is not None else None


async def serve(talk: Talk) -> None:
    """The script of a server: good pages on one connection, and faults that end it."""
    while True:
        head = await talk.hear()
        path = head.split(b" ", 2)[1].decode()
        fault = FAULTS.get(path.split("/")[1])
        if fault is not None:
            await fault.act(talk, path)
            return
        await talk.say(whole(PAGE))
