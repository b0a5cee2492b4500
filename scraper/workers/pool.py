"""All worker processes of a crawl: which of them gets an order, and what happens when one dies.

A worker that dies loses what it had in hand. Whose callback was running then is a suspect, as its crash marks tell; so
is a page that was in hand at three deaths. A suspect is handled alone, by a process that is started for it: if this one
dies, too, the page is quarantined.
"""

import asyncio
import logging
import os
import pickle
import sys
from collections import Counter
from collections.abc import Coroutine, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from types import TracebackType
from typing import Any, Self

from msgspec import structs

from scraper.errors import FetchError, Reason, SpiderError, StorageError
from scraper.events import Blocked, by_kind
from scraper.http.request import Request
from scraper.network import Guard
from scraper.parsing import HardPages
from scraper.process.crash_marks import label
from scraper.protocols import Attempts, Observer, Open, Sending, sending
from scraper.urls import site, without_credentials
from scraper.views.formatting import plural
from scraper.workers.channel import Kind
from scraper.workers.child import CannotStartError, Child
from scraper.workers.duties import Duties
from scraper.workers.messages import FetchOrder, packed_order
from scraper.workers.order import Order
from scraper.workers.process import Newborn
from scraper.workers.remote_page import RemotePage
from scraper.workers.reports import print_told

logger = logging.getLogger("scraper")

SLACK = 4  # orders that a site's usual worker may have more than another before that one gets the next
LOST = 3  # deaths at which a page was in hand that make it a suspect
TRIES = 3  # to start a worker again
IN_VAIN = 5  # workers in a row that died without a result


