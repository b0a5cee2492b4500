"""The frontier that is gone with the process: a heap of requests for each site, and a set of what was met."""

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from pathlib import Path
from types import TracebackType
from typing import Self

from scraper.frontier.jobs.description import Description
from scraper.frontier.order import Order, Rank, rank
from scraper.frontier.seen import Seen
from scraper.http.request import Request
from scraper.process.crash_marks import NO_MARKS
from scraper.protocols import Checkpoint, Entry
from scraper.urls import site


class MemoryFrontier:
    """Requests wait in memory. See `protocols.Frontier` for what it promises."""

    def __init__(self, order: Order = "breadth") -> None:
        self._order = order
        seen = Seen()
        self.remember, self.unremember, self.knows = seen.add, seen.undo, seen.has
        self._sites: dict[str, list[tuple[Rank, Entry]]] = {}
        self._added = 0
        self._waiting = 0
        self._in_flight = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sites.clear()

    @property
    def waiting(self) -> int:
        return self._waiting

    def unwritten_size(self) -> int:
        return 0

    def waiting_for(self, site: str) -> int:
        return len(self._sites.get(site, ()))

    def sites(self) -> Iterable[str]:
        return tuple(self._sites)

    def add(self, request: Request, *, is_start: bool = False) -> Entry:
        self._added += 1
        self._waiting += 1
        entry = Entry(self._added, request, is_start)
        place = rank(self._order, request.priority, entry.number)
        heappush(self._sites.setdefault(site(request.url), []), (place, entry))
        return entry

    def priority(self, site: str) -> int | None:
        queue = self._sites.get(site)
        return queue[0][1].request.priority if queue else None

    def take(self, site: str) -> Entry | None:
        queue = self._sites.get(site)
        if not queue:
            return None
        _, entry = heappop(queue)
        if not queue:
            del self._sites[site]
        self._waiting -= 1
        self._in_flight += 1
        return entry

    def done(self, entry: Entry) -> None:
        self._in_flight -= 1

    def failed(self, entry: Entry, reason: str) -> None:
        self._in_flight -= 1

    async def commit(self, checkpoint: Checkpoint) -> None:
        """Nothing to do: what is in memory is gone with the process, and so is what it was a checkpoint of."""

    def __repr__(self) -> str:
        return f"<MemoryFrontier {self._waiting} waiting on {len(self._sites)} sites, {self._in_flight} in flight>"


class MemoryJob:
    """A job that is kept nowhere: it always begins. See `job.Job` for the names."""

    folder: Path | None = None
    resumed: Checkpoint | None = None
    changes: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    died: tuple[str, ...] = ()
    crashes: Mapping[str, int] = {}
    marks = NO_MARKS

    def __init__(self, description: Description, order: Order = "breadth") -> None:
        self.description = description
        self.frontier = MemoryFrontier(order)

    async def __aenter__(self) -> Self:
        await self.frontier.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.frontier.__aexit__(kind, error, trace)

    def methods(self) -> set[str]:
        """Nothing waits."""
        return set()

    async def finish(self, reason: str) -> None:
        """There is nothing to mark."""
