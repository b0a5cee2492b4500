"""Where items become durable: every sink is written alike, and the crawl ends once one of them is lost.

What a page leads to is applied inside the `gate`, and a checkpoint is taken while that is closed: so a checkpoint holds
all of a page or nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any

from scraper.engine.accounting import Totals
from scraper.engine.stages import Rejects
from scraper.errors import StorageError
from scraper.process.stacks import line_of
from scraper.protocols import Sink

MOST_UNWRITTEN = 10_000  # requests that no commit has written yet, for pages with many links to be applied
PORTION = 2000  # items of a page that are written before others have their turn


class Gate:
    """Lets any number in while it is open; closes only once nobody is inside. To be used by one event loop."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()
        self._opened.set()
        self._left = asyncio.Event()
        self._inside = 0

    async def __aenter__(self) -> None:
        while not self._opened.is_set():
            await self._opened.wait()
        self._inside += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside -= 1
        self._left.set()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Wait until nobody is inside, and let nobody in meanwhile."""
        self._opened.clear()
        try:
            while self._inside:
                self._left.clear()
                await self._left.wait()
            yield
        finally:
            self._opened.set()


class Storage:
    """The sinks of a crawl, and the gate before them; `error` is what was lost, if anything.

    `unwritten` tells how many requests no commit has written yet, and `stop` is called, with the reason, as soon as
    something is lost.
    """

    def __init__(
        self, sinks: Sequence[Sink], totals: Totals, *, unwritten: Callable[[], int], stop: Callable[[str], None]
    ) -> None:
        self._sinks = [sink for sink in sinks if not isinstance(sink, Rejects)]
        self._rejects = [sink for sink in sinks if isinstance(sink, Rejects)]
        self._totals = totals
        self._unwritten = unwritten
        self._stop = stop
        self._turn = asyncio.Lock()
        self._due = asyncio.Event()
        self._committed = asyncio.Event()
        self.gate = Gate()
        self.error: StorageError | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """For a page with many links: wait until no other one is applied, and most requests are written.

        What is neither written nor dropped is in memory, so a commit is asked for if that is much.
        """
        async with self._turn:
            while self._unwritten() > MOST_UNWRITTEN and self.error is None:
                self._committed.clear()
                self._due.set()
                await self._committed.wait()
            yield

    async def until_due(self, seconds: float) -> None:
        """Wait until a commit is due: after so many `seconds`, or sooner if one is asked for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._due.wait()
        self._due.clear()

    def commit_soon(self) -> None:
        """Ask for a commit: there may be nothing else to do."""
        self._due.set()

    def committed(self) -> None:
        """A commit has ended."""
        self._committed.set()

    async def write(self, items: Sequence[Any], url: str) -> None:
        """Give `items`, of the page `url`, to every sink, a portion at a time, and count those that all have taken."""
        lost = 0
        for start in range(0, len(items), PORTION):
            if start:
                await asyncio.sleep(0)
            lost += await self._write_portion(items[start : start + PORTION], url)
            if self.error is not None:
                lost = len(items)
                break
        self._totals.count_items(len(items) - lost)

    async def _write_portion(self, items: Sequence[Any], url: str) -> int:
        """Give `items` to every sink; how many of them one could not write."""
        lost = 0
        for sink in self._sinks:
            try:
                await sink.write(items)
            except StorageError as error:
                failures = getattr(error, "failures", None)
                if failures is None:
                    self.lose(_name(sink), error, url)
                    return len(items)
                lost = max(lost, len(failures))
                for _, message in failures:
                    self._totals.count_error(_name(sink), "", url, StorageError(message))
                await self._reject([each for each in self._rejects if each.of == _file(sink)], failures, url)
            except Exception as error:
                failed = StorageError(f"{_name(sink)} raised {type(error).__name__}: {error} ({line_of(error)})")
                self.lose(_name(sink), failed, url)
                return len(items)
        return lost

    async def reject(self, rejected: Sequence[tuple[Any, str]], url: str) -> None:
        """Keep items of the page `url` that a pipeline raised at, each with the reason, beside every data file."""
        if self.error is None:
            await self._reject(self._rejects, rejected, url)

    async def _reject(self, keepers: Sequence[Rejects], rejected: Sequence[tuple[Any, str]], url: str) -> None:
        for keeper in keepers:
            its = [(item, reason) for item, reason in rejected if keeper.takes(item)]
            try:
                if its:
                    await keeper.reject(its, url)
            except StorageError as error:
                self.lose(_name(keeper), error, url)

    def lose(self, where: str, error: StorageError, url: str = "") -> None:
        """A sink or the frontier cannot be written any more: there is no use in crawling on."""
        if self.error is None:
            self.error = error
            self._totals.count_error(where, "", url, error)
        self._stop("storage failed")


def _name(sink: Sink) -> str:
    return f"sink {_file(sink)}"


def _file(sink: Sink) -> str:
    """What the file of `sink` is called once it is published."""
    return sink.path.removesuffix(".part")
