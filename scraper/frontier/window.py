"""Which of the waiting requests are in memory: of each site those that come next, and of all together a bounded number.

The requests of a site are in its *head*, a heap in memory, or *below* it, on the disk. All that are below come after
all that are in the head: `_least` is a rank that none below goes under. A new request that comes before it goes into
the head; if the head gets too large, its worse half goes below, and when it is empty it is filled again.

What is below is in the file, or in the journal of what is not committed yet; until it is, it is `_unwritten`, and its
rank is kept here. A row of the file counts for nothing while its request is `busy`: handed out, and still there.

A file that is far away cannot be read at once: then nothing comes next until its rows are there.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush, nsmallest
from itertools import chain
from typing import Protocol

from scraper.errors import StorageError
from scraper.frontier.order import Rank
from scraper.protocols import Entry

Row = tuple[int, int, bytes, int]
"""What the file has of a request: the two numbers of its rank, the request, and whether it is a start request."""

MOST = 20_000  # requests in all heads, and a few more for each site at work when there is no room
HEAD = 256  # requests in a head
FILL = 64  # requests that are read at once
LEAST_FILL = 4  # when there is no room


class File(Protocol):
    """Where the requests are that are not in memory."""

    def read(self, site: str, rank: Rank | None) -> Iterator[Row] | None:
        """What the file has of `site`, in order, from `rank` on; None if that has to be fetched, and is from now on."""
        ...

    def entry(self, site: str, row: Row) -> Entry:
        """The request of a row. Raises `StorageError` if it is not as it was written."""
        ...

    def unwritten(self, number: int) -> Row | None:
        """The row of the request of this number, as it will be written; None if it is in the file for good."""
        ...


class Window:
    """The waiting requests of a crawl. `below` counts, by site, those that are in `file` at first."""

    def __init__(self, file: "File", below: dict[str, int]) -> None:
        self._file = file
        self._heads: dict[str, list[tuple[Rank, Entry]]] = {}
        self._below = below
        self._least: dict[str, Rank] = {}
        self._unwritten: dict[str, dict[int, Rank]] = {}
        self._in_memory = 0
        self.waiting = sum(below.values())
        self.busy: set[int] = set()

    def sites(self) -> Iterable[str]:
        """The sites that requests wait for."""
        return (*self._heads, *(site for site in self._below if site not in self._heads))

    def waiting_for(self, site: str) -> int:
        """How many requests wait for `site`."""
        return len(self._heads.get(site, ())) + self._below.get(site, 0)

    def add(self, site: str, rank: Rank, entry: Entry) -> None:
        """Put a new request, which is not in the file yet, among the waiting."""
        self.waiting += 1
        head = self._heads.get(site)
        if site in self._below:
            least = self._least.get(site)
            if least is None or rank >= least:
                self._put_below(site, rank, entry)
                return
        if head is None:
            if self._in_memory >= MOST:
                self._put_below(site, rank, entry)
                return
            head = self._heads[site] = []
        heappush(head, (rank, entry))
        self._in_memory += 1
        if len(head) > HEAD or self._in_memory > MOST:
            self._shrink(site, head)

    def first(self, site: str) -> Entry | None:
        """The request that comes next, if it is there already. Raises `StorageError` if the file cannot be read."""
        head = self._heads.get(site) or self._fill(site)
        return head[0][1] if head else None

    def take(self, site: str) -> Entry | None:
        """The request that comes next, which waits no more but is busy. Raises `StorageError` as `first` does."""
        head = self._heads.get(site) or self._fill(site)
        if not head:
            return None
        entry = heappop(head)[1]
        if not head:
            del self._heads[site]
        self._in_memory -= 1
        self.waiting -= 1
        self.busy.add(entry.number)
        return entry

    def take_over(self, below: dict[str, int]) -> None:
        """So many more requests, by site, are in the file."""
        for site, number in below.items():
            self._below[site] = self._below.get(site, 0) + number
            self.waiting += number

    def drop(self, site: str) -> None:
        """The requests that wait for `site` are somebody else's from now on."""
        self.waiting -= self.waiting_for(site)
        self._in_memory -= len(self._heads.pop(site, ()))
        for each in (self._below, self._least, self._unwritten):
            each.pop(site, None)

    def written(self, rows: Iterable[tuple[str, int]]) -> None:
        """The requests of these sites and numbers are in the file from now on."""
        for site, number in rows:
            unwritten = self._unwritten.get(site)
            if unwritten is not None:
                unwritten.pop(number, None)
                if not unwritten:
                    del self._unwritten[site]

    def _put_below(self, site: str, rank: Rank, entry: Entry) -> None:
        self._below[site] = self._below.get(site, 0) + 1
        if site in self._least:
            self._least[site] = min(self._least[site], rank)
        if self._file.unwritten(entry.number) is not None:
            self._unwritten.setdefault(site, {})[entry.number] = rank

    def _shrink(self, site: str, head: list[tuple[Rank, Entry]]) -> None:
        """Put the worse half of a head below."""
        if len(head) < 2:
            return
        head.sort()
        half = len(head) // 2
        worse = head[half:]
        del head[half:]
        self._in_memory -= len(worse)
        self._least[site] = worse[0][0]
        for rank, entry in worse:
            self._put_below(site, rank, entry)

    def _fill(self, site: str) -> list[tuple[Rank, Entry]] | None:
        """Bring the next requests of a site, which has none in memory, into its head; None if none is there."""
        if site not in self._below:
            return None
        head = self._next(site, max(LEAST_FILL, min(FILL, (MOST - self._in_memory) // 16)))
        if head is None:
            return None
        if not head:
            raise StorageError(f"{self._below[site]:,} requests for {site} are not there any more")
        unwritten = self._unwritten.get(site)
        if unwritten is not None:
            self.written([(site, entry.number) for _, entry in head])
        self._heads[site] = head
        self._in_memory += len(head)
        self._below[site] -= len(head)
        if self._below[site] > 0:
            self._remember_least(site, head[-1][0])
        else:
            del self._below[site]
            self._least.pop(site, None)
        return head

    def _next(self, site: str, number: int) -> list[tuple[Rank, Entry]] | None:
        """The next requests of a site among those below, `number` at most, in order."""
        found = self._file.read(site, self._least.get(site))
        if found is None:
            return None
        unwritten = self._unwritten.get(site, {})
        rows: dict[Rank, Row] = {}
        for row in found:
            each = abs(row[1])
            if each not in self.busy and each not in unwritten:
                rows[row[0], row[1]] = row
                if len(rows) == number:
                    break
        next_ones = nsmallest(number, chain(rows, unwritten.values())) if unwritten else rows
        chosen = [(rank, rows.get(rank) or self._file.unwritten(abs(rank[1]))) for rank in next_ones]
        return [(rank, self._file.entry(site, row)) for rank, row in chosen if row is not None]

    def _remember_least(self, site: str, rank: Rank) -> None:
        if len(self._least) > MOST:  # it saves reading rows that are busy, and no more
            self._least = {each: self._least[each] for each in self._heads if each in self._least}
        self._least[site] = rank
