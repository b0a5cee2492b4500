"""What runs in a worker process: it fetches pages, calls the spider's methods, and tells its owner what came of it.

It ends when its owner closes the channel, or is no more; Ctrl-C is the owner's to hear. A callback that does not end,
though its time is over, ends the process: see `heart`.
"""

import asyncio
import os
import pickle
import random
import socket
import traceback
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

from scraper.engine.engine import GRACE
from scraper.engine.items.early import AtOnce
from scraper.engine.workload import most_pages
from scraper.errors import CrawlStopped, FetchError, SpiderError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.limits import Directives
from scraper.network import Guard, open_wire, policies
from scraper.parsing import bounds, callbacks
from scraper.parsing.parse_thread import Thread
from scraper.process import standard_streams
from scraper.process.crash_marks import marks_at
from scraper.process.event_loop import loop_factory
from scraper.process.garbage import calm_collector
from scraper.process.parent import end_with_parent
from scraper.process.running_callback import count_yielded, running_callback, taker
from scraper.process.signals import leave_to_parent
from scraper.protocols import Attempts, Fetch, Policy, Results, Sending, sending
from scraper.spider import Failure, Spider
from scraper.verdict import Deliver, Permits
from scraper.workers.channel import Channel, Kind
from scraper.workers.duties import Duties
from scraper.workers.heart import Heart
from scraper.workers.known_links import KnownLinks
from scraper.workers.messages import FetchOrder, packed_call, packed_part, packed_results, parts, unpacked_order
from scraper.workers.no_state import NoState
from scraper.workers.remote_page import Head
from scraper.workers.reports import ToldHardPages, leave_handlers, report_logs, report_prints, watchdog

_order: ContextVar[int | None] = ContextVar("order", default=None)
"""The order that the running callback belongs to."""


def main(descriptor: int) -> None:
    """Work for the process at the other end of the socket `descriptor`, until that closes it."""
    leave_to_parent()
    standard_streams.fill()
    with socket.socket(fileno=descriptor) as own, asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(own))


async def _serve(own: socket.socket) -> None:
    worker = Worker()
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: worker.channel, sock=own)
    duties = await worker.duties
    end_with_parent(duties.parent)
    async with AsyncExitStack() as stack:
        try:
            await worker.open(stack, duties)
        except SpiderError as error:
            worker.channel.send(Kind.BROKEN, 0, str(error).encode())
        else:
            calm_collector(duties.settings.engine.concurrency)
            worker.channel.send(Kind.READY)
            await worker.closed.wait()
        await worker.end()
    worker.channel.close()


