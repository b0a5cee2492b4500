"""One machine's part in a crawl that several share: it joins the job, crawls what is its own, and leaves.

A machine that loses its lease, or its store, starts over: what it did since its last commit has not happened, and it
joins the job again as if it had been killed. When nothing is left to do anywhere, the machine that writes the data
files publishes them, and tells the others how it all ended.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from scraper.crawling.job_description import describe, identity_of, job_name
from scraper.crawling.publication import publish
from scraper.crawling.result import CLOSED, PRIVATE, Result, Written, drifted, failures_of, problems_of
from scraper.crawling.spider_lifecycle import lifespan
from scraper.engine.engine import HOSTS_PARKED, Engine
from scraper.errors import StorageError
from scraper.events import Finished, Statistics
from scraper.frontier.serialization.checkpoints import encode
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.frontier.shared.journal import Report
from scraper.frontier.shared.tenancy import Tenancy
from scraper.frontier.shared.turns import Turns
from scraper.frontier.shared.units import Lanes
from scraper.frontier.store import SharedStore, machines
from scraper.limits.robots import Robots
from scraper.machines.collector import Collector, place
from scraper.machines.job import Begin, Ended, SharedJob
from scraper.machines.opening import open_store
from scraper.machines.sharing import Sharing
from scraper.machines.totals import others, whole
from scraper.protocols import Fetch, LeaseLost, Limit, Remembers
from scraper.settings.schema import Settings
from scraper.workers.no_state import NoState

if TYPE_CHECKING:
    from scraper.crawling.crawl import Crawl

logger = logging.getLogger("scraper")

PATIENCE = 60.0  # seconds that a store which was there may be away
PAUSE = 0.2  # seconds between two looks at how the others are doing
LONELY = 25  # of these looks, after which no other machine will write the data files
NO_STATE = "self.state cannot be shared by machines: hand values over in meta"


class Outcome(msgspec.Struct, frozen=True):
    """How a crawl ended: `files` were published on the machine at `place`. With `is_end` the job is finished.

    `others` counts the machines that continue, if it only ended here.
    """

    reason: str
    statistics: Statistics
    problems: tuple[str, ...] = ()
    has_failed: bool = False
    status: int = 0
    place: str = ""
    files: tuple[tuple[str, int, int], ...] = ()
    is_end: bool = False
    others: int = 0


async def run(crawl: "Crawl", *, fresh: bool) -> Result:
    """Take part in the crawl until it ends, or this machine is told to stop. Raises as `Crawl.run` does."""
    again = False
    name, store = _store(crawl)
    while True:
        job = _job(crawl, store, name, "never" if again else "always" if fresh else "if needed")
        try:
            return await _take_part(crawl, job, again=again)
        except Ended as end:
            logger.info("%s: the crawl ended without this machine", crawl.spider.name)
            return await _end(crawl, job, _read(end.outcome))
        except LeaseLost as error:
            logger.warning("%s; joining the job again", error)
            fresh, again, crawl._engine = False, True, None


def _store(crawl: "Crawl") -> tuple[str, SharedStore]:
    """The name of the crawl's job, and where it is."""
    name = crawl._job.name if crawl._job is not None else job_name(crawl.spider.name)
    return name, open_store(crawl.settings, name)


def _collector(crawl: "Crawl", job: SharedJob) -> Collector:
    return Collector(job.frontier, partial(crawl._open_sinks, job), crawl.settings.pipelines.unique, job.begun)


def _job(crawl: "Crawl", store: SharedStore, name: str, begin: Begin) -> SharedJob:
    frontier = crawl.settings.frontier
    return SharedJob(
        store,
        Path(frontier.jobs) / name,
        describe(crawl.spider, crawl.settings, crawl._arguments),
        settings=frontier,
        lanes=Lanes(frontier.lanes, identity_of(frontier)),
        begin=begin,
    )


