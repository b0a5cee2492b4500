"""Where callbacks run: `async def` on the event loop, `def` there as well, in a thread, or in processes.

What is said here holds for all of them; see `parse_thread` and `processes` for the others. Pages that take long go
another way, so that the others do not wait for them: see `hard_pages`.
"""

import asyncio
import sys
from contextlib import suppress
from math import inf
from time import thread_time
from typing import Any

from scraper import urls
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.parsing import callbacks
from scraper.parsing.deadline import error as overdue
from scraper.parsing.hard_pages import EASY, LONG, HardPages, may_be_hard, needs_trial
from scraper.process.crash_marks import NO_MARKS, NoMarks
from scraper.process.running_callback import RunningCallback, running_callback
from scraper.protocols import Parse, Results
from scraper.spider import Spider

LARGE = 64 * 1024  # bytes of a page of which even a look at the source is not for the thread, or the loop

Outcome = tuple[Results, Any]


class Inline(Parse):
    """Runs every callback on the event loop: for tests, and for spiders that do next to nothing."""

    def __init__(
        self,
        spider: Spider,
        *,
        timeout: float | None = None,
        most: int = sys.maxsize,
        marks: NoMarks = NO_MARKS,
        hard: HardPages | None = None,
    ) -> None:
        self._spider = spider
        self._timeout = timeout
        self._most = most
        self._marks = marks
        self._hard = hard or HardPages()
        self._asynchronous: dict[str, bool] = {}

    def _is_asynchronous(self, name: str) -> bool:
        known = self._asynchronous.get(name)
        if known is None:
            known = callbacks.is_asynchronous(getattr(self._spider, name, callbacks.run))
            self._asynchronous[name] = known
        return known

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Results:
        if self._is_asynchronous(callback):
            if may_be_hard(argument):
                await self._make_ready(argument)
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

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Outcome:
        if may_be_hard(argument):
            await self._make_ready(argument)
        return self._call(callback, argument, kwargs)

    def _call(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Outcome:
        """Run a callback in this very thread."""
        return callbacks.run(self._spider, callback, argument, kwargs, most=self._most, marks=self._marks)

    async def _make_ready(self, page: Response) -> None:
        """Before a callback runs on the loop: have its page tried, and parsed, elsewhere if that may take long.

        What is wrong with the page is raised when its callback asks for the tree.
        """
        if len(page.body) > LARGE:
            if await asyncio.to_thread(self._read_if_quick, page):
                return
        elif not needs_trial(page):
            return
        site = urls.site(page.request.url)
        with self._hard.aside(site, len(page.body)):
            seconds = await self._try(page, site)
            async with self._hard.runs.turn(site):
                seconds += await asyncio.to_thread(self._read, page)
                self._hard.note(site, is_slow=seconds >= LONG)

    async def _try(self, page: Response, site: str) -> float:
        """How many seconds a trial of `page` took; inf if it cannot be parsed, and 0 if no trial is needed."""
        if not await asyncio.to_thread(needs_trial, page):
            return 0.0
        async with self._hard.trials.turn(site):
            seconds = await asyncio.to_thread(_seconds_of_trial, page)
        if seconds >= EASY:
            self._hard.note(site, is_slow=True)
        return seconds

    def _read_if_quick(self, page: Response) -> bool:
        """In a thread: parse a page, unless it has to be tried first."""
        if needs_trial(page):
            return False
        self._read(page)
        return True

    def _read(self, page: Response) -> float:
        """In a thread: parse a page; how many seconds of computing that took."""
        place, begun = self._marks.begin(page.request), thread_time()
        try:
            with suppress(Exception):
                _ = page.selector
        finally:
            self._marks.end(place)
        return thread_time() - begun


def _seconds_of_trial(page: Response) -> float:
    """In a thread: try whether `page` can be parsed; inf if it cannot."""
    try:
        return page.vet()
    except Exception:
        return inf
