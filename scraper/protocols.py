"""Every seam that your own parts can fill, on one page: what the stages of a crawl promise each other.

Built-in parts are chosen in config.toml by plain names. A part of your own is an object that has one of these
shapes; pass it from the spider class or from Python. Nothing needs to be inherited or registered. The few seams
that only the framework fills are in `engine.stages`.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import msgspec

from scraper.errors import FetchError, StorageError
from scraper.events import Event, Statistics
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.markup.links.canonicalize import without_params
from scraper.urls import key as page_key
from scraper.verdict import Sequel, Verdict

Clock: TypeAlias = Callable[[], float]
"""Seconds that only ever grow: `time.monotonic`, or a test's own, which jumps."""

Fetch: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Sends one request and returns what was answered, whatever its status, with the body read and decoded.

Raises `FetchError` if there is no answer that can be used, and `PageLost` if it is not known whether there is one.
Follows no redirects and retries nothing: that is decided by a `Policy` afterwards, so that every request goes through
the limits.
"""

sending: ContextVar["Sending | None"] = ContextVar("sending", default=None)
"""What the running task is about to send, by way of a `Fetch`."""

Middleware: TypeAlias = Callable[[Request, Fetch], Awaitable[Response]]
"""A fetch around a fetch: may change the request, answer it itself, look at the response.

The order of the list is the order: the first is the outermost. Raises `FetchError`, or `IgnoreRequest` to let
the request go.
"""

Policy: TypeAlias = Callable[[Request, Response | FetchError, "Attempts"], Sequel | None]
"""Decides, without I/O, what follows an answer; None leaves it to the next policy of the list."""

Observer: TypeAlias = Callable[[Event], None]
"""Is told what happened. Must return at once and must not raise."""


class Attempts(msgspec.Struct, frozen=True):
    """How often a request was tried: `retries` of the address at hand, `hops` followed to come there."""

    retries: int = 0
    hops: tuple[str, ...] = ()


class PageLost(Exception):  # noqa: N818 -- nobody's fault, and nothing that a person reads
    """The process that had a page, or was fetching it, died: the request is to be sent again."""


class LeaseLost(StorageError):  # noqa: N818 -- what happened, as in `PageLost`
    """The store of a shared job knows this machine no longer: what was not committed has not happened."""


class Sending(msgspec.Struct, frozen=True):
    """A request that is being sent, as the engine knows it: without what middlewares and cookies add.

    Its answer `is_page` if it is for a callback of the spider, and neither for a limit nor for `fetch()`. `on_wire` is
    to be called each time that the head of the request goes to a socket.
    """

    request: Request
    attempts: Attempts
    is_page: bool
    on_wire: Callable[[], object]


class Open(Protocol):
    """Whatever can be closed is an asynchronous context manager. A part that has nothing to close may inherit this."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""
        return  # without it, type checkers take the method for abstract


class Limit(Protocol):
    """May a request be sent, and when? Pure bookkeeping: it does no I/O and is handed `now`.

    A limit that inherits this notes and learns nothing, and overrides what it is there for.
    """

    def judge(self, request: Request, now: float) -> Verdict:
        """What to do with `request` at `now`. Changes nothing that a second call would notice."""
        ...

    def sent(self, request: Request, now: float) -> None:
        """`request` is being sent at `now`."""
        return  # see `Open`

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """`request`, sent earlier, ended in `outcome` at `now`."""
        return


@runtime_checkable
class Paces(Protocol):
    """A limit that counts from when a request is on the wire: later than `sent` by the time that connecting takes.

    Limits with these two methods are told.
    """

    def on_wire(self, request: Request, now: float) -> float:
        """The head of `request` went to a socket just before `now`; the time from which its site may be asked again.

        A request that is sent again on another connection, or with credentials, is told again.
        """
        ...

    def ended(self, request: Request) -> None:
        """`request` is under way no longer, whether it was on the wire or not."""
        ...


class Entry(msgspec.Struct, eq=False):
    """A request in the frontier; `number` grows with each, and `hops` led here from another machine's site."""

    number: int
    request: Request
    is_start: bool = False
    hops: tuple[str, ...] = ()


def identity(request: Request, *, drop_params: tuple[str, ...] = ()) -> str:
    """What tells requests apart: the URL (see `urls.key`), and the method and content of other than a GET.

    Requests of two named sessions are two. The query parameters `drop_params` make no difference (see
    `markup.canonical.without_params`).
    """
    key = page_key(without_params(request.url, drop_params) if drop_params else request.url)
    if request.method != "GET" or request.body or request.files or request.body_file:
        key = f"{request.method} {key} {request.body!r}{request.form or ''}{request.files or ''}{request.body_file}"
    return f"{request.session} {key}" if request.session else key


def is_plain(request: Request) -> bool:
    """Whether a request is told apart from others by its URL alone."""
    return request.method == "GET" and not (
        request.body or request.session or request.dont_filter or request.files or request.body_file
    )


LAST = -(2**31)
"""The priority of a request that is sent when nothing else is left to do, and alone: at its page the process died."""


