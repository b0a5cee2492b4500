"""What a crawl starts from: whatever the spider's `start()` gives, as a stream of results."""

import inspect
from collections.abc import AsyncGenerator
from typing import Any

from scraper.blame import is_cancelled, line_of
from scraper.errors import CloseSpider, SpiderError
from scraper.item import is_item
from scraper.protocols import Results
from scraper.request import Request
from scraper.response import Links
from scraper.spider import Spider


async def stream(spider: Spider, where: str) -> AsyncGenerator[Results, None]:
    """Each thing that `start()` gives; what it raises is the last. Raises `CloseSpider` if that does."""
    try:
        async for each in _given(spider.start(), where):
            yield _result(each, where)
    except (CloseSpider, GeneratorExit):
        raise
    except (KeyboardInterrupt, SystemExit) as error:
        raise CloseSpider(f"{type(error).__name__} in {where}") from error
    except BaseException as error:
        if is_cancelled(error):
            raise
        yield Results(error=error, where=where, line=line_of(error))


async def _given(start: Any, where: str) -> AsyncGenerator[Any, None]:
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


def _result(each: Any, where: str) -> Results:
    if isinstance(each, Request | Links):
        return Results(requests=[each], where=where)
    if is_item(each):
        return Results(items=[each], where=where)
    raise SpiderError(f"{where} gave {each!r:.60}: it gives requests, and items if there are any")
