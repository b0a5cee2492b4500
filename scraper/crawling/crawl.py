"""The one place that knows every stage: settings and a spider become a running crawl."""

import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import Any

from scraper.crawling.recrawl import Revisits
from scraper.crawling.result import CANCELLED, CLOSED, INTERRUPTED, Result, Written, drifted, problems_of
from scraper.crawling.resume import State, check_methods, describe, go_on, job_name, recall, remembering
from scraper.engine.run import HOSTS_PARKED, Engine, most_in_hand
from scraper.engine.stages import Stages, Tap
from scraper.engine.watchdog import Watchdog
from scraper.errors import ScraperError, SpiderError, StorageError
from scraper.events import Broke, Died, Finished, Resumed, Started, Statistics
from scraper.frontier import Job, MemoryJob, SqliteFrontier, open_job
from scraper.http.request import Request
from scraper.limits import Backpressure, Directives, before_sending, on_discovery
from scraper.markup.document.sandbox import sandbox
from scraper.markup.links.canonicalize import TRACKING_PARAMS
from scraper.network import Counts, Guard, open_network
from scraper.parsing import HardPages, open_parse
from scraper.pipelines import build as build_pipelines
from scraper.process.stacks import line_of
from scraper.protocols import Clock, Frontier, Observer, Sink, identity
from scraper.settings.load import laid_over
from scraper.settings.schema import Settings
from scraper.settings.tables import from_tables
from scraper.sinks import open_sinks
from scraper.sinks.memory import Collect, HandOver
from scraper.spider import Spider
from scraper.urls import without_credentials


