"""Which sites one machine of several crawls, and how all of them stand together.

A machine that could do more takes units that nobody has, those with most to do first. One that has more units than
another that is idle gives some up: it takes nothing of them any more, and releases each once nothing of it is in hand.
What others have found for its units comes in through `Discovery`, which knows what was already seen.
"""

import asyncio
from collections.abc import Container, Iterable, Mapping

import msgspec

from scraper.engine.parts import Parts
from scraper.engine.ticket import Ticket
from scraper.errors import StorageError
from scraper.events import Statistics, summed
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.frontier.shared.journal import Report
from scraper.frontier.shared.units import site_of, unit_of
from scraper.frontier.store import SEEDS, Held, News
from scraper.http.request import Request
from scraper.machines.totals import others, whole
from scraper.protocols import Clock, Remembers, Seeds

MOST_UNITS = 64  # that are taken at once
PIECE = 500  # requests that are drained before others have their turn
HASTE = 0.05  # seconds between two commits, at least, if there is nothing else to do
PAUSE = 1.0  # seconds after which it is looked whether there is something to do, at the latest


class Sharing:
    """The other machines, as the engine of this one sees them: see `engine.parts.Shares`.

    Units that had another owner rest for `delay` seconds, so that no two requests of a site are closer than that.
    `concurrency` is how many requests this machine may have in flight, and `memories` are the parts that remember. What
    the crawl is stopped for stops it on all machines, unless it is one of the reasons that are `private`.
    """

    def __init__(
        self,
        frontier: SharedFrontier,
        *,
        concurrency: int,
        delay: float,
        memories: Mapping[str, Remembers],
        private: Container[str],
        clock: Clock,
    ) -> None:
        self._frontier = frontier
        self._concurrency = concurrency
        self._delay = delay
        self._memories = memories
        self._private = private
        self._clock = clock
        self._news: News | None = None  # that was looked at
        self._seeds: asyncio.Future[Seeds | None] = asyncio.get_running_loop().create_future()
        self._seeds_taken: News | None = None  # what was known when the role was taken
        self._committed_seeds = Seeds()
        self._closing: set[str] = set()
        self._hurrying: asyncio.TimerHandle | None = None
        self._has_ended = False
        self._parts: Parts | None = None
        frontier.report = self._report
        frontier.places = {name: part.host_of for name, part in memories.items() if hasattr(part, "host_of")}

    @property
    def is_over(self) -> bool:
        """Whether nothing waits for any machine, and none has anything in hand."""
        return self._frontier.news.is_over and not self._frontier.is_changed

    async def run(self, parts: Parts) -> None:
        """Take and give up sites, and hand on what other machines have found, until cancelled. Raises `LeaseLost`."""
        self._parts = parts
        self._frontier.filled = self._expect
        while True:
            news = self._frontier.news
            if news is not self._news:
                self._news = news
                await self._take_in(parts, news)
            elif self._frontier.wanted:
                await self._take(parts, news)
            self._release(parts)
            self.look()
            parts.workload.notify()
            await self._frontier.membership.hear(PAUSE)

    async def _take_in(self, parts: Parts, news: News) -> None:
        """What a commit has told."""
        parts.totals.elsewhere = summed(others(self._frontier))
        self._look_at_seeds(news)
        if news.stop:
            parts.stop(news.stop)
        for unit in news.found:
            await self._drain(parts, unit)
        await self._take(parts, news)
        self._shed(parts, news)

    def _expect(self, site: str) -> None:
        assert self._parts is not None
        self._parts.slots.expect(site, self._clock())
        self._parts.workload.notify()

    # What others have found.

    async def _drain(self, parts: Parts, unit: str) -> None:
        """Put what others have found for a unit among the waiting, unless it was already seen."""
        while self._frontier.own.keeps(unit):
            found = await self._frontier.found(unit, PIECE)
            if not self._frontier.own.keeps(unit):
                return
            for each in found:
                if parts.discovery.admits(each.request, is_start=each.is_start, hops=each.hops):
                    entry = self._frontier.add(each.request, is_start=each.is_start, hops=each.hops)
                    assert entry is not None
                    parts.slots.expect(self._frontier.queue(each.request), self._clock())
            self._frontier.drained(unit, len(found))
            parts.workload.notify()
            if len(found) < PIECE:
                return

    def queue(self, request: Request) -> str:
        """The queue that `request` is in: of its site, or of a lane of it."""
        return self._frontier.queue(request)

    def site(self, queue: str) -> str:
        """The site whose requests are in a queue."""
        return site_of(queue)

    def places(self, queue: str, per_host: int) -> int:
        """How many of the `per_host` requests in flight may be of this queue: lanes have equally many."""
        return max(per_host // self._frontier.lanes.number(queue), 1)

    def hand_over(self, ticket: Ticket) -> bool:
        """Whether another machine continues with a request of the frontier that was redirected to its site."""
        if ticket.entry is None or self._frontier.lanes.unit(ticket.request) in self._frontier.own:
            return False
        self._frontier.hand_over(ticket.entry, ticket.request, ticket.attempts.hops)
        return True

    # Units.

    async def _take(self, parts: Parts, news: News) -> None:
        """Take units that nobody has: those that are needed, and this machine's share of the others."""
        slots = parts.slots
        names = list(self._frontier.wanted)
        if not self._seeds.done() and SEEDS not in self._frontier.roles and not slots.is_closing:
            names.append(SEEDS)
        most = self._share(news) if self._could_do_more(parts) else 0
        if not names and not most:
            return
        for held in await self._frontier.take_units(most, names, pause=self._delay):
            if held.name == SEEDS:
                self._seeds_taken = self._frontier.news
                continue
            self._recall(held)
            for each in held.sites:
                slots.expect(each, self._clock())
            if held.found:
                await self._drain(parts, held.name)

    def _could_do_more(self, parts: Parts) -> bool:
        workload = parts.workload
        return not parts.slots.is_closing and not workload.is_full() and workload.in_flight < self._concurrency

    def _share(self, news: News) -> int:
        """How many of the free units to take: all machines that could do more are to have equally many."""
        own = len(self._frontier.loads())
        idle = _idle(news)
        equal = -(-(news.free + own + sum(idle)) // (1 + len(idle)))
        return max(min(equal - own, news.free, MOST_UNITS), 0)

    def _recall(self, held: Held) -> None:
        """Have all parts know what is remembered of a unit. Raises `StorageError`."""
        kept: dict[str, dict[str, object]] = {}
        for part, key, value in held.memory:
            try:
                kept.setdefault(part, {})[key] = msgspec.msgpack.decode(value)
            except msgspec.MsgspecError as error:
                raise StorageError(f"{self._frontier.store}: {part} {key} cannot be read: {error}") from None
        for part, memory in kept.items():
            if part in self._memories:
                self._memories[part].recall(memory)

    def _shed(self, parts: Parts, news: News) -> None:
        """Give up units for an idle machine that has fewer, if nobody gives up or could take any as it is."""
        parked = {unit_of(each) for each in parts.slots.queues_parked}
        for unit in news.wanted:
            if self._frontier.own.keeps(unit) and unit not in parked:
                self._close(unit)
        idle = _idle(news)
        if not idle or news.free or self._closing or parts.slots.is_closing:
            return
        units = {name: size for name, size in self._frontier.loads().items() if name not in parked}
        number = max((len(units) - min(idle)) // 2, 0)
        for unit in sorted(units, key=lambda each: -units[each])[1 : 2 * number : 2]:
            self._close(unit)

    def _close(self, unit: str) -> None:
        self._frontier.close_unit(unit)
        self._closing.add(unit)

    def _release(self, parts: Parts) -> None:
        """Release those units that were given up and of which nothing is in hand any more."""
        for unit in list(self._closing):
            sites = self._frontier.own.sites_of(unit)
            for ticket in self._let_go(parts, sites):
                self._give_up(parts, ticket, unit)
            if not self._frontier.own.is_in_hand(unit) and not any(parts.slots.is_busy(each) for each in sites):
                self._frontier.release(unit)
                self._closing.discard(unit)

    def _let_go(self, parts: Parts, sites: Iterable[str]) -> list[Ticket]:
        now = self._clock()
        return [ticket for each in sites for ticket in parts.slots.let_go(each, now)]

    def _give_up(self, parts: Parts, ticket: Ticket, unit: str) -> None:
        """Leave a request that is held for a site of `unit` to the unit's next owner."""
        entry = ticket.entry
        assert entry is not None
        if self._frontier.lanes.unit(entry.request) == unit:
            self._frontier.give_back(entry)
        else:  # it was redirected here from a site that this machine may keep
            self._frontier.hand_over(entry, ticket.request, ticket.attempts.hops)
        parts.discovery.let_go(ticket)
        parts.totals.close(ticket.tally)

    # What a crawl begins with.

    async def seeds(self) -> Seeds | None:
        """How much of `start()` was taken, once this machine is to take the rest; None if there is no rest."""
        return await self._seeds

    def _look_at_seeds(self, news: News) -> None:
        """Who has the role knows how much was taken by the first commit after that."""
        if self._seeds.done():
            return
        try:
            seeds = msgspec.msgpack.decode(news.seeds, type=Seeds) if news.seeds else Seeds()
        except msgspec.MsgspecError as error:
            raise StorageError(f"{self._frontier.store}: seeds cannot be read: {error}") from None
        if seeds.has_ended:
            self._seeds.set_result(None)
        elif self._seeds_taken is not None and self._seeds_taken is not news:
            self._seeds.set_result(seeds)

    @property
    def _is_seeding(self) -> bool:
        return self._seeds.done() and not self._seeds.cancelled() and self._seeds.result() is not None

    # Commits.

    def look(self) -> None:
        """The engine waits: if a commit could lead to something to do, or to the end, have one soon."""
        parts = self._parts
        if parts is None or self._hurrying is not None or not self._is_worth_a_commit(parts):
            return
        loop = asyncio.get_running_loop()
        when = max(self._frontier.committed + HASTE - self._clock(), 0.0)
        self._hurrying = loop.call_later(when, self._hurry, parts)

    def _is_worth_a_commit(self, parts: Parts) -> bool:
        if self._frontier.has_news_for_others or self._seeds_taken is self._frontier.news:
            return True
        is_idle = parts.workload.is_idle() and not parts.slots.has_work
        return is_idle and (self._frontier.is_changed or parts.totals.seeds != self._committed_seeds)

    def _hurry(self, parts: Parts) -> None:
        self._hurrying = None
        parts.storage.commit_soon()

    def _report(self) -> Report:
        parts = self._parts
        if parts is None:
            return Report()
        self._committed_seeds = parts.totals.seeds
        reason = parts.stopped()
        return Report(
            parked=sum(parts.slots.parked.values()),
            is_idle=self._could_do_more(parts),
            stop="" if reason in self._private else reason,
            has_ended=self._has_ended,
            seeds=self._is_seeding,
        )

    def end(self) -> None:
        """Nothing is sent here any more, and nothing is in hand: the next commit says so."""
        self._has_ended = True

    def whole(self, own: Statistics) -> Statistics:
        """The counts of all machines, of which `own` are this one's."""
        return whole([own, *others(self._frontier)])


def _idle(news: News) -> list[int]:
    """How many units each other machine has that could do more."""
    return [peer.units for peer in news.peers if peer.is_idle]
