"""Every seam of the framework, on one page: what the stages of a crawl promise each other.

Built-in parts are chosen in config.toml by plain names. A part of your own is an object that has one of these
shapes; pass it from the spider class or from Python. Nothing needs to be inherited or registered.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from scraper.errors import FetchError
from scraper.events import Event
from scraper.request import Request
from scraper.response import Links, Response
from scraper.urls import without_fragment
from scraper.verdict import Sequel, Verdict

Clock: TypeAlias = Callable[[], float]
"""Seconds that only ever grow: `time.monotonic`, or `testing.clock` which jumps."""

Fetch: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Sends one request and returns what was answered, whatever its status, with the body read and decoded.

Raises `FetchError` if there is no answer that can be used. Follows no redirects and retries nothing: that is
decided by a `Policy` afterwards, so that every request goes through the limits.
"""

Middleware: TypeAlias = Callable[[Request, Fetch], Awaitable[Response]]
"""A fetch around a fetch: may change the request, answer it itself, look at the response.

The order of the list is the order: the first is the outermost. Raises `FetchError`, or `IgnoreRequest` to let
the request go.
"""

Policy: TypeAlias = Callable[[Request, Response | FetchError, "Attempts"], Sequel | None]
"""Decides, without I/O, what follows an answer; None leaves it to the next policy of the list."""

Observer: TypeAlias = Callable[[Event], None]
"""Is told what happened. Must return at once and must not raise."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often a request was tried: `retries` of the address at hand, `hops` followed to come there."""

    retries: int = 0
    hops: tuple[str, ...] = ()


class Open(Protocol):
    """Whatever can be closed is an asynchronous context manager."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Limit(Protocol):
    """May a request be sent, and when? Pure bookkeeping: it does no I/O and is handed `now`."""

    def judge(self, request: Request, now: float) -> Verdict:
        """What to do with `request` at `now`. Changes nothing that a second call would notice."""
        ...

    def sent(self, request: Request, now: float) -> None:
        """`request` is being sent at `now`."""
        ...

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """`request`, sent earlier, ended in `outcome` at `now`."""
        ...


@dataclass(slots=True, eq=False)
class Entry:
    """A request in the frontier; `number` tells entries apart and grows with each."""

    number: int
    request: Request
    is_start: bool = False


def identity(request: Request) -> str:
    """What tells requests apart: the URL without its fragment, and the method and content of other than a GET.

    Requests of two named sessions are two.
    """
    key = without_fragment(request.url)
    if request.method != "GET" or request.body:
        key = f"{request.method} {key} {request.body!r}"
    return f"{request.session} {key}" if request.session else key


class Frontier(Open, Protocol):
    """What is still to do. A request is waiting, in flight, done or failed, and only the frontier moves it.

    Requests wait in one queue a site (`urls.site`), in the order that `frontier.order` gives.
    """

    def remember(self, key: str) -> bool:
        """Note that a request of this `key` (see `identity`) was met; whether it was for the first time."""
        ...

    def add(self, request: Request, *, is_start: bool = False) -> Entry:
        """Put `request` among the waiting."""
        ...

    def priority(self, site: str) -> int | None:
        """The priority of the request that `take(site)` would give; None if none waits there."""
        ...

    def take(self, site: str) -> Entry | None:
        """The next waiting request of `site`, which is in flight from now on."""
        ...

    def done(self, entry: Entry) -> None:
        """`entry` was crawled: its page's items are written and its page's requests added."""
        ...

    def failed(self, entry: Entry, reason: str) -> None:
        """`entry` was refused or given up for `reason`."""
        ...

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        ...

    async def commit(self, checkpoint: "Checkpoint") -> None:
        """Make all that happened since the last commit durable, together with `checkpoint`, or nothing of it."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where every sink ends, by its name, at the moment of a commit."""

    positions: dict[str, "Position"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a sink ends: `bytes` written of `path`, after `items` items."""

    path: str
    bytes: int
    items: int


@dataclass(slots=True)
class Results:
    """What a callback gave: items and requests in the order they came, and how it ended."""

    items: list[Any] = field(default_factory=list)
    requests: list[Request | Links] = field(default_factory=list)
    error: BaseException | None = None
    where: str = ""
    line: str = ""


class Parse(Open, Protocol):
    """Runs a callback, or an errback, of the spider on what it is for."""

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any], /) -> Results:
        """What the spider's method `callback` gave. Its exceptions are in `Results.error`, never raised."""
        ...


class Pipeline(Open, Protocol):
    """Refines items one by one."""

    async def process(self, item: Any) -> Any:
        """The item to go on with, the same or another; None, or raising `DropItem`, drops it."""
        ...


class Sink(Open, Protocol):
    """Writes items to a data file that has its final name only once it is whole.

    `path` is where what was written is now, `items` and `bytes` are how much that is.
    """

    @property
    def path(self) -> str: ...
    @property
    def items(self) -> int: ...
    @property
    def bytes(self) -> int: ...

    async def write(self, items: Sequence[Any]) -> None:
        """Take `items`; waits while too much of what was taken is not yet written. Raises `StorageError`."""
        ...

    async def sync(self) -> Position:
        """Hand all that was taken to the operating system; where the file ends now."""
        ...

    async def finish(self) -> None:
        """Write what is left, close the file and give it its final name."""
        ...
