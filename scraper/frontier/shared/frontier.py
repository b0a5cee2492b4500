"""The frontier of one machine among several: what it owns waits here, what it finds for others goes to them.

A window of what waits in the machine's units is in memory, all of it in the store that all share (see
`frontier.store`). What happens is noted in a journal, and a commit writes the journal. The owner of a unit alone
decides which of its requests are new, so no link is asked for over the network.

Reading and committing take turns: what was read is in the window before anything else is written.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from scraper.errors import StorageError
from scraper.frontier.order import Order, Rank, rank
from scraper.frontier.seen import Seen
from scraper.frontier.serialization.checkpoints import encode
from scraper.frontier.shared import found
from scraper.frontier.shared.found import Found
from scraper.frontier.shared.journal import Journal, Report
from scraper.frontier.shared.membership import Membership
from scraper.frontier.shared.numbers import Numbers
from scraper.frontier.shared.outbox import Outbox
from scraper.frontier.shared.owned import Own, Owned
from scraper.frontier.shared.units import LANE, Lanes, unit_of
from scraper.frontier.store import ITEMS, SEEDS, Commit, Held, Joined, Memory, News, SharedStore
from scraper.frontier.window import Row, Window
from scraper.http.request import Request
from scraper.process.crash_marks import label
from scraper.protocols import LAST, Checkpoint, Clock, Entry, Open
from scraper.settings.schema import FrontierSettings
from scraper.urls import without_credentials

READ = 256  # requests of a site that are read at once, and those in hand that may be among them


class SharedFrontier(Open):
    """Requests wait in `store`, which this machine has `joined`. See `protocols.Frontier` for what it promises.

    Requests with a label among `died`, at whose pages the process died, come last. `places` tell, by the names of parts
    that remember, which host a key of theirs is about. Raises `LeaseLost` wherever the store is used.
    """

    def __init__(
        self,
        store: SharedStore,
        joined: Joined,
        *,
        settings: FrontierSettings,
        lanes: Lanes,
        died: Container[str] = (),
        clock: Clock = time.monotonic,
    ) -> None:
        self.store = store
        self.lanes = lanes
        self._order: Order = settings.order
        self._died = died
        self._clock = clock
        self.membership = Membership(store, settings.lease, clock)
        self._salt = joined.salt
        self._numbers = Numbers(joined.number, joined.since, clock=clock)
        self._lately: set[int] = set()
        self._pushed = Seen(self._salt, lately=self._lately)
        self.own = Owned()
        self._window = Window(self, {})
        self._journal = Journal()
        self._writing: deque[Journal] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetched: dict[str, list[Row]] = {}
        self._fetching: set[str] = set()
        self._last = Checkpoint()
        self.news = joined.news
        self.outbox = Outbox(joined.news.backlog)
        self._general: list[Memory] = []
        self.wanted: set[str] = set()
        self.roles: set[str] = set()
        self.committed = clock()
        self.places: Mapping[str, Callable[[str], str]] = {}
        self.report: Callable[[], Report] = Report
        self.filled: Callable[[str], None] = lambda site: None

    async def __aenter__(self) -> "SharedFrontier":
        await self.membership.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.membership.__aexit__(kind, error, trace)

    # What the engine asks.

    def remember(self, key: str, url: str) -> bool:
        if hash(key) in self._lately:  # as most are: a quarter of the time
            return False
        own = self.own.get(self.lanes.unit_of_page(key, url))
        return (self._pushed if own is None else own.seen).add(key)

    def unremember(self, key: str, url: str) -> None:
        own = self.own.get(self.lanes.unit_of_page(key, url))
        (self._pushed if own is None else own.seen).undo(key)

    def knows(self, key: str, url: str) -> bool:
        if hash(key) in self._lately:
            return True
        own = self.own.get(self.lanes.unit_of_page(key, url))
        return (self._pushed if own is None else own.seen).has(key)

    @property
    def waiting(self) -> int:
        return self._window.waiting

    def waiting_for(self, site: str) -> int:
        return self._window.waiting_for(site)

    def unwritten_size(self) -> int:
        journals = (self._journal, *self._writing)
        return sum(len(each.added) + sum(map(len, each.found.values())) for each in journals)

    def sites(self) -> Iterable[str]:
        return self._window.sites()

    def priority(self, site: str) -> int | None:
        own = self.own.get(unit_of(site))
        if own is None or own.is_closing:
            return None
        entry = self._window.first(site)
        return None if entry is None else entry.request.priority

    def take(self, site: str) -> Entry | None:
        entry = self._window.take(site)
        if entry is not None:
            self.own[unit_of(site)].in_hand += 1
        return entry

    def add(self, request: Request, *, is_start: bool = False, hops: tuple[str, ...] = ()) -> Entry | None:
        queue = self.lanes.queue(request)
        own = self.own.get(unit := unit_of(queue))
        if own is None:
            data = found.written(request, is_start=is_start, hops=hops)
            self._journal.found.setdefault(unit, []).append(data)
            return None
        if self._died and label(request) in self._died:
            request = request.replace(priority=LAST)
        data = found.written(request, is_start=is_start, hops=hops)
        entry = Entry(self._numbers.next(), request, is_start, hops)
        high, place = where = rank(self._order, request.priority, entry.number)
        own.sites.add(queue)
        self._journal.added[entry.number] = (unit, queue, high, place, data, is_start)
        self._window.add(queue, where, entry)
        return entry

    def hand_over(self, entry: Entry, request: Request, hops: tuple[str, ...]) -> None:
        """`entry` was redirected to `request`, which another machine is to continue with."""
        data = found.written(request, is_start=entry.is_start, hops=hops)
        self._journal.found.setdefault(self.lanes.unit(request), []).append(data)
        self.done(entry)

    def done(self, entry: Entry) -> None:
        queue = self.lanes.queue(entry.request)
        unit = unit_of(queue)
        self.own[unit].in_hand -= 1
        if self._journal.added.pop(entry.number, None) is not None:
            self._window.busy.discard(entry.number)
        else:
            self._journal.gone.append((unit, queue, *rank(self._order, entry.request.priority, entry.number)))

    def failed(self, entry: Entry, reason: str) -> None:
        url = entry.request.url
        data = found.written(entry.request, is_start=entry.is_start, hops=entry.hops)
        queue = self.lanes.queue(entry.request)
        failure = (entry.number, queue, without_credentials(url), reason, data, entry.is_start)
        self._journal.failed.append((unit_of(queue), failure))
        self.done(entry)

    def give_back(self, entry: Entry) -> None:
        """`entry` waits again, for whoever owns its unit next."""
        self.own[self.lanes.unit(entry.request)].in_hand -= 1
        self._window.busy.discard(entry.number)

    # Units.

    def want(self, unit: str) -> None:
        """Something of this machine's waits for `unit`, whoever has it now."""
        if unit not in self.own and unit not in self.wanted:
            self.wanted.add(unit)
            self.membership.tell()

    def queue(self, request: Request) -> str:
        """The queue that `request` is in, or is sent with: in a lane of this machine's, if it has one of that site."""
        queue = self.lanes.queue(request)
        if LANE in queue and unit_of(queue) not in self.own:
            return next((each for each in self.lanes.beside(queue) if unit_of(each) in self.own), queue)
        return queue

    def rest(self, request: Request) -> float | None:
        """The time from which `request` may be sent; None if its site is not known to be this machine's."""
        own = self.own.get(unit_of(self.queue(request)))
        if own is None or own.is_closing or not self.membership.is_safe:
            return None
        return own.rest

    def loads(self) -> dict[str, int]:
        """The units of this machine that have something to do, and how many requests wait in each."""
        return self.own.loads({each: self._window.waiting_for(each) for each in self._window.sites()})

    async def take_units(self, most: int, names: Sequence[str], *, pause: float) -> list[Held]:
        """Become the owner of free units: see `store.SharedStore.take`. Those that had one rest for `pause` seconds."""
        async with self.membership.turn:
            taken = await self.store.take(most, names=names)
            for held in taken:
                if held.name in {SEEDS, ITEMS}:
                    self.roles.add(held.name)
                else:
                    self._own_now(held, pause)
            self._lately.clear()
        return taken

    def _own_now(self, held: Held, pause: float) -> None:
        rest = 0.0 if held.rest is None else self._clock() + max(held.rest, pause)
        seen = Seen(self._salt, (held.fingerprints,), lately=self._lately)
        self.own[held.name] = Own(seen, rest, sites=set(held.sites))
        self._window.take_over(held.sites)
        self.wanted.discard(held.name)

    def close_unit(self, unit: str) -> None:
        """Take nothing of `unit` any more, as it is to be released."""
        self.own[unit].is_closing = True

    def release(self, unit: str) -> None:
        """`unit`, of which nothing is in hand, is nobody's after the next commit."""
        own = self._journal.released[unit] = self.own.pop(unit)
        for each in own.sites:
            self._window.drop(each)
        self._lately.clear()

    async def found(self, unit: str, number: int) -> list[Found]:
        """Up to `number` requests that were found for `unit`: tell how many were `drained`."""
        async with self.membership.turn:
            skipped = self._journal.drained[unit] + sum(each.drained[unit] for each in self._writing)
            rows = await self.store.found(unit, number + skipped)
        return [self._read(each) for each in rows[skipped:]]

    def drained(self, unit: str, number: int) -> None:
        """So many of the oldest requests that were found for `unit` are among the waiting, or were known."""
        self._journal.drained[unit] += number

    def _read(self, data: bytes) -> Found:
        try:
            return found.read(data)
        except StorageError as error:
            raise StorageError(f"{self.store}: {error}") from None

    def release_role(self, role: str) -> None:
        """`role` is nobody's after the next commit."""
        self.roles.discard(role)
        self._journal.released[role] = Own(Seen(self._salt), 0.0)

    def keep(self, memory: Sequence[Memory]) -> None:
        """Remember what belongs to no unit, with the next commit."""
        self._general.extend(memory)

    # What the window reads.

    def read(self, site: str, rank: Rank | None) -> Iterator[Row] | None:
        """What the store has of `site`, in order, from `rank` on; None if that has to be fetched first."""
        rows = self._fetched.pop(site, None)
        if rows is None and site not in self._fetching:
            self._fetching.add(site)
            self.membership.start(self._fetch(site, rank))
        return None if rows is None else iter(rows)

    async def _fetch(self, site: str, rank: Rank | None) -> None:
        unit = unit_of(site)
        try:
            async with self.membership.turn:
                if unit not in self.own:
                    return
                rows = await self.store.read(unit, site, rank, READ + len(self._window.busy))
                if unit in self.own:
                    self._fetched[site] = rows
                    self._window.first(site)
        finally:
            self._fetched.pop(site, None)
            self._fetching.discard(site)
        self.filled(site)

    def entry(self, name: str, row: Row) -> Entry:
        """The request of a row. Raises `StorageError` if it is not as it was written."""
        high, place, data, is_start = row
        read = self._read(data)
        if self.lanes.queue(read.request) != name or read.request.priority != -high:
            raise StorageError(f"{self.store}: {read.request!r} is not where it was put")
        return Entry(abs(place), read.request, bool(is_start), read.hops)

    def unwritten(self, number: int) -> Row | None:
        """The row of the request of this number, as it will be written; None if it is in the store for good."""
        for journal in (self._journal, *self._writing):
            if (added := journal.added.get(number)) is not None:
                _, _, high, place, data, is_start = added
                return high, place, data, is_start
        return None

    # Commits.

    @property
    def is_changed(self) -> bool:
        """Whether anything has happened that no commit has written."""
        return self._journal.is_anything or bool(self._writing)

    @property
    def has_news_for_others(self) -> bool:
        """Whether something waits for the next commit that other machines, or this one, could do then."""
        return bool(self._journal.found or self._journal.released)

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None]:
        journal, self._journal = self._journal, Journal()
        self._writing.append(journal)
        self._last = checkpoint
        task = asyncio.create_task(self._write(journal, self._cut(journal, checkpoint)))
        self._tasks.add(task)
        task.add_done_callback(self._written)
        return asyncio.shield(task)  # once cut, it is written, even if nobody waits any more

    def _written(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # which `hear` raises, too

    async def commit_again(self) -> News:
        """Commit what is left when nothing is crawled here any more, and learn how the job stands."""
        await self.commit(Checkpoint(statistics=self._last.statistics, seeds=self._last.seeds))
        return self.news

    def _cut(self, journal: Journal, checkpoint: Checkpoint) -> Commit:
        """All that is to be written, as it is now."""
        of_units, general = self._remembered(checkpoint.memories, journal)
        report = self.report()
        return Commit(
            units=journal.cut(self.own, of_units),
            found=journal.found,
            items=self.outbox.cut(),
            statistics=encode(checkpoint.statistics),
            seeds=encode(checkpoint.seeds) if report.seeds else None,
            seeds_ended=checkpoint.seeds.has_ended,
            memory=general,
            parked=report.parked,
            is_idle=report.is_idle,
            wanted=sorted(self.wanted),
            stop=report.stop,
            has_ended=report.has_ended,
        )

    def _remembered(
        self, memories: Mapping[str, Mapping[str, Any]], journal: Journal
    ) -> tuple[dict[str, list[Memory]], list[Memory]]:
        """What parts remember of the hosts of each unit of this machine, and what is of no host."""
        of_units: dict[str, list[Memory]] = {}
        general, self._general = self._general, []
        for part, changes in memories.items():
            place = self.places.get(part)
            for key, value in changes.items():
                row = (part, key, None if value is None else encode(value))
                if place is None:
                    general.append(row)
                    continue
                for unit in map(unit_of, self.lanes.beside(place(key))):
                    if unit in self.own or unit in journal.released:
                        of_units.setdefault(unit, []).append(row)
                        break
        return of_units, general

    async def _write(self, journal: Journal, commit: Commit) -> None:
        async with self.membership.turn:  # before anything is awaited, so that commits keep their order
            commit.items = await self.outbox.packed(commit.items)
            sent = self._clock()
            news = await self._told(self.store.commit(commit))
            self.membership.refreshed(sent, news.moment)
            self._writing.popleft()
            self._window.written((added[1], number) for number, added in journal.added.items())
            self._window.busy.difference_update(abs(key[3]) for key in journal.gone)
        self.news = news
        self.committed = self._clock()
        self.outbox.backlog = news.backlog
        self.membership.tell()

    async def _told(self, work: Awaitable[News]) -> News:
        try:
            return await work
        except Exception as error:
            self.membership.fail(error)
            raise

    def __repr__(self) -> str:
        return f"<SharedFrontier {self.store}: {len(self.own)} units, {self.waiting} waiting>"
