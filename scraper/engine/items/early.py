"""Items that leave a callback before it ends: those of an asynchronous generator do not wait in memory for its end.

Where nothing can be resumed they are written as they come: as soon as the callback waits for something, and every
`MOST_ITEMS`. In a job nothing of a page may be in a file before the page is done. So there, once a page has more items
than belong in memory, they are led through the pipelines and wait in a `Spool`, which is written with the page.

Meanwhile the callback waits, which does not count as its time. A generator that gives few items is asked how large they
are once in a while, and otherwise pays nothing; nor does any other callback.
"""

import asyncio
import pickle
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any, Protocol

from scraper.engine.items.spool import Batch, Spool
from scraper.engine.stages import Refined
from scraper.errors import CrawlStopped, StorageError
from scraper.http.response import Response

MOST_ITEMS = 1000
"""Items of a callback that may be in memory before some are taken."""
MOST_BYTES = 1024 * 1024
"""Bytes of a callback's items that may be in memory, as far as some of them tell."""

_FIRST, _EVERY = 4, 32  # items after which one is weighed for the first time, and then again
_UNKNOWN = 1024  # bytes that an item counts as which cannot be weighed
_TRACED = 100  # errors of a page's pipelines that keep their traceback, and so the items that were at fault


class Writing(Protocol):
    """Where items flow on to that are written at once."""

    def start(self, work: Coroutine[Any, Any, None], context: Context, /) -> asyncio.Task[None]:
        """A task that does `work` in the context of a page."""
        ...

    async def write_early(self, page: Response | None, url: str, items: list[Any], /) -> None:
        """Refine and write `items` of a callback that goes on."""
        ...


class Flow(Writing, Protocol):
    """Where the items of all pages flow on to: see `items.page`. Where nothing is resumed, `job` is None."""

    job: Path | None

    async def refine_early(self, page: Response | None, items: list[Any], /) -> tuple[Batch, Refined | None]:
        """What becomes of `items` of a callback that goes on, and what the pipelines have to report besides."""
        ...

    def lose(self, url: str, error: StorageError, /) -> None:
        """Items of the page `url` cannot be kept."""
        ...


class _Early:
    """Items of a callback for `url`, called with `page` if there is one.

    What is done with them is no part of the callback, so that it happens in the context of the page, in a task. If it
    `is_used`, something is.
    """

    is_used = False
    _task: asyncio.Task[None] | None = None

    def __init__(self, flow: Writing, page: Response | None, url: str) -> None:
        self._flow = flow
        self._page = page
        self._url = url
        self._context = copy_context()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = self._flow.start(work, self._context)

    async def end(self) -> None:
        """The callback has ended: wait for what is being taken; the rest goes with its page."""
        if self._task is not None:
            await asyncio.wait([self._task])


class AtOnce(_Early):
    """Has what a callback has given written whenever it waits; `given` is how many items that were."""

    _soon: asyncio.Handle | None = None
    given = 0
    due = 1

    def take(self, items: list[Any], /) -> Awaitable[None] | None:
        """Write `items` as soon as the callback waits, or now if there are many."""
        if len(items) >= MOST_ITEMS:
            return self._wait(items)
        self._soon = asyncio.get_running_loop().call_soon(self._begin, items)
        self.is_used = True
        self.due = MOST_ITEMS
        return None

    def _begin(self, items: list[Any]) -> None:
        self._soon = None
        self._start(self._empty(items))

    async def _empty(self, items: list[Any]) -> None:
        while items:
            batch = items[:]
            items.clear()
            self.given += len(batch)
            await self._flow.write_early(self._page, self._url, batch)
        self._task = None
        self.due = 1

    async def _wait(self, items: list[Any]) -> None:
        await self.end()
        if items:
            self._begin(items)
            await self.end()

    async def end(self) -> None:
        """The callback has ended: wait for what is being taken; the rest goes with its page."""
        self.close()
        await super().end()

    def close(self) -> None:
        """Nothing begins any more."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None


class Spooled(_Early):
    """Leads the items of a callback through the pipelines, to wait in a spool beside the job, if they are many.

    `stocks` are what the pipelines have to settle and to report of them.
    """

    _flow: Flow
    _spool: Spool | None = None
    _looked = 0
    _bytes = 0
    _traced = 0
    _error: StorageError | None = None
    stocks: tuple[Refined, ...] = ()
    due = _FIRST

    @property
    def given(self) -> int:
        """How many items wait."""
        return self._spool.kept if self._spool is not None else 0

    def take(self, items: list[Any], /) -> Awaitable[None] | None:
        """Look how much there is; if that is much, take it."""
        number = len(items)
        self._bytes += _weight(items[-1]) * (number - self._looked)
        self._looked = number
        if number < MOST_ITEMS and self._bytes < MOST_BYTES:
            self.due = min(number + _EVERY, MOST_ITEMS)
            return None
        batch = items[:]
        items.clear()
        self.due = max(1, min(_FIRST, number * MOST_BYTES // max(self._bytes, 1)))
        self._looked = self._bytes = 0
        self._start(self._put(batch))
        self.is_used = True
        return self._wait()

    async def _wait(self) -> None:
        await self.end()
        if self._error is not None:
            raise CrawlStopped("storage failed")

    async def _put(self, items: list[Any]) -> None:
        batch, refined = await self._flow.refine_early(self._page, items)
        if refined is not None:
            self.stocks = (*self.stocks, refined)
            for _, _, error in refined.errors[max(_TRACED - self._traced, 0) :]:
                error.__traceback__ = error.__context__ = None
            self._traced += len(refined.errors)
        assert self._flow.job is not None
        self._spool = self._spool or Spool(self._flow.job)
        try:
            await asyncio.to_thread(self._spool.put, batch)
        except StorageError as error:
            self._error = error
            self._flow.lose(self._url, error)

    async def batches(self) -> AsyncIterator[Batch]:
        """What waits, in its order. Raises `StorageError` if it cannot be read."""
        while self._spool is not None and not self._spool.is_empty:
            yield await asyncio.to_thread(self._spool.take)

    def close(self) -> None:
        """Give the room back."""
        if self._spool is not None:
            self._spool.close()


def _weight(item: Any) -> int:
    """About how many bytes an item takes."""
    try:
        return len(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
    except Exception:  # an item's own code may raise anything
        return _UNKNOWN
