"""Callbacks run by worker processes, as the owner's engine calls them."""

import asyncio
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

from scraper.errors import CrawlStopped, FetchError, ScraperError, SpiderError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.parsing import callbacks
from scraper.parsing.executor import Inline, Outcome
from scraper.process.running_callback import Taker, count_yielded, taker
from scraper.protocols import Fault, PageLost, Parse, Results
from scraper.spider import Failure, Spider
from scraper.workers.channel import Kind
from scraper.workers.child import Child
from scraper.workers.messages import ADVICE, sendable_error
from scraper.workers.order import Order
from scraper.workers.pool import Pool
from scraper.workers.remote_page import RemotePage

LARGE = 1 << 20  # bytes of a body that is not pickled on the loop


class RemoteParse(Parse):
    """Has the workers of `pool` run the callbacks of `spider`, and answers their calls of `fetch()`."""

    def __init__(self, spider: Spider, pool: Pool) -> None:
        self._spider = spider
        self._pool = pool
        self._is_generator = cache(partial(callbacks.is_asynchronous_generator, spider))
        self._heavy: dict[int, Child] = {}  # who waits for results to be handled, by their identity

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Results:
        page = argument.response if isinstance(argument, Failure) else argument
        if isinstance(page, RemotePage):
            order = page.order
            if page.is_called and page is argument:
                page.is_called = False
                return await self._results_of(order, callback)
            if page.is_kept and order.error is None and (page.is_as_told or page.request.stream):
                error = sendable_error(argument.error) if isinstance(argument, Failure) else None
                try:
                    content = await _packed((callback, page.request, kwargs, page.history, error), None)
                except Exception as problem:
                    return self._unsendable(callback, problem)
                order.send(Kind.PARSE, content)
                return await self._results_of(order, callback)
            if page.is_kept and order.error is not None and (page.request.stream or (page.size and not page.body)):
                if not isinstance(order.error, FetchError):
                    raise PageLost
                if not isinstance(argument, Failure):
                    return Results(where=callbacks.where(self._spider, callback), error=order.error)
                argument = replace(argument, response=None)
        return await self.call(callback, argument, kwargs)

    async def call(self, callback: str, argument: Response | Failure, kwargs: dict[str, Any]) -> Results:
        """What `callback` makes of a page that is here, in one of the workers."""
        try:
            content = await _packed((callback, _portable(argument), kwargs), argument)
        except Exception as error:
            return self._unsendable(callback, error)
        while True:
            order = await self._pool.order(argument.request)
            order.send(Kind.CALL, content)
            try:
                return await self._results_of(order, callback)
            except PageLost:
                continue

    def _unsendable(self, callback: str, error: Exception) -> Results:
        where = callbacks.where(self._spider, callback)
        text = f"{where}: its page cannot be sent to a worker process ({error}): {ADVICE}"
        return Results(where=where, error=SpiderError(text))

    async def _results_of(self, order: Order, callback: str) -> Results:
        """What comes of a callback that was called. Raises `PageLost`."""
        where, faults = callbacks.where(self._spider, callback), list[Fault]()
        calls: set[asyncio.Task[None]] = set()
        given = _Given(count_yielded.get() if self._is_generator(callback) else None)
        try:
            while True:
                kind, content = await order.next()
                try:
                    value = pickle.loads(content)  # noqa: S301 -- from our own child
                except Exception as error:  # an item's own code may raise anything
                    faults.append(Fault(SpiderError(f"{where} gave what cannot be read again once sent: {error!r}")))
                    value = Results(where=where) if kind is Kind.RESULTS else ((), ())
                if kind is Kind.RESULTS:
                    break
                if kind is Kind.ASK:
                    calls.add(asyncio.create_task(self._answer(order, *value)))
                    continue
                if given.add(*value):
                    order.send(Kind.ENOUGH)
                if kind is Kind.ITEMS:
                    await given.give(taker.get())
                    order.send(Kind.TAKEN)
        except FetchError as error:
            return Results(where=where, error=error)
        finally:
            for call in calls:
                call.cancel()
        results: Results = value
        given.add(results.items, results.requests)
        results.items, results.requests = given.items, given.requests
        results.faults += faults
        if results.weight:
            self._heavy[id(results)] = order.child
        return results

    async def _answer(self, order: Order, number: int, request: Request) -> None:
        """Answer a call of `fetch()`."""
        answer: Response | BaseException
        try:
            answer = await self._spider.fetch(request)
        except (CrawlStopped, ScraperError) as error:
            answer = error
        try:
            content = await _packed((number, answer), answer)
        except Exception as error:
            problem = SpiderError(f"the answer to {request!r} cannot be sent to a worker process ({error}): {ADVICE}")
            content = await _packed((number, problem), None)
        if order.error is None:
            order.send(Kind.ANSWER, content)

    def release(self, results: Results) -> None:
        """What `results` holds was handled."""
        child = self._heavy.pop(id(results), None) if results.weight else None
        if child is not None:
            child.channel.send(Kind.RELEASE, results.weight)


class ProcessExecutor(Inline):
    """Runs plain callbacks in the workers of a pool, for pages that were fetched here; `async def` ones on the loop."""

    def __init__(self, spider: Spider, pool: Pool, **options: Any) -> None:
        super().__init__(spider, **options)
        self._remote = RemoteParse(spider, pool)

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Outcome:
        return await self._remote.call(callback, argument, kwargs), None

    def release(self, results: Results) -> None:
        """What `results` holds was handled."""
        self._remote.release(results)


class _Given:
    """What a callback has given so far. `count` counts its items: whether one is the last that is wanted."""

    def __init__(self, count: Callable[[], bool] | None) -> None:
        self._count = count
        self._has_enough = False
        self.items: list[Any] = []  # of which some may be taken before the callback ends
        self.requests: list[Request | Links] = []

    def add(self, items: list[Any], requests: list[Request | Links]) -> bool:
        """Take more; whether these items have been enough."""
        self.requests += requests
        if self._count is None:
            self.items += items
            return False
        for each in () if self._has_enough else items:
            self.items.append(each)
            if self._count():
                self._has_enough = True
                return True
        return False

    async def give(self, early: Taker | None) -> None:
        """Let `early`, if there is somebody, take the items."""
        if early is not None and self.items and len(self.items) >= early.due:
            taking = early.take(self.items)
            if taking is not None:
                await taking


def _portable(argument: Response | Failure) -> Response | Failure:
    """What a callback is called with, so that it can be pickled."""
    return replace(argument, error=sendable_error(argument.error)) if isinstance(argument, Failure) else argument


async def _packed(value: Any, page: object) -> bytes:
    """A value with a `page` in it as bytes."""
    size = len(page.body) if isinstance(page, Response) else 0
    if size > LARGE:
        return await asyncio.to_thread(pickle.dumps, value, pickle.HIGHEST_PROTOCOL)
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
