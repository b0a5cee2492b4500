"""Which request goes next: a plain decision over the sites that have one, a free place, and whose time has come.

Each site has a slot with what has left the frontier and cannot be sent yet. The rest of a site's requests wait in
the frontier, and are taken when their slot's turn comes.

Slots that could send stand in a heap: higher priority first, then whoever was not served for longest, so that
equal sites take turns. Slots that must wait stand in a second heap by the time they are due. Both heaps may
hold stale entries; an entry counts only if it is its slot's latest.

There is a bounded number of slots. Sites beyond it, of which only requests in the frontier are known, stand in
line until another slot has nothing left to do.

What waits for a site that is parked is not sent in this run, and needs no slot: it is counted, and stays where it is,
waiting in the frontier or in flight there.
"""

from asyncio import Semaphore
from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count
from math import inf

from scraper.engine.accounting import Totals
from scraper.engine.parts import Shares
from scraper.engine.ticket import Slot, Ticket
from scraper.http.request import Request
from scraper.protocols import LAST, Attempts, Frontier
from scraper.urls import site
from scraper.verdict import First

MOST_SLOTS = 10_000  # sites that are at work
NONE = Attempts()


class Slots:
    """The slots of all sites that have something to send, in flight or held back."""

    def __init__(self, frontier: Frontier, totals: Totals, per_host: int, sharing: Shares | None = None) -> None:
        self._frontier = frontier
        self._totals = totals
        self._per_host = per_host
        self._sharing = sharing
        self._slots: dict[str, Slot] = {}
        self._in_line: dict[str, None] = {}  # sites that have no slot yet
        self._ready: list[tuple[int, int, Slot]] = []
        self._timers: list[tuple[float, int, Slot]] = []
        self._awaited: dict[str, Slot] = {}  # slots with something that a callback waits for
        self._parked: dict[str, int] = {}  # how many requests wait for each parked site
        self._left = 0  # how many of these wait in the frontier
        self._turns = count()
        self._is_last_turn = False  # of the requests of priority `LAST` one may be taken
        self.is_closing = False

    def __len__(self) -> int:
        return len(self._slots)

    def of(self, request: Request) -> Slot:
        """The slot of the site that `request` is for."""
        return self._of(self.queue(request))

    def queue(self, request: Request) -> str:
        """The queue of the frontier that `request` is in: its site, or a lane of it that machines share."""
        return site(request.url) if self._sharing is None else self._sharing.queue(request)

    def _of(self, name: str) -> Slot:
        slot = self._slots.get(name)
        if slot is None:
            most = self._per_host if self._sharing is None else self._sharing.places(name, self._per_host)
            slot = self._slots[name] = Slot(name, Semaphore(most), most)
            self._in_line.pop(name, None)
        return slot

    @property
    def held(self) -> int:
        """How many requests wait that are not in the frontier."""
        return self._in_slots + sum(self._parked.values()) - self._left

    @property
    def _in_slots(self) -> int:
        return sum(len(slot.tickets()) for slot in self._slots.values())

    @property
    def ahead(self) -> int:
        """How many requests of the frontier may be sent in this run."""
        return self._frontier.waiting - self._left

    @property
    def has_work(self) -> bool:
        """Whether any request waits that may be sent in this run."""
        return bool(self.ahead or self._in_slots)

    @property
    def parked(self) -> dict[str, int]:
        """The sites that are parked, and how many requests wait for each, most first."""
        parked: Counter[str] = Counter()
        for queue, number in self._parked.items():
            parked[queue if self._sharing is None else self._sharing.site(queue)] += number
        return dict(parked.most_common())

    @property
    def queues_parked(self) -> Iterable[str]:
        """The queues of the frontier whose sites are parked."""
        return self._parked

    # Whose turn it is.

    def wake(self, slot: Slot, now: float) -> None:
        """Something about `slot` has changed: find it a new place among the ready or the waiting."""
        if slot.in_flight >= slot.most:  # cheaper to ask than `slot.places`, and the same
            return  # it is woken again when a place gets free
        due, priority = self._due(slot)
        if due <= now:
            if slot.rank is None or -priority < slot.rank:
                slot.rank = -priority
                slot.turn = next(self._turns)
                heappush(self._ready, (slot.rank, slot.turn, slot))
        elif slot.rank is not None:
            return  # it has its turn first, and is looked at again then
        elif due < inf:
            slot.turn = next(self._turns)
            heappush(self._timers, (due, slot.turn, slot))
        elif not slot.in_flight and not slot.blocked and not slot.aside:
            slot.turn = -1  # its time may have been awaited: a site has one slot
            self._slots.pop(slot.site, None)
            if self._in_line and not self.is_closing:
                self.expect(next(iter(self._in_line)), now)

    def _due(self, slot: Slot) -> tuple[float, int]:
        """When `slot` could send something (inf: never, as things are), and the priority of that."""
        if slot.firsts:
            return slot.due, slot.firsts[0].request.priority
        if slot.blocked:
            return inf, 0
        if slot.urgent:
            return slot.due, slot.urgent[0].request.priority
        priority = self._priority(slot)
        if priority is not None and len(slot.later) < 8 * slot.most:
            return slot.due, priority
        return (max(slot.due, slot.later[0][0]), 0) if slot.later else (inf, 0)

    def _priority(self, slot: Slot) -> int | None:
        """The priority of what waits for a site in the frontier, if that is for this run, and for now."""
        if self.is_closing or slot.site in self._parked:
            return None
        priority = self._frontier.priority(slot.site)
        return priority if priority != LAST or self._is_last_turn else None

    def next_due(self, *, awaited_only: bool = False) -> float:
        """When the next waiting slot is due, or with `awaited_only` what a callback waits for; inf if none is."""
        if awaited_only:
            return min((slot.due_awaited() for slot in self._awaited.values()), default=inf)
        while self._timers and self._timers[0][1] != self._timers[0][2].turn:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else inf

    def turn_to_last(self, now: float) -> bool:
        """Nothing is in hand: let one request of priority `LAST` go, if nothing else is left; whether one may go."""
        if self.is_closing or self._is_last_turn or self._in_slots:
            return False
        name = next((each for each in self._frontier.sites() if each not in self._parked), None)
        if name is None:
            return False
        self._is_last_turn = True
        self.wake(self._of(name), now)
        return True

    # What comes in.

    def expect(self, name: str, now: float) -> None:
        """A request of the site `name` waits in the frontier."""
        if name in self._parked:
            self._parked[name] += 1
            self._left += 1
        elif name in self._slots or len(self._slots) < MOST_SLOTS:
            self.wake(self._of(name), now)
        else:
            self._in_line[name] = None

    def is_busy(self, name: str) -> bool:
        """Whether anything of the site `name` is in flight, or held for it outside of the frontier."""
        slot = self._slots.get(name)
        return slot is not None and bool(slot.in_flight or slot.firsts or slot.blocked or slot.tickets())

    def let_go(self, name: str, now: float) -> list[Ticket]:
        """Take from a site all requests of the frontier that are held and not in flight."""
        self._in_line.pop(name, None)
        slot = self._slots.get(name)
        if slot is None:
            return []
        gone = slot.let_go()
        self.wake(slot, now)
        return gone

    def soon(self, ticket: Ticket, now: float) -> None:
        """Send `ticket` before what waits in the frontier."""
        slot = self._entered(ticket)
        if slot is not None:
            slot.put(ticket)
            self.wake(slot, now)

    def later(self, ticket: Ticket, when: float, now: float) -> None:
        """Send `ticket` again, not before `when`."""
        slot = self._entered(ticket)
        if slot is not None:
            heappush(slot.later, (when, next(self._turns), ticket))
            self.wake(slot, now)

    def _entered(self, ticket: Ticket) -> Slot | None:
        """The slot of `ticket`; None if it was put aside there."""
        slot = self.of(ticket.request)
        if self._is_aside(slot, ticket):
            return None
        if ticket.reply is not None:
            self._awaited[slot.site] = slot
        return slot

    def _is_aside(self, slot: Slot, ticket: Ticket) -> bool:
        """Put `ticket` aside, unsent, if the crawl is closing and nobody waits for it."""
        if not self.is_closing or ticket.entry is None:
            return False
        slot.aside.append(ticket)
        return True

    def postpone(self, slot: Slot, ticket: Ticket, due: float) -> None:
        """`ticket` was taken from `slot` too early: the site is due at `due`."""
        slot.due = due
        if not self._is_aside(slot, ticket):
            slot.put_back(ticket)

    def delay(self, slot: Slot, due: float, now: float) -> None:
        """`slot`, if it waits for its time, is due at `due` at the earliest."""
        if now < slot.due < due:
            slot.due = due
            self.wake(slot, now)

    def unblock(self, slot: Slot, first: First, now: float) -> None:
        """`first` is answered: what was held for it in `slot` can be judged again."""
        slot.unblock(first)
        self.wake(slot, now)

    def park(self, slot: Slot, ticket: Ticket) -> bool:
        """Leave `ticket`, and all else that waits for its site, to another run; whether this parks the site."""
        is_new = slot.site not in self._parked
        if is_new:
            left = self._parked[slot.site] = self._frontier.waiting_for(slot.site)
            self._left += left
            slot.park()
        self._parked[slot.site] += 1
        return is_new

    def close(self, now: float) -> None:
        """From now on nothing of the frontier is sent; what callbacks in progress await still is."""
        self.is_closing = True
        for slot in list(self._slots.values()):
            slot.close()
            self.wake(slot, now)

    # What goes out.

    def choose(self, now: float, *, awaited_only: bool = False) -> Slot | None:
        """The slot that may send now, or None; with `awaited_only` one that has what a callback waits for.

        The caller takes its next ticket.
        """
        while self._timers and self._timers[0][0] <= now:
            _, turn, slot = heappop(self._timers)
            if turn == slot.turn and slot.rank is None:
                self.wake(slot, now)
        if awaited_only:
            return self._choose_awaited(now)
        while self._ready:
            _, turn, slot = heappop(self._ready)
            if turn == slot.turn:
                slot.rank = None
                return slot
        return None

    def _choose_awaited(self, now: float) -> Slot | None:
        for slot in list(self._awaited.values()):
            if not slot.has_awaited:
                del self._awaited[slot.site]
            elif slot.may_send_awaited(now):
                return slot
        return None

    def take(self, slot: Slot, now: float, *, awaited_only: bool = False) -> Ticket | None:
        """The next ticket of `slot`: what it holds, then a new request of the frontier."""
        if awaited_only:
            return slot.take_awaited(now)
        ticket = slot.take(now)
        return self._take_new(slot) if ticket is None and not slot.blocked else ticket

    def _take_new(self, slot: Slot) -> Ticket | None:
        entry = self._frontier.take(slot.site) if self._priority(slot) is not None else None
        if entry is None:
            return None
        if entry.request.priority == LAST:
            self._is_last_turn = False
        attempts = Attempts(hops=entry.hops) if entry.hops else NONE
        return Ticket(entry.request, entry, attempts=attempts, tally=self._totals.open())

    def __repr__(self) -> str:
        return f"<Slots {len(self._slots)} sites, {len(self._ready)} ready, {len(self._timers)} waiting for their time>"
