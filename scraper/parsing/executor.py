"""Where callbacks run: `async def` on the event loop, `def` in a thread or inline (`processes` has one more).

The thread is one, so that plain callbacks of a spider never run at the same time. Waking another thread for one
page, and the loop for its results, would cost as much as following the page's links, and two threads that both
have something to do take the interpreter's lock from each other for every page. So both sides work in turns, by
batches: the thread is sent for when as many pages have gathered as may be in hand, or none has come for a moment;
it works until none is left, and hands the results back when it is through, or has been at it for a while.
"""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self

from scraper.errors import FetchError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.markup.document.content_type import content_type, is_html
from scraper.parsing import callbacks
from scraper.parsing.deadline import AGAIN, Overdue, raise_in
from scraper.parsing.deadline import error as overdue
from scraper.process.crash_marks import NO_MARKS, NoMarks
from scraper.process.running_callback import RunningCallback, running_callback
from scraper.protocols import Parse, Results
from scraper.spider import Spider

QUIET = 0.001  # seconds without a further page that end the gathering
PATIENCE = 0.01  # seconds that a page may wait for others to be handed over with
BUSY = 0.05  # seconds that results may wait for others while there is more to do
LARGE = 64 * 1024  # bytes of a page that is vetted before its callback is called
GRACE = 0.5  # seconds that a callback is waited for when a crawl is cancelled: a thread cannot be stopped


