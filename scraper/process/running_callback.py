"""What the engine and an executor tell each other about an asynchronous callback while it runs."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar

from scraper.errors import CrawlStopped

count_yielded: ContextVar[Callable[[], bool] | None] = ContextVar("count_yielded", default=None)
"""Called for each item that an asynchronous generator yields: whether it is the last that is wanted."""


class RunningCallback:
    """A callback that `deadline` ends, and that the stop of the crawl may end earlier: `stopped` is why it did."""

    def __init__(self, deadline: asyncio.Timeout) -> None:
        self._deadline = deadline
        self.stopped: CrawlStopped | None = None

    def stop(self, reason: str, *, within: float) -> None:
        """Cancel the callback in `within` seconds, unless it ends by itself before. The first call counts."""
        if self.stopped is not None:
            return
        due, last = asyncio.get_running_loop().time() + within, self._deadline.when()
        if last is None or due < last:
            with suppress(RuntimeError):  # it is over already
                self._deadline.reschedule(due)
                self.stopped = CrawlStopped(reason)


running_callback: ContextVar[RunningCallback | None] = ContextVar("running_callback", default=None)
"""The asynchronous callback that the task at hand, and those that it has started, belong to."""
