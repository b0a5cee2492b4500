"""What a crawl on several machines needs of the engine on one of them: see `machines`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from scraper.events import Statistics
from scraper.http.request import Request
from scraper.protocols import Seeds

if TYPE_CHECKING:
    from scraper.engine.accounting import Totals
    from scraper.engine.discovery import Discovery
    from scraper.engine.slots import Slots
    from scraper.engine.storage import Storage
    from scraper.engine.ticket import Ticket
    from scraper.engine.workload import Workload


class Parts(msgspec.Struct, frozen=True):
    """The parts of an engine that others may change the crawl through; `stopped` tells what it was stopped for."""

    slots: "Slots"
    discovery: "Discovery"
    totals: "Totals"
    workload: "Workload"
    storage: "Storage"
    stop: Callable[[str], None]
    stopped: Callable[[], str]


class Shares(Protocol):
    """The other machines, as an engine sees them."""

    @property
    def is_over(self) -> bool:
        """Whether nothing waits for any machine, and none has anything in hand."""
        ...

    async def run(self, parts: Parts, /) -> None:
        """Take and give up sites, and hand on what other machines have found, until cancelled. Raises `LeaseLost`."""
        ...

    def look(self) -> None:
        """The engine waits: there may be nothing left to do here."""
        ...

    async def seeds(self) -> Seeds | None:
        """How much of `start()` was taken, once this machine is to take the rest; None if there is no rest."""
        ...

    def queue(self, request: Request, /) -> str:
        """The queue that `request` is in: of its site, or of a lane of it."""
        ...

    def site(self, queue: str, /) -> str:
        """The site whose requests are in a queue."""
        ...

    def places(self, queue: str, per_host: int, /) -> int:
        """How many of the `per_host` requests in flight may be of a queue."""
        ...

    def hand_over(self, ticket: "Ticket", /) -> bool:
        """Whether another machine continues with a request of the frontier that was redirected to its site."""
        ...

    def whole(self, own: Statistics, /) -> Statistics:
        """The counts of all machines, of which `own` are this one's."""
        ...

    def end(self) -> None:
        """Nothing is sent here any more, and nothing is in hand: the next commit says so."""
        ...
