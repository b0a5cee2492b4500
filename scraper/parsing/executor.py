"""Where callbacks run: `async def` on the event loop, `def` in a thread or inline (`processes` has one more).

The thread is one, so that plain callbacks of a spider never run at the same time. Waking another thread for one
page, and the loop for its results, would cost as much as following the page's links, and two threads that both
have something to do take the interpreter's lock from each other for every page. So both sides work in turns, by
batches: the thread is sent for when as many pages have gathered as may be in hand, or none has come for a moment;
it works until none is left, and hands the results back when it is through, or has been at it for a while.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any, Self

from scraper.parsing import callbacks
from scraper.protocols import Results
from scraper.spider import Spider

QUIET = 0.001  # seconds without a further page that end the gathering
PATIENCE = 0.01  # seconds that a page may wait for others to be handed over with
BUSY = 0.05  # seconds that results may wait for others while there is more to do
GRACE = 0.5  # seconds that a callback is waited for when a crawl is cancelled: a thread cannot be stopped


class Inline:
    """Runs every callback on the event loop: for tests, and for spiders that do next to nothing."""

    def __init__(self, spider: Spider) -> None:
        self._spider = spider
        self._asynchronous: dict[str, bool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def _is_asynchronous(self, name: str) -> bool:
        known = self._asynchronous.get(name)
        if known is None:
            known = callbacks.is_asynchronous(getattr(self._spider, name, callbacks.run))
            self._asynchronous[name] = known
        return known

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Results:
        if self._is_asynchronous(callback):
            results, rest = callbacks.run(self._spider, callback, argument, kwargs)
        else:
            results, rest = await self._run(callback, argument, kwargs)
        return results if rest is None else await callbacks.finish(results, rest)

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> tuple[Results, Any]:
        return callbacks.run(self._spider, callback, argument, kwargs)


class Thread(Inline):
    """Runs plain callbacks in one thread, in the order they came, handed over by up to `batch` pages at once."""

    def __init__(self, spider: Spider, *, batch: int = 64) -> None:
        super().__init__(spider)
        self._batch = batch
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
        if self._timer is not None:
            self._timer.cancel()
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

    def _drain(self) -> None:
        """In the thread: run what is queued until nothing is."""
        jobs, done, spider = self._jobs, self._done, self._spider
        due = monotonic() + BUSY
        while jobs:
            try:
                future, callback, argument, kwargs = jobs.popleft()
            except IndexError:  # the crawl was cancelled, and the queue cleared
                break
            if future.cancelled():
                continue
            done.append((future, callbacks.run(spider, callback, argument, kwargs)))
            if monotonic() >= due:
                self._tell(self._collect)
                due = monotonic() + BUSY
        self._tell(self._rest)

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