async def finish(crawl: "Crawl") -> Result:
    """Close the data files as they stand, on this machine. Raises as `Crawl.finish` does."""
    name, store = _store(crawl)
    try:
        look = await store.look()
        if look is None or look.ended is not None or not look.has_begun:
            why = "there is none" if look is None else "it is finished" if look.ended else "it was never begun"
            raise StorageError(f"{store}: {why}: nothing is left to be closed")
        if look.workers:
            remedy = (
                f"stop them first with `scraper jobs stop {name}`, or wait until the lease of one that died is over"
            )
            raise StorageError(f"{store} is being crawled by {machines(look.workers)}: {remedy}")
    finally:
        await store.close()
    job = _job(crawl, store, name, "never")
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(job)
            outcome = await _close_early(stack, crawl, job)
    except Ended:
        raise StorageError(f"{store}: it is finished: nothing is left to be closed") from None
    return _concluded(crawl, outcome, None if outcome.is_end else job.folder)


async def _close_early(stack: AsyncExitStack, crawl: "Crawl", job: SharedJob) -> Outcome:
    """Write what was collected anywhere, and publish it. A machine that joins meanwhile stops at once."""
    frontier = job.frontier
    collector = await stack.enter_async_context(_collector(crawl, job))
    frontier.report = partial(Report, stop=CLOSED, has_ended=True)
    while not collector.is_collecting:
        if collector.problem is not None:
            raise collector.problem
        if frontier.news.ended is not None:  # by one that joined meanwhile
            return _read(frontier.news.ended)
        await frontier.commit_again()
        await asyncio.sleep(PAUSE)
    await collector.stop()
    if collector.problem is not None:
        raise collector.problem
    await collector.complete()
    crawl._found = whole(others(frontier))
    return await _publish(crawl, job, collector, CLOSED)


async def _take_part(crawl: "Crawl", job: SharedJob, *, again: bool) -> Result:
    spider, settings = crawl.spider, crawl.settings
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        if crawl._tap is not None:
            await enter(crawl._tap)
        await _join(stack, job, patience=PATIENCE if again else 0.0)
        copy = crawl._copy()
        await enter(lifespan(spider))
        spider.check_start()
        spider.state = NoState(NO_STATE)
        stages = await crawl._open_stages(stack, job, [job.frontier.outbox], copy)
        collector = await enter(_collector(crawl, job))
        engine = crawl._engine = Engine(spider, stages, settings, job=job.folder)
        reason, problems = await crawl._drive(engine, job)
        outcome = await _conclude(crawl, job, collector, reason)
    return await _end(crawl, job, outcome, problems)


async def _end(crawl: "Crawl", job: SharedJob, outcome: Outcome, problems: Sequence[str] = ()) -> Result:
    """The crawl has ended, or this machine has left it; what it had begun of data files that are elsewhere goes."""
    if outcome.is_end and outcome.place != place():
        await asyncio.to_thread(job.begun.remove)
    return _concluded(crawl, outcome, None if outcome.is_end else job.folder, problems)


async def _join(stack: AsyncExitStack, job: SharedJob, *, patience: float) -> None:
    """Join a job, whose store may be away for as many seconds as there is `patience`; that it is away is told once."""
    loop = asyncio.get_running_loop()
    until, pause, is_away = loop.time() + patience, PAUSE, False
    while True:
        try:
            await stack.enter_async_context(job)
        except StorageError as error:
            if loop.time() + pause > until:
                raise
            if not is_away:
                is_away, when = True, time.strftime("%H:%M:%S", time.localtime(time.time() + patience))
                logger.warning("%s; waiting for it until %s", error, when)
        else:
            if is_away:
                logger.info("%s answers again", job.store)
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, 2.0)


