"""The stages that the engine drives."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

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
    Results,
    Sink,
    identity,
)
from scraper.verdict import DELIVER, GO, Fail, Go, Permits, Sequel, Verdict


class Visit(Protocol):
    """A page in a crawl that was run before: what it gave then, if it has not changed, and what its items are now."""

    @property
    def changes(self) -> Mapping[str, int]: ...
    @property
    def again(self) -> Results | None: ...
    def marked(self, found: Sequence[Results], items: Sequence[Sequence[Any]], /) -> Sequence[Sequence[Any]]: ...
    def settle(self) -> None: ...


class Revisits(Protocol):
    """The pages of earlier runs of a crawl: see `scraper.crawling.recrawl`."""

    def ask(self, request: Request, /) -> Request | Response: ...
    def visit(self, request: Request, response: Response, /) -> Visit: ...
    def carried(self, request: Request, /) -> Visit | None: ...
    def left(self) -> Iterable[tuple[bytes, Sequence[Any]]]: ...
    def bury(self, key: bytes, /) -> None: ...


class Refined(Protocol):
    """What pipelines made of some items."""

    @property
    def kept(self) -> Sequence[Any]: ...
    @property
    def dropped(self) -> Sequence[tuple[Any, str]]: ...
    @property
    def errors(self) -> Sequence[tuple[str, str, BaseException]]: ...
    def settle(self) -> None: ...


class Refine(Protocol):
    """Runs the pipelines; of items that come again only what remembers them, as they have been through the others."""

    def __call__(self, items: Sequence[Any], /, *, is_again: bool = False) -> Awaitable[Refined]: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of a crawl, opened, by the order in which a request meets them.

    `admission` is judged when a request is found, `limits` when it is about to be sent. `refine` runs the
    pipelines; it is None where there are none. `memories` are the parts, by name, whose memory outlives the
    process; `revisits` knows the pages of earlier runs, if they are of interest. `named` is told the URLs that the
    user named, rather than a page. `identity` is equal for requests that are the same; with `unique_redirects` a page
    is crawled once also if redirects lead to it. Pages that are `aside` do not count as in hand.
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
    memories: dict[str, Remembers] = field(default_factory=dict)
    revisits: Revisits | None = None
    named: Callable[[str], None] | None = None
    permits: Callable[[Response], Permits] | None = None
    refers: Callable[[Request | Links, Response], Request | Links] | None = None
    identity: Callable[[Request], str] = identity
    unique_redirects: bool = False
    aside: Aside | None = None

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
    """Sits where a crawl meets the network, to record it or to answer in its place; open as long as the crawl runs."""

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        """The answer to `request`, as it would go out: a middleware inside of all others."""
        ...

    def fit(self, stages: Stages) -> Stages:
        """The stages of the crawl as they are to be: those given, or others around them."""
        ...
