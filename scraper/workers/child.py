"""One worker process, as the owner has it."""

import asyncio
import pickle
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from scraper.errors import FetchError, SpiderError
from scraper.http.request import Request
from scraper.process.crash_marks import label, marked_in
from scraper.protocols import PageLost
from scraper.workers.channel import Channel, Kind
from scraper.workers.duties import Duties
from scraper.workers.order import Order, settle
from scraper.workers.process import Newborn, Process, start
from scraper.workers.remote_page import Head, RemotePage

GRACE = 5.0  # seconds that a worker has to end when it is told to
LOOK = 1.0  # seconds between two looks whether its process is there

Heard = Callable[["Child", Kind, bytes], None]


class CannotStartError(Exception):
    """The process of a worker does not come to take orders."""


class Child:
    """A process, and the `orders` that it has. What concerns no order is handed to `heard`.

    `died` is called, with the child and the labels of the requests whose callbacks were running, when it has ended
    without being told to, after it had been ready.
    """

    def __init__(self, duties: Duties, *, heard: Heard, died: Callable[["Child", set[str]], None]) -> None:
        self._duties = duties
        self._heard = heard
        self._died = died
        self._numbers = count(1)
        self._process: Process | None = None
        self._marks: BinaryIO | None = None
        self._is_closing = False
        self._looking: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self.channel = Channel(self._hear, self._lost)
        self.orders: dict[int, Order] = {}
        self.is_ready = False
        self.has_served = False  # since it was started
        self.aside: Counter[str] = Counter()  # its pages that are aside, by site,
        self.bytes_aside: Counter[str] = Counter()  # and their sizes

    async def start(self, newborn: Newborn | None = None) -> None:
        """Make a worker of the process `newborn`, or start one, and wait until it takes orders.

        Raises `CannotStartError` if the system does not let it, and `SpiderError` if the spider cannot be loaded.
        """
        try:
            self._process, ours = newborn or start()
        except OSError as error:
            raise CannotStartError(error.strerror or str(error)) from None
        await asyncio.get_running_loop().create_connection(lambda: self.channel, sock=ours)
        self._look()
        self.channel.tell(Kind.BEGIN, 0, self._duties)
        try:
            await self._ready
        finally:
            self._take_marks()
        if self._gone.done():
            raise CannotStartError("it ended as it began")
        self.is_ready = True

    def _take_marks(self) -> None:
        """Open the file of its crash marks, and take its name away: nothing is left of it, however all of this ends."""
        path = Path(self._duties.marks)
        with suppress(OSError):  # there may have been no room for it
            self._marks = path.open("rb", buffering=0)
            path.unlink()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that it was given when it began."""
        return self._duties.hosts

    def order(self, request: Request) -> Order:
        """A new order that is about `request`, and that nothing was sent of."""
        number = next(self._numbers)
        order = self.orders[number] = Order(self, number, request)
        return order

    # What it tells.

    def _hear(self, kind: Kind, number: int, content: bytes) -> None:
        if kind is Kind.READY:
            settle(self._ready)
        elif kind is Kind.BROKEN:
            settle(self._ready, SpiderError(content.decode()))
        elif not number:
            self._heard(self, kind, content)
        elif (order := self.orders.get(number)) is not None:
            self._hear_of(order, kind, content)

    def _hear_of(self, order: Order, kind: Kind, content: bytes) -> None:
        """Take what the worker tells of an order."""
        match kind:
            case Kind.HEAD:
                self._answer(order, content)
            case Kind.NO_ANSWER:
                error: FetchError = pickle.loads(content)  # noqa: S301 -- from our own child
                settle(order.answer, error)
                order.end()
            case Kind.ON_WIRE:
                if order.on_wire is not None:
                    order.on_wire()
            case Kind.RESULTS:
                self.has_served = True
                order.hear(kind, content)
                if not order.is_kept:
                    order.end()
            case _:
                order.hear(kind, content)

    def _answer(self, order: Order, content: bytes) -> None:
        head: Head = pickle.loads(content)  # noqa: S301 -- from our own child
        if order.answer.done():  # nobody waits any more
            order.forget()
            return
        order.is_kept = head.is_kept
        order.answer.set_result(RemotePage(head, order.request, order))
        if not (head.is_called or head.is_kept):
            order.end()

    # How it ends.

    def _look(self) -> None:
        """Now and then: see whether the process is there. What it has started may hold its end of the sockets open."""
        assert self._process is not None
        if self._process.poll() is None:
            self._looking = asyncio.get_running_loop().call_later(LOOK, self._look)
        else:
            self.channel.abort()

    def _lost(self) -> None:
        was_ready, self.is_ready = self.is_ready, False
        settle(self._ready, CannotStartError("it ended as it began"))
        settle(self._gone)
        if not self._is_closing:
            running = set(marked_in(self._marks)) if self._marks is not None else set()
            self._kill()  # it may have closed its end alone
            if was_ready:
                self._died(self, running)

    def lose(self, culprits: Callable[[str], FetchError | None]) -> None:
        """End all orders; `culprits` has the error of a request, told by its label, that is to blame."""
        for order in list(self.orders.values()):
            order.lose(culprits(label(order.request)) or PageLost())

    async def close(self, *, is_hurried: bool = False) -> None:
        """End the process, in good order unless that `is_hurried`."""
        self._is_closing = True
        self.is_ready = False
        process = self._process
        if process is None:
            return
        try:
            if not is_hurried and not self._gone.done():
                self.channel.send(Kind.CLOSE)
                with suppress(TimeoutError):
                    async with asyncio.timeout(GRACE):
                        await asyncio.shield(self._gone)
        finally:
            self.channel.close()
            self._kill()

    @property
    def end(self) -> str:
        """How it ended: `signal 9`, `status 1`."""
        status = (self._process.returncode if self._process is not None else None) or 0
        return f"signal {-status}" if status < 0 else f"status {status}"

    def _kill(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        if self._marks is not None:
            self._marks.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __repr__(self) -> str:
        return f"<Child {self._process.pid if self._process is not None else 'not started'}, {len(self.orders)} orders>"