def sharing(
    settings: Settings, frontier: Any, memories: Mapping[str, Remembers], limits: Sequence[Limit], fetch: Fetch
) -> tuple[Sharing, tuple[Limit, ...], Fetch]:
    """What has the engine crawl what is this machine's; and `limits` and `fetch` that keep it from the rest."""
    assert isinstance(frontier, SharedFrontier)
    with_others = Sharing(
        frontier,
        concurrency=settings.engine.concurrency,
        delay=settings.limits.delay,
        memories=memories,
        private=PRIVATE,
        clock=time.monotonic,
    )
    tenancy = Tenancy(frontier)
    own: list[Limit] = [tenancy]
    if settings.frontier.lanes:
        robots = next((each.delay for each in limits if isinstance(each, Robots)), None)
        own.append(Turns(frontier, delay=settings.limits.delay, crawl_delay=robots))
    return with_others, (*own, *limits), tenancy.fenced(fetch)


# The end.


async def _conclude(crawl: "Crawl", job: SharedJob, collector: Collector, reason: str) -> Outcome:
    """Nothing is left to do here: wait for the others, and publish the data files if they are written here."""
    frontier = job.frontier
    alone = 0
    while reason not in PRIVATE and not crawl._stopped:
        if frontier.news.ended is not None:
            return _read(frontier.news.ended)
        if frontier.news.is_over and collector.is_collecting:
            await collector.stop()
            await collector.complete()
            return await _publish(crawl, job, collector, reason)
        if frontier.news.is_over and crawl.statistics().waiting:
            return Outcome(HOSTS_PARKED, crawl.statistics())
        alone = alone + 1 if collector.problem is not None and not frontier.news.peers else 0
        if collector.problem is not None and alone > LONELY:
            raise collector.problem
        await asyncio.sleep(PAUSE)
        await frontier.commit_again()
    await collector.stop()
    left = 0 if frontier.news.stop else len(frontier.news.peers)
    return Outcome(crawl._stopped or reason, crawl.statistics(), others=left)


async def _publish(crawl: "Crawl", job: SharedJob, collector: Collector, reason: str) -> Outcome:
    """Give the data files their names, and finish the job, unless requests wait for hosts that rest."""
    statistics = crawl._final = collector.corrected(crawl.statistics())
    if statistics.waiting and statistics.fetched and reason in {"finished", HOSTS_PARKED}:
        return Outcome(HOSTS_PARKED, statistics)
    ended, fail_when = crawl._ended, crawl.settings.engine.fail_when
    has_failed = reason != CLOSED and bool(failures_of(statistics, fail_when, ended))
    publication = await publish(collector.sinks, has_failed=has_failed)
    outcome = Outcome(
        reason,
        statistics,
        problems=(*problems_of(statistics, fail_when, ended), *publication.problems),
        has_failed=has_failed,
        status=ended.status if ended is not None else 0,
        place=place(),
        files=tuple((each.path, each.items, each.bytes) for each in publication.written),
        is_end=publication.is_complete,
    )
    if publication.is_complete:
        await asyncio.to_thread(job.begun.forget)
        await job.finish(encode(outcome))
    return outcome


def _read(outcome: bytes) -> Outcome:
    try:
        return msgspec.msgpack.decode(outcome, type=Outcome)
    except msgspec.MsgspecError as error:
        raise StorageError(f"how the crawl ended cannot be read: {error}") from None


def _concluded(crawl: "Crawl", outcome: Outcome, job: Path | None, problems: Sequence[str] = ()) -> Result:
    crawl._final = outcome.statistics
    crawl._tell(Finished(outcome.reason, outcome.statistics))
    is_here = outcome.place == place()
    if outcome.place and not is_here:
        logger.info("%s: the data files are on %s", crawl.spider.name, outcome.place)
    return Result(
        spider=crawl.spider.name,
        reason=outcome.reason,
        statistics=outcome.statistics,
        sinks=tuple(Written(*each) for each in outcome.files) if is_here else (),
        problems=(*outcome.problems, *problems),
        status=outcome.status,
        has_failed=outcome.has_failed,
        job=job,
        drifted=drifted(outcome.statistics, crawl.settings.parsing.drift_after),
        cached=asdict(crawl._cached) if crawl._cached is not None else {},
        others=outcome.others,
    )
