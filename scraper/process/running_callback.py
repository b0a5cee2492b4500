"""What the engine and an executor tell each other about an asynchronous callback while it runs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Protocol

from scraper.errors import CrawlStopped

count_yielded: ContextVar[Callable[[], bool] | None] = ContextVar("count_yielded", default=None)
"""Called for each item that an asynchronous generator yields: whether it is the last that is wanted."""


class Taker(Protocol):
    """Takes the items of an asynchronous generator while that runs."""

    @property
    def due(self) -> int:
        """How many items there are to be before `take` is called; this changes with each call."""
        ...

    def take(self, items: list[Any], /) -> Awaitable[None] | None:
        """Take what is in `items` out of it, now or as soon as the callback waits for something.

        What is returned, if anything, is to be awaited before the callback goes on: there are too many items. It
        raises `CrawlStopped` if no more can be taken.
        """
        ...


taker: ContextVar[Taker | None] = ContextVar("taker", default=None)
"""Who takes the items of the callback that runs in the task at hand; None if they are to wait for its end."""


class RunningCallback:
    """A callback that `deadline` ends, and that the stop of the crawl may end earlier: `stopped` is why it did."""

    def __init__(self, deadline: asyncio.Timeout) -> None:
        self._deadline = deadline
        self._left: float | None = None  # seconds before the deadline, once it is over that others hold it up
        self._is_held = False
        self.stopped: CrawlStopped | None = None

    def stop(self, reason: str, *, within: float) -> None:
        """Cancel the callback in `within` seconds, unless it ends by itself before. The first call counts."""
        if self.stopped is not None:
            return
        if self._is_held:
            if self._left is None or within < self._left:
                self._left, self.stopped = within, CrawlStopped(reason)
            return
        due, last = asyncio.get_running_loop().time() + within, self._deadline.when()
        if last is None or due < last:
            with suppress(RuntimeError):  # it is over already
                self._deadline.reschedule(due)
                self.stopped = CrawlStopped(reason)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Meanwhile the callback waits for others, who take its items: that is not its time, and nothing ends it."""
        clock, last = asyncio.get_running_loop().time, self._deadline.when()
        self._left = None if last is None else last - clock()
        self._is_held = True
        with suppress(RuntimeError):  # it is over already
            self._deadline.reschedule(None)
        try:
            yield
        finally:
            self._is_held = False
            if self._left is not None:
                with suppress(RuntimeError):
                    self._deadline.reschedule(clock() + self._left)


running_callback: ContextVar[RunningCallback | None] = ContextVar("running_callback", default=None)
"""The asynchronous callback that the task at hand, and those that it has started, belong to."""
