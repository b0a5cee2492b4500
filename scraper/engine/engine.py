"""The engine drives the stages of a crawl: one scheduler, a pool of workers, and one task for each page in hand.

    frontier ─▶ scheduler ─▶ queue ─▶ worker: fetch ─▶ outcome ─┬▶ page: parse ─▶ refine ─▶ write ─▶ done
        ▲                                                       ├▶ again: a redirect's next hop, a retry
        └─────────────────── new requests ──────────────────────┴▶ failed, refused

Every task lives in one TaskGroup. The crawl is over when nothing is waiting, in flight or in hand.
"""

import asyncio
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakSet

from scraper.engine.accounting import Tally, Totals, current_tally
from scraper.engine.checkpoints import Checkpoints
from scraper.engine.discovery import Discovery
from scraper.engine.outcomes import Outcomes
from scraper.engine.pages import Pages
from scraper.engine.parts import Parts
from scraper.engine.scheduler import Scheduler
from scraper.engine.seeds import Seeder
from scraper.engine.slots import Slots
from scraper.engine.stages import Stages
from scraper.engine.storage import Storage
from scraper.engine.ticket import Ticket
from scraper.engine.workers import Workers
from scraper.engine.workload import Workload
from scraper.errors import CrawlStopped, FetchError, SpiderError, StorageError
from scraper.events import Statistics
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.process.exits import SpiderExit
from scraper.process.running_callback import running_callback
from scraper.protocols import Checkpoint, LeaseLost
from scraper.settings.schema import Settings
from scraper.spider import Spider
from scraper.urls import without_credentials

HOSTS_PARKED = "hosts parked"
GRACE = 2.0  # seconds that a callback has to end, once it was told that nothing is sent any more


