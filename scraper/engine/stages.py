"""The stages that the engine drives."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scraper.protocols import Clock, Fetch, Frontier, Limit, Observer, Parse, Policy, Sink


class Refined(Protocol):
    """What pipelines made of some items."""

    @property
    def kept(self) -> Sequence[Any]: ...
    @property
    def dropped(self) -> Sequence[tuple[Any, str]]: ...
    @property
    def errors(self) -> Sequence[tuple[str, str, BaseException]]: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of a crawl, opened, by the order in which a request meets them.

    `admission` is judged when a request is found, `limits` when it is about to be sent. `refine` runs the
    pipelines; it is None where there are none.
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
