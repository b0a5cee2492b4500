"""Settings and a spider become the stages of a crawl: the one place that knows which part stands behind which."""

import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import cache, partial
from typing import TYPE_CHECKING

import msgspec

from scraper.crawling.job_description import identity_of
from scraper.crawling.recrawl import Revisits
from scraper.crawling.resume import memories_of
from scraper.engine.stages import Stages, Tap
from scraper.engine.watchdog import Watchdog
from scraper.engine.workload import most_pages
from scraper.frontier import Job, MemoryJob, SqliteFrontier, is_shared
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.limits import Backpressure, Directives, before_sending, on_discovery
from scraper.markup.document.sandbox import sandbox
from scraper.network import Counts, Guard, Network, open_network
from scraper.network.cookies.middleware import Cookies
from scraper.parsing import HardPages, open_parse
from scraper.parsing.callbacks import is_asynchronous_generator
from scraper.pipelines import build as build_pipelines
from scraper.protocols import Fetch, Frontier, Limit, Observer, Sink
from scraper.settings.schema import NetworkSettings, PipelinesSettings, Settings
from scraper.spider import Spider
from scraper.verdict import Permits

if TYPE_CHECKING:  # few crawls have worker processes
    from scraper.machines.job import SharedJob
    from scraper.workers.process import Newborn
    from scraper.workers.spider_copy import SpiderCopy


class Assembled(msgspec.Struct, frozen=True):
    """The stages of a crawl, and its cookies; `cached` counts what the HTTP cache was good for, if there is one."""

    stages: Stages
    cookies: Cookies
    cached: Counts | None


@asynccontextmanager
async def open_stages(  # noqa: PLR0913 -- what a crawl is made of
    spider: Spider,
    settings: Settings,
    job: "Job | MemoryJob | SharedJob",
    *,
    sinks: Sequence[Sink],
    observers: Sequence[Observer],
    tap: Tap | None,
    copy: "SpiderCopy | None" = None,
    newborn: "Sequence[Newborn]" = (),
) -> AsyncIterator[Assembled]:
    """Every stage, open while the context is, but for `job` and `sinks`, which are opened elsewhere.

    Where there are to be worker processes, they have a `copy` of the spider; those that are `newborn` are taken first.
    Raises `SettingsError` and `SpiderError` for what cannot be used.
    """
    async with AsyncExitStack() as stack:
        enter, rng = stack.enter_async_context, random.Random()
        pipelines = await enter(build_pipelines(_own_pipelines(settings), spider.pipelines, spider))
        guard = Guard(settings.network.allow_addresses)
        same, hard = identity_of(settings.frontier), HardPages()
        revisits = _revisits(settings, job.frontier, same)
        directives = Directives(settings.network.user_agent) if settings.limits.robots_meta else None
        permits: Callable[[Response], Permits] | None = directives
        fetch: Fetch | None = None
        if copy is None:
            parsing, batch = settings.parsing, most_pages(settings.engine)
            parse = await enter(open_parse(parsing, spider, batch=batch, marks=job.marks, hard=hard))
        else:
            from scraper.workers import opening

            looks = bool(tuple(spider.middlewares)) or settings.network.cache.mode != "off" or tap is not None
            remote = await enter(
                opening.open_workers(
                    spider,
                    copy,
                    settings,
                    hard=hard,
                    guard=guard,
                    marks=job.marks,
                    observers=observers,
                    looks_at_answers=looks,
                    is_recrawl=revisits is not None,
                    newborn=newborn,
                )
            )
            parse, fetch = remote.parse, remote.fetch
            permits = opening.permits(directives) if directives is not None else None
        network = await enter(_open_network(settings.network, spider, tap, guard, rng, fetch))
        await enter(Watchdog(observers))
        stack.callback(sandbox.close)
        limits: tuple[Limit, ...] = (guard, *_limits(settings, spider, job, rng))
        memories = memories_of([*limits, network.cookies, *spider.middlewares, *pipelines])
        sharing, fetch = None, network.fetch
        if is_shared(settings.frontier):
            from scraper.crawling import shared_crawl  # few crawls are

            sharing, limits, fetch = shared_crawl.sharing(settings, job.frontier, memories, limits, fetch)
        stages = Stages(
            frontier=job.frontier,
            admission=on_discovery(settings.limits, allowed_domains=tuple(spider.allowed_domains)),
            limits=(*limits, Backpressure(hard)),
            fetch=fetch,
            policies=network.policies if revisits is None else (revisits.sequel, *network.policies),
            parse=parse,
            refine=None if pipelines.is_empty else pipelines.refine,
            sinks=sinks,
            observers=observers,
            clock=time.monotonic,
            revisits=revisits,
            memories=memories,
            named=guard.name_url,
            refers=network.refers,
            identity=same,
            unique_redirects=settings.frontier.unique_redirects,
            takes_early=cache(partial(is_asynchronous_generator, spider)) if revisits is None else None,
            permits=permits,
            aside=hard,
            sharing=sharing,
        )
        yield Assembled(tap.fit_stages(stages) if tap is not None else stages, network.cookies, network.cached)


def _own_pipelines(settings: Settings) -> PipelinesSettings:
    """What this machine does with items: that they are unique is seen to where all of them are written."""
    shared = is_shared(settings.frontier)
    return msgspec.structs.replace(settings.pipelines, unique=()) if shared else settings.pipelines


def _open_network(
    settings: NetworkSettings,
    spider: Spider,
    tap: Tap | None,
    guard: Guard,
    rng: random.Random,
    remote: Fetch | None,
) -> AbstractAsyncContextManager[Network]:
    return open_network(
        settings,
        guard=guard,
        remote=remote,
        middlewares=tuple(spider.middlewares),
        wire=tap.wire if tap is not None else None,
        accept_statuses=frozenset(spider.handle_httpstatus_list),
        rng=rng,
    )


def _limits(settings: Settings, spider: Spider, job: "Job | MemoryJob | SharedJob", rng: random.Random) -> list[Limit]:
    return before_sending(
        settings.limits,
        allowed_domains=tuple(spider.allowed_domains),
        user_agent=settings.network.user_agent,
        rng=rng,
        wall=time.time,
        crashes=job.crashes,
    )


def _revisits(settings: Settings, frontier: Frontier, same: Callable[[Request], str]) -> Revisits | None:
    """The pages of earlier runs, if they are of interest and kept."""
    if settings.frontier.recrawl == "never" or not isinstance(frontier, SqliteFrontier):
        return None
    return Revisits(frontier, settings.pipelines.unique, wall=time.time, identity=same)
