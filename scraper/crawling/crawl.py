"""One crawl of one spider: run to its end, from its beginning or from where an earlier process came to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from scraper.crawling.assembly import open_stages
from scraper.crawling.job_description import describe, job_name
from scraper.crawling.preflight import check
from scraper.crawling.publication import Publication, publish
from scraper.crawling.result import CANCELLED, CLOSED, INTERRUPTED, Result, drifted, failures_of, problems_of
from scraper.crawling.resume import check_methods, recall, recalled_state, resume_sinks
from scraper.crawling.spider_lifecycle import arguments_of, call_closed, lifespan, make_spider
from scraper.engine.engine import HOSTS_PARKED, Engine
from scraper.engine.stages import Stages, Tap
from scraper.errors import StorageError
from scraper.events import Broke, Died, Finished, Resumed, Started, Statistics
from scraper.frontier import Job, MemoryJob, is_shared, open_job
from scraper.network import Counts
from scraper.network.cookies.middleware import Cookies
from scraper.process.exits import SpiderExit
from scraper.protocols import LeaseLost, Observer, Sink
from scraper.settings.load import laid_over
from scraper.settings.schema import Settings
from scraper.settings.tables import from_tables
from scraper.sinks import open_sinks, rejections
from scraper.sinks.memory import Collect, HandOver
from scraper.spider import Spider
from scraper.urls import without_credentials
from scraper.workers.number import workers

if TYPE_CHECKING:
    from scraper.machines.job import SharedJob
    from scraper.workers.process import Newborn
    from scraper.workers.spider_copy import SpiderCopy


class Crawl:
    """One crawl of one spider, made to be run once.

    What is done is kept in the job directory `job`, or one named after the spider, unless `[frontier]` says
    otherwise or items stay in this process. A `tap` records what goes over the network, or answers in its place.
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
        tap: Tap | None = None,
    ) -> None:
        self.spider = make_spider(spider, arguments or {})
        settled = _settled(settings, self.spider)
        self.settings = tap.fit_settings(settled) if tap is not None else settled
        self._arguments = dict(arguments or {})
        self._observers = tuple(observers)
        self._sinks = sinks
        self._job = job
        self._tap = tap
        self._engine: Engine | None = None
        self._cached: Counts | None = None
        self._cookies: Cookies | None = None
        self._found = Statistics(self.spider.name)
        self._newborn: Sequence[Newborn] = ()
        self._stopped = ""
        self._exit: SpiderExit | None = None
        self._final: Statistics | None = None

    def stop(self, reason: str = INTERRUPTED) -> None:
        """End the crawl in good order: what is in flight is finished, then files are closed."""
        self._stopped = self._stopped or reason
        if self._engine is not None:
            self._engine.stop(self._stopped)

    def statistics(self) -> Statistics:
        """The counts at this moment."""
        if self._final is not None:
            return self._final
        return self._engine.statistics() if self._engine is not None else self._found

    @contextmanager
    def forked(self) -> Iterator[None]:
        """Fork the crawl's worker processes, if it has any; to be entered before there is a thread, or an event loop.

        That saves the time in which new interpreters would start. Raises `StorageError` if the system does not let it.
        """
        number = workers(self.settings)
        if not number:
            yield
            return

        from scraper.workers import process  # few crawls have worker processes

        try:
            self._newborn = process.fork(number)
        except OSError as error:
            raise StorageError(f"worker processes cannot be started: {error.strerror}") from None
        try:
            yield
        finally:
            process.abandon(self._newborn)

    def check(self) -> None:
        """Raises `SettingsError` and `SpiderError` for what the crawl would be refused for; nothing is done yet."""
        check(self.spider, self.settings, arguments_of(self.spider))

    async def run(self, *, fresh: bool = False) -> Result:
        """Crawl to the end: an earlier crawl that did not finish is resumed, unless this is to be `fresh`.

        Raises `SettingsError` and `SpiderError` before anything is sent, `StorageError` if a sink or the job cannot
        be opened. What goes wrong afterwards is counted, told to the observers and listed in the result.
        """
        self.check()
        if is_shared(self.settings.frontier):
            from scraper.crawling import shared_crawl  # few crawls are

            return await shared_crawl.run(self, fresh=fresh)
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            if self._tap is not None:
                await enter(self._tap)
            job = self._open_job(fresh=fresh)
            await enter(job)
            sinks = self._open_sinks(job)
            state = recalled_state(self.spider, job.resumed)
            copy = self._copy()
            await enter(lifespan(self.spider))
            self.spider.check_start()
            stages = await self._open_stages(stack, job, sinks, copy)
            if job.resumed is not None:
                self._resume(job, stages)
            stages.memories["state"] = state
            for sink in sinks:
                await enter(sink)
            engine = self._engine = Engine(self.spider, stages, self.settings, job=job.folder, resumed=job.resumed)
            reason, problems = await self._drive(engine, job)
            left = job.folder
            publication = Publication.of(sinks)
            if not self._is_unfinished(reason, job) and engine.storage_error is None:
                publication = await self._finish(sinks, job, reason, has_failed=self._has_failed)
                left = None if publication.is_complete else job.folder
        return self._concluded(reason, publication, problems, left)

    async def finish(self) -> Result:
        """Close the data files of a crawl that did not finish, as they are; it cannot be resumed then.

        Raises `StorageError` if there is no such crawl, or its files are not what they were, or a machine is at work.
        """
        if is_shared(self.settings.frontier):
            from scraper.crawling import shared_crawl  # few crawls are

            return await shared_crawl.finish(self)
        async with AsyncExitStack() as stack:
            job = self._open_job(begun_only=True)
            await stack.enter_async_context(job)
            sinks = self._open_sinks(job)
            if job.resumed is not None:
                resume_sinks(sinks, job.resumed)
                self._found = job.resumed.statistics
            for sink in sinks:
                await stack.enter_async_context(sink)
            publication = await self._finish(sinks, job, CLOSED, has_failed=False)
        return self._concluded(CLOSED, publication, [])

    # The stages.

    def _open_job(self, *, fresh: bool = False, begun_only: bool = False) -> Job | MemoryJob:
        """The job of this crawl, to be entered. Items that stay in the process are not worth keeping one for."""
        frontier = self.settings.frontier
        is_kept = bool(self.settings.sinks) if self._sinks is None else not _are_in_memory(self._sinks)
        folder = (self._job or Path(frontier.jobs) / job_name(self.spider.name)) if is_kept else None
        description = describe(self.spider, self.settings, self._arguments)
        return open_job(frontier, folder, description, fresh=fresh, begun_only=begun_only)

    def _open_sinks(self, job: "Job | MemoryJob | SharedJob") -> Sequence[Sink]:
        """The sinks of this crawl, to be entered."""
        if self._sinks is not None:
            return self._sinks
        if not self.settings.sinks:
            return [Collect()]
        tables, durable = self.settings.sinks, self.settings.frontier.durability == "power"
        sinks = open_sinks(
            tables,
            spider=self.spider.name,
            arguments=arguments_of(self.spider),
            started=datetime.fromisoformat(job.description.started),
            durable=durable,
        )
        return [*sinks, *rejections(tables, sinks, durable=durable)]

    def _copy(self) -> "SpiderCopy | None":
        """The spider for worker processes, if there are to be any; each of them calls its `lifespan()`."""
        if not workers(self.settings):
            return None

        from scraper.workers.spider_copy import SpiderCopy

        return SpiderCopy.of(self.spider)

    async def _open_stages(
        self,
        stack: AsyncExitStack,
        job: "Job | MemoryJob | SharedJob",
        sinks: Sequence[Sink],
        copy: "SpiderCopy | None",
    ) -> Stages:
        """The stages of this crawl, open until `stack` closes them."""
        opened = await stack.enter_async_context(
            open_stages(
                self.spider,
                self.settings,
                job,
                sinks=sinks,
                observers=self._observers,
                tap=self._tap,
                copy=copy,
                newborn=self._newborn,
            )
        )
        self._cached, self._cookies = opened.cached, opened.cookies
        return opened.stages

    def _resume(self, job: Job | MemoryJob, stages: Stages) -> None:
        """Have all stages resume where an earlier process left the job."""
        assert job.resumed is not None
        check_methods(self.spider, job.methods())
        resume_sinks(stages.sinks, job.resumed)
        recall(stages.memories, job.resumed)
        inexact = tuple(sink.path for sink in stages.sinks if not getattr(sink, "is_exact", True))
        self._tell(Resumed(self.spider.name, job.resumed.statistics, job.changes, inexact, job.edited))

    # The run.

    async def _drive(self, engine: Engine, job: "Job | MemoryJob | SharedJob") -> tuple[str, list[str]]:
        """Have `engine` crawl, and tell the spider that it ended: why it did, and what its `closed()` raised."""
        self.spider._fetch = engine.fetch
        if self._stopped:
            engine.stop(self._stopped)
        self._tell(Started(self.spider.name))
        if job.died:
            self._tell(Died(tuple(without_credentials(each.partition(" ")[0]) for each in job.died)))
        try:
            reason = await engine.run()
        except LeaseLost:
            raise
        except BaseException:
            await self._close_spider(CANCELLED)
            raise
        return reason, await self._close_spider(reason)

    async def _close_spider(self, reason: str) -> list[str]:
        """Call the spider's `closed(reason)`; what went wrong with that."""
        error = await call_closed(self.spider, reason)
        if isinstance(error, SpiderExit):
            self._exit = error
        if error is None or error is self._exit:
            return []
        where = f"{type(self.spider).__name__}.closed"
        self._tell(Broke(where, "", "", error))
        return [f"{where} raised {type(error).__name__}: {error}"]

    def _is_unfinished(self, reason: str, job: Job | MemoryJob) -> bool:
        """Whether the next crawl is to resume this one: it was interrupted, or requests wait for hosts that rest."""
        is_parked = reason == HOSTS_PARKED and job.folder is not None and self.statistics().fetched > 0
        return reason == INTERRUPTED or is_parked

    async def _finish(
        self, sinks: Sequence[Sink], job: Job | MemoryJob, reason: str, *, has_failed: bool
    ) -> Publication:
        """Publish the data files, if they are to be, and end the job; it is kept if something could not be written."""
        publication = await publish(sinks, has_failed=has_failed)
        if has_failed and self._cookies is not None:
            self._cookies.is_worth_saving = False
        if publication.is_complete:
            try:
                await job.finish(reason)
            except StorageError as error:
                return msgspec.structs.replace(
                    publication, problems=(*publication.problems, str(error)), is_complete=False
                )
        return publication

    @property
    def _has_failed(self) -> bool:
        """Whether the crawl is no good as a whole; the cookies of such a one are not saved."""
        return bool(failures_of(self.statistics(), self.settings.engine.fail_when, self._ended))

    @property
    def _ended(self) -> SpiderExit | None:
        """The first `sys.exit()` in the spider's code that is a failure, or else the first one."""
        in_crawl = self._engine.exit if self._engine is not None else None
        return self._exit if self._exit is not None and (in_crawl is None or not in_crawl.status) else in_crawl

    def _concluded(self, reason: str, publication: Publication, problems: list[str], job: Path | None = None) -> Result:
        statistics, ended = self.statistics(), self._ended
        self._tell(Finished(reason, statistics))
        return Result(
            spider=self.spider.name,
            reason=reason,
            statistics=statistics,
            sinks=publication.written,
            problems=(
                *problems_of(statistics, self.settings.engine.fail_when, ended),
                *problems,
                *publication.problems,
            ),
            status=ended.status if ended is not None else 0,
            has_failed=reason not in {INTERRUPTED, CLOSED} and self._has_failed,
            items=publication.kept,
            job=job,
            drifted=drifted(statistics, self.settings.parsing.drift_after),
            cached=asdict(self._cached) if self._cached is not None else {},
        )

    def _tell(self, event: Any) -> None:
        for observer in self._observers:
            if type(event) in getattr(observer, "wants", (type(event),)):
                observer(event)


def _are_in_memory(sinks: Sequence[Sink]) -> bool:
    return any(isinstance(sink, Collect | HandOver) for sink in sinks)


def _settled(settings: Settings | Mapping[str, Any] | None, spider: Spider) -> Settings:
    """Settings as given, once checked; tables, and none at all, go on top of the spider's own."""
    if isinstance(settings, Settings):
        return from_tables(settings.values())
    return from_tables(laid_over(spider.custom_settings, settings or {}))
