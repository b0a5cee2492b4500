"""A crawl at hand: it starts from nothing, and fetches and parses what it is asked to, page by page.

It is a crawl like any other, with the spider's limits, middlewares, policies and callbacks, opened by `Crawl` and
driven by the engine. Only its `start()` differs: it gives no request, and ends when the inspection is closed. Nothing
is written: items go to whoever asked, no job is kept, and no cookies are saved.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from scraper.crawling.crawl import Crawl
from scraper.engine.seeds import given
from scraper.engine.stages import Stages
from scraper.errors import FetchError, Reason, ScraperError, SpiderError, http_status
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.parsing.callbacks import where
from scraper.process.stacks import line_of
from scraper.protocols import Fault, Fetch, Observer
from scraper.settings.schema import Settings, StopAfter
from scraper.sinks.memory import Collect
from scraper.spider import Spider
from scraper.urls import site
from scraper.verdict import Refuse
from scraper.views.formatting import told


@dataclass(frozen=True, slots=True)
class Taken:
    """An item that a callback gave, as the pipelines left it.

    `problem` tells why they dropped it; it `is_broken` if one of them raised.
    """

    item: Any
    problem: str = ""
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class Lead:
    """A request that a callback gave; `problem` tells why a crawl would not send it."""

    request: Request
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a page gave to the callback `where` (`Books.parse`).

    `error` is what the callback raised in `line` (`file:line`), or the `FetchError` of a page without an answer; its
    `status` is 0 then. `faults` are things that it gave and that nothing can be made of.
    """

    url: str
    status: int
    depth: int
    where: str
    items: tuple[Taken, ...] = ()
    leads: tuple[Lead, ...] = ()
    error: BaseException | None = None
    line: str = ""
    faults: tuple[Fault, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Whether it was not answered, or its callback or a pipeline made a mistake."""
        return self.error is not None or bool(self.faults) or any(taken.is_broken for taken in self.items)

    @property
    def problems(self) -> list[Fault]:
        """The faults, and then the error."""
        return [*self.faults, *([] if self.error is None else [Fault(self.error, self.line)])]


class Inspection(Crawl):
    """What a spider makes of single pages; open while its context is.

    Answers of the statuses `accepted` are delivered as well. The spider's own pipelines are left out unless it
    `has_pipelines`: they may write to places that a glance at a page should not reach. Entering raises as
    `Crawl.run` does. Callbacks run in this process, and `[engine] stop_after` is not heeded.
    """

    def __init__(
        self,
        spider: type[Spider],
        settings: Settings,
        *,
        arguments: Mapping[str, Any] | None = None,
        observers: Iterable[Observer] = (),
        accepted: Collection[int] = (),
        has_pipelines: bool = False,
    ) -> None:
        self._look = _Look()
        super().__init__(
            _waiting(spider, self._wait, {} if has_pipelines else {"pipelines": ()}),
            _for_pages(settings, accepted),
            arguments=arguments,
            observers=observers,
            sinks=[Collect()],
            tap=self._look,
        )
        if not has_pipelines:
            self.spider.pipelines = ()  # those that the spider gives itself as it is made
        self._kind = spider
        self._begun = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def sent(self) -> Request | None:
        """The last request that was answered, as it went to the server: with cookies, say."""
        return self._look.sent

    @property
    def _stages(self) -> Stages:
        return self._look.stages

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run())
        begun = asyncio.create_task(self._begun.wait())
        try:
            await asyncio.wait((self._task, begun), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._cancel()
            raise
        finally:
            begun.cancel()
        if self._task.done():
            self._task.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            await self._cancel()
        else:
            self._closing.set()
            await self._task

    # Pages.

    async def fetch(self, request: Request) -> Response:
        """The answer to `request`, through all limits, middlewares and policies of the spider.

        The user named the host of one that no page led to (its `depth` is 0): it may be reached wherever it is.
        Raises `FetchError` if there is no answer, or one with an error status that is not accepted.
        """
        assert self._engine is not None
        if request.depth == 0 and self._stages.named is not None:
            self._stages.named(request.url)
        try:
            return await self._engine.fetch(request)
        except FetchError as error:
            if error.reason != Reason.ROBOTS_UNREACHABLE:
                raise
            raise FetchError(
                error.reason, error.url, f"its robots.txt: {self._look.last.get(site(error.url))}"
            ) from None

    async def parse(self, response: Response) -> Parsed:
        """What the callback of the response's request makes of it, and the pipelines of that."""
        request = response.request
        callback = str(request.callback or "parse")
        results = await self._stages.parse(callback, response, request.cb_kwargs)
        found = [each for some in results.requests for each in (some if isinstance(some, Links) else (some,))]
        return Parsed(
            response.url,
            response.status,
            request.depth,
            where(self.spider, callback),
            items=tuple([await self._refined(item) for item in results.items]),
            leads=tuple(self._lead(each, request) for each in found),
            error=results.error,
            line=results.line,
            faults=tuple(results.faults),
        )

    async def walk(self, start: Response, *, depth: int = 1) -> AsyncIterator[Parsed]:
        """The page `start`, and those that it leads to: `depth` levels of pages in all, each page once."""
        identity = self._stages.identity
        met, places = {identity(start.request)}, asyncio.Semaphore(self.settings.engine.concurrency)

        async def visit(request: Request) -> Parsed:
            async with places:
                return await self._visit(request)

        pages: Sequence[Parsed] = [await self.parse(start)]
        for level in range(depth):
            for page in pages:
                yield page
            if level + 1 < depth:
                leads = [lead.request for page in pages for lead in page.leads if not lead.problem]
                following = {key: each for each in leads if (key := identity(each)) not in met}
                met.update(following)
                pages = await asyncio.gather(*map(visit, following.values()))

    async def start_callback(self) -> str:
        """The name of the callback that the spider's first request is for. Raises `SpiderError` if `start()` does."""
        if self._kind.start is Spider.start and not hasattr(self._kind, "start_requests"):
            return "parse"
        name = f"{self._kind.__name__}.start"
        try:
            async with aclosing(given(self._kind.start(self.spider), name)) as found:
                async for each in found:
                    if isinstance(each, Request):
                        return str(each.callback or "parse")
        except ScraperError:
            raise
        except Exception as error:
            raise SpiderError(f"{name} raised {type(error).__name__}: {error} ({line_of(error)})") from error
        return "parse"

    async def _visit(self, request: Request) -> Parsed:
        try:
            return await self.parse(await self.fetch(request))
        except FetchError as error:
            called = where(self.spider, str(request.callback or "parse"))
            return Parsed(error.url, 0, request.depth, called, error=error)

    async def _refined(self, item: Any) -> Taken:
        if self._stages.refine is None:
            return Taken(item)
        refined = await self._stages.refine([item])
        refined.settle()
        if not refined.dropped:
            return Taken(refined.kept[0])
        dropped, reason = refined.dropped[0]
        broke = [f"{place} at {line}: {told(error)}" for place, line, error in refined.errors]
        return Taken(dropped, broke[0] if broke else reason, is_broken=bool(broke))

    def _lead(self, request: Request, parent: Request) -> Lead:
        """A request as a crawl would take it, and what it would have against it."""
        if request.depth == 0:
            request = request.replace(depth=parent.depth + 1)
        name = str(request.callback or "parse")
        if not callable(getattr(self.spider, name, None)):
            return Lead(request, f"{type(self.spider).__name__} has no method {name!r}")
        for limit in self._stages.admission:
            verdict = limit.judge(request, time.monotonic())
            if isinstance(verdict, Refuse):
                return Lead(request, verdict.reason)
        return Lead(request)

    # The crawl.

    async def _wait(self) -> None:
        """What the crawl starts with: nothing, until the inspection is closed."""
        self._begun.set()
        await self._closing.wait()

    async def _cancel(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


class _Look:
    """Has a look at a crawl: at its stages, and at what comes of each request."""

    stages: Stages

    def __init__(self) -> None:
        self.last: dict[str, str] = {}  # by site, how it answered
        self.sent: Request | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        """The answer to `request`."""
        return await fetch(request)

    def fit(self, stages: Stages) -> Stages:
        """`stages`, whose answers are noted."""

        async def fetch(request: Request) -> Response:
            try:
                response = await stages.fetch(request)
            except FetchError as error:
                self.last[site(request.url)] = error.reason
                raise
            self.sent = response.request
            self.last[site(request.url)] = http_status(response.status)
            return response

        self.stages = replace(stages, fetch=fetch)
        return self.stages


def _waiting(spider: type[Spider], wait: Callable[[], Awaitable[None]], others: Mapping[str, Any]) -> type[Spider]:
    """The class `spider` with a `start()` that waits, and with the attributes `others`."""

    async def start(self: Spider) -> list[Any]:
        await wait()
        return []

    own = {"start": start, "__module__": spider.__module__, "__doc__": spider.__doc__}
    kind: type[Spider] = type(spider.__name__, (spider,), {**own, **others})
    return kind


def _for_pages(settings: Settings, accepted: Collection[int]) -> Settings:
    """`settings` for single pages: callbacks run here, nothing ends the crawl but its user, and it saves nothing."""
    statuses = tuple({*settings.network.accept_statuses, *accepted})
    executor = "thread" if settings.parsing.executor == "process" else settings.parsing.executor
    return settings.model_copy(
        update={
            "engine": settings.engine.model_copy(update={"stop_after": StopAfter()}),
            "limits": settings.limits.model_copy(update={"park_after": 0}),  # who asks again means it
            "network": settings.network.model_copy(update={"accept_statuses": statuses, "save_cookies": None}),
            "parsing": settings.parsing.model_copy(update={"executor": executor}),
        }
    )
