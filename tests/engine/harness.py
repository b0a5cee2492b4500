"""A crawl without a network: an engine over the memory frontier, and a site that is a function."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from scraper.engine.engine import Engine
from scraper.engine.stages import Stages
from scraper.errors import FetchError
from scraper.events import Event
from scraper.frontier import MemoryFrontier
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.limits import Backpressure
from scraper.network.chain import chain
from scraper.parsing import HardPages, Thread
from scraper.parsing.callbacks import is_asynchronous_generator
from scraper.protocols import Checkpoint, Limit, Middleware, Policy, Remembers, Sink
from scraper.settings.tables import from_tables
from scraper.sinks.memory import Collect
from scraper.spider import Spider
from scraper.urls import site

Answer = Callable[[Request], Awaitable[Response | str | int]]


@dataclass
class Site:
    """Answers requests by `answer` (a body, a status or a response), and notes what it saw."""

    answer: Answer
    asked: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    in_flight: Counter[str] = field(default_factory=Counter)
    most: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def fetch(self, request: Request) -> Response:
        name = site(request.url)
        self.asked.append(request.url)
        self.times.append(time.monotonic())
        self.in_flight[name] += 1
        self.most[name] = max(self.most[name], self.in_flight[name])
        try:
            answer = await self.answer(request)
        finally:
            self.in_flight[name] -= 1
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, int):
            return Response(request.url, status=answer, request=request)
        return Response(request.url, body=answer, request=request)


@dataclass
class Run:
    """A crawl that has ended, or is running."""

    engine: Engine
    site: Site
    items: list[Any]
    events: list[Event]
    reason: str = ""


async def crawl(
    spider: Spider,
    answer: Answer,
    *,
    limits: Sequence[Limit] = (),
    admission: Sequence[Limit] = (),
    policies: Sequence[Policy] = (),
    middlewares: Sequence[Middleware] = (),
    sinks: Sequence[Sink] | None = None,
    per_host: int = 8,
    meanwhile: Callable[[Engine], Awaitable[None]] | None = None,
    refine: Any = None,
    frontier: MemoryFrontier | None = None,
    interval: float | None = None,
    resumed: Checkpoint | None = None,
    memories: Mapping[str, Remembers] | None = None,
    drift_after: int = 0,
    job: Path | None = None,
    takes_early: bool = True,
    **settings: Any,
) -> Run:
    """Crawl to the end with `settings` of `[engine]`; every request must then be accounted for."""
    shop, collect, events, hard = Site(answer), Collect(), [], HardPages()
    async with AsyncExitStack() as stack:
        stages = Stages(
            frontier=await stack.enter_async_context(frontier or MemoryFrontier()),
            admission=admission,
            limits=(*limits, Backpressure(hard)),
            fetch=chain(middlewares, shop.fetch),
            policies=policies,
            parse=await stack.enter_async_context(Thread(spider, hard=hard)),
            refine=refine,
            sinks=[collect] if sinks is None else sinks,
            observers=[events.append],
            clock=time.monotonic,
            memories=memories or {},
            aside=hard,
            takes_early=partial(is_asynchronous_generator, spider) if takes_early else None,
        )
        engine = Engine(
            spider,
            stages,
            from_tables(
                {
                    "engine": settings,
                    "limits": {"per_host": per_host},
                    "parsing": {"drift_after": drift_after},
                    "frontier": {} if interval is None else {"interval": interval},
                }
            ),
            job=job or (None if interval is None else Path(gettempdir())),
            resumed=resumed,
        )
        spider._fetch = engine.fetch
        run = Run(engine, shop, collect.kept, events)
        async with asyncio.TaskGroup() as tasks:
            if meanwhile is not None:
                tasks.create_task(meanwhile(engine))
            run.reason = await engine.run()
    assert engine.statistics().is_balanced, engine.statistics()
    return run


def page(*links: str) -> str:
    """A page with `links`."""
    return "".join(f'<a href="{link}">{link}</a>' for link in links)


def failing(reason: str) -> Answer:
    """A site that cannot be reached."""

    async def answer(request: Request) -> str:
        raise FetchError(reason, request.url)

    return answer
