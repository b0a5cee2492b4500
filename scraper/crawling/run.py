"""Ways to run a crawl: in the running event loop, in a new one, item by item; and what Ctrl-C does."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from types import FrameType
from typing import Any

from scraper.crawling.crawl import Crawl
from scraper.crawling.result import INTERRUPTED, Result
from scraper.errors import SpiderError
from scraper.process import standard_streams
from scraper.process.event_loop import loop_factory
from scraper.settings.schema import Settings
from scraper.sinks.memory import HandOver
from scraper.spider import Spider
from scraper.views.log import Log


async def crawl(
    spider: Spider | type[Spider], settings: Settings | Mapping[str, Any] | None = None, **arguments: Any
) -> Result:
    """Crawl in the running event loop. `arguments` are the spider's.

    Items go where `[[sinks]]` of the settings say, or else into the result's `items`.
    """
    return await Crawl(spider, settings, arguments=arguments, observers=[Log()]).run()


async def stream(
    spider: Spider | type[Spider], settings: Settings | Mapping[str, Any] | None = None, **arguments: Any
) -> AsyncIterator[Any]:
    """The items of a crawl, one by one, as they come. It waits while they are not taken, and ends with the loop."""
    handover = HandOver()
    task = asyncio.create_task(Crawl(spider, settings, arguments=arguments, observers=[Log()], sinks=[handover]).run())
    task.add_done_callback(handover.close)
    try:
        async for item in handover:
            yield item
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])


def run(
    spider: Spider | type[Spider], settings: Settings | Mapping[str, Any] | None = None, **arguments: Any
) -> Result:
    """Crawl where no event loop is running. Ctrl-C ends it in good order; a second one at once.

    Raises `SpiderError` where one is running, in a notebook for example: `await crawl(…)` there.
    """
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise SpiderError("run() cannot be used where an event loop is running: use `await scraper.crawl(…)` there")
    standard_streams.fill()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(run_until_signalled(Crawl(spider, settings, arguments=arguments, observers=[Log()])))


async def run_until_signalled(crawl: Crawl, *, fresh: bool = False) -> Result:
    """Run `crawl`; the first SIGINT, SIGTERM or SIGHUP stops it in good order, a second one ends it at once.

    Raises `KeyboardInterrupt` after the second. A loop that does not even hear that, since something blocks it,
    ends with its process a second later.
    """
    loop, task, signals = asyncio.get_running_loop(), asyncio.current_task(), count(1)
    assert task is not None
    last_resort = threading.Timer(1.0, os._exit, (130,))
    last_resort.daemon = True

    def heed(number: int, frame: FrameType | None) -> None:
        match next(signals):
            case 1:
                loop.call_soon_threadsafe(crawl.stop, INTERRUPTED)
            case 2:
                last_resort.start()
                loop.call_soon_threadsafe(task.cancel)

    with _heeding(heed):
        try:
            return await crawl.run(fresh=fresh)
        except asyncio.CancelledError:
            if next(signals) <= 2:
                raise
            raise KeyboardInterrupt from None
        finally:
            last_resort.cancel()


@contextmanager
def _heeding(heed: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have the signals that end a crawl call `heed`, where that is possible: in the main thread.

    SIGHUP, a terminal's last word, stays ignored if it is, as `nohup` asks.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    before = {each: signal.signal(each, heed) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
