"""A request on its way is a ticket; what one site has to send is its slot.

A slot holds the tickets that have left the frontier but cannot be sent yet: `firsts`, which others wait for
(robots.txt), `urgent` ones (a redirect's next hop, a page that a callback awaits, one that was judged too early),
`later` ones (retries, each with its time) and those `blocked` until a first is answered. They go in this order.
"""

from asyncio import Future, Semaphore
from collections import deque
from dataclasses import dataclass, field
from heapq import heapify, heappop
from math import inf

from scraper.engine.accounting import Tally
from scraper.errors import CrawlStopped, FetchError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Attempts, Entry
from scraper.verdict import First


@dataclass(slots=True, eq=False)
class Ticket:
    """A request on its way, from the frontier (`entry`) or for somebody who waits for it (`reply`)."""

    request: Request
    entry: Entry | None = None
    reply: "Future[Response] | None" = None
    first: First | None = None
    attempts: Attempts = field(default_factory=Attempts)
    tally: Tally = field(default_factory=Tally)
    is_known: bool = False  # the answer: nothing was sent
    slot: "Slot" = field(init=False)  # where it is in flight

    def lead_to(self, request: Request) -> None:
        """Its answer was a redirect: it continues as `request`."""
        self.attempts = Attempts(hops=(*self.attempts.hops, self.request.url))
        self.request = request

    async def answer(self) -> Response:
        """Wait for the answer. Raises `FetchError` if there is none, `CrawlStopped` if it is not asked for any more."""
        assert self.reply is not None
        return await self.reply

    def succeed(self, response: Response) -> None:
        """Give `response` to whoever still waits for it."""
        if self.reply is not None and not self.reply.done():
            self.reply.set_result(response)

    def fail(self, error: FetchError | CrawlStopped) -> None:
        """Raise `error` where the answer is still waited for."""
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(error)


@dataclass(slots=True, eq=False)
class Slot:
    """What one site has to send, not before `due`, and how much of it is in flight: at `most` so
    much, by the host's semaphore `places`.

    `turn` and `rank` are for `Slots`: which of its entries counts, and minus the priority with which it is ready.
    """

    site: str
    places: Semaphore
    most: int
    due: float = 0.0
    firsts: deque[Ticket] = field(default_factory=deque)
    urgent: deque[Ticket] = field(default_factory=deque)
    later: list[tuple[float, int, Ticket]] = field(default_factory=list)  # a heap
    blocked: dict[str, list[Ticket]] = field(default_factory=dict)  # by the URL of the first
    aside: list[Ticket] = field(default_factory=list)  # unsent, as the crawl is closing
    in_flight: int = 0
    turn: int = -1
    rank: int | None = None

    def tickets(self) -> list[Ticket]:
        """All tickets that are held back here, except those that others wait for."""
        held = [*self.urgent, *(ticket for _, _, ticket in self.later), *self.aside]
        return held + [ticket for tickets in self.blocked.values() for ticket in tickets]

    def put(self, ticket: Ticket) -> None:
        """Send `ticket` before what waits in the frontier."""
        (self.firsts if ticket.first is not None else self.urgent).append(ticket)

    def put_back(self, ticket: Ticket) -> None:
        """Send `ticket`, which was taken too early, before anything else of its kind."""
        (self.firsts if ticket.first is not None else self.urgent).appendleft(ticket)

    def take(self, now: float) -> Ticket | None:
        """The next ticket that may go now."""
        if self.firsts:
            return self.firsts.popleft()
        if self.blocked:
            return None
        if self.urgent:
            return self.urgent.popleft()
        if self.later and self.later[0][0] <= now:
            return heappop(self.later)[2]
        return None

    # What others wait for.

    def block(self, ticket: Ticket, first: First) -> None:
        """Hold `ticket`, and all others, until `first` is answered."""
        waiting = self.blocked.get(first.request.url)
        if waiting is None:
            self.blocked[first.request.url] = [ticket]
            ticket = Ticket(first.request, first=first)
            ticket.slot = self
            self.firsts.append(ticket)
        else:
            waiting.append(ticket)

    def unblock(self, first: First) -> None:
        """`first` is answered: what was held for it can be judged again."""
        self.urgent.extendleft(reversed(self.blocked.pop(first.request.url, ())))

    # What callbacks wait for.

    @property
    def has_awaited(self) -> bool:
        """Whether a ticket is held here that a callback waits for."""
        return any(ticket.reply is not None for ticket in self.tickets())

    def due_awaited(self) -> float:
        """When something that a callback waits for can go; inf: not before something else happens."""
        if self.places.locked() or (self.blocked and not self.firsts):
            return inf
        if self.firsts or any(ticket.reply is not None for ticket in self.urgent):
            return self.due
        return max(self.due, min((when for when, _, ticket in self.later if ticket.reply is not None), default=inf))

    def may_send_awaited(self, now: float) -> bool:
        """Whether `take_awaited` would give a ticket, and the host has a place for it."""
        if self.places.locked() or self.due > now:
            return False
        return bool(self.firsts) or (not self.blocked and self._awaited(now) is not None)

    def take_awaited(self, now: float) -> Ticket | None:
        """The next ticket that may go now and that a callback, or another ticket, waits for."""
        if self.firsts:
            return self.firsts.popleft()
        ticket = None if self.blocked else self._awaited(now)
        if ticket is None:
            return None
        if ticket in self.urgent:
            self.urgent.remove(ticket)
        else:
            self.later = [each for each in self.later if each[2] is not ticket]
            heapify(self.later)
        return ticket

    def _awaited(self, now: float) -> Ticket | None:
        may_go = (*self.urgent, *(ticket for when, _, ticket in self.later if when <= now))
        return next((ticket for ticket in may_go if ticket.reply is not None), None)

    # What is not sent in this run.

    def let_go(self) -> list[Ticket]:
        """What came from the frontier is another machine's; what callbacks wait for is still sent from here."""
        gone = [ticket for ticket in self.tickets() if ticket.entry is not None]
        self.urgent = deque(ticket for ticket in self.urgent if ticket.entry is None)
        self.later = [each for each in self.later if each[2].entry is None]
        heapify(self.later)
        self.aside = []
        for url, tickets in list(self.blocked.items()):
            self.blocked[url] = [ticket for ticket in tickets if ticket.entry is None]
            if not self.blocked[url] and any(first.request.url == url for first in self.firsts):
                del self.blocked[url]
                self.firsts = deque(first for first in self.firsts if first.request.url != url)
        return gone

    def park(self) -> None:
        """Have all retries judged at once, and so parked."""
        self.urgent.extend(ticket for _, _, ticket in self.later)
        self.later.clear()
        self.due = 0.0

    def close(self) -> None:
        """Put aside what came from the frontier; what callbacks wait for is judged again."""
        held, was_blocked = self.tickets(), bool(self.blocked)
        self.later, self.blocked = [], {}
        self.aside = [ticket for ticket in held if ticket.entry is not None]
        self.urgent = deque(ticket for ticket in held if ticket.entry is None)
        if not (self.urgent and was_blocked):
            self.firsts.clear()