class Crawl:
    """One crawl of one spider, made to be run once.

    What is done is kept in the job directory `job`, or one named after the spider, unless `[frontier]` says
    otherwise or items stay in this process: a crawl that did not come to its end is gone on with by the next one,
    unless that is `fresh`. A `tap` records what goes over the network, or answers in its place.
    """

    def __init__(  # noqa: PLR0913 -- a crawl is made of these
        self,
        spider: Spider | type[Spider],
        settings: Settings | Mapping[str, Any] | None = None,
        *,
        arguments: Mapping[str, Any] | None = None,
        observers: Iterable[Observer] = (),
        sinks: Sequence[Sink] | None = None,
        job: Path | None = None,
        fresh: bool = False,
        clock: Clock = time.monotonic,
        tap: Tap | None = None,
    ) -> None:
        self.spider = _made(spider, arguments or {})
        self.settings = _settled(settings, self.spider)
        self._arguments = dict(arguments or {})
        self._observers = tuple(observers)
        self._sinks = sinks
        self._job = job
        self._fresh = fresh
        self._clock = clock
        self._tap = tap
        self._engine: Engine | None = None
        self._cached: Counts | None = None
        self._found = Statistics(self.spider.name)
        self._stopped = ""

    def stop(self, reason: str = INTERRUPTED) -> None:
        """End the crawl in good order: what is in flight is finished, then files are closed."""
        self._stopped = self._stopped or reason
        if self._engine is not None:
            self._engine.stop(self._stopped)

    def statistics(self) -> Statistics:
        """The counts at this moment."""
        return self._engine.statistics() if self._engine is not None else self._found

    async def run(self) -> Result:
        """Crawl to the end, from the beginning or from where an earlier process came to.

        Raises `SettingsError` and `SpiderError` before anything is sent, `StorageError` if a sink or the job cannot
        be opened. What goes wrong afterwards is counted, told to the observers and listed in the result.
        """
        async with AsyncExitStack() as stack:
            if self._tap is not None:
                await stack.enter_async_context(self._tap)
            job = self._made_job(fresh=self._fresh)
            await stack.enter_async_context(job)
            sinks = self._made_sinks(datetime.fromisoformat(job.description.started))
            state = State(self.spider)
            if job.resumed is not None:
                recall({"state": state}, job.resumed)
            await stack.enter_async_context(_lifespan(self.spider))
            self.spider.check_start()
            stages = await self._open(stack, job, sinks)
            if job.resumed is not None:
                self._go_on(job, stages)
            stages.memories["state"] = state
            for sink in sinks:
                await stack.enter_async_context(sink)
            engine = self._engine = Engine(
                self.spider,
                stages,
                self.settings.engine,
                per_host=self.settings.limits.per_host,
                max_links=self.settings.limits.max_links,
                drift_after=self.settings.parsing.drift_after,
                interval=self.settings.frontier.interval if job.folder is not None else None,
                resumed=job.resumed,
            )
            self.spider._fetch = engine.fetch
            if self._stopped:
                engine.stop(self._stopped)
            self._tell(Started(self.spider.name))
            if job.died:
                self._tell(Died(tuple(without_credentials(each.partition(" ")[0]) for each in job.died)))
            try:
                reason = await engine.run()
            except BaseException:
                await self._say_closed(CANCELLED)
                raise
            problems, left = await self._say_closed(reason), job.folder
            is_kept = reason == HOSTS_PARKED and left is not None and self.statistics().fetched > 0
            is_to_go_on = reason == INTERRUPTED or is_kept
            if not is_to_go_on and engine.storage_error is None:
                unfinished = await _finish(sinks, job, reason)
                problems, left = problems + unfinished, job.folder if unfinished else None
        return self._concluded(reason, sinks, problems, left)

    async def finish(self) -> Result:
        """Close the data files of a crawl that did not come to its end, as they stand; it is not gone on with.

        Raises `StorageError` if there is no such crawl, or its files are not what they were.
        """
        async with AsyncExitStack() as stack:
            job = self._made_job(begun_only=True)
            await stack.enter_async_context(job)
            sinks = self._made_sinks(datetime.fromisoformat(job.description.started))
            if job.resumed is not None:
                go_on(sinks, job.resumed)
                self._found = job.resumed.statistics
            for sink in sinks:
                await stack.enter_async_context(sink)
            problems = await _finish(sinks, job, CLOSED)
        return self._concluded(CLOSED, sinks, problems)

    def _made_job(self, *, fresh: bool = False, begun_only: bool = False) -> Job | MemoryJob:
        """The job of this crawl. Items that stay in the process are not worth going on with."""
        frontier = self.settings.frontier
        is_kept = bool(self.settings.sinks) if self._sinks is None else not _are_in_memory(self._sinks)
        folder = (self._job or Path(frontier.jobs) / job_name(self.spider.name)) if is_kept else None
        description = describe(self.spider, self.settings, self._arguments)
        return open_job(frontier, folder, description, fresh=fresh, begun_only=begun_only)

    def _go_on(self, job: Job | MemoryJob, stages: Stages) -> None:
        """Have all stages go on where an earlier process left the job."""
        assert job.resumed is not None
        check_methods(self.spider, job.methods())
        go_on(stages.sinks, job.resumed)
        recall(stages.memories, job.resumed)
        inexact = tuple(sink.path for sink in stages.sinks if not getattr(sink, "is_exact", True))
        self._tell(Resumed(self.spider.name, job.resumed.statistics, job.changes, inexact))

    async def _open(self, stack: AsyncExitStack, job: Job | MemoryJob, sinks: Sequence[Sink]) -> Stages:
        """Open every stage; `stack` closes them, the last one first."""
        spider, settings, enter = self.spider, self.settings, stack.enter_async_context
        frontier: Frontier = job.frontier
        rng = random.Random()
        pipelines = await enter(build_pipelines(settings.pipelines, spider.pipelines, spider))
        guard = Guard(settings.network.allow_addresses)
        network = await enter(
            open_network(
                settings.network,
                guard=guard,
                middlewares=tuple(spider.middlewares),
                wire=self._tap.wire if self._tap is not None else None,
                accept_statuses=frozenset(spider.handle_httpstatus_list),
                rng=rng,
            )
        )
        domains = tuple(spider.allowed_domains)
        dropped = self._dropped_params()
        same = partial(identity, drop_params=dropped) if dropped else identity
        revisits = self._revisits(frontier, same)
        await enter(Watchdog(self._observers))
        stack.callback(sandbox.close)
        limits = before_sending(
            settings.limits,
            allowed_domains=domains,
            user_agent=settings.network.user_agent,
            rng=rng,
            wall=time.time,
            crashes=job.crashes,
        )
        self._cached = network.cached
        hard = HardPages()
        stages = Stages(
            frontier=frontier,
            admission=on_discovery(settings.limits, allowed_domains=domains),
            limits=(guard, *limits, Backpressure(hard)),
            fetch=network.fetch,
            policies=network.policies if revisits is None else (revisits.sequel, *network.policies),
            parse=await enter(
                open_parse(settings.parsing, spider, batch=most_in_hand(settings.engine), marks=job.marks, hard=hard)
            ),
            refine=None if pipelines.is_empty else pipelines.refine,
            sinks=sinks,
            observers=self._observers,
            clock=self._clock,
            revisits=revisits,
            memories=remembering([guard, *limits, network.cookies, *spider.middlewares, *pipelines]),
            named=guard.name_url,
            refers=network.refers,
            identity=same,
            unique_redirects=settings.frontier.unique_redirects,
            permits=Directives(settings.network.user_agent) if settings.limits.robots_meta else None,
            aside=hard,
        )
        return self._tap.fit(stages) if self._tap is not None else stages

    def _dropped_params(self) -> tuple[str, ...]:
        """The query parameters that make no difference between two pages."""
        settings = self.settings.frontier
        return (*settings.ignore_params, *(TRACKING_PARAMS if settings.ignore_tracking else ()))

    def _revisits(self, frontier: Frontier, same: Callable[[Request], str]) -> Revisits | None:
        """The pages of earlier runs, if they are of interest and kept."""
        if self.settings.frontier.recrawl == "never" or not isinstance(frontier, SqliteFrontier):
            return None
        return Revisits(frontier, self.settings.pipelines.unique, wall=time.time, identity=same)

    def _made_sinks(self, started: datetime) -> Sequence[Sink]:
        if self._sinks is not None:
            return self._sinks
        if not self.settings.sinks:
            return [Collect()]
        return open_sinks(
            self.settings.sinks,
            spider=self.spider.name,
            arguments=_values(self.spider),
            started=started,
            durable=self.settings.frontier.durability == "power",
        )

    async def _say_closed(self, reason: str) -> list[str]:
        """Call the spider's `closed(reason)`."""
        try:
            outcome = self.spider.closed(reason)
            if isawaitable(outcome):
                await outcome
        except Exception as error:
            where = f"{type(self.spider).__name__}.closed"
            self._tell(Broke(where, "", "", error))
            return [f"{where} raised {type(error).__name__}: {error}"]
        return []

    def _concluded(self, reason: str, sinks: Sequence[Sink], problems: list[str], job: Path | None = None) -> Result:
        statistics = self.statistics()
        self._tell(Finished(reason, statistics))
        return Result(
            spider=self.spider.name,
            reason=reason,
            statistics=statistics,
            sinks=tuple(Written(s.path, s.items, s.bytes) for s in sinks if not isinstance(s, Collect | HandOver)),
            problems=(*problems_of(statistics, self.settings.engine.fail_when), *problems),
            items=next((sink.kept for sink in sinks if isinstance(sink, Collect)), []),
            job=job,
            drifted=drifted(statistics, self.settings.parsing.drift_after),
            cached=asdict(self._cached) if self._cached is not None else {},
        )

    def _tell(self, event: Any) -> None:
        for observer in self._observers:
            if type(event) in getattr(observer, "wants", (type(event),)):
                observer(event)