class Worker:
    """Does what comes over `channel`: first `duties`, then orders until it is `closed`."""

    _fetch: Fetch
    _is_generator: Callable[[str], bool]
    _policies: tuple[Policy, ...]
    _parse: Thread
    _spider: Spider

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.channel = Channel(self._hear, self._lost)
        self.duties: asyncio.Future[Duties] = loop.create_future()
        self.closed = asyncio.Event()
        self._guard = Guard()
        self._kept: dict[int, Response] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._taken: dict[int, asyncio.Future[None]] = {}
        self._enough: set[int] = set()
        self._calls = count()
        self._answers: dict[int, asyncio.Future[Response]] = {}
        self._directives: Directives | None = None

    async def open(self, stack: AsyncExitStack, duties: Duties) -> None:
        """Open all that is needed. Raises `SpiderError` if the spider cannot be loaded."""
        settings = duties.settings
        report_logs(self.channel, duties.log_levels)
        stack.enter_context(report_prints(self.channel))
        spider = self._spider = await _loaded(stack, duties)
        leave_handlers(self.channel)
        self._is_generator = cache(partial(callbacks.is_asynchronous_generator, spider))
        spider._fetch = self._ask
        spider.state = NoState()
        statuses = frozenset(spider.handle_httpstatus_list)
        if duties.fetches:
            self._guard = Guard(settings.network.allow_addresses)
            for host in duties.hosts:
                self._guard.name(host)
            wire = open_wire(settings.network, accept_statuses=statuses, guard=self._guard)
            self._fetch = await stack.enter_async_context(wire)
            self._policies = policies(settings.network, accept_statuses=statuses, rng=random.Random())
        if settings.limits.robots_meta:
            self._directives = Directives(settings.network.user_agent)
        may_call = partial(_has_method, spider)
        self._known = KnownLinks(may_call, max_links=settings.limits.max_links) if duties.filters_links else None
        await stack.enter_async_context(watchdog(self.channel))
        marks = marks_at(Path(duties.marks))
        stack.callback(marks.close)
        self._parse = await stack.enter_async_context(
            Thread(
                spider,
                **bounds(settings.parsing),
                marks=marks,
                hard=ToldHardPages(self.channel),
                batch=most_pages(settings.engine),
                give_up=partial(os._exit, 1),
            )
        )
        stack.enter_context(Heart(settings.parsing.timeout))

    async def end(self) -> None:
        """Let go of what was begun."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _lost(self) -> None:
        """The owner is no more, or has closed the channel: nobody needs what this process does."""
        if not self.closed.is_set():
            os._exit(0)

    # Orders.

    def _hear(self, kind: Kind, number: int, content: bytes) -> None:
        match kind:
            case Kind.FETCH:
                self._start(number, self._fetch_page(number, unpacked_order(content)))
            case Kind.PARSE | Kind.CALL:
                self._start(number, self._call_again(number, kind, content))
            case Kind.FORGET:
                self._forget(number)
            case Kind.ANSWER:
                self._take_answer(*pickle.loads(content))  # noqa: S301 -- from our own parent process
            case Kind.TAKEN:
                self._go_on(number)
            case Kind.ENOUGH:
                self._enough.add(number)
            case _:
                self._hear_about_all(kind, number, content)

    def _hear_about_all(self, kind: Kind, number: int, content: bytes) -> None:
        """What is about no order."""
        match kind:
            case Kind.RELEASE:
                self._parse.release(Results(weight=number))
            case Kind.NAME:
                self._guard.name(content.decode())
            case Kind.CLOSE:
                self.closed.set()
            case Kind.BEGIN:
                self.duties.set_result(pickle.loads(content))  # noqa: S301 -- from our own parent process

    def _start(self, number: int, work: Any) -> None:
        task = self._tasks[number] = asyncio.create_task(work)
        task.add_done_callback(partial(self._ended, number))

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(number) is task:
            del self._tasks[number]
        self._enough.discard(number)
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)  # a mistake of ours; the owner asks for the page again
            os._exit(1)

    def _forget(self, number: int) -> None:
        page = self._kept.pop(number, None)
        if (task := self._tasks.get(number)) is not None:
            task.cancel()
        elif page is not None and page.request.stream:
            self._start(number, page.aclose())

    async def _fetch_page(self, number: int, order: FetchOrder) -> None:
        """Fetch a page, tell of it, and call its callback if that is known already."""
        asked, duties = order.request, self.duties.result()
        attempts = Attempts(order.retries, order.hops)
        sending.set(Sending(asked, attempts, order.is_page, partial(self.channel.send, Kind.ON_WIRE, number)))
        try:
            sent = asked if order.headers is None else asked.replace(headers=order.headers)
            page = await self._fetch(sent)
        except FetchError as error:
            self.channel.tell(Kind.NO_ANSWER, number, error)
            return
        page.request, page.history = asked, order.hops
        is_delivered = order.is_page and self._is_delivered(page, attempts)
        is_called = is_delivered and duties.is_called_at_once
        is_kept = is_delivered and (not is_called or asked.errback is not None)
        permits = self._permits(page) if order.is_page else None
        self.channel.tell(
            Kind.HEAD,
            number,
            Head(
                url=page.url,
                status=page.status,
                headers=tuple(page.headers.items()),
                flags=page.flags,
                size=page.size,
                body=page.body if duties.needs_bodies or not (is_called or is_kept) else b"",
                permits=permits,
                is_called=is_called,
                is_kept=is_kept,
            ),
        )
        if is_kept:
            self._kept[number] = page
        if is_called:
            name = str(asked.callback or "parse")
            await self._call(number, name, page, asked.cb_kwargs, permits)
        if asked.stream and not is_kept:
            await page.aclose()

    def _is_delivered(self, page: Response, attempts: Attempts) -> bool:
        """Whether the owner is going to have a page's callback called: its policies decide as these do."""
        for policy in self._policies:
            sequel = policy(page.request, page, attempts)
            if sequel is not None:
                return isinstance(sequel, Deliver)
        return True

    async def _call_again(self, number: int, kind: Kind, content: bytes) -> None:
        """Call a method of the spider, for a page that was kept here or one that comes with the order."""
        order = pickle.loads(content)  # noqa: S301 -- from our own parent process
        if kind is Kind.CALL:
            name, argument, kwargs = order
            page = argument.response if isinstance(argument, Failure) else argument
        else:
            name, request, kwargs, history, error = order
            page = self._kept[number]
            page.request, page.history = request, history
            argument = page if error is None else Failure(request, error, page)
        await self._call(number, name, argument, kwargs, self._permits(page) if page is not None else None)

    # Callbacks.

    def _permits(self, page: Response) -> Permits | None:
        """What a page asks of crawlers, if that is to be obeyed."""
        return self._directives(page) if self._directives is not None else None

    async def _call(
        self, number: int, name: str, argument: Any, kwargs: dict[str, Any], permits: Permits | None
    ) -> None:
        """Call the spider's method `name` for a page with these `permits`, and tell what it gave."""
        _order.set(number)
        early, unsent = None, Results(where=callbacks.where(self._spider, name))
        if self._is_generator(name):
            count_yielded.set(lambda: number in self._enough)
            if self.duties.result().takes_early:
                early = AtOnce(_Items(self, number, unsent), None, argument.request.url)
                taker.set(early)
        try:
            results = await self._parse(name, argument, kwargs)
            if early is not None:
                await early.end()
        finally:
            if early is not None:
                early.close()
        results.faults += unsent.faults
        if self._known is not None and (permits is None or permits.follow):  # or the owner takes none of them
            self._known.filter(results)
        for portion in parts(results):
            self.channel.send(Kind.PART, number, packed_part(results, *portion))
            await asyncio.sleep(0)
        self.channel.send(Kind.RESULTS, number, packed_results(results))

    def _go_on(self, number: int) -> None:
        """What a callback gave is taken."""
        taken = self._taken.pop(number, None)
        if taken is not None and not taken.done():
            taken.set_result(None)

    async def give(self, number: int, items: list[Any], unsent: Results) -> None:
        """Tell items of a callback that goes on, and wait until they are taken; what cannot be told is `unsent`."""
        content = packed_part(unsent, items, [])
        taken = self._taken[number] = asyncio.get_running_loop().create_future()
        self.channel.send(Kind.ITEMS, number, content)
        await taken

    async def _ask(self, request: Request) -> Response:
        """What `fetch()` gives: the owner has the limits, and counts."""
        number = _order.get()
        if number is None:
            raise SpiderError("fetch() works in `async def` callbacks")
        if request.stream:
            raise SpiderError(f"{request!r} is a stream, which its callback reads: yield it rather than fetch() it")
        call = next(self._calls)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answers[call] = answer
        try:
            try:
                self.channel.send(Kind.ASK, number, packed_call(call, request))
            except Exception as error:
                raise SpiderError(f"{request!r} cannot be sent to the crawl's own process: {error}") from None
            return await answer
        except CrawlStopped as stop:
            running = running_callback.get()
            if running is not None:
                running.stop(stop.reason, within=GRACE)
            raise
        finally:
            del self._answers[call]

    def _take_answer(self, call: int, answer: Response | BaseException) -> None:
        waiting = self._answers.get(call)
        if waiting is None or waiting.done():
            return
        if isinstance(answer, BaseException):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)

    def __repr__(self) -> str:
        return f"<Worker with {len(self._tasks)} orders>"


class _Items:
    """Where the items of a callback go that runs for the order `number`. Faults are noted in `unsent`."""

    def __init__(self, worker: Worker, number: int, unsent: Results) -> None:
        self._worker = worker
        self._number = number
        self._unsent = unsent

    def start(self, work: Any, context: Any) -> asyncio.Task[None]:
        """A task that does `work` in the context of a page."""
        return asyncio.get_running_loop().create_task(work, context=context)

    async def write_early(self, page: Response | None, url: str, items: list[Any]) -> None:
        """Tell `items` of a callback that goes on."""
        await self._worker.give(self._number, items, self._unsent)


async def _loaded(stack: AsyncExitStack, duties: Duties) -> Spider:
    """The spider, within its `lifespan()`. Raises `SpiderError`."""
    name = ""
    try:
        spider = duties.spider.load()
        name = f": {type(spider).__name__}.lifespan"
        await stack.enter_async_context(spider.lifespan())
    except Exception as error:
        what = str(error) if isinstance(error, SpiderError) else f"{type(error).__name__}: {error}"
        text = f"the spider cannot be loaded in a worker process{name}: {what}"
        raise SpiderError(text) from error
    return spider


def _has_method(spider: Spider, name: str) -> bool:
    return callable(getattr(spider, name, None))
