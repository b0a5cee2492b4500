"""What becomes of a page: its callback, its requests, its items through the pipelines to the sinks, its end."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scraper.engine.accounting import Totals, current_tally
from scraper.engine.discovery import Discovery
from scraper.engine.items.early import AtOnce
from scraper.engine.items.page import NOINDEX, Given, PageItems
from scraper.engine.slots import Slots
from scraper.engine.stages import Stages, Visit
from scraper.engine.storage import Storage
from scraper.engine.ticket import Ticket
from scraper.engine.workload import Workload
from scraper.errors import REFUSALS, CrawlStopped, FetchError, Reason, SpiderError, http_status
from scraper.http.request import Links, Request, number_of
from scraper.http.response import Response
from scraper.process.running_callback import taker
from scraper.protocols import PageLost, Results
from scraper.spider import Failure
from scraper.urls import without_credentials
from scraper.verdict import Permits

_NOT_THERE = frozenset((http_status(404), http_status(410)))
_UNREADABLE = frozenset((Reason.PARSE_TOO_COMPLEX, Reason.QUARANTINED))

Left = tuple[Sequence[Any], int]  # items, and a number of requests


class Pages:
    """The pages between fetch and done, one task of `tasks` each.

    What a page leads to is gathered first and then applied at once, inside the gate, so that a checkpoint has all
    of it or nothing: its items, its requests, what is counted of it, and that it is done. A page whose callback or
    pipelines the stop of the crawl has ended is concluded with what it gave; if that is nothing, it is not done, and
    whoever resumes the crawl crawls it again. A crawl without a `job` has no checkpoints, and its items need not wait
    for their page: see `items.early`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- all that a page leads to
        self,
        stages: Stages,
        slots: Slots,
        discovery: Discovery,
        storage: Storage,
        totals: Totals,
        workload: Workload,
        tasks: asyncio.TaskGroup,
        *,
        job: Path | None = None,
    ) -> None:
        self._stages = stages
        self._slots = slots
        self._discovery = discovery
        self._storage = storage
        self._totals = totals
        self._workload = workload
        self._items = PageItems(stages, storage, totals, tasks, job)
        self._tasks = tasks

    def start(self, ticket: Ticket, response: Response) -> None:
        """Handle a page that was fetched."""
        self._workload.start_page(response.size)
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
        request, size = ticket.request, response.size
        stream = response if request.stream else None
        found: list[Given] = []
        current_tally.set(ticket.tally)
        self._items.begin()
        try:
            visit = None
            if self._stages.revisits is not None and ticket.entry is not None:
                visit = self._stages.revisits.visit(request, response)
            if visit is not None and (again := visit.again) is not None:
                found.append(Given(again))
            else:
                found.append(await self._call(str(request.callback or "parse"), response, request.cb_kwargs))
            results = found[0].results
            error = results.error
            if error is not None and request.errback is not None and not isinstance(error, CrawlStopped):
                found.append(await self._call_errback(Failure(request, error, response)))
            left = self._left(response, results)
            if self._stages.refers is not None:
                results.requests = [self._stages.refers(each, response) for each in results.requests]
            del response  # which may have to wait long for its links to be applied
            await self._conclude(ticket, found, visit, self._spoiled(ticket, results), left=left)
        except PageLost:
            self._totals.count_lost(ticket.tally)
            self._slots.soon(ticket, self._stages.clock())
        finally:
            if stream is not None:
                await stream.aclose()
            self._end(found)
            self._workload.end_page(size)

    def _left(self, response: Response, results: Results) -> Left:
        """Take from `results` what the page asks to be left where it is."""
        permits = self._stages.permits(response) if self._stages.permits is not None else Permits()
        items: list[Any] = []
        number = 0
        if not permits.index:
            items, results.items = results.items, []
        if not permits.follow:
            number = number_of(results.requests)
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
        found: list[Given] = []
        current_tally.set(ticket.tally)
        self._items.begin()
        try:
            visit = None
            if failure.request.errback is not None:
                try:
                    found.append(await self._call_errback(failure))
                except PageLost:
                    found.append(await self._call_errback(replace(failure, response=None)))
            if isinstance(failure.error, FetchError) and self.has_kept(ticket, failure.error):
                assert self._stages.revisits is not None
                visit = self._stages.revisits.carried(ticket.request)
                found += [Given(visit.again)] if visit is not None and visit.again is not None else []
            await self._conclude(ticket, found, visit, failure.error)
        finally:
            self._end(found)
            self._workload.end_page(0)

    def _end(self, found: Sequence[Given]) -> None:
        self._items.release()
        for each in found:
            each.close()
            self._stages.parse.release(each.results)

    async def _call_errback(self, failure: Failure) -> Given:
        return await self._call(str(failure.request.errback), failure, {})

    async def _call(self, name: str, argument: Response | Failure, kwargs: dict[str, Any]) -> Given:
        """Call the spider's method `name`, whose items are taken while it runs if that may be."""
        early = self._items.taker(name, argument)
        if early is None:
            return Given(await self._stages.parse(name, argument, kwargs))
        token = taker.set(early)
        try:
            results = await self._stages.parse(name, argument, kwargs)
            if not early.is_used:
                return Given(results)
            await early.end()
        except PageLost:
            early.close()
            if not isinstance(early, AtOnce) or not early.given:
                raise
            results = Results(where=name, error=SpiderError(f"its process died after {early.given} items were written"))
        except BaseException:
            early.close()
            raise
        finally:
            taker.reset(token)
        return Given(results, early)

    async def _conclude(
        self,
        ticket: Ticket,
        found: Sequence[Given],
        visit: Visit | None,
        error: BaseException | None = None,
        *,
        left: Left = ((), 0),
    ) -> None:
        """Apply what callbacks have given, and with it that the request is done, or has failed with `error`."""
        for each in found:
            await self._items.refine(each, is_again=visit is not None and visit.again is not None)
        if visit is not None:
            marked = visit.marked([each.results for each in found], [each.items for each in found])
            for each, items in zip(found, marked, strict=True):
                each.items = items
        stop = _stop_of(found)
        if stop is not None and all(each.is_empty for each in found):
            self._totals.end_early(stop)
            return
        if any(each.results.weight for each in found):
            async with self._storage.turn():
                await self._apply_all(ticket, found, visit, error, left=left)
        else:
            await self._apply_all(ticket, found, visit, error, left=left)

    async def _apply_all(
        self, ticket: Ticket, found: Sequence[Given], visit: Visit | None, error: BaseException | None, *, left: Left
    ) -> None:
        """Apply all that was found, between two checkpoints."""
        async with self._storage.gate:
            for each in found:
                await self._apply(each, ticket.request)
            self._items.release()
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
        given = Given(results)
        await self._items.refine(given)
        async with self._storage.gate:
            await self._apply(given, None, is_again=is_again)
            if not is_again:
                self._totals.count_seed()

    async def _apply(self, given: Given, parent: Request | None, *, is_again: bool = False) -> None:
        """Hand on what a callback gave: requests to the frontier, items to the sinks, its error to the log."""
        results, url = given.results, parent.url if parent is not None else ""
        if results.sightings:
            self._totals.count_sightings(results.sightings)
        self._totals.duplicates += 0 if is_again else results.known
        if results.requests:
            results.faults += await self._discovery.add_all(
                results.requests, parent, where=results.where, is_again=is_again
            )
            self._workload.notify()
        await self._items.write(given, url)
        for fault in results.problems:
            self._totals.count_error(results.where, fault.line, url, fault.error)


def _stop_of(found: Sequence[Given]) -> CrawlStopped | None:
    """The stop of the crawl, if that has ended a callback or a pipeline."""
    errors = [each.results.error for each in found]
    errors += [error for each in found for stock in each.stocks for _, _, error in stock.errors]
    return next((error for error in errors if isinstance(error, CrawlStopped)), None)


def _shown(request: Request) -> str:
    return without_credentials(request.url)


def _model(found: Request | Links) -> Request:
    return found if isinstance(found, Request) else found.model
