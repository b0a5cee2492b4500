"""The stages that the engine drives, and those seams between them that only the framework fills.

The seams that users can fill, too, are in `protocols`, which is public: these here may change.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from scraper.engine.parts import Shares
from scraper.errors import FetchError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.protocols import (
    Aside,
    Attempts,
    Clock,
    Fetch,
    Frontier,
    Limit,
    Observer,
    Open,
    Parse,
    Policy,
    Remembers,
    Replaced,
    Results,
    Sink,
    identity,
)
from scraper.settings.schema import Settings
from scraper.verdict import DELIVER, GO, Fail, Go, Permits, Sequel, Verdict


class Refined(Protocol):
    """What the pipelines made of some items.

    Each is `kept`, or `dropped` for a reason; of the latter those are `rejected` at which a pipeline raised. `errors`
    are what pipelines raised: where (`Price.process`), at which line (`file:line`), and what.
    """

    @property
    def kept(self) -> Sequence[Any]: ...
    @property
    def dropped(self) -> Sequence[tuple[Any, str]]: ...
    @property
    def rejected(self) -> Sequence[tuple[Any, str]]: ...
    @property
    def errors(self) -> Sequence[tuple[str, str, BaseException]]: ...

    def settle(self) -> None:
        """The items are written: what pipelines remember of them is remembered for good."""
        ...

    def without_items(self) -> "Refined":
        """The same without items, which are elsewhere: the errors, and what is to be settled."""
        ...


class Refine(Protocol):
    """Runs all pipelines."""

    def __call__(self, items: Sequence[Any], /, *, is_again: bool = False) -> Awaitable[Refined]:
        """Lead `items` through the pipelines; if they come again, only through those that remember items."""
        ...


class Visit(Protocol):
    """A page that an earlier run of the crawl may have crawled, too.

    `again` is what it gave then, if it has not changed. `changes` counts its items by what has become of them.
    """

    @property
    def changes(self) -> Mapping[str, int]: ...
    @property
    def again(self) -> Results | None: ...

    def marked(self, found: Sequence[Results], items: Sequence[Sequence[Any]], /) -> Sequence[Sequence[Any]]:
        """`items`, which the pipelines made of `found`, each with what has become of it."""
        ...

    def settle(self) -> None:
        """The items are written: the next run compares with them."""
        ...


class Revisits(Protocol):
    """The pages that earlier runs crawled: see `crawling.recrawl`."""

    def ask(self, request: Request, /) -> Request | Response:
        """`request` on condition that its page has changed; or the answer, if it is known already."""
        ...

    def visit(self, request: Request, response: Response, /) -> Visit:
        """The page that `response` is."""
        ...

    def carried(self, request: Request, /) -> Visit | None:
        """A page that failed this time, taken as it was; None if no earlier run crawled it."""
        ...

    def left(self) -> Iterable[tuple[bytes, Sequence[Any]]]:
        """The pages that this run did not come to: the key and the items of each."""
        ...

    def bury(self, key: bytes, /) -> None:
        """Forget the page that was kept under `key`."""
        ...


class Stages(msgspec.Struct, frozen=True):
    """The parts of a crawl, opened, by the order in which a request meets them.

    `admission` is judged when a request is found, `limits` when it is about to be sent. `refine` runs the
    pipelines; it is None where there are none. `memories` are the parts, by name, whose memory outlives the
    process; `revisits` knows the pages of earlier runs, if they are of interest. `named` is told the URLs that the
    user named, rather than a page. `identity` is equal for requests that are the same; with `unique_redirects` a page
    is crawled once also if redirects lead to it. Pages that are `aside` do not count as in hand. `takes_early` tells,
    by its name, whether items leave a callback before it ends; where it is None, `parse` gives all of them.
    """

    frontier: Frontier
    admission: Sequence[Limit]
    limits: Sequence[Limit]
    fetch: Fetch
    policies: Sequence[Policy]
    parse: Parse
    refine: Refine | None
    sinks: Sequence[Sink]
    observers: Sequence[Observer]
    clock: Clock
    memories: dict[str, Remembers] = msgspec.field(default_factory=dict)
    revisits: Revisits | None = None
    named: Callable[[str], None] | None = None
    permits: Callable[[Response], Permits] | None = None
    refers: Callable[[Request | Links, Response], Request | Links] | None = None
    identity: Callable[[Request], str] = identity
    unique_redirects: bool = False
    aside: Aside | None = None
    takes_early: Callable[[str], bool] | None = None
    sharing: Shares | None = None

    def judge(self, request: Request, now: float) -> Verdict:
        """The first verdict of `limits` other than Go."""
        for limit in self.limits:
            verdict = limit.judge(request, now)
            if verdict is not GO and not isinstance(verdict, Go):
                return verdict
        return GO

    def sent(self, request: Request, now: float) -> None:
        """Tell all limits that `request` is about to be sent."""
        for limit in self.limits:
            limit.sent(request, now)

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """Tell all limits what came of `request`."""
        for limit in self.limits:
            limit.learn(request, outcome, now)

    def sequel(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel:
        """What the first policy that has an opinion says."""
        for policy in self.policies:
            sequel = policy(request, outcome, attempts)
            if sequel is not None:
                return sequel
        return DELIVER if isinstance(outcome, Response) else Fail(outcome.reason)


class Tap(Open, Protocol):
    """Sits where a crawl meets the network, to record it or to answer in its place; open as long as the crawl runs.

    A tap that inherits this changes nothing, and overrides what it is there for.
    """

    def fit_settings(self, settings: Settings) -> Settings:
        """The settings of the crawl as they are to be."""
        return settings

    def fit_stages(self, stages: Stages) -> Stages:
        """The stages of the crawl as they are to be: those given, or others around them."""
        return stages

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        """The answer to `request`, as it would go out: a middleware inside of all others."""
        return await fetch(request)


@runtime_checkable
class Rejects(Sink, Protocol):
    """Keeps the items that another sink does not have: the data file whose name is `of`."""

    @property
    def of(self) -> str: ...

    def takes(self, item: Any, /) -> bool:
        """Whether the data file would have had `item`."""
        ...

    async def reject(self, rejected: Sequence[tuple[Any, str]], /, url: str) -> None:
        """Keep items of the page `url`, each with the reason. Raises `StorageError`."""
        ...


@runtime_checkable
class Publishable(Sink, Protocol):
    """A sink whose file can be completed without being published: `finish()` is `complete()` and `publish()`.

    `name` is what the file is called once it is published.
    """

    @property
    def name(self) -> str: ...
    @property
    def is_always_published(self) -> bool: ...

    async def previous(self) -> Replaced | None:
        """The file that publishing would replace."""
        ...

    async def complete(self) -> None:
        """Write what is left: the file is whole then, but for its name. Nothing is taken any more."""
        ...

    async def publish(self) -> None:
        """Close the file, which is complete, and give it its final name."""
        ...

    async def withhold(self) -> None:
        """Close the file, which is complete, and leave it as `NAME.part`, readable in its format."""
        ...
