"""What happened in a crawl, as frozen values that observers are handed.

A kind of event is only made where an observer wants it: see `by_kind`.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

import msgspec

from scraper.errors import FetchError
from scraper.http.request import Request
from scraper.http.response import Response


@dataclass(frozen=True, slots=True)
class Statistics:
    """The counts of a crawl at one moment.

    `discovered` counts distinct requests, and at any moment equals `fetched + refused + failed + waiting`,
    where `waiting` includes what is in flight, and what is kept for the next run: that is counted by host in
    `parked`. `requests` counts what was sent, with redirects, retries and robots.txt. `changes` counts the items
    of a recrawl by what has become of them. `misses` tells, by field of an `Item` that was found before, on how many
    pages in a row it was not. `bytes` is the size of all bodies, decompressed. Times are in seconds.
    """

    spider: str = ""
    discovered: int = 0
    fetched: int = 0
    waiting: int = 0
    in_flight: int = 0
    hosts: int = 0
    parked: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    retries: int = 0
    redirects: int = 0
    duplicates: int = 0
    items: int = 0
    dropped: int = 0
    errors: int = 0
    bytes: int = 0
    seconds: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    start_urls: int = 0
    start_urls_failed: int = 0
    changes: dict[str, int] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)

    @property
    def is_balanced(self) -> bool:
        """Whether every discovered request is accounted for exactly once."""
        return self.discovered == self.fetched + sum(self.refused.values()) + sum(self.failed.values()) + self.waiting


def summed(parts: Iterable[Statistics]) -> Statistics:
    """The counts of several crawls of one job, which run at the same time: the longest tells how long it takes."""
    total: dict[str, Any] = {}
    for each in parts:
        for name in each.__slots__:
            value = getattr(each, name)
            if isinstance(value, dict):
                total[name] = dict(Counter(total.get(name, {})) + Counter(value))
            elif isinstance(value, str):
                total[name] = total.get(name) or value
            else:
                total[name] = max(total.get(name, 0), value) if name == "seconds" else total.get(name, 0) + value
    return Statistics(**total)


class Started(msgspec.Struct, frozen=True):
    """The crawl is about to send its first request."""

    spider: str


class Resumed(msgspec.Struct, frozen=True):
    """The crawl continues where an earlier process left it, with `found`; `changes` tells what is different since.

    `inexact` are the sinks that may get items twice, since they cannot be cut back. `edited` names the modules of the
    spider whose source has changed since.
    """

    spider: str
    found: Statistics
    changes: tuple[str, ...] = ()
    inexact: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()


class Died(msgspec.Struct, frozen=True):
    """An earlier process ended while it handled `pages`, told by URL. They come last; see `limits.quarantine`."""

    pages: tuple[str, ...]


class Fetched(msgspec.Struct, frozen=True):
    """A response is handed to its callback. `seconds` is how long the server took."""

    response: Response
    seconds: float


class _OfRequest(msgspec.Struct, frozen=True):
    """Something other than an answer came of `request`."""

    request: Request


class Retried(_OfRequest, frozen=True):
    """A request failed for `reason` and will be sent again in `wait` seconds."""

    reason: str
    wait: float
    attempt: int


class Refused(_OfRequest, frozen=True):
    """A request was not sent, and never will be, for `reason`."""

    reason: str


class Failed(_OfRequest, frozen=True):
    """A request was given up."""

    error: FetchError


class Parked(msgspec.Struct, frozen=True):
    """Nothing more is sent to `host`, which could not be reached, lastly for `reason`; what waits for it is kept."""

    host: str
    reason: str


class Drifted(msgspec.Struct, frozen=True):
    """`field`, an item's that used to be found, was found on none of the last `pages`: the site may have changed."""

    field: str
    pages: int


class Dropped(msgspec.Struct, frozen=True):
    """A pipeline dropped an item."""

    item: object
    reason: str


class Broke(msgspec.Struct, frozen=True):
    """Code of the spider, a pipeline or a sink raised: `where` names it (`Books.parse`), `line` is `file:line`."""

    where: str
    line: str
    url: str
    error: BaseException


class Blocked(msgspec.Struct, frozen=True):
    """The event loop could not run for `seconds`, because of what `where` (file, line, function) was doing."""

    where: str
    seconds: float


class Finished(msgspec.Struct, frozen=True):
    """The crawl has ended for `reason`: 'finished', 'interrupted', or what ended it early."""

    reason: str
    statistics: Statistics


Event = (
    Started
    | Resumed
    | Died
    | Fetched
    | Retried
    | Refused
    | Failed
    | Parked
    | Drifted
    | Dropped
    | Broke
    | Blocked
    | Finished
)


def by_kind(observers: Iterable[Callable[[Any], None]]) -> dict[type[Any], list[Callable[[Any], None]]]:
    """For each kind of event the observers that want it: all kinds, or those in an observer's attribute `wants`."""
    watchers: dict[type[Any], list[Callable[[Any], None]]] = {kind: [] for kind in get_args(Event)}
    for observer in observers:
        for kind in getattr(observer, "wants", watchers):
            watchers[kind].append(observer)
    return watchers
