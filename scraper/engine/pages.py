"""What becomes of a page: its callback, its requests, its items through the pipelines to the sinks, its end."""

import asyncio
from collections.abc import Sequence
from typing import Any

from scraper.engine.accounting import Totals, current_tally
from scraper.engine.discovery import Discovery
from scraper.engine.item_limit import ItemLimit
from scraper.engine.stages import Refined, Stages, Visit
from scraper.engine.storage import Storage
from scraper.engine.ticket import Ticket
from scraper.engine.workload import Workload
from scraper.errors import REFUSALS, CrawlStopped, FetchError, Reason, http_status
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.protocols import Results
from scraper.spider import Failure
from scraper.urls import without_credentials
from scraper.verdict import Permits

_NOT_THERE = frozenset((http_status(404), http_status(410)))
_UNREADABLE = frozenset((Reason.PARSE_TOO_COMPLEX, Reason.QUARANTINED))

NOINDEX = "noindex"  # why items are dropped of a page that asks for that

Left = tuple[Sequence[Any], int]  # items, and a number of requests


class Pages:
    """The pages between fetch and done, one task of `tasks` each.

    What a page leads to is gathered first and then applied at once, inside the gate, so that a checkpoint has all
    of it or nothing: its items, its requests, what is counted of it, and that it is done. A page whose callback or
    pipelines the stop of the crawl has ended is concluded with what it gave; if that is nothing, it is not done, and
    whoever resumes the crawl crawls it again.
    """

    def __init__(
        self,
        stages: Stages,
        discovery: Discovery,
        storage: Storage,
        totals: Totals,
        workload: Workload,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._stages = stages
        self._discovery = discovery
        self._storage = storage
        self._totals = totals
        self._workload = workload
        self._item_limit = ItemLimit(stages, totals)
        self._tasks = tasks

    def start(self, ticket: Ticket, response: Response) -> None:
        """Handle a page that was fetched."""
        self._workload.start_page(len(response.body))
        self._tasks.create_task(self._handle(ticket, response))

    def has_kept(self, ticket: Ticket, error: FetchError) -> bool:
        """Whether a page that failed is one of an earlier run, and may still be what it was."""
        revisits = self._stages.revisits
        if revisits is None or ticket.entry is None or error.reason in _NOT_THERE or error.reason in REFUSALS:
            return False
        return revisits.carried(ticket.request) is not None

    def start_failed(self, ticket: Ticket, failure: Failure) -> None:
        """Handle a request that was given up: by its errback, and by what was kept of its page."""
        self._workload.start_page(0)
        self._tasks.create_task(self._handle_failure(ticket, failure))

    async def _handle(self, ticket: Ticket, response: Response) -> None:
        request = ticket.request
        current_tally.set(ticket.tally)
        self._item_limit.begin()
        try:
            visit = None
            if self._stages.revisits is not None and ticket.entry is not None:
                visit = self._stages.revisits.visit(request, response)
            if visit is not None and (again := visit.again) is not None:
                found = [again]
            else:
                found = [await self._stages.parse(str(request.callback or "parse"), response, request.cb_kwargs)]
            error = found[0].error
            if error is not None and request.errback is not None and not isinstance(error, CrawlStopped):
                found.append(await self._call_errback(Failure(request, error, response)))
            left = self._left(response, found[0])
            if self._stages.refers is not None:
                found[0].requests = [self._stages.refers(each, response) for each in found[0].requests]
            await self._conclude(ticket, found, visit, self._spoiled(ticket, found[0]), left=left)
        finally:
            if request.stream:
                await response.aclose()
            self._item_limit.release()
            self._workload.end_page(len(response.body))

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
        self._totals.count_spoiled(ticket.request, error, ticket.tally)
        return error

    async def _handle_failure(self, ticket: Ticket, failure: Failure) -> None:
        current_tally.set(ticket.tally)
        self._item_limit.begin()
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
            self._item_limit.release()
            self._workload.end_page(0)

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
        stop = _stop_of(found, refined)
        if stop is not None and not any(items) and not any(each.requests for each in found):
            self._totals.end_early(stop)
            return
        async with self._storage.gate:
            for results, stock, each in zip(found, refined, items, strict=True):
                await self._apply(results, stock, each, ticket.request)
            self._item_limit.release()
            if visit is not None:
                self._totals.count_changes(visit.changes)
                visit.settle()
            self._totals.count_cut(left[1], Reason.NOFOLLOW)
            for item in left[0]:
                self._totals.count_dropped(item, NOINDEX)
            self.settle(ticket, error)

    async def bury(self) -> None:
        """The crawl is over: write the items of pages that earlier runs crawled, and this one did not, as gone."""
        assert self._stages.revisits is not None
        for key, items in self._stages.revisits.left():
            async with self._storage.gate:
                if self._storage.error is not None:
                    return
                await self._storage.write(items, "")
                self._totals.count_changes({"gone": len(items)})
                self._stages.revisits.bury(key)

    def settle(self, ticket: Ticket, error: BaseException | None = None) -> None:
        """A request of the frontier has come to its end: done, or failed with `error`.

        Unless a sink was lost: it does not have the items, so the page must be crawled again.
        """
        if ticket.entry is None or self._storage.error is not None:
            return
        self._discovery.settled(ticket, error)
        if isinstance(error, FetchError):
            self._totals.start_urls_failed += ticket.entry.is_start
        if isinstance(error, FetchError) and error.reason not in REFUSALS:
            self._stages.frontier.failed(ticket.entry, error.reason)
        else:
            self._stages.frontier.done(ticket.entry)
        self._totals.close(ticket.tally)

    async def take_seed(self, results: Results, *, is_again: bool) -> None:
        """Take what the spider's `start()` gave; `is_again` if an earlier process took it already.

        Then its items are in the files, and its requests are known or, if they pass without being looked up, left out.
        """
        if is_again:
            results.items = []
            results.requests = [each for each in results.requests if not _model(each).dont_filter]
        refined = await self._refine(results)
        items = results.items if refined is None else refined.kept
        async with self._storage.gate:
            await self._apply(results, refined, items, None, is_again=is_again)
            if not is_again:
                self._totals.count_seed()

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
            self._totals.count_sightings(results.sightings)
        if results.requests:
            results.faults += await self._discovery.add_all(
                results.requests, parent, where=results.where, is_again=is_again
            )
            self._workload.notify()
        if refined is not None:
            self._take_stock(refined, url)
        if items:
            await self._storage.write(items, url)
        for fault in results.problems:
            self._totals.count_error(results.where, fault.line, url, fault.error)

    def _take_stock(self, refined: Refined, url: str) -> None:
        """Count what the pipelines dropped, and what they raised."""
        for item, reason in refined.dropped:
            self._totals.count_dropped(item, reason)
        for where, line, error in refined.errors:
            self._totals.count_error(where, line, url, error)
        refined.settle()


def _stop_of(found: Sequence[Results], refined: Sequence[Refined | None]) -> CrawlStopped | None:
    """The stop of the crawl, if that has ended a callback or a pipeline."""
    errors = [each.error for each in found]
    errors += [error for each in refined if each is not None for _, _, error in each.errors]
    return next((error for error in errors if isinstance(error, CrawlStopped)), None)


def _shown(request: Request) -> str:
    return without_credentials(request.url)


def _model(found: Request | Links) -> Request:
    return found if isinstance(found, Request) else found.model