class Inline(Parse):
    """Runs every callback on the event loop: for tests, and for spiders that do next to nothing."""

    def __init__(
        self,
        spider: Spider,
        *,
        timeout: float | None = None,
        most: int = sys.maxsize,
        marks: NoMarks = NO_MARKS,
    ) -> None:
        self._spider = spider
        self._timeout = timeout
        self._most = most
        self._marks = marks
        self._asynchronous: dict[str, bool] = {}

    def _is_asynchronous(self, name: str) -> bool:
        known = self._asynchronous.get(name)
        if known is None:
            known = callbacks.is_asynchronous(getattr(self._spider, name, callbacks.run))
            self._asynchronous[name] = known
        return known

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Results:
        if type(argument) is Response and len(argument.body) > LARGE:
            await self._prepare(callback, argument)
        if self._is_asynchronous(callback):
            results, rest = self._call(callback, argument, kwargs)
        else:
            results, rest = await self._run(callback, argument, kwargs)
        if rest is None:
            return results
        results = await self._finish(results, rest, argument.request)
        if isinstance(argument, Response):
            argument.forget()  # as `callbacks.run` does for those that end there
        return results

    async def _finish(self, results: Results, rest: Any, request: Request) -> Results:
        """Await what is asynchronous of a callback, for as long as it has."""
        deadline = asyncio.timeout(self._timeout)
        running = RunningCallback(deadline)
        token = running_callback.set(running)
        try:
            async with deadline:
                return await callbacks.finish(self._spider, results, rest, request, most=self._most, marks=self._marks)
        except TimeoutError:
            if not deadline.expired():
                raise
            results.error = running.stopped or overdue(results.where, self._timeout)
            return results
        finally:
            running_callback.reset(token)

    async def _prepare(self, callback: str, page: Response) -> None:
        """Have a large page vetted, or parsed, so that this holds up neither the loop nor the pages that follow.

        What is wrong with it is raised when its callback asks for the tree.
        """
        if is_html(content_type(page.headers), page.body):
            with suppress(FetchError):
                await asyncio.to_thread(partial(self._read, page) if self._is_asynchronous(callback) else page.vet)

    def _read(self, page: Response) -> None:
        """In a thread: parse a page."""
        place = self._marks.begin(page.request)
        try:
            _ = page.selector
        finally:
            self._marks.end(place)

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> tuple[Results, Any]:
        return self._call(callback, argument, kwargs)

    def _call(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> tuple[Results, Any]:
        """Run a callback in this very thread."""
        return callbacks.run(self._spider, callback, argument, kwargs, most=self._most, marks=self._marks)


class Thread(Inline):
    """Runs plain callbacks in one thread, in the order they came, handed over by up to `batch` pages at once.

    One that takes longer than `timeout` seconds is ended as soon as it runs Python code: what waits within a library
    written in C cannot be reached.
    """

    def __init__(
        self,
        spider: Spider,
        *,
        timeout: float | None = None,
        most: int = sys.maxsize,
        marks: NoMarks = NO_MARKS,
        batch: int = 64,
    ) -> None:
        super().__init__(spider, timeout=timeout, most=most, marks=marks)
        self._batch = batch
        self._lock = threading.Lock()
        self._due: float | None = None  # when the callback that is running has to end
        self._alarm: asyncio.TimerHandle | None = None
        self._thread = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="parse")
        self._jobs: deque[tuple[asyncio.Future[Any], str, Any, dict[str, Any]]] = deque()
        self._done: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_draining = False
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in (self._timer, self._alarm):
            if timer is not None:
                timer.cancel()
        for future, *_ in self._jobs:
            future.cancel()
        self._jobs.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if kind is None else GRACE):
                await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> tuple[Results, Any]:
        future: asyncio.Future[tuple[Results, Any]] = self._loop.create_future()
        self._jobs.append((future, callback, argument, kwargs))
        if not self._is_draining:
            self._consider()
        return await future

    def _consider(self) -> None:
        """Send for the thread if that is worth it, or begin to wait for more pages."""
        if len(self._jobs) >= self._batch:
            self._begin()
        elif self._timer is None:
            self._wait(since=self._loop.time())

    def _wait(self, *, since: float) -> None:
        self._timer = self._loop.call_later(QUIET, self._look, len(self._jobs), since)

    def _look(self, known: int, since: float) -> None:
        """Go on waiting if more pages have come than were `known`, and not for too long."""
        if len(self._jobs) == known or self._loop.time() - since >= PATIENCE:
            self._begin()
        else:
            self._wait(since=since)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._jobs and not self._is_draining:
            self._is_draining = True
            self._pool.submit(self._drain)
            if self._alarm is None and self._timeout is not None:
                self._hurry()

    def _drain(self) -> None:
        """In the thread: run what is queued until nothing is."""
        jobs, done = self._jobs, self._done
        self._thread = threading.get_ident()
        due = monotonic() + BUSY
        while jobs:
            try:
                future, callback, argument, kwargs = jobs.popleft()
            except IndexError:  # the crawl was cancelled, and the queue cleared
                break
            if future.cancelled():
                continue
            done.append((future, self._run_in_time(callback, argument, kwargs)))
            if monotonic() >= due:
                self._tell(self._collect)
                due = monotonic() + BUSY
        self._tell(self._rest)

    def _run_in_time(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> tuple[Results, Any]:
        """In the thread: run one callback, which `_hurry` may end."""
        if self._timeout is None:
            return self._call(callback, argument, kwargs)
        outcome: tuple[Results, Any] | None = None
        try:
            self._due = monotonic() + self._timeout
            outcome = self._call(callback, argument, kwargs)
            with self._lock:  # from here on nothing is raised
                self._due = None
        except Overdue:
            self._due = None
            outcome = outcome or (Results(where=callbacks.where(self._spider, callback), error=Overdue()), None)
        results, _ = outcome
        if results.error is not None and isinstance(results.error, Overdue):
            results.error = overdue(results.where, self._timeout)
        return outcome

    def _hurry(self) -> None:
        """On the loop, once a second while the thread works: end a callback that takes too long."""
        with self._lock:
            if self._due is not None and monotonic() > self._due:
                raise_in(self._thread)
        self._alarm = self._loop.call_later(AGAIN, self._hurry)

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._jobs.clear()

    def _collect(self) -> None:
        """On the loop: hand out the results that have come."""
        done = self._done
        while done:
            future, outcome = done.popleft()
            if not future.cancelled():
                future.set_result(outcome)

    def _rest(self) -> None:
        """On the loop: the thread has gone back to its pool; call it again if more has come meanwhile."""
        self._collect()
        self._is_draining = False
        if self._jobs:
            self._consider()
