"""What a crawl starts from: whatever the spider's `start()` gives, taken as it is needed."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from scraper.engine.accounting import Totals
from scraper.engine.pages import Pages
from scraper.engine.slots import Slots
from scraper.errors import CloseSpider, CrawlStopped, SpiderError
from scraper.http.request import Links, Request
from scraper.items.copies import copied
from scraper.items.item_types import is_item
from scraper.process.exits import end_of, stop_of
from scraper.process.stacks import definition_of, is_cancelled, line_at, users_line_of
from scraper.protocols import Fault, Results
from scraper.spider import Spider

AHEAD = 1_000  # requests that may wait before the spider is asked for more
AHEAD_OF_IDLE = 50_000  # while workers are idle, as none of those that wait may be sent
STEP = 100  # start requests that are taken for idle workers before these look again


class Seeder:
    """Takes the spider's first requests, as long as few of them wait; `stop` is called if it says enough."""

    def __init__(
        self, spider: Spider, slots: Slots, pages: Pages, totals: Totals, *, stop: Callable[[str], None]
    ) -> None:
        self._spider = spider
        self._slots = slots
        self._pages = pages
        self._totals = totals
        self._stop = stop
        self._most = AHEAD
        self._room = asyncio.Event()
        self._is_closed = False
        self.has_ended = False

    async def run(self) -> None:
        """Ask until there is no more, from the beginning: what an earlier process took is passed over."""
        before = self._totals.seeds
        if before.has_ended:
            self.has_ended = True
            return
        number = 0
        try:
            async with aclosing(stream(self._spider, f"{type(self._spider).__name__}.start")) as found:
                async for each in found:
                    number += 1
                    await self._pages.take_seed(each, is_again=number <= before.taken)
                    if self._slots.ahead >= self._most:
                        self._room.clear()
                        await self._room.wait()
                    if self._is_closed:
                        return
            self._totals.end_seeds()
        except (CloseSpider, CrawlStopped) as error:
            self._totals.end_early(error)
        finally:
            self.has_ended = True

    def skip(self) -> None:
        """Another machine has taken all there is."""
        self.has_ended = True

    def look(self) -> None:
        """Requests have left the frontier, or are left in it: there may be room for more."""
        if self._slots.ahead < AHEAD:
            self._most = AHEAD
            self._room.set()

    def hurry(self) -> None:
        """Workers are idle: those that wait are for slow hosts, and behind them may come requests for others."""
        if AHEAD <= self._slots.ahead < AHEAD_OF_IDLE:
            self._most = self._slots.ahead + STEP
            self._room.set()

    def close(self) -> None:
        """Ask for no more."""
        self._is_closed = True
        self._room.set()


async def stream(spider: Spider, where: str) -> AsyncGenerator[Results, None]:
    """Each thing that `start()` gives; what it raises is the last, but `CloseSpider` and `CrawlStopped` are raised."""
    start: Any = None
    try:
        start = spider.start()
        async for each in given(start, where):
            yield _result(each, where, start, type(spider))
    except (CloseSpider, GeneratorExit):
        raise
    except (KeyboardInterrupt, SystemExit) as error:
        raise end_of(error, where) from error
    except BaseException as error:
        if is_cancelled(error):
            raise
        if (stop := stop_of(error)) is not None:
            raise stop from None
        line = users_line_of(error, type(spider)) or _definition(type(spider))
        yield Results(error=error, where=where, line=line)


async def given(start: Any, where: str) -> AsyncGenerator[Any, None]:
    """What `start()` returned, one by one: an asynchronous generator, but a plain one or a list will do."""
    if inspect.isawaitable(start):
        start = await start
    if hasattr(start, "__aiter__"):
        async for each in start:
            yield each
    elif hasattr(start, "__iter__"):
        for each in start:
            yield each
    else:
        raise SpiderError(f"{where} must be a generator: `async def start(self): yield Request(…)`")


def _result(each: Any, where: str, start: object, kind: type[Spider]) -> Results:
    """One thing that `start`, of a spider of this `kind`, gave."""
    if isinstance(each, Request | Links):
        return Results(requests=[each], where=where)
    try:
        if is_item(each):
            return Results(items=[copied(each)], where=where)
        problem = f"gave {each!r:.60}: it gives requests, and items if there are any"
    except Exception as error:  # a class may have a say in how it is copied
        problem = f"gave {each!r:.60}, which cannot be copied: {type(error).__name__}: {error}"
    fault = Fault(SpiderError(f"{where} {problem}"), line_at(start) or _definition(kind))
    return Results(faults=[fault], where=where)


def _definition(kind: type[Spider]) -> str:
    return definition_of(kind, "start" if kind.start is not Spider.start else "start_requests")
