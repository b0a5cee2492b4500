"""What becomes of a page: its callback, its requests, its items through the pipelines to the sinks, its end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from scraper.engine.discovery import Discovery
from scraper.engine.gate import Gate
from scraper.engine.ledger import Ledger, at_hand
from scraper.engine.slots import Ticket
from scraper.engine.stages import Refined, Stages, Visit
from scraper.errors import REFUSALS, CloseSpider, FetchError, Reason, StorageError, http_status
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.process.stacks import line_of
from scraper.protocols import Results, Sink
from scraper.spider import Failure
from scraper.urls import without_credentials
from scraper.verdict import Permits

_NOT_THERE = frozenset((http_status(404), http_status(410)))
_UNREADABLE = frozenset((Reason.PARSE_TOO_COMPLEX, Reason.QUARANTINED))

NOINDEX = "noindex"  # why items are dropped of a page that asks for that

Left = tuple[Sequence[Any], int]  # items, and a number of requests

PORTION = 2000  # items of a page that are written before others have their turn
BODIES_AHEAD = 64 * 1024 * 1024  # bytes of bodies being handled before no further page is fetched


class Pages:
    """The pages between fetch and done, one task each, and what they hold.

    What a page leads to is gathered first and then applied at once, inside the `gate`, so that a checkpoint has all
    of it or nothing: its items, its requests, what is counted of it, and that it is done.
    """

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
        self.gate = Gate()
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
        other for every page. Pages that are aside keep nobody waiting; their bodies have as much room again.
        """
        number, size, aside = self.number, self.bytes, self._stages.aside
        if aside is not None and aside.pages:
            number -= aside.pages
            size -= min(aside.bytes, BODIES_AHEAD)
        share = 4 if self._is_behind else 1
        self._is_behind = number * share >= self._most or size * share >= BODIES_AHEAD
        return self._is_behind

    def start(self, tasks: asyncio.TaskGroup, ticket: Ticket, response: Response) -> None:
        """Handle a page that was fetched."""
        self.number += 1
        self.bytes += len(response.body)
        tasks.create_task(self._handle(ticket, response))

    def has_kept(self, ticket: Ticket, error: FetchError) -> bool:
        """Whether a page that failed is one of an earlier run, and may still be what it was."""
        revisits = self._stages.revisits
        if revisits is None or ticket.entry is None or error.reason in _NOT_THERE or error.reason in REFUSALS:
            return False
        return revisits.carried(ticket.request) is not None

    def start_failed(self, tasks: asyncio.TaskGroup, ticket: Ticket, failure: Failure) -> None:
        """Handle a request that was given up: by its errback, and by what was kept of its page."""
        self.number += 1
        tasks.create_task(self._handle_failure(ticket, failure))

    async def _handle(self, ticket: Ticket, response: Response) -> None:
        request = ticket.request
        at_hand.set(ticket.tally)
        try:
            visit = None
            if self._stages.revisits is not None and ticket.entry is not None:
                visit = self._stages.revisits.visit(request, response)
            if visit is not None and (again := visit.again) is not None:
                found = [again]
            else:
                found = [await self._stages.parse(str(request.callback or "parse"), response, request.cb_kwargs)]
            if (error := found[0].error) is not None and request.errback is not None:
                found.append(await self._call_errback(Failure(request, error, response)))
            left = self._left(response, found[0])
            if self._stages.refers is not None:
                found[0].requests = [self._stages.refers(each, response) for each in found[0].requests]
            await self._conclude(ticket, found, visit, self._spoiled(ticket, found[0]), left=left)
        finally:
            if request.stream:
                await response.aclose()
            self.bytes -= len(response.body)
            self._end()

    def _left(self, response: Response, results: Results) -> Left:
        """Take from `results` what the page asks to be left where it is."""
        permits = self._stages.permits(response) if self._stages.permits is not None else Permits()
        items: list[Any] = []
        number = 0
        if not permits.index:
            items, results.items = results.items, []
        if not permits.follow:
            number = sum(len(each.urls) if isinstance(each, Links) else 1 for each in results.requests)
            results.requests = []
        return items, number

    def _spoiled(self, ticket: Ticket, results: Results) -> FetchError | None:
        """Why a page that was fetched counts as one that failed: its callback could not read it."""
        error = results.error
        if not isinstance(error, FetchError) or error.reason not in _UNREADABLE or error.url != _shown(ticket.request):
            return None
        results.error = None
        self._ledger.count_spoiled(ticket.request, error, ticket.tally)
        return error

    async def _handle_failure(self, ticket: Ticket, failure: Failure) -> None:
        at_hand.set(ticket.tally)
        try:
            found, visit = [], None
            if failure.request.errback is not None:
                found.append(await self._call_errback(failure))
            if isinstance(failure.error, FetchError) and self.has_kept(ticket, failure.error):
                assert self._stages.revisits is not None
                visit = self._stages.revisits.carried(ticket.request)
                found += [visit.again] if visit is not None and visit.again is not None else []
            await self._conclude(ticket, found, visit, failure.error)
        finally:
            self._end()

    def _end(self) -> None:
        self.number -= 1
        self._changed.set()

    async def _call_errback(self, failure: Failure) -> Results:
        return await self._stages.parse(str(failure.request.errback), failure, {})

    async def _conclude(
        self,
        ticket: Ticket,
        found: Sequence[Results],
        visit: Visit | None,
        error: BaseException | None = None,
        *,
        left: Left = ((), 0),
    ) -> None:
        """Apply what callbacks have given, and with it that the request is done, or has failed with `error`."""
        refined = [await self._refine(each, is_again=visit is not None and visit.again is not None) for each in found]
        items: Sequence[Sequence[Any]] = [
            results.items if each is None else each.kept for results, each in zip(found, refined, strict=True)
        ]
        if visit is not None:
            items = visit.marked(found, items)
        async with self.gate:
            for results, stock, each in zip(found, refined, items, strict=True):
                await self._apply(results, stock, each, ticket.request)
            if visit is not None:
                self._ledger.count_changes(visit.changes)
                visit.settle()
            self._ledger.count_cut(left[1], Reason.NOFOLLOW)
            for item in left[0]:
                self._ledger.count_dropped(item, NOINDEX)
            self.settle(ticket, error)

    async def bury(self) -> None:
        """The crawl is over: write the items of pages that earlier runs met, and this one did not, as gone."""
        assert self._stages.revisits is not None
        for key, items in self._stages.revisits.left():
            async with self.gate:
                if self.storage_error is not None:
                    return
                self._ledger.count_items(len(items) - await self._write(items, ""))
                self._ledger.count_changes({"gone": len(items)})
                self._stages.revisits.bury(key)

    def settle(self, ticket: Ticket, error: BaseException | None = None) -> None:
        """A request of the frontier has come to its end: done, or failed with `error`.

        Unless a sink was lost: that one does not have the items, so that the page is to be redone.
        """
        if ticket.entry is None or self.storage_error is not None:
            return
        self._discovery.settled(ticket, error)
        if isinstance(error, FetchError):
            self._ledger.start_urls_failed += ticket.entry.is_start
        if isinstance(error, FetchError) and error.reason not in REFUSALS:
            self._stages.frontier.failed(ticket.entry, error.reason)
        else:
            self._stages.frontier.done(ticket.entry)
        self._ledger.close(ticket.tally)

    async def take_seed(self, results: Results, *, is_again: bool) -> None:
        """Take what the spider's `start()` gave; `is_again` if an earlier process took it already.

        Then its items are in the files, and its requests are known or, if they pass without being looked up, left out.
        """
        if is_again:
            results.items = []
            results.requests = [each for each in results.requests if not _model(each).dont_filter]
        refined = await self._refine(results)
        items = results.items if refined is None else refined.kept
        async with self.gate:
            await self._apply(results, refined, items, None, is_again=is_again)
            if not is_again:
                self._ledger.count_seed()

    async def _refine(self, results: Results, *, is_again: bool = False) -> Refined | None:
        """What the pipelines make of the items; those that come again have been through them."""
        if self._stages.refine is None or not results.items:
            return None
        return await self._stages.refine(results.items, is_again=is_again)

    async def _apply(
        self,
        results: Results,
        refined: Refined | None,
        items: Sequence[Any],
        parent: Request | None,
        *,
        is_again: bool = False,
    ) -> None:
        """Hand on what a callback gave: requests to the frontier, items to the sinks, its error to the log."""
        url = parent.url if parent is not None else ""
        if results.sightings:
            self._ledger.count_sightings(results.sightings)
        if results.requests:
            problem = await self._discovery.add_all(results.requests, parent, is_again=is_again)
            results.error = results.error or problem
            self._changed.set()
        if refined is not None:
            self._take_stock(refined, url)
        if items:
            self._ledger.count_items(len(items) - await self._write(items, url))
        if isinstance(results.error, CloseSpider):
            self._stop(results.error.reason)
        elif results.error is not None:
            self._ledger.count_error(results.where, results.line, url, results.error)

    def _take_stock(self, refined: Refined, url: str) -> None:
        """Count what the pipelines dropped, and what they raised."""
        for item, reason in refined.dropped:
            self._ledger.count_dropped(item, reason)
        for where, line, error in refined.errors:
            if isinstance(error, CloseSpider):
                self._stop(error.reason)
            else:
                self._ledger.count_error(where, line, url, error)
        refined.settle()

    async def _write(self, items: Sequence[Any], url: str) -> int:
        """Give `items` to every sink, a portion at a time; how many of them one could not write."""
        lost = 0
        for start in range(0, len(items), PORTION):
            if start:
                await asyncio.sleep(0)
            lost += await self._write_portion(items[start : start + PORTION], url)
            if self.storage_error is not None:
                return len(items)
        return lost

    async def _write_portion(self, items: Sequence[Any], url: str) -> int:
        lost = 0
        for sink in self._stages.sinks:
            try:
                await sink.write(items)
            except StorageError as error:
                failures = getattr(error, "failures", None)
                if failures is None:
                    self.lose(_name(sink), error, url)
                    return len(items)
                lost = max(lost, len(failures))
                for _, message in failures:
                    self._ledger.count_error(_name(sink), "", url, StorageError(message))
            except Exception as error:
                failed = StorageError(f"{_name(sink)} raised {type(error).__name__}: {error} ({line_of(error)})")
                self.lose(_name(sink), failed, url)
                return len(items)
        return lost

    def lose(self, where: str, error: StorageError, url: str = "") -> None:
        """A sink or the frontier is gone: there is no use in crawling on."""
        if self.storage_error is None:
            self.storage_error = error
            self._ledger.count_error(where, "", url, error)
        self._stop("storage failed")


def _shown(request: Request) -> str:
    return without_credentials(request.url)


def _name(sink: Sink) -> str:
    return f"sink {sink.path.removesuffix('.part')}"


def _model(found: Request | Links) -> Request:
    return found if isinstance(found, Request) else found.model
