"""What becomes of a page: its callback, its requests, its items through the pipelines to the sinks, its end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from scraper.blame import line_of
from scraper.engine.discovery import Discovery
from scraper.engine.ledger import Ledger
from scraper.engine.slots import Ticket
from scraper.engine.stages import Stages
from scraper.errors import CloseSpider, SpiderError, StorageError
from scraper.protocols import Results, Sink
from scraper.request import Request
from scraper.response import Response
from scraper.spider import Failure

BODIES_AHEAD = 64 * 1024 * 1024  # bytes of bodies being handled before no further page is fetched


class Pages:
    """The pages between fetch and done, one task each, and what they hold."""

    def __init__(
        self,
        stages: Stages,
        discovery: Discovery,
        ledger: Ledger,
        *,
        most: int,
        changed: asyncio.Event,
        stop: Callable[[str], None],
    ) -> None:
        self._stages = stages
        self._discovery = discovery
        self._ledger = ledger
        self._most = most
        self._changed = changed
        self._stop = stop
        self.number = 0
        self.bytes = 0
        self._is_behind = False
        self.storage_error: StorageError | None = None

    def is_behind(self) -> bool:
        """Whether too many pages are being handled; and then until a quarter of that is left.

        Fetching and parsing at full speed then take turns, rather than taking the interpreter's lock from each
        other for every page.
        """
        share = 4 if self._is_behind else 1
        self._is_behind = self.number * share >= self._most or self.bytes * share >= BODIES_AHEAD
        return self._is_behind

    def start(self, tasks: asyncio.TaskGroup, ticket: Ticket, response: Response) -> None:
        """Handle a page that was fetched."""
        self.number += 1
        self.bytes += len(response.body)
        tasks.create_task(self._handle(ticket, response))

    def start_errback(self, tasks: asyncio.TaskGroup, failure: Failure) -> None:
        """Tell the spider, by the request's errback, that it failed."""
        self.number += 1
        tasks.create_task(self._handle_failure(failure))

    async def _handle(self, ticket: Ticket, response: Response) -> None:
        request = ticket.request
        try:
            results = await self._stages.parse(str(request.callback or "parse"), response, request.cb_kwargs)
            await self.absorb(results, request)
            if results.error is not None and request.errback is not None:
                await self._call_errback(Failure(request, results.error, response))
            if ticket.entry is not None:
                self._stages.frontier.done(ticket.entry)
        finally:
            self.bytes -= len(response.body)
            self._end()

    async def _handle_failure(self, failure: Failure) -> None:
        try:
            await self._call_errback(failure)
        finally:
            self._end()

    def _end(self) -> None:
        self.number -= 1
        self._changed.set()

    async def _call_errback(self, failure: Failure) -> None:
        request = failure.request
        await self.absorb(await self._stages.parse(str(request.errback), failure, {}), request)

    async def absorb(self, results: Results, parent: Request | None) -> None:
        """Take what a callback gave: requests to the frontier, items to the sinks, its error to the log."""
        url = parent.url if parent is not None else ""
        for found in results.requests:
            try:
                self._discovery.add(found, parent)
            except SpiderError as error:
                results.error = results.error or error
        if results.requests:
            self._changed.set()
        if results.items:
            await self._keep(results.items, url)
        if isinstance(results.error, CloseSpider):
            self._stop(results.error.reason)
        elif results.error is not None:
            self._ledger.count_error(results.where, results.line, url, results.error)

    async def _keep(self, items: Sequence[Any], url: str) -> None:
        """Refine items and write them."""
        if self._stages.refine is not None:
            refined = await self._stages.refine(items)
            items = refined.kept
            for item, reason in refined.dropped:
                self._ledger.count_dropped(item, reason)
            for where, line, error in refined.errors:
                if isinstance(error, CloseSpider):
                    self._stop(error.reason)
                else:
                    self._ledger.count_error(where, line, url, error)
        if items:
            self._ledger.count_items(len(items) - await self._write(items, url))

    async def _write(self, items: Sequence[Any], url: str) -> int:
        """Give `items` to every sink; how many of them one could not write."""
        lost = 0
        for sink in self._stages.sinks:
            try:
                await sink.write(items)
            except StorageError as error:
                failures = getattr(error, "failures", None)
                if failures is None:
                    self._lose(sink, error, url)
                    return len(items)
                lost = max(lost, len(failures))
                for _, message in failures:
                    self._ledger.count_error(_name(sink), "", url, StorageError(message))
            except Exception as error:
                failed = StorageError(f"{_name(sink)} raised {type(error).__name__}: {error} ({line_of(error)})")
                self._lose(sink, failed, url)
                return len(items)
        return lost

    def _lose(self, sink: Sink, error: StorageError, url: str) -> None:
        """A sink is gone: there is no use in crawling on."""
        if self.storage_error is None:
            self.storage_error = error
            self._ledger.count_error(_name(sink), "", url, error)
        self._stop("storage failed")


def _name(sink: Sink) -> str:
    return f"sink {sink.path.removesuffix('.part')}"
