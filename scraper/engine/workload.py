"""How much is under way: requests in flight, pages in hand, and answers that callbacks wait for.

This is where backpressure arises. With as many requests in flight as there are workers, nothing is sent. With pages
enough in hand, or asked for, only what callbacks wait for is: they cannot end before. Once nothing is under way, the
crawl may be over.
"""

import asyncio

from scraper.engine.accounting import Totals
from scraper.engine.ticket import Ticket
from scraper.http.response import Response
from scraper.protocols import Aside
from scraper.settings.schema import EngineSettings

MOST_BYTES = 64 * 1024 * 1024  # of bodies in hand before no further page is fetched
MOST_ASIDE = 1_000  # pages that are aside and do not count as in hand


def most_pages(settings: EngineSettings) -> int:
    """How many pages may be between fetch and done before no further one is fetched."""
    return 2 * settings.concurrency


class Workload:
    """Counts what is under way, and wakes the scheduler when something changes. To be used by one event loop.

    Pages that are `aside` keep nobody waiting, and leave as much room for bodies again.
    """

    def __init__(self, settings: EngineSettings, totals: Totals, aside: Aside | None = None) -> None:
        self._concurrency = settings.concurrency
        self._most_pages = most_pages(settings)
        self._stop_after = settings.stop_after.pages
        self._totals = totals
        self._aside = aside
        self._changed = asyncio.Event()
        self._awaited = 0  # answers that callbacks wait for
        self._pages = 0
        self._bytes = 0  # of the bodies of these pages
        self._was_crowded = False
        self.in_flight = 0  # requests that a worker has, or is about to get
        self.counted = 0  # of these, the ones that count as discovered: all but robots.txt
        self.has_enough = False  # pages, in hand or in all
        if aside is not None:
            aside.watch(self.notify)

    # What changes.

    def notify(self) -> None:
        """There may be something to send, or nothing left: wake the scheduler."""
        self._changed.set()

    def start_request(self, ticket: Ticket) -> None:
        """A worker gets `ticket`."""
        self.in_flight += 1
        self.counted += ticket.first is None

    def end_request(self, ticket: Ticket) -> None:
        """The worker has an answer, or none."""
        self.in_flight -= 1
        self.counted -= ticket.first is None
        self._changed.set()

    def start_page(self, size: int) -> None:
        """A page with a body of `size` bytes is going to be handled."""
        self._pages += 1
        self._bytes += size

    def end_page(self, size: int) -> None:
        """A page with a body of `size` bytes is done."""
        self._pages -= 1
        self._bytes -= size
        self._changed.set()

    async def wait_for_answer(self, ticket: Ticket) -> Response:
        """Wait for the answer to `ticket`, which the scheduler then sends whatever else is under way."""
        self._awaited += 1
        self._changed.set()
        try:
            return await ticket.answer()
        finally:
            self._awaited -= 1
            self._changed.set()

    # What follows from it.

    def look(self) -> None:
        """Find out whether there are pages enough: so many that more would wait, or as many as were asked for.

        `wait` ends when something changes after this moment.
        """
        self._changed.clear()
        most = self._stop_after
        is_last = most is not None and self._totals.fetched + self.counted >= most
        self.has_enough = self._is_crowded() or is_last

    def _is_crowded(self) -> bool:
        """Whether too many pages are in hand; and then until a quarter of that is left.

        Fetching and parsing at full speed then take turns, rather than taking the interpreter's lock from each
        other for every page.
        """
        pages, size, aside = self._pages, self._bytes, self._aside
        if aside is not None and aside.pages:
            pages -= min(aside.pages, MOST_ASIDE)
            size -= min(aside.bytes, MOST_BYTES)
        share = 4 if self._was_crowded else 1
        self._was_crowded = pages * share >= self._most_pages or size * share >= MOST_BYTES
        return self._was_crowded

    def is_full(self) -> bool:
        """Whether nothing may be sent: all workers are busy, or there are pages enough and no callback waits."""
        return self.in_flight >= self._concurrency or (self.has_enough and not self._awaited)

    def is_idle(self) -> bool:
        """Whether nothing at all is under way."""
        return not (self.in_flight or self._awaited or self._pages)

    async def wait(self, seconds: float | None = None) -> None:
        """Sleep until something changes, or `seconds` are over."""
        if seconds is None:
            await self._changed.wait()
            return
        timer = asyncio.get_running_loop().call_later(seconds, self._changed.set)
        await self._changed.wait()
        timer.cancel()

    def __repr__(self) -> str:
        return f"<Workload {self.in_flight} in flight, {self._pages} pages in hand, {self._awaited} awaited>"