class Frontier(Open, Protocol):
    """What is still to do. A request is waiting, in flight, done or failed, and only the frontier moves it.

    Requests wait in one queue a site (`urls.site`), in the order that `frontier.order` gives. All calls but
    `commit` change memory alone, at once; what was not committed when the process ended has not happened. What
    was in flight then waits again.
    """

    def remember(self, key: str, url: str) -> bool:
        """Note that a request of `url` and this `key` (see `identity`) was seen; whether for the first time."""
        ...

    def unremember(self, key: str, url: str) -> None:
        """Undo the call of `remember` that came last, as its request cannot be added."""
        ...

    def knows(self, key: str, url: str) -> bool:
        """Whether a request of `url` and this `key` was already seen; nothing is noted."""
        ...

    def add(self, request: Request, *, is_start: bool = False) -> Entry | None:
        """Put `request` among the waiting; None if another machine is to crawl it, and will have it.

        Raises `SpiderError` if it holds what cannot be kept.
        """
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

    def waiting_for(self, site: str) -> int:
        """How many of them wait for `site`."""
        ...

    def unwritten_size(self) -> int:
        """How many of them are in memory until a commit has written them."""
        ...

    def sites(self) -> Iterable[str]:
        """The sites that requests wait for, in no particular order."""
        ...

    def commit(self, checkpoint: "Checkpoint") -> Awaitable[None]:
        """Make all that happened until this call durable, together with `checkpoint`, or nothing of it.

        What is awaited ends when it is; it raises `StorageError` if that fails.
        """
        ...


@dataclass(frozen=True, slots=True)
class Position:
    """Where a sink ends: `bytes` of `path`, with `items` items in them.

    `crc` is the CRC-32 of these bytes, `state` what else the format has to know to go on.
    """

    path: str
    bytes: int
    items: int
    crc: int = 0
    state: dict[str, Any] = field(default_factory=dict)


class Seeds(msgspec.Struct, frozen=True):
    """How much of what the spider's `start()` gives was taken: its results in all, and whether it has ended."""

    taken: int = 0
    has_ended: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that is durable together with what the frontier holds: how things stood between two pages.

    `positions` are where the sinks end, by their paths. `statistics` count the pages that are done, and none
    that is in hand. `memories` holds what the parts of that name remember, see `Remembers`: in a commit what
    has changed since the last one, and everything on resuming.
    """

    positions: dict[str, Position] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=Statistics)
    seeds: Seeds = field(default_factory=Seeds)
    memories: dict[str, dict[str, Any]] = field(default_factory=dict)


@runtime_checkable
class Remembers(Protocol):
    """A part whose memory outlives the process: what it knows is committed, and handed back on resuming.

    Limits, middlewares and pipelines with these two methods are asked. Values are those of JSON, and bytes. A part
    that knows of hosts may have a method `host_of(key)`, too, which names the host that a key is about: then that goes
    along with the host from one machine to another, and `recall()` is called whenever a host comes.
    """

    def changes(self) -> dict[str, Any]:
        """What is new since this was last asked, by key; a value of None forgets its key."""
        ...

    def recall(self, memory: dict[str, Any]) -> None:
        """Know again all that `changes()` gave, before anything else is asked."""
        ...


class Fault(msgspec.Struct, frozen=True):
    """A mistake of the spider's, and in which line (`file:line`) it was made; "" if that is not known."""

    error: BaseException
    line: str = ""


class Results(msgspec.Struct):
    """What a callback gave: items and requests in the order they came, and how it ended.

    `error` is what it raised, in `line`. `faults` are things that it gave and that nothing can be made of, in spite of
    which it went on. `sightings` tells, by item and field, whether an `Item` found something on the page for it.
    `weight` is how many bytes of memory its requests take, if they are many, and 0 if they are as few as usual. `known`
    counts requests that are not among them, since their pages are known to have been seen.
    """

    items: list[Any] = msgspec.field(default_factory=list)
    requests: list[Request | Links] = msgspec.field(default_factory=list)
    error: BaseException | None = None
    where: str = ""
    line: str = ""
    sightings: dict[str, bool] = msgspec.field(default_factory=dict)
    faults: list[Fault] = msgspec.field(default_factory=list)
    weight: int = 0
    known: int = 0

    @property
    def problems(self) -> list[Fault]:
        """All that went wrong: the faults, and then what it raised."""
        return self.faults if self.error is None else [*self.faults, Fault(self.error, self.line)]


class Parse(Open, Protocol):
    """Runs a callback, or an errback, of the spider on what it is for."""

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any], /) -> Results:
        """What the spider's method `callback` gave. Its exceptions are in `Results.error`, never raised.

        Raises `PageLost` if the page has to be fetched again.
        """
        ...

    def release(self, results: Results, /) -> None:
        """What `results` holds was handled. Callbacks wait while the requests of others weigh too much."""
        return  # see `Open`


class Aside(Protocol):
    """The `pages` that were fetched and take long to parse, so that the others do not wait for them; `bytes` in all."""

    @property
    def pages(self) -> int: ...
    @property
    def bytes(self) -> int: ...

    def is_full(self, site: str) -> bool:
        """Whether there are so many of `site` that nothing more should be asked of it now."""
        ...

    def watch(self, notify: Callable[[], None], /) -> None:
        """Call `notify` whenever their number changes."""
        ...


class Pipeline(Open, Protocol):
    """Refines items one by one."""

    async def process(self, item: Any) -> Any:
        """The item for the next pipeline, the same or another; None, or raising `DropItem`, drops it."""
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

    def resume(self, position: Position) -> None:
        """To be opened at `position`, which an earlier process came to: what follows it is cut off.

        Opening raises `StorageError` if what stands before it is not there as it was.
        """
        ...

    async def write(self, items: Sequence[Any]) -> None:
        """Take `items`; waits while too much of what was taken is not yet written. Raises `StorageError`."""
        ...

    async def sync(self) -> Position:
        """Hand all that was taken to the operating system; where the file ends now."""
        ...

    async def finish(self) -> None:
        """Write what is left, close the file and give it its final name."""
        ...


class Replaced(Protocol):
    """A data file that was there before, and what is known of it; as text, `83 items of 29 November`."""

    @property
    def items(self) -> int | None: ...
    @property
    def modified(self) -> datetime: ...
    @property
    def has_items(self) -> bool: ...