class Pool(Open):
    """So many processes (`number`) that do what `duties` say.

    Those that are `newborn` are taken first. `guard` tells which hosts the user named, `hard` is told which pages are
    aside. Entering it raises `SpiderError` if the spider cannot be loaded, and `StorageError` if no processes can be
    started.
    """

    def __init__(
        self,
        duties: Duties,
        number: int,
        *,
        hard: HardPages,
        guard: Guard | None = None,
        observers: Sequence[Observer] = (),
        newborn: Sequence[Newborn] = (),
    ) -> None:
        self._duties = duties
        self._number = number
        self._hard = hard
        self._guard = guard
        self._newborn = list(newborn)
        self._observers = by_kind(observers)[Blocked]
        self._children: list[Child] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._is_closing = False
        self._broken: StorageError | None = None
        self._in_vain = 0
        self._losses: Counter[str] = Counter()  # deaths at which a request was in hand, by its label
        self._suspects: set[str] = set()
        self._turn_alone = asyncio.Lock()
        self._alone: dict[Child, str] = {}  # the suspect that each of these has

    async def __aenter__(self) -> Self:
        if self._guard is not None:
            self._guard.watch(self._name)
        self._children = [self._new() for _ in range(self._number)]
        starts = [
            asyncio.create_task(self._begin(child, newborn))
            for child, newborn in zip_longest(self._children, self._newborn[: self._number])
        ]
        try:
            await asyncio.gather(*starts)
        except BaseException as error:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self._close(is_hurried=True)
            if isinstance(error, CannotStartError):
                raise self._cannot_start(error) from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(is_hurried=kind is not None)

    async def _close(self, *, is_hurried: bool) -> None:
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        closing = [child.close(is_hurried=is_hurried) for child in self._all()]
        await asyncio.gather(*closing, *self._tasks, return_exceptions=True)
        if self._guard is not None:
            self._guard.watch(None)

    def _new(self) -> Child:
        marks = _new_marks()
        duties = structs.replace(self._duties, marks=marks, hosts=self._named(), log_levels=_log_levels())
        return Child(duties, heard=self._hear, died=self._died)

    async def _begin(self, child: Child, newborn: Newborn | None = None) -> None:
        """Start `child`, and tell it what the user has named meanwhile. Raises as `Child.start`."""
        await child.start(newborn)
        for host in set(self._named()).difference(child.hosts):
            child.channel.send(Kind.NAME, 0, host.encode())

    def _cannot_start(self, error: Exception) -> StorageError:
        return StorageError(f"{self._number} worker processes cannot be started: {error}: try [engine] processes = 1")

    # Orders.

    async def fetch(self, request: Request) -> RemotePage:
        """The answer to `request`, by one of the workers."""
        under_way = sending.get() or Sending(request, Attempts(), False, int)
        if request.stream and not under_way.is_page:
            detail = "a stream is read by the callback of its request: yield that; or crawl with [engine] processes = 1"
            raise FetchError(Reason.BAD_REQUEST, without_credentials(request.url), detail)
        asked, attempts = under_way.request, under_way.attempts
        order = await self.order(asked, is_awaited=not under_way.is_page)
        order.on_wire = under_way.on_wire
        if not self._duties.is_called_at_once:  # the callback's request comes with the order to call it
            asked = request
        headers = request.headers if request is not asked else None
        try:
            content = packed_order(FetchOrder(asked, headers, attempts.retries, attempts.hops, under_way.is_page))
        except SpiderError as error:
            order.end()
            raise FetchError(Reason.BAD_REQUEST, without_credentials(request.url), str(error)) from None
        order.send(Kind.FETCH, content)
        try:
            return await order.answer
        except asyncio.CancelledError:
            order.forget()
            raise

    async def order(self, request: Request, *, is_awaited: bool = False) -> Order:
        """An order about `request`: for the worker that has least to do, or for a new one if the page is a suspect.

        One that `is_awaited` does not wait for its turn alone: it may be a suspect's callback that awaits it, in whose
        turn that is. Raises `StorageError` if there are no workers any more.
        """
        if self._suspects and (name := label(request)) in self._suspects:
            return await self._order_alone(request, name, is_awaited=is_awaited)
        while (child := self._choose(request.url)) is None:
            if self._broken is not None:
                raise self._broken
            self._changed.clear()
            await self._changed.wait()
        return child.order(request)

    def _choose(self, url: str) -> Child | None:
        """The worker with the fewest orders; or the one that has connections to the site of `url`, if it has few."""
        ready = [child for child in self._children if child.is_ready]
        if len(ready) < 2:
            return ready[0] if ready else None
        least = min(ready, key=_load)
        usual = ready[hash(site(url)) % len(ready)]
        return usual if _load(usual) <= _load(least) + SLACK else least

    async def _order_alone(self, request: Request, name: str, *, is_awaited: bool) -> Order:
        if not is_awaited:
            await self._turn_alone.acquire()
        child = self._new()
        self._alone[child] = name
        try:
            await self._begin(child)
        except BaseException as error:
            self._leave_alone(child, is_awaited=is_awaited)
            if isinstance(error, CannotStartError | SpiderError):
                raise self._cannot_start(error) from None
            raise
        order = child.order(request)
        order.ended = partial(self._acquit, child, name, is_awaited=is_awaited)
        return order

    def _acquit(self, child: Child, name: str, *, is_awaited: bool) -> None:
        """The order of a suspect has ended, and its worker with it."""
        self._suspects.discard(name)
        self._losses.pop(name, None)
        self._leave_alone(child, is_awaited=is_awaited)

    def _leave_alone(self, child: Child, *, is_awaited: bool) -> None:
        del self._alone[child]
        if not is_awaited:
            self._turn_alone.release()
        self._start(child.close())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What workers tell.

    def _hear(self, child: Child, kind: Kind, content: bytes) -> None:
        value = pickle.loads(content)  # noqa: S301 -- from our own child
        match kind:
            case Kind.ASIDE:
                self._put_aside(child, *value)
            case Kind.LOG:
                target = logging.getLogger(value.name)
                if target.isEnabledFor(value.levelno):
                    target.handle(value)
            case Kind.PRINT:
                print_told(value, sys.stdout)
            case Kind.BLOCKED:
                for observer in self._observers:
                    observer(value)

    def _put_aside(self, child: Child, at: str, pages: int, size: int, is_slow: bool | None) -> None:
        if is_slow is not None:
            self._hard.note(at, is_slow=is_slow)
            return
        child.aside[at] += pages
        child.bytes_aside[at] += size
        self._hard.count(at, pages, size)

    def _name(self, host: str) -> None:
        """The user named `host`."""
        for child in self._all():
            child.channel.send(Kind.NAME, 0, host.encode())

    def _all(self) -> list[Child]:
        return [*self._children, *self._alone]

    # How they die.

    def _died(self, child: Child, running: set[str]) -> None:
        for at, pages in child.aside.items():
            self._hard.count(at, -pages, -child.bytes_aside[at])
        if (suspect := self._alone.get(child)) is not None:
            self._convict(child, suspect)
            return
        self._in_vain = 0 if child.has_served else self._in_vain + 1
        names = {label(order.request) for order in child.orders.values()}
        self._losses.update(names)
        suspects = (names & running) | {name for name in names if self._losses[name] >= LOST}
        self._suspects |= suspects
        logger.warning("a worker process died (%s): fetching its %s again", child.end, plural(len(names), "page"))
        child.lose(lambda _: None)
        self._children.remove(child)
        if not self._is_closing:
            self._start(self._replace())

    def _convict(self, child: Child, name: str) -> None:
        def error(each: str) -> FetchError | None:
            if each != name:
                return None
            url = without_credentials(name.partition(" ")[0])
            return FetchError(Reason.QUARANTINED, url, "it ended its process twice (a crash, or no memory left)")

        child.lose(error)

    async def _replace(self) -> None:
        """Start another worker in place of one that died."""
        problem: Exception = CannotStartError(f"{IN_VAIN} died one after the other")
        for attempt in range(TRIES if self._in_vain < IN_VAIN else 0):
            child = self._new()
            try:
                await self._begin(child)
            except (CannotStartError, SpiderError) as error:
                problem = error
                await child.close(is_hurried=True)
                await asyncio.sleep(attempt)
            except asyncio.CancelledError:
                await child.close(is_hurried=True)
                raise
            else:
                self._children.append(child)
                self._changed.set()
                return
        if not self._children:
            self._broken = self._cannot_start(problem)
        self._changed.set()

    def _named(self) -> tuple[str, ...]:
        return self._guard.named if self._guard is not None else ()

    def __repr__(self) -> str:
        return f"<Pool of {len(self._children)} workers>"


def _new_marks() -> str:
    """A path for a file of crash marks; empty where there is no folder for such files."""
    try:
        return str(Path(gettempdir(), f"scraper-{os.getpid()}-{token_hex(8)}.marks"))
    except OSError:
        return ""


def _load(child: Child) -> int:
    return len(child.orders)


def _log_levels() -> dict[str, int]:
    """The levels of the loggers that have one of their own."""
    root = logging.getLogger()
    loggers = {name: each for name, each in root.manager.loggerDict.items() if isinstance(each, logging.Logger)}
    return {"": root.level, **{name: each.level for name, each in loggers.items() if each.level}}
