"""Whose turn it is, among sites that each take long: that of the site which has had the least time so far.

What a site has had is counted from when it came: it has as much behind it, at first, as the one whose turn it is then.
So a site that comes late does not catch up on the others, and one that paused has lost nothing but the pause
(start-time fair queueing: Goyal, Vin, Cheng, 1996). Within a site it is first come, first served.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from scraper.protocols import Clock

MOST_SITES = 10_000  # whose time is remembered


class Turns:
    """Gives one turn at a time. To be used by one event loop."""

    def __init__(self, *, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._had: dict[str, float] = {}  # seconds
        self._now = 0.0  # what the site whose turn it is had had before
        self._is_taken = False

    @asynccontextmanager
    async def turn(self, site: str) -> AsyncIterator[None]:
        """Wait for a turn of `site`, which lasts as long as the context is open."""
        if site not in self._waiting:
            self._had[site] = max(self._had.get(site, 0.0), self._now)
        if self._is_taken:
            await self._wait(site)
        self._is_taken, self._now = True, self._had[site]
        begun = self._clock()
        try:
            yield
        finally:
            self._had[site] += self._clock() - begun
            self._pass_on()

    async def _wait(self, site: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(site, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had come
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the next one its turn."""
        while self._waiting:
            site = min(self._waiting, key=self._had.__getitem__)
            turns = self._waiting[site]
            turn = turns.popleft()
            if not turns:
                del self._waiting[site]
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False
        if len(self._had) > MOST_SITES:
            self._had.clear()

    def __repr__(self) -> str:
        return f"<Turns {sum(map(len, self._waiting.values()))} waiting, of {len(self._waiting)} sites>"
