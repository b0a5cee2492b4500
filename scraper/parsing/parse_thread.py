"""Plain callbacks in one thread beside the event loop, so that those of a spider never run at the same time.

Waking another thread for one page, and the loop for its results, would cost as much as following the page's links, and
two threads that both have something to do take the interpreter's lock from each other for every page. So both sides
work in turns, by batches: the thread is sent for when as many pages have gathered as may be in hand, or none has come
for a moment; it works until none is left, and hands the results back when it is through, or has been at it for a while.

A page that takes long would hold up all that follow. So one that has to be tried first, or is of a slow site, is handed
back, to come again when it is its turn. After each of those, the others have the thread for as long as it had it.
"""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic, thread_time
from types import TracebackType
from typing import Any, Self

from scraper import urls
from scraper.http.response import Response
from scraper.parsing import callbacks
from scraper.parsing.deadline import AGAIN, LAST, Overdue, raise_in
from scraper.parsing.deadline import error as overdue
from scraper.parsing.executor import LARGE, Inline, Outcome
from scraper.parsing.hard_pages import BLOCKED, LONG, HardPages, is_hard, may_be_hard, needs_trial
from scraper.process.crash_marks import NO_MARKS, NoMarks
from scraper.protocols import Results
from scraper.spider import Spider

QUIET = 0.001  # seconds without a further page that end the gathering
PATIENCE = 0.01  # seconds that a page may wait for others to be handed over with
BUSY = 0.05  # seconds that results may wait for others while there is more to do
IDLE = 0.1  # seconds without a page after which the thread is taken to have nothing to do
MOST_BYTES = 8 * 1024 * 1024  # of requests that wait to be handled before no further callback is run
GRACE = 0.5  # seconds that a callback is waited for when a crawl is cancelled: a thread cannot be stopped

Ran = tuple[Outcome | None, float]
"""What came of a callback, None if it has to wait for its turn; and how many seconds it took."""


