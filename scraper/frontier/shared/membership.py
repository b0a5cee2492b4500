"""This machine is a worker of a job as long as its lease is refreshed, and the store answers it."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from scraper.frontier.store import SharedStore
from scraper.protocols import Clock

BEATS = 5  # times in a lease that it is refreshed
MEASURED_FOR = 60.0  # seconds, as clocks drift apart


class Membership:
    """A place among the workers of the job in `store`. While it is open, the lease (seconds) is refreshed.

    What uses the store does so in `turn`. The first error of that ends all: see `hear`.
    """

    def __init__(self, store: SharedStore, lease: float, clock: Clock) -> None:
        self.turn = asyncio.Lock()
        self._store = store
        self._lease = lease
        self._clock = clock
        self._asked = clock()
        self._measured: tuple[float, float, float] | None = None  # seconds ahead, how inexact, and when
        self._heard = asyncio.Event()
        self._failure: Exception | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self.start(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_safe(self) -> bool:
        """Whether the lease was refreshed so lately that nobody else can have what is this machine's."""
        return self._clock() - self._asked <= self._lease / 2

    @property
    def clock_ahead(self) -> float | None:
        """The seconds by which the store's clock is ahead of this machine's; None if that is not known yet."""
        return None if self._measured is None else self._measured[0]

    def refreshed(self, asked: float, moment: float | None = None) -> None:
        """The store has refreshed the lease, as it was asked at `asked`; its clock was at `moment` then."""
        self._asked = asked
        if moment is None:
            return
        now = self._clock()
        inexact = (now - asked) / 2
        known = self._measured
        if known is None or inexact <= known[1] or now - known[2] > MEASURED_FOR:
            self._measured = (moment - (asked + now) / 2, inexact, now)

    async def _beat(self) -> None:
        """Refresh the lease again and again, when no commit has."""
        while True:
            await asyncio.sleep(self._lease / BEATS)
            if self._clock() - self._asked >= self._lease / BEATS:
                async with self.turn:
                    asked = self._clock()
                    await self._store.refresh()
                    self.refreshed(asked)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` beside everything else, and not after the end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """The store cannot be used any more: whoever waits for news hears it."""
        self._failure = self._failure or error
        self.tell()

    def tell(self) -> None:
        """Have `hear` return at once: there is something to do."""
        self._heard.set()

    async def hear(self, seconds: float) -> None:
        """Wait until there is news, or for so many seconds. Raises what went wrong with the store meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            pass
        self._heard.clear()
        if self._failure is not None:
            raise self._failure
