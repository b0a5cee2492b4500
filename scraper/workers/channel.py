"""Messages between the owner and a worker process: over a pair of sockets, gathered for each turn of the loop.

A message is its kind, the number of the order that it is about, and content. Before it go their sizes: 13 bytes, in
network order. Both ends are processes of one crawl, so content may be pickled.
"""

import asyncio
import pickle
from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import Any, cast

_HEAD = Struct("!IBQ")  # the content's size, the kind, the number


class Kind(IntEnum):
    """What a message says. Its number is that of an order, unless something else is said."""

    # From the owner.
    BEGIN = 0  # `Duties`, before anything else
    FETCH = 1  # a `FetchOrder`
    PARSE = 2  # a page that was kept: name, request, arguments, history, and the error, for an errback
    CALL = 3  # name, argument, arguments: a page that the owner has
    FORGET = 4  # nobody needs the page that was kept
    ANSWER = 5  # to an ASK: its number, and a response or an error
    TAKEN = 6  # items were taken: more may come
    ENOUGH = 7  # no more items are wanted
    RELEASE = 8  # requests were handled that weigh so much
    NAME = 9  # a host that the user named
    CLOSE = 10  # nothing more will be asked

    # From a worker.
    READY = 32  # to take orders
    BROKEN = 33  # it cannot be: why
    ON_WIRE = 34  # the head of the request went to a socket
    HEAD = 35  # a `Head`
    NO_ANSWER = 36  # a `FetchError`
    ITEMS = 37  # items of a callback that goes on when they are taken
    PART = 38  # items and requests, of which there are many
    RESULTS = 39  # what a callback gave, or the rest of it
    ASK = 40  # a callback calls `fetch()`: the number of the call, and the request
    ASIDE = 41  # pages were put aside: site, pages, bytes, and whether the site is slow
    LOG = 42  # a log record
    PRINT = 43  # a text for standard output
    BLOCKED = 44  # a callback holds up the loop: a `Blocked`


Handler = Callable[[Kind, int, bytes], None]


class Channel(asyncio.Protocol):
    """One end: `handle` is called with each message that comes, `lost` when the other end is gone."""

    def __init__(self, handle: Handler, lost: Callable[[], None]) -> None:
        self._handle = handle
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._leaving: list[bytes] = []
        self._coming = bytearray()

    def send(self, kind: Kind, number: int = 0, content: bytes = b"") -> None:
        """Send a message at the end of this turn of the loop; what the other end does not live to see is lost."""
        if not self._leaving:
            self._loop.call_soon(self._flush)
        self._leaving.append(_HEAD.pack(len(content), kind, number))
        if content:
            self._leaving.append(content)

    def tell(self, kind: Kind, number: int, value: Any) -> None:
        """Send a message with a value that can be pickled."""
        self.send(kind, number, pickle.dumps(value, pickle.HIGHEST_PROTOCOL))

    def _flush(self) -> None:
        leaving, self._leaving = self._leaving, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(leaving))

    def close(self) -> None:
        """Send what is to be sent, and nothing after that."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Give the other end up."""
        if self._transport is not None:
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Both ends are there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        coming = self._coming
        if coming:
            coming += data
            data = coming  # type: ignore[assignment]
        at, end = 0, len(data)
        while end - at >= _HEAD.size:
            size, kind, number = _HEAD.unpack_from(data, at)
            if end - at - _HEAD.size < size:
                break
            at += _HEAD.size
            self._handle(Kind(kind), number, bytes(data[at : at + size]))
            at += size
        if coming:
            del coming[:at]
        elif at < end:
            coming += data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        """The other end is gone, or this one was closed."""
        self._transport = None
        self._lost()

    def __repr__(self) -> str:
        return f"<Channel {'open' if self._transport is not None else 'closed'}>"