class Thread(Inline):
    """Runs plain callbacks in one thread, in the order they came, handed over by up to `batch` pages at once.

    Pages that are hard, or of a slow site, come when it is their turn. A callback that takes longer than `timeout`
    seconds is ended as soon as it runs Python code: what waits within a library written in C cannot be reached, so that
    `give_up`, where there is one, is called some seconds later.
    """

    def __init__(  # noqa: PLR0913 -- what an executor needs, and what a thread does
        self,
        spider: Spider,
        *,
        timeout: float | None = None,
        most: int = sys.maxsize,
        marks: NoMarks = NO_MARKS,
        hard: HardPages | None = None,
        batch: int = 64,
        give_up: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(spider, timeout=timeout, most=most, marks=marks, hard=hard)
        self._batch = batch
        self._give_up = give_up
        self._slow = self._hard.slow
        self._lock = threading.Lock()
        self._due: float | None = None  # when the callback that is running has to end
        self._alarm: asyncio.TimerHandle | None = None
        self._thread = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="parse")
        self._jobs: deque[tuple[asyncio.Future[Ran], str, Any, dict[str, Any], bool]] = deque()
        self._done: deque[tuple[asyncio.Future[Ran], Ran]] = deque()
        self._given = 0  # bytes of requests that callbacks gave,
        self._handled = 0  # and of those that were handled since
        self._worked = 0.0  # seconds for pages that are not aside
        self._debt = (0.0, 0.0, 0.0)  # to these: see `_let_others`
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

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Outcome:
        is_aside = bool(self._slow) and self._is_slow(argument)
        if type(argument) is Response and len(argument.body) > LARGE and may_be_hard(argument):
            is_aside = await asyncio.to_thread(needs_trial, argument) or is_aside
        if not is_aside:
            outcome, _ = await self._enqueue(callback, argument, kwargs)
            if outcome is not None:
                return outcome
        return await self._run_aside(callback, argument, kwargs)

    def _enqueue(
        self, callback: str, argument: Any, kwargs: dict[str, Any], *, may_be_long: bool = False
    ) -> asyncio.Future[Ran]:
        """Have the thread run a callback when it comes to it."""
        future: asyncio.Future[Ran] = self._loop.create_future()
        self._jobs.append((future, callback, argument, kwargs, may_be_long))
        if not self._is_draining:
            self._consider()
        return future

    async def _run_aside(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Outcome:
        """Run a callback for a page that is hard, or of a slow site, without holding up those of others."""
        hard, site, is_page = self._hard, urls.site(argument.request.url), may_be_hard(argument)
        with hard.aside(site, len(argument.body) if is_page else 0):
            seconds = await self._try(argument, site) if is_page else 0.0
            if site not in hard.slow:
                outcome, _ = await self._enqueue(callback, argument, kwargs, may_be_long=True)
            else:
                async with hard.runs.turn(site):
                    if is_page:
                        seconds += await asyncio.to_thread(self._read, argument)
                    await self._let_others()
                    before = self._worked
                    outcome, run = await self._enqueue(callback, argument, kwargs, may_be_long=True)
                    hard.note(site, is_slow=seconds + run >= LONG)
                    self._debt = (before, self._worked + run, self._loop.time() + 2 * run)
        assert outcome is not None
        return outcome

    async def _let_others(self) -> None:
        """Let pages that are not aside, if there are any, have the thread for as long as the last one that was.

        The debt is how long they had worked before that one, how long they are to have worked, and when it lapses.
        """
        before, goal, due = self._debt
        if not (self._jobs or self._worked > before):
            return
        busy = self._loop.time()
        while self._worked < goal and (now := self._loop.time()) < due and now - busy < IDLE:
            if self._jobs or self._is_draining:
                busy = now
            await asyncio.sleep(PATIENCE)

    def _is_full(self) -> bool:
        """Whether what callbacks gave, and nobody has handled yet, takes as much memory as it may."""
        return self._given - self._handled > MOST_BYTES

    def release(self, results: Results) -> None:
        """What `results` holds was handled."""
        if results.weight:
            self._handled += results.weight
            if self._jobs and not self._is_draining:
                self._consider()

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
        if self._jobs and not self._is_draining and not self._is_full():
            self._is_draining = True
            self._pool.submit(self._drain)
            if self._alarm is None and self._timeout is not None:
                self._hurry()

    def _drain(self) -> None:
        """In the thread: run what is queued until nothing is."""
        jobs, done, slow = self._jobs, self._done, self._slow
        self._thread = threading.get_ident()
        now, computed = monotonic(), thread_time()
        due = now + BUSY
        while jobs and not self._is_full():
            try:
                future, callback, argument, kwargs, may_be_long = jobs.popleft()
            except IndexError:  # the crawl was cancelled, and the queue cleared
                break
            if future.cancelled():
                continue
            if may_be_long or not ((slow and self._is_slow(argument)) or is_hard(argument)):
                outcome = self._run_in_time(callback, argument, kwargs)
            else:
                outcome = None
            begun, now = now, monotonic()
            seconds = now - begun
            if not may_be_long:
                self._worked += seconds
            if outcome is not None:
                self._given += outcome[0].weight
            if seconds >= LONG:
                seconds = self._judge(argument, seconds, thread_time() - computed)
            done.append((future, (outcome, seconds)))
            if now >= due:
                self._tell(self._collect)
                due, computed = now + BUSY, thread_time()
        self._tell(self._rest)

    def _judge(self, argument: Any, seconds: float, computed: float) -> float:
        """In the thread: how many of the `seconds` that a callback took count. If they do, its site is slow.

        None do if too few were `computed`, since the machine is busy then.
        """
        if computed < LONG and seconds < BLOCKED:
            return 0.0
        self._hard.note(urls.site(argument.request.url), is_slow=True)
        return seconds

    def _is_slow(self, argument: Any) -> bool:
        """Whether it is of a slow site."""
        return urls.site(argument.request.url) in self._slow

    def _run_in_time(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Outcome:
        """In the thread: run one callback, which `_hurry` may end."""
        if self._timeout is None:
            return self._call(callback, argument, kwargs)
        outcome: Outcome | None = None
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
            if self._due is not None and (late := monotonic() - self._due) > 0:
                if late > LAST and self._give_up is not None:
                    self._give_up()
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
            future, ran = done.popleft()
            if not future.cancelled():
                future.set_result(ran)

    def _rest(self) -> None:
        """On the loop: the thread has gone back to its pool; call it again if more has come meanwhile."""
        self._collect()
        self._is_draining = False
        if self._jobs:
            self._consider()
