"""An open crawl that starts from nothing, and fetches and parses the pages that it is asked for, one by one.

It is a crawl like any other, with the spider's limits, middlewares, policies and callbacks, opened by `Crawl` and
driven by the engine. Only its `start()` differs: it gives no request, and ends when the inspection is closed. Nothing
is written: items go to whoever asked, no job is kept, and no cookies are saved.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from msgspec import structs

from scraper.crawling.crawl import Crawl
from scraper.crawling.parsed_page import PageParser, ParsedPage
from scraper.crawling.spider_lifecycle import blame, with_start
from scraper.engine.seeds import given
from scraper.engine.stages import Stages, Tap
from scraper.errors import CrawlStopped, FetchError, Reason, ScraperError, SpiderError, http_status
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Observer
from scraper.settings.schema import Settings, StopAfter
from scraper.sinks.memory import Collect
from scraper.spider import Spider
from scraper.urls import site


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
        self._answers = _Answers()
        super().__init__(
            with_start(spider, lambda _: self._wait(), **({} if has_pipelines else {"pipelines": ()})),
            _for_pages(settings, accepted),
            arguments=arguments,
            observers=observers,
            sinks=[Collect()],
            tap=self._answers,
        )
        if not has_pipelines:
            self.spider.pipelines = ()  # those that the spider gives itself as it is made
        self._kind = spider
        self._begun = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def sent(self) -> Request | None:
        """The last request that was answered, as it went to the server: with cookies, say."""
        return self._answers.sent

    @property
    def _stages(self) -> Stages:
        return self._answers.stages

    @property
    def _parser(self) -> PageParser:
        return PageParser(self.spider, self._stages)

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
        Raises `FetchError` if there is no answer, or one with an error status that is not accepted, and `SpiderError`
        when the spider has ended the crawl.
        """
        assert self._engine is not None
        if request.depth == 0 and self._stages.named is not None:
            self._stages.named(request.url)
        try:
            return await self._engine.fetch(request)
        except CrawlStopped as stop:
            raise SpiderError(f"{request!r} cannot be fetched: the crawl was stopped ({stop.reason})") from None
        except FetchError as error:
            if error.reason != Reason.ROBOTS_UNREACHABLE:
                raise
            raise FetchError(
                error.reason, error.url, f"its robots.txt: {self._answers.by_site.get(site(error.url))}"
            ) from None

    async def parse(self, response: Response) -> ParsedPage:
        """What the callback of the response's request makes of it, and the pipelines of that."""
        return await self._parser.parse(response)

    async def walk(self, start: Response, *, depth: int = 1) -> AsyncIterator[ParsedPage]:
        """The page `start`, and those that it leads to: `depth` levels of pages in all, each page once."""
        identity = self._stages.identity
        seen, places = {identity(start.request)}, asyncio.Semaphore(self.settings.engine.concurrency)

        async def visit(request: Request) -> ParsedPage:
            async with places:
                return await self._visit(request)

        pages: Sequence[ParsedPage] = [await self.parse(start)]
        for level in range(depth):
            for page in pages:
                yield page
            if level + 1 < depth:
                found = [each.request for page in pages for each in page.requests if not each.problem]
                following = {key: each for each in found if (key := identity(each)) not in seen}
                seen.update(following)
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
            raise blame(name, error) from error
        return "parse"

    async def _visit(self, request: Request) -> ParsedPage:
        try:
            return await self.parse(await self.fetch(request))
        except FetchError as error:
            return self._parser.failed(request, error)

    # The crawl.

    async def _wait(self) -> list[Any]:
        """What the crawl starts with: nothing, until the inspection is closed."""
        self._begun.set()
        await self._closing.wait()
        return []

    async def _cancel(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


class _Answers(Tap):
    """Notes how each request was answered: `by_site` how the last one of a site was, `sent` what was sent last."""

    stages: Stages

    def __init__(self) -> None:
        self.by_site: dict[str, str] = {}
        self.sent: Request | None = None

    def fit_stages(self, stages: Stages) -> Stages:
        """`stages`, whose answers are noted."""

        async def fetch(request: Request) -> Response:
            try:
                response = await stages.fetch(request)
            except FetchError as error:
                self.by_site[site(request.url)] = error.reason
                raise
            self.sent = response.request
            self.by_site[site(request.url)] = http_status(response.status)
            return response

        self.stages = structs.replace(stages, fetch=fetch)
        return self.stages


def _for_pages(settings: Settings, accepted: Collection[int]) -> Settings:
    """`settings` for single pages: callbacks run here, nothing ends the crawl but its user, and it saves nothing."""
    statuses = tuple({*settings.network.accept_statuses, *accepted})
    executor = "thread" if settings.parsing.executor == "process" else settings.parsing.executor
    return structs.replace(
        settings,
        engine=structs.replace(settings.engine, stop_after=StopAfter(), processes=1),
        limits=structs.replace(settings.limits, park_after=0),  # who asks again means it
        network=structs.replace(settings.network, accept_statuses=statuses, save_cookies=None),
        parsing=structs.replace(settings.parsing, executor=executor),
    )
