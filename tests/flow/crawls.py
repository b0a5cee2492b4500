"""Runs a whole crawl and holds it to what every crawl must hold to."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from scraper import Crawl, Request, Response, Result, Spider
from scraper.events import Event, Statistics
from scraper.protocols import Sink

QUICK: dict[str, Any] = {"network": {"backoff": 0.02}}
"""Settings for tests: retries wait next to nothing. All others are the usual ones."""

E = TypeVar("E")


@dataclass(frozen=True)
class Ended:
    """A crawl that has ended, and what was told while it went on."""

    result: Result
    events: list[Event]

    @property
    def items(self) -> list[Any]:
        return self.result.items

    @property
    def statistics(self) -> Statistics:
        return self.result.statistics

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


async def crawl(
    spider: Spider | type[Spider],
    settings: Mapping[str, Any] | None = None,
    *,
    sinks: Sequence[Sink] | None = None,
    seconds: float = 20.0,
    alone: bool = True,
    **arguments: Any,
) -> Ended:
    """Crawl to the end, within `seconds`: every request is accounted for then, and no task is left if it is `alone`."""
    events: list[Event] = []
    before = asyncio.all_tasks()
    tables = merged(QUICK, settings or {})
    async with asyncio.timeout(seconds):
        result = await Crawl(spider, tables, sinks=sinks, observers=[events.append], arguments=arguments).run()
    left = {each for each in asyncio.all_tasks() - before if not _is_server(each)}
    assert not alone or not left, left
    check(result)
    return Ended(result, events)


def _is_server(task: asyncio.Task[Any]) -> bool:
    """Whether a task answers a visitor of a site that is served in this loop (the bookshop)."""
    return getattr(task.get_coro(), "__qualname__", "") == "RequestHandler.start"


def check(result: Result) -> None:
    """Every request is accounted for exactly once."""
    now = result.statistics
    assert now.discovered == now.fetched + sum(now.refused.values()) + sum(now.failed.values()) + now.waiting, now
    if result.reason == "finished":
        assert now.waiting == 0, now
    assert now.in_flight == 0, now


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of settings, the second's keys over the first's."""
    both = {name: {**under[name], **over[name]} for name in under.keys() & over.keys()}
    return {**under, **over, **both}


class Follower(Spider):
    """Follows every link, and gives an item for each page."""

    name = "follower"

    def parse(self, response: Response) -> Any:
        yield {"url": response.url, "status": response.status}
        yield from response.follow_all(css="a")


class Asker(Spider):
    """Asks for `requests`, and keeps the responses, which a real spider should not."""

    name = "asker"

    def __init__(self, *requests: Request | str) -> None:
        super().__init__()
        self.requests = [Request(each) if isinstance(each, str) else each for each in requests]
        self.responses: list[Response] = []

    async def start(self) -> Any:
        for request in self.requests:
            yield request

    def parse(self, response: Response) -> Any:
        self.responses.append(response)
        return {"url": response.url}


async def ask(*requests: Request | str, **settings: Any) -> tuple[Ended, list[Response]]:
    """Crawl `requests` and no more; the responses in the order they came."""
    spider = Asker(*requests)
    ended = await crawl(spider, {"limits": {"robots": False}, **settings})
    return ended, spider.responses


async def ask_one(request: Request | str, **settings: Any) -> Response:
    """The response to a request that is answered."""
    ended, responses = await ask(request, **settings)
    assert len(responses) == 1, ended.result
    return responses[0]


async def reason_of(request: Request | str, **settings: Any) -> str:
    """Why a request was not crawled."""
    ended, responses = await ask(request, **settings)
    assert responses == []
    assert ended.result.exit_status == 1
    (reason,) = [*ended.statistics.failed, *ended.statistics.refused]
    return str(reason)
