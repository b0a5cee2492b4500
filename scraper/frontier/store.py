"""The seam behind which a job is kept that several machines crawl together.

The store holds *units*: registrable domains, each with the requests that wait there, those that other workers have
found for it, the fingerprints of what was already seen, and what the parts of a crawl remember of it. A unit belongs
to one worker at a time, and a worker to its lease: as long as that is refreshed, by any commit, all its units are its
own. A worker whose lease has run out is removed as a whole, and so is what it believes: its next commit is refused
with `LeaseLost`, and it starts over from what the store has, as it would after a kill. So it does if a
commit was sent and not answered, since nobody knows what became of it.

All that happened to a worker's units between two commits is written by one commit, or not at all.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from scraper.frontier.window import Row

SEEDS, ITEMS = "#seeds", "#items"
"""Units that are roles: who has the first takes what `start()` gives, who has the second writes the data files."""

Memory = tuple[str, str, bytes | None]
"""What a part of the crawl remembers: the part, a key, and the value; None if it is forgotten."""


def machines(number: int) -> str:
    """So many machines, in words."""
    return "1 machine" if number == 1 else f"{number} machines"


class Held(msgspec.Struct, frozen=True):
    """A unit as its new owner finds it.

    `sites` counts the requests that wait, by site; `found` is how many others have found; `fingerprints` are 8 bytes
    each, `memory` has part, key and value. Until `rest` seconds from now its former owner may have requests on the
    wire, since it did not release the unit: 0 if it did, and None if there never was one.
    """

    name: str
    sites: dict[str, int]
    fingerprints: bytes
    memory: Sequence[tuple[str, str, bytes]]
    found: int
    rest: float | None


class Unit(msgspec.Struct):
    """What a commit writes of a unit: rows of the window, and what is to go.

    `waiting` has site, rank (two numbers), request and whether it is a start request; `gone` site and rank; `failed`
    number, site, URL, reason, request and whether it is a start request. In `memory` a value of None forgets its key.
    `drained` counts what was taken over from the head of what others have found. A unit that is `released` belongs
    to nobody from then on.
    """

    waiting: list[tuple[str, int, int, bytes, bool]] = msgspec.field(default_factory=list)
    gone: list[tuple[str, int, int]] = msgspec.field(default_factory=list)
    failed: list[tuple[int, str, str, str, bytes, bool]] = msgspec.field(default_factory=list)
    fingerprints: bytes = b""
    memory: list[Memory] = msgspec.field(default_factory=list)
    drained: int = 0
    released: bool = False


class Commit(msgspec.Struct):
    """What happened to a worker since its last commit.

    `found` has what it found for units that it does not own, as bytes that only workers understand. `items` is one
    batch of encoded items, compressed. `statistics` are this worker's own; `seeds` and that they have ended is written
    by whoever has that role, `memory` is what belongs to no unit. `parked` counts the
    requests of its units that are not sent in this run, `is_idle` says that it could do more, `wanted` names units
    of others that it needs. A `stop` is for all workers; `has_ended` says that this one has nothing in hand and will
    send nothing any more.
    """

    units: dict[str, Unit] = msgspec.field(default_factory=dict)
    found: dict[str, list[bytes]] = msgspec.field(default_factory=dict)
    items: bytes = b""
    statistics: bytes = b""
    seeds: bytes | None = None
    seeds_ended: bool = False
    memory: list[Memory] = msgspec.field(default_factory=list)
    parked: int = 0
    is_idle: bool = False
    wanted: list[str] = msgspec.field(default_factory=list)
    stop: str = ""
    has_ended: bool = False


class Peer(msgspec.Struct, frozen=True):
    """Another worker that is alive: how many units with something to do it has, and whether it could do more."""

    units: int
    is_idle: bool


class News(msgspec.Struct, frozen=True):
    """How the job stands after a commit.

    `found` counts, by unit of this worker, what others have found for it; `free` is how many units wait for an owner,
    roles among them; `wanted` names units of this worker that another needs. `others` are the statistics of all other
    workers that ever were. `seeds` is what was committed of `start()`, `backlog` how many bytes of items are not
    written to the data files yet. `stop` is why all workers are to stop, if they are. `is_over` says that nothing
    waits anywhere that could be sent in this run, and no worker has anything in hand; `ended` is the outcome of a job
    that was finished, and None before. `moment` is what the store's clock says, in seconds.
    """

    found: dict[str, int]
    free: int
    wanted: Sequence[str]
    peers: Sequence[Peer]
    others: Sequence[bytes]
    seeds: bytes
    backlog: int
    stop: str
    is_over: bool
    ended: bytes | None
    moment: float


class Look(msgspec.Struct, frozen=True):
    """A job before it is joined: what it is, how many workers are alive, and what became of it if it is finished.

    `stop` is why its workers were told to stop, if they were; it ended `ago` seconds ago.
    """

    description: bytes
    workers: int
    has_begun: bool
    stop: str
    ended: bytes | None
    ago: float = 0.0


class Joined(msgspec.Struct, frozen=True):
    """What a worker knows from the start: its number, which no other has, and the salt of all fingerprints.

    `memory` is what belongs to no unit; `since` is how many milliseconds ago the job was begun.
    """

    number: int
    salt: bytes
    memory: Sequence[tuple[str, str, bytes]]
    since: int
    news: News


class Collected(msgspec.Struct, frozen=True):
    """How far the data files are: the number of the next batch of items, and where the files end (`positions`).

    `first` is the number of the oldest batch that the store still has.
    """

    following: int
    positions: bytes
    first: int


class SharedStore(Protocol):
    """A job in a store that several workers share. All raise `StorageError` in one line that says what to do."""

    async def look(self) -> Look | None:
        """The job as it is; None if there is none."""
        ...

    async def join(self, description: bytes, *, replaces: bytes | None, fresh: bool) -> Joined:
        """Become a worker of the job, which is begun if there is none, or if this is to be `fresh`.

        `replaces` is the description that was looked at; if there is another by now, or a worker for `fresh` to
        disturb, it raises `StorageError`.
        """
        ...

    async def take(self, most: int, *, names: Sequence[str] = ()) -> list[Held]:
        """Become the owner of free units: up to `most`, those with most to do first, and of `names` that are free."""
        ...

    async def read(self, unit: str, site: str, rank: tuple[int, int] | None, number: int) -> list[Row]:
        """Up to `number` rows of what waits for `site`, in order, from `rank` on."""
        ...

    async def found(self, unit: str, number: int) -> list[bytes]:
        """Up to `number` of the oldest of what others have found for a unit; a commit with `drained` removes them."""
        ...

    async def commit(self, commit: Commit) -> News:
        """Write all of it or nothing, and refresh the lease. Raises `LeaseLost`."""
        ...

    async def refresh(self) -> None:
        """Refresh the lease. Raises `LeaseLost`."""
        ...

    async def leave(self) -> None:
        """Release all units and be a worker no longer; what was not committed has not happened."""
        ...

    async def collected(self) -> Collected:
        """How far the data files are; for the owner of `ITEMS`."""
        ...

    async def batches(self, first: int, most_bytes: int) -> list[bytes]:
        """Batches of items from number `first` on, in order: as many as fit, and one if there is any."""
        ...

    async def collect(self, following: int, positions: bytes, memory: Sequence[Memory]) -> None:
        """All batches before `following` are written, and the files end at `positions`. Raises `LeaseLost`.

        Who takes the role of `ITEMS` next finds `memory` in it.
        """
        ...

    async def finish(self, outcome: bytes) -> None:
        """The job is over, and its files are whole; items are not kept any longer. Raises `LeaseLost`.

        All items are to be collected before.
        """
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
