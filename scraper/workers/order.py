"""What a worker process was told to do, and what has come of it so far."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scraper.errors import FetchError
from scraper.http.request import Request
from scraper.protocols import PageLost
from scraper.workers.channel import Kind
from scraper.workers.remote_page import RemotePage

if TYPE_CHECKING:
    from scraper.workers.child import Child


class Order:
    """One order to `child`: to fetch `request`, or to call a callback for its page.

    `on_wire` is called each time that the request goes to a socket, `ended` when nothing more comes of the order. While
    the page `is_kept`, more can be asked of it. To be used by the loop's thread, but for `forget`.
    """

    __slots__ = (
        "_loop",
        "_thread",
        "_waiter",
        "answer",
        "child",
        "ended",
        "error",
        "is_kept",
        "messages",
        "number",
        "on_wire",
        "request",
    )

    def __init__(self, child: "Child", number: int, request: Request) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._waiter: asyncio.Future[None] | None = None
        self.child = child
        self.number = number
        self.request = request
        self.answer: asyncio.Future[RemotePage] = self._loop.create_future()
        self.messages: deque[tuple[Kind, bytes]] = deque()
        self.error: FetchError | PageLost | None = None  # why nothing more comes
        self.on_wire: Callable[[], object] | None = None
        self.ended: Callable[[], None] | None = None
        self.is_kept = False

    def send(self, kind: Kind, content: bytes = b"") -> None:
        """Tell the worker something about it."""
        self.child.channel.send(kind, self.number, content)

    def hear(self, kind: Kind, content: bytes) -> None:
        """The worker has told something about a callback."""
        self.messages.append((kind, content))
        self._wake()

    async def next(self) -> tuple[Kind, bytes]:
        """What it tells next. Raises `PageLost`, or `FetchError` for a page that is quarantined, if it has died."""
        while not self.messages:
            if self.error is not None:
                raise self.error
            self._waiter = self._loop.create_future()
            await self._waiter
        return self.messages.popleft()

    def lose(self, error: FetchError | PageLost) -> None:
        """The worker has died."""
        self.error = error
        self.messages.clear()
        settle(self.answer, error)
        self._wake()
        self.end()

    def end(self) -> None:
        """Nothing more comes of it."""
        self.child.orders.pop(self.number, None)
        if self.ended is not None:
            self.ended()
            self.ended = None

    def forget(self) -> None:
        """Nobody needs the page any more. May be called from any thread."""
        if self._loop.is_closed():  # a page may be let go long after its crawl
            return
        if threading.get_ident() == self._thread:
            self._forget()
        else:
            self._loop.call_soon_threadsafe(self._forget)

    def _forget(self) -> None:
        if self.number in self.child.orders:
            self.send(Kind.FORGET)
            self.end()

    def _wake(self) -> None:
        if self._waiter is not None:
            settle(self._waiter)

    def __repr__(self) -> str:
        return f"<Order {self.number}: {self.request!r}>"


def settle(future: asyncio.Future[Any], error: Exception | None = None) -> None:
    """Let who waits for `future` go on, unless it did already."""
    if not future.done():
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            future.exception()  # it may be that nobody waits