@asynccontextmanager
async def _lifespan(spider: Spider) -> AsyncIterator[None]:
    """The spider's `lifespan()`. Raises `SpiderError`, naming the line, if its own code raises."""
    raised: BaseException | None = None
    try:
        async with spider.lifespan():
            try:
                yield
            except BaseException as error:
                raised = error
                raise
    except ScraperError:
        raise
    except Exception as error:
        if error is raised:
            raise
        where = f"{type(spider).__name__}.lifespan"
        raise SpiderError(f"{where} raised {type(error).__name__}: {error} ({line_of(error)})") from error


async def _finish(sinks: Sequence[Sink], job: Job | MemoryJob, reason: str) -> list[str]:
    """Give every data file its final name, and end the job; what kept one from it."""
    problems = []
    for sink in sinks:
        try:
            await sink.finish()
        except StorageError as error:
            problems.append(str(error))
    if not problems:
        try:
            await job.finish(reason)
        except StorageError as error:
            problems.append(str(error))
    return problems


def _are_in_memory(sinks: Sequence[Sink]) -> bool:
    return any(isinstance(sink, Collect | HandOver) for sink in sinks)


def _made(spider: Spider | type[Spider], arguments: Mapping[str, Any]) -> Spider:
    if isinstance(spider, Spider):
        made = spider
        for name, value in arguments.items():
            setattr(made, name, value)
    elif isinstance(spider, type) and issubclass(spider, Spider):
        try:
            made = spider(**arguments)
        except ScraperError:
            raise
        except Exception as error:
            text = f"{spider.__name__} cannot be made: {type(error).__name__}: {error}"
            raise SpiderError(f"{text} ({line_of(error)})") from error
    else:
        raise SpiderError(f"{spider!r} is no spider: pass a Spider class or an instance of one")
    if not made.name:
        raise SpiderError(f'{type(made).__name__} has no name: give it one, name = "…"')
    return made


def _values(spider: Spider) -> dict[str, Any]:
    """What a spider's arguments are, by name: what may stand in the path of a sink."""
    declared = {name for kind in type(spider).__mro__ for name in getattr(kind, "__annotations__", {})}
    names = (declared | vars(spider).keys()) - Spider.__annotations__.keys()
    return {name: getattr(spider, name) for name in names if not name.startswith("_") and hasattr(spider, name)}


def _settled(settings: Settings | Mapping[str, Any] | None, spider: Spider) -> Settings:
    """Settings as given; tables, and none at all, go on top of the spider's own."""
    if isinstance(settings, Settings):
        return settings
    return from_tables(laid_over(spider.custom_settings, settings or {}))
