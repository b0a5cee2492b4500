"""What a callback makes of one page: its items, through the pipelines, and its requests, as a crawl would take them."""

import time
from dataclasses import dataclass
from typing import Any

from scraper.engine.stages import Stages
from scraper.errors import FetchError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.parsing.callbacks import where
from scraper.protocols import Fault
from scraper.spider import Spider
from scraper.verdict import Refuse
from scraper.views.formatting import told


@dataclass(frozen=True, slots=True)
class PageItem:
    """An item that a callback gave, as the pipelines left it.

    `problem` tells why they dropped it; it `is_broken` if one of them raised.
    """

    item: Any
    problem: str = ""
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request that a callback gave; `problem` tells why a crawl would not send it."""

    request: Request
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """What a page gave to the callback `where` (`Books.parse`).

    `error` is what the callback raised in `line` (`file:line`), or the `FetchError` of a page that could not be
    fetched; its `status` is 0 then. `faults` are things that it gave and that nothing can be made of.
    """

    url: str
    status: int
    depth: int
    where: str
    items: tuple[PageItem, ...] = ()
    requests: tuple[PageRequest, ...] = ()
    error: BaseException | None = None
    line: str = ""
    faults: tuple[Fault, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Whether it could not be fetched, or its callback or a pipeline made a mistake."""
        return self.error is not None or bool(self.faults) or any(each.is_broken for each in self.items)

    @property
    def problems(self) -> list[Fault]:
        """The faults, and then the error."""
        return [*self.faults, *([] if self.error is None else [Fault(self.error, self.line)])]


class PageParser:
    """Parses pages by the `stages` of a crawl of `spider`; nothing goes to its frontier and sinks."""

    def __init__(self, spider: Spider, stages: Stages) -> None:
        self._spider = spider
        self._stages = stages

    async def parse(self, response: Response) -> ParsedPage:
        """What the callback of the response's request makes of it, and the pipelines of that."""
        request = response.request
        callback = str(request.callback or "parse")
        results = await self._stages.parse(callback, response, request.cb_kwargs)
        found = [each for some in results.requests for each in (some if isinstance(some, Links) else (some,))]
        return ParsedPage(
            response.url,
            response.status,
            request.depth,
            where(self._spider, callback),
            items=tuple([await self._refined(item) for item in results.items]),
            requests=tuple(self._judged(each, request) for each in found),
            error=results.error,
            line=results.line,
            faults=tuple(results.faults),
        )

    def failed(self, request: Request, error: FetchError) -> ParsedPage:
        """The page of a request that has no answer."""
        called = where(self._spider, str(request.callback or "parse"))
        return ParsedPage(error.url, 0, request.depth, called, error=error)

    async def _refined(self, item: Any) -> PageItem:
        if self._stages.refine is None:
            return PageItem(item)
        refined = await self._stages.refine([item])
        refined.settle()
        if not refined.dropped:
            return PageItem(refined.kept[0])
        dropped, reason = refined.dropped[0]
        broke = [f"{place} at {line}: {told(error)}" for place, line, error in refined.errors]
        return PageItem(dropped, broke[0] if broke else reason, is_broken=bool(broke))

    def _judged(self, request: Request, parent: Request) -> PageRequest:
        """A request as a crawl would take it, and why it would not."""
        if request.depth == 0:
            request = request.replace(depth=parent.depth + 1)
        name = str(request.callback or "parse")
        if not callable(getattr(self._spider, name, None)):
            return PageRequest(request, f"{type(self._spider).__name__} has no method {name!r}")
        for limit in self._stages.admission:
            verdict = limit.judge(request, time.monotonic())
            if isinstance(verdict, Refuse):
                return PageRequest(request, verdict.reason)
        return PageRequest(request)
