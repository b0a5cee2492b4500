"""The items of a page on their way: taken from callbacks, through the pipelines, counted, and into the sinks."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scraper.engine.accounting import Totals
from scraper.engine.items.early import AtOnce, Spooled
from scraper.engine.items.limit import ItemLimit
from scraper.engine.items.spool import Batch
from scraper.engine.stages import Refined, Stages
from scraper.engine.storage import Storage
from scraper.errors import CloseSpider, CrawlStopped, StorageError
from scraper.http.response import Response
from scraper.protocols import Results
from scraper.spider import Failure

NOINDEX = "noindex"  # why items are dropped of a page that asks for that


@dataclass(slots=True, eq=False)
class Given:
    """What a callback gave: `items` are what the pipelines made of those of `results`.

    Others have left it `early`, before it ended.
    """

    results: Results
    early: AtOnce | Spooled | None = None
    refined: Refined | None = None
    items: Sequence[Any] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it gave nothing."""
        return not (self.items or self.results.requests or (self.early is not None and self.early.given))

    @property
    def stocks(self) -> list[Refined]:
        """What the pipelines have to report of it and to settle, in order."""
        stocks = [] if self.refined is None else [self.refined]
        return [*self.early.stocks, *stocks] if isinstance(self.early, Spooled) else stocks

    def close(self) -> None:
        """What was to be written is written, or never will be."""
        if self.early is not None:
            self.early.close()


class PageItems:
    """The items of all pages, each of which is one of `tasks`.

    `job` is the folder from which the crawl can be resumed. Without one, the items of a callback that goes on are
    written at once.
    """

    def __init__(
        self, stages: Stages, storage: Storage, totals: Totals, tasks: asyncio.TaskGroup, job: Path | None
    ) -> None:
        self._stages = stages
        self._storage = storage
        self._totals = totals
        self._tasks = tasks
        self.job = job
        limit = ItemLimit(stages, totals)
        self.begin, self.release = limit.begin, limit.release

    # While a callback runs.

    def taker(self, callback: str, argument: Response | Failure) -> AtOnce | Spooled | None:
        """Who takes the items of `callback`, about to be called with `argument`; None if they wait for its end."""
        if self._stages.takes_early is None or not self._stages.takes_early(callback):
            return None
        page = argument if isinstance(argument, Response) else None
        return (AtOnce if self.job is None else Spooled)(self, page, argument.request.url)

    def start(self, work: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None]:
        """A task that does `work` in the `context` of a page."""
        return self._tasks.create_task(work, context=context)

    async def refine_early(self, page: Response | None, items: list[Any]) -> tuple[Batch, Refined | None]:
        """What becomes of `items` of a callback that goes on, and what the pipelines have to report besides."""
        if page is not None and self._stages.permits is not None and not self._stages.permits(page).index:
            return Batch([], [(item, NOINDEX) for item in items]), None
        if self._stages.refine is None:
            return Batch(items, []), None
        refined = await self._stages.refine(items)
        for _, _, error in refined.errors:
            if isinstance(error, CloseSpider | CrawlStopped):
                self._totals.end_early(error)
        return Batch([*refined.kept], [*refined.dropped], [*refined.rejected]), refined.without_items()

    async def write_early(self, page: Response | None, url: str, items: list[Any]) -> None:
        """Write `items` of a callback that goes on."""
        batch, refined = await self.refine_early(page, items)
        async with self._storage.gate:
            await self._write_batch(batch, url)
            self.release(len(items))
            if refined is not None:
                self._take_stock(refined, url)

    def lose(self, url: str, error: StorageError) -> None:
        """Items of the page `url` cannot be kept."""
        self._storage.lose("spool", error, url)

    # Once it has ended.

    async def refine(self, given: Given, *, is_again: bool = False) -> None:
        """Lead what is left of the items through the pipelines; those that come again have been through them."""
        given.items = given.results.items
        if self._stages.refine is not None and given.items:
            given.refined = await self._stages.refine(given.items, is_again=is_again)
            given.items = given.refined.kept

    async def write(self, given: Given, url: str) -> None:
        """Write the items, those that wait in a spool first, and count what the pipelines dropped and raised."""
        if isinstance(given.early, Spooled):
            try:
                async for batch in given.early.batches():
                    await self._write_batch(batch, url)
            except StorageError as error:
                self.lose(url, error)
        for refined in given.stocks:
            self._take_stock(refined, url)
            if refined.rejected:
                await self._storage.reject(refined.rejected, url)
        if given.items:
            await self._storage.write(given.items, url)

    async def _write_batch(self, batch: Batch, url: str) -> None:
        for item, reason in batch.dropped:
            self._totals.count_dropped(item, reason)
        await self._storage.reject(batch.rejected, url)
        if self._storage.error is None:
            await self._storage.write(batch.kept, url)

    def _take_stock(self, refined: Refined, url: str) -> None:
        """Count what the pipelines dropped, and what they raised."""
        for item, reason in refined.dropped:
            self._totals.count_dropped(item, reason)
        for where, line, error in refined.errors:
            self._totals.count_error(where, line, url, error)
        refined.settle()