class Engine:
    """Crawls: drives the stages until nothing is left to do, or until it is told to stop.

    A crawl that is kept in the folder `job` takes a checkpoint every `[frontier] interval` seconds, and resumes from
    `resumed`.
    """

    def __init__(
        self,
        spider: Spider,
        stages: Stages,
        settings: Settings,
        *,
        job: Path | None = None,
        resumed: Checkpoint | None = None,
    ) -> None:
        self._settings = settings.engine
        self._stages = stages
        self._clock = stages.clock
        self._resumed = resumed
        self._tasks = asyncio.TaskGroup()
        totals = self._totals = Totals(
            spider.name,
            stages.observers,
            stages.clock,
            stop=self.stop,
            stop_after=self._settings.stop_after,
            drift_after=settings.parsing.drift_after,
        )
        slots = self._slots = Slots(stages.frontier, totals, settings.limits.per_host, stages.sharing)
        discovery = self._discovery = Discovery(spider, stages, slots, totals, max_links=settings.limits.max_links)
        workload = self._workload = Workload(self._settings, totals, stages.aside)
        storage = self._storage = Storage(
            stages.sinks, totals, unwritten=stages.frontier.unwritten_size if job is not None else int, stop=self.stop
        )
        pages = self._pages = Pages(stages, slots, discovery, storage, totals, workload, self._tasks, job=job)
        outcomes = Outcomes(stages, slots, discovery, pages, totals, workload)
        queue: asyncio.Queue[Ticket] = asyncio.Queue(self._settings.concurrency)
        self._seeder = Seeder(spider, slots, pages, totals, stop=self.stop)
        self._scheduler = Scheduler(stages, self._seeder, slots, outcomes, workload, queue)
        self._workers = Workers(stages, outcomes, queue)
        interval = settings.frontier.interval if job is not None else None
        self._checkpoints = Checkpoints(stages, storage, totals, interval=interval)
        self._reason = ""
        self._told: WeakSet[asyncio.Task[Any]] = WeakSet()  # tasks that know that the crawl was stopped
        self._has_ended = False

    async def run(self) -> str:
        """Crawl to the end. Returns the reason it ended: 'finished', `HOSTS_PARKED`, or what it was stopped for.

        Raises `StorageError` if what waits in the frontier cannot be read.
        """
        self._totals.begin()
        if self._resumed is not None:
            self._totals.resume(self._resumed.statistics, self._resumed.seeds)
            now = self._clock()
            for site in self._stages.frontier.sites():
                self._slots.expect(site, now)
        try:
            await self._crawl()
        except BaseExceptionGroup as group:
            unreadable = group.subgroup(LeaseLost) or group.subgroup(StorageError)
            raise group if unreadable is None else _first(unreadable) from None
        if self._stages.sharing is not None:
            self._stages.sharing.end()
        await self._checkpoints.commit()
        if not self._reason and self._slots.parked:
            self._reason = HOSTS_PARKED
        if not self._reason and self._stages.revisits is not None:
            await self._pages.bury()
            await self._checkpoints.commit()
        return self._reason or "finished"

    async def _crawl(self) -> None:
        async with self._tasks:
            start, seconds = self._tasks.create_task, self._settings.stop_after.seconds
            helpers = [start(self._workers.work()) for _ in range(self._settings.concurrency)]
            self._seeding = start(self._seed())
            helpers += [self._seeding, start(self._checkpoints.keep())]
            if self._stages.sharing is not None:
                helpers.append(start(self._stages.sharing.run(self._parts())))
            if seconds is not None:
                helpers.append(start(self._stop_in(seconds)))
            await self._scheduler.run()
            self._has_ended = True
            for task in helpers:
                task.cancel()

    async def _seed(self) -> None:
        """Take the spider's first requests; once there are no more, the crawl may be over."""
        try:
            sharing = self._stages.sharing
            if sharing is None:
                await self._seeder.run()
            elif (seeds := await sharing.seeds()) is None:
                self._seeder.skip()
            else:
                self._totals.take_seeds(seeds)
                await self._seeder.run()
        finally:
            self._workload.notify()

    def _parts(self) -> Parts:
        return Parts(
            slots=self._slots,
            discovery=self._discovery,
            totals=self._totals,
            workload=self._workload,
            storage=self._storage,
            stop=self.stop,
            stopped=lambda: self._reason,
        )

    async def _stop_in(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.stop("seconds limit")

    def stop(self, reason: str) -> None:
        """Send nothing more but what callbacks await; the crawl ends, for `reason`, when all in hand is handled.

        The first reason counts; an empty one is called 'cancelled'.
        """
        if not self._reason:
            self._reason = reason or "cancelled"
            self._slots.close(self._clock())
        self._workload.notify()
        self._seeder.close()

    async def fetch(self, request: Request) -> Response:
        """The answer to `request`, through all limits and policies.

        Raises `FetchError` if there is none, `CrawlStopped` when the crawl was stopped, and `SpiderError` when it has
        ended. A callback that goes on all the same is cancelled after `GRACE` seconds.
        """
        if self._has_ended:
            raise SpiderError(f"{request!r} cannot be fetched: the crawl has ended")
        if self._reason:
            await self._refuse()
        self._discovery.check(request)
        if asyncio.current_task() is self._seeding and request.depth == 0:
            self._discovery.name(request)
        tally = current_tally.get() or Tally()
        self._totals.discovered += 1
        tally.discovered += 1
        reason = self._discovery.refusal(request)
        if reason is not None:
            self._totals.count_refused(request, reason, tally)
            raise FetchError(reason, without_credentials(request.url), "refused")
        ticket = Ticket(request, reply=asyncio.get_running_loop().create_future(), tally=tally)
        self._slots.soon(ticket, self._clock())
        return await self._workload.wait_for_answer(ticket)

    async def _refuse(self) -> NoReturn:
        """Tell who calls `fetch()` that the crawl was stopped; if it tries again and again, others have their turn."""
        callback, task = running_callback.get(), asyncio.current_task()
        if callback is not None:
            callback.stop(self._reason, within=GRACE)
        if task in self._told:
            await asyncio.sleep(0)
        elif task is not None:
            self._told.add(task)
        raise CrawlStopped(self._reason)

    def statistics(self) -> Statistics:
        """The counts at this moment."""
        own = self._totals.snapshot(
            waiting=self._stages.frontier.waiting + self._slots.held + self._workload.counted,
            in_flight=self._workload.in_flight,
            hosts=len(self._slots),
            parked=self._slots.parked,
        )
        return own if self._stages.sharing is None else self._stages.sharing.whole(own)

    @property
    def exit(self) -> SpiderExit | None:
        """What ended the crawl, if it was `sys.exit()`."""
        return self._totals.exit

    @property
    def storage_error(self) -> StorageError | None:
        """What ended the crawl, if it was a sink."""
        return self._storage.error


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One of the exceptions in a group, or in the groups in it."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
