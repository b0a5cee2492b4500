"""Items that leave a callback before it ends: those of an asynchronous generator do not wait in memory for its end.

Where nothing can be resumed they are written as they come: as soon as the callback waits for something, and every
`MOST_ITEMS`. In a job nothing of a page may be in a file before the page is done. So there, once a page has more items
than belong in memory, they are led through the pipelines and wait in a `Spool`, which is written with the page.

Meanwhile the callback waits, which does not count as its time. An ordinary callback is asked how large its items are
once in a while, and otherwise pays nothing.
"""

import asyncio
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextvars import copy_context
from pathlib import Path
from typing import Any, Protocol

from scraper.engine.items.spool import Batch, Spool
from scraper.engine.stages import Refined
from scraper.errors import CrawlStopped, StorageError

MOST_ITEMS = 1000
"""Items of a callback that may be in memory before some are taken."""
MOST_BYTES = 1024 * 1024
"""Bytes of a callback's items that may be in memory, as far as some of them tell."""

_FIRST, _EVERY = 4, 32  # items after which one is weighed for the first time; of those that are weighed later
_UNKNOWN = 1024  # bytes that an item counts as which cannot be weighed
_TRACED = 100  # errors of a page's pipelines that keep their traceback, and so the items that were at fault


class Start(Protocol):
    """Starts a task in the context given: a method of the `TaskGroup` that pages run in."""

    def __call__(self, work: Coroutine[Any, Any, None], /, *, context: Any) -> asyncio.Task[None]: ...


class AtOnce:
    """Has `write` write what a callback has given whenever it waits; `given` is how many items that were."""

    def __init__(self, write: Callable[[list[Any]], Awaitable[None]], start: Start) -> None:
        self._write = write
        self._start = start
        self._context = copy_context()  # without what is set for the callback, as pipelines are no part of it
        self._soon: asyncio.Handle | None = None
        self._task: asyncio.Task[None] | None = None
        self.given = 0
        self.due = 1

    def take(self, items: list[Any], /) -> Awaitable[None] | None:
        """Write `items` as soon as the callback waits, or now if there are many."""
        if len(items) >= MOST_ITEMS:
            return self._wait(items)
        self._soon = asyncio.get_running_loop().call_soon(self._begin, items)
        self.due = MOST_ITEMS
        return None

    def _begin(self, items: list[Any]) -> None:
        self._soon = None
        self._task = self._start(self._empty(items), context=self._context)

    async def _empty(self, items: list[Any]) -> None:
        while items:
            batch = items[:]
            items.clear()
            self.given += len(batch)
            await self._write(batch)
        self._task = None
        self.due = 1

    async def _wait(self, items: list[Any]) -> None:
        await self.end()
        if items:
            self._begin(items)
            await self.end()

    async def end(self) -> None:
        """The callback has ended: what is not being written yet is written with its page."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._task is not None:
            await asyncio.wait([self._task])

    def close(self) -> None:
        """Nothing begins any more."""
        if self._soon is not None:
            self._soon.cancel()


class Spooled:
    """Has the items of a callback wait in a file in `folder`, if they are many; `refine` leads them there.

    `stocks` are what pipelines have to settle and to report of them. `lose` is told if the file cannot be written.
    """

    def __init__(
        self,
        refine: Callable[[list[Any]], Awaitable[tuple[Batch, Refined | None]]],
        start: Start,
        folder: Path,
        *,
        lose: Callable[[StorageError], None],
    ) -> None:
        self._refine = refine
        self._start = start
        self._lose = lose
        self._context = copy_context()
        self._spool = Spool(folder)
        self._looked = 0
        self._bytes = 0
        self._traced = 0
        self._error: StorageError | None = None
        self.stocks: list[Refined] = []
        self.due = _FIRST

    @property
    def given(self) -> int:
        """How many items wait."""
        return self._spool.kept

    @property
    def is_lost(self) -> bool:
        """Whether some of them could not be kept."""
        return self._error is not None

    def take(self, items: list[Any], /) -> Awaitable[None] | None:
        """Look how much there is; if that is much, take it."""
        number = len(items)
        self._bytes += _weight(items[-1]) * (number - self._looked)
        self._looked = number
        if number < MOST_ITEMS and self._bytes < MOST_BYTES:
            self.due = min(2 * number, number + _EVERY, MOST_ITEMS)
            return None
        batch = items[:]
        items.clear()
        self._looked = self._bytes = 0
        self.due = _FIRST
        return self._wait(self._start(self._put(batch), context=self._context))

    async def _wait(self, task: asyncio.Task[None]) -> None:
        await asyncio.wait([task])
        if self._error is not None:
            raise CrawlStopped("storage failed")

    async def _put(self, items: list[Any]) -> None:
        batch, refined = await self._refine(items)
        if refined is not None:
            self.stocks.append(refined)
            for _, _, error in refined.errors[max(_TRACED - self._traced, 0) :]:
                error.__traceback__ = error.__context__ = None
            self._traced += len(refined.errors)
        try:
            await asyncio.to_thread(self._spool.put, batch)
        except StorageError as error:
            self._error = error
            self._lose(error)

    async def end(self) -> None:
        """The callback has ended: what is not in the spool goes with its page."""

    async def batches(self) -> AsyncIterator[Batch]:
        """What waits, in its order. Raises `StorageError` if it cannot be read."""
        while not self._spool.is_empty:
            yield await asyncio.to_thread(self._spool.take)

    def close(self) -> None:
        """Give the room back."""
        self._spool.close()


def _weight(item: Any) -> int:
    """About how many bytes an item takes."""
    try:
        return len(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
    except Exception:  # an item's own code may raise anything
        return _UNKNOWN
