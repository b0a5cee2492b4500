"""The stages that the engine drives."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from scraper.protocols import Clock, Fetch, Frontier, Limit, Observer, Parse, Policy, Remembers, Sink


class Refined(Protocol):
    """What pipelines made of some items."""

    @property
    def kept(self) -> Sequence[Any]: ...
    @property
    def dropped(self) -> Sequence[tuple[Any, str]]: ...
    @property
    def errors(self) -> Sequence[tuple[str, str, BaseException]]: ...
    def settle(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of a crawl, opened, by the order in which a request meets them.

    `admission` is judged when a request is found, `limits` when it is about to be sent. `refine` runs the
    pipelines; it is None where there are none. `memories` are the parts, by name, whose memory outlives the
    process.
    """

    frontier: Frontier
    admission: Sequence[Limit]
    limits: Sequence[Limit]
    fetch: Fetch
    policies: Sequence[Policy]
    parse: Parse
    refine: Callable[[Sequence[Any]], Awaitable[Refined]] | None
    sinks: Sequence[Sink]
    observers: Sequence[Observer]
    clock: Clock
    memories: dict[str, Remembers] = field(default_factory=dict)
