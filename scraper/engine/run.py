"""The loop: one scheduler coroutine, a queue, a pool of workers, and one task for each page being handled.

    frontier ─▶ scheduler ─▶ queue ─▶ worker: fetch ─▶ settle ─┬▶ page: parse ─▶ refine ─▶ write ─▶ done
        ▲                                                      ├▶ again: a redirect's next hop, a retry
        └─────────────────── new requests ─────────────────────┴▶ failed, refused

The scheduler takes a request only when a worker is free, the request's host has a free place and its time has
come; so a worker never waits for a host, and what stands in the queue is as good as sent. It also takes none
while too many pages are being handled: a slow callback, pipeline or sink slows the crawl, and memory stays
bounded. Every task lives in one TaskGroup. The crawl is over when nothing is waiting, in flight or handled.

A redirect or a retry does not stay with its worker: it goes back to its host's slot, and so through every
limit, as any other request does.
"""

import asyncio
from dataclasses import replace

from scraper.engine.checkpoints import Checkpoints
from scraper.engine.discovery import Discovery
from scraper.engine.ledger import Ledger, Tally, at_hand
from scraper.engine.pages import Pages
from scraper.engine.seeds import Seeder
from scraper.engine.slots import Slot, Slots, Ticket
from scraper.engine.stages import Stages
from scraper.errors import FetchError, IgnoreRequest, Reason, SpiderError, StorageError
from scraper.events import Fetched, Parked, Retried, Statistics
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Checkpoint
from scraper.settings.schema import EngineSettings
from scraper.spider import Failure, Spider
from scraper.urls import without_credentials
from scraper.verdict import Deliver, Fail, First, Go, Park, Redirect, Refuse, Retry, Wait

HOSTS_PARKED = "hosts parked"

LONG = 3600.0  # seconds after which it is looked whether a host is due, at the latest


def most_in_hand(settings: EngineSettings) -> int:
    """How many pages may be between fetch and done before no further one is fetched."""
    return 2 * settings.concurrency


class Engine:
    """Crawls: drives the stages until nothing is left to do, or until it is told to stop."""

    def __init__(  # noqa: PLR0913 -- three parts, and what settings say besides
        self,
        spider: Spider,
        stages: Stages,
        settings: EngineSettings,
        *,
        per_host: int,
        max_links: int = 0,
        drift_after: int = 0,
        interval: float | None = None,
        resumed: Checkpoint | None = None,
    ) -> None:
        self._spider = spider
        self._stages = stages
        self._settings = settings
        self._clock = stages.clock
        self._queue: asyncio.Queue[Ticket] = asyncio.Queue(settings.concurrency)
        self._changed = asyncio.Event()  # there may be something to send, or nothing left
        self._ledger = Ledger(spider.name, stages.observers, settings.stop_after, self.stop, drift_after=drift_after)
        self._slots = Slots(stages.frontier, self._ledger, per_host)
        self._discovery = Discovery(spider, stages, self._slots, self._ledger, max_links=max_links)
        self._pages = Pages(
            stages,
            self._discovery,
            self._ledger,
            most=most_in_hand(settings),
            changed=self._changed,
            stop=self.stop,
        )
        self._seeder = Seeder(spider, self._slots, self._pages, self._ledger, stop=self.stop)
        self._checkpoints = Checkpoints(stages, self._ledger, self._pages, interval=interval, statistics=self._lasting)
        self._resumed = resumed
        self._busy = 0  # workers that have a ticket, or are about to get one
        self._flying = 0  # of these, the ones with more than a robots.txt
        self._awaited = 0  # requests that callbacks wait for
        self._has_enough = False  # pages, in hand or in all
        self._started = self._clock()
        self._reason = ""
        self._has_ended = False

    # From outside.

    async def run(self) -> str:
        """Crawl to the end. Returns the reason it ended: 'finished', `HOSTS_PARKED`, or what it was stopped for.

        Raises `StorageError` if what waits in the frontier cannot be read.
        """
        self._started = self._clock()
        if self._resumed is not None:
            self._ledger.resume(self._resumed.statistics, self._resumed.seeds)
            for site in self._stages.frontier.sites():
                self._slots.expect(site, self._started)
        try:
            await self._crawl()
        except BaseExceptionGroup as group:
            unreadable = group.subgroup(StorageError)
            raise group if unreadable is None else _first(unreadable) from None
        await self._checkpoints.commit()
        if not self._reason and self._slots.parked:
            self._reason = HOSTS_PARKED
        if not self._reason and self._stages.revisits is not None:
            await self._pages.bury()
            await self._checkpoints.commit()
        return self._reason or "finished"

    async def _crawl(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            helpers = [self._tasks.create_task(self._work()) for _ in range(self._settings.concurrency)]
            self._seeding = self._tasks.create_task(self._seed())
            helpers.append(self._seeding)
            helpers.append(self._tasks.create_task(self._checkpoints.keep()))
            if self._settings.stop_after.seconds is not None:
                helpers.append(self._tasks.create_task(self._stop_in(self._settings.stop_after.seconds)))
            await self._schedule()
            self._has_ended = True
            for task in helpers:
                task.cancel()

    def stop(self, reason: str) -> None:
        """Send nothing more of what waits; the crawl ends, for `reason`, when what is in flight is handled."""
        if not self._reason:
            self._reason = reason
            self._slots.close(self._clock())
        self._changed.set()
        self._seeder.close()

    async def fetch(self, request: Request) -> Response:
        """The answer to `request`, through all limits and policies.

        Raises `FetchError` if there is none, and `SpiderError` when the crawl has ended.
        """
        if self._has_ended:
            raise SpiderError(f"{request!r} cannot be fetched: the crawl has ended")
        self._discovery.check(request)
        if asyncio.current_task() is self._seeding and request.depth == 0:
            self._discovery.name(request)
        tally = at_hand.get() or Tally()
        self._ledger.discovered += 1
        tally.discovered += 1
        reason = self._discovery.refusal(request)
        if reason is not None:
            self._ledger.count_refused(request, reason, tally)
            raise FetchError(reason, without_credentials(request.url), "refused")
        ticket = Ticket(request, reply=asyncio.get_running_loop().create_future(), tally=tally)
        self._awaited += 1
        try:
            self._slots.soon(ticket, self._clock())
            self._changed.set()
            return await ticket.answer()
        finally:
            self._awaited -= 1
            self._changed.set()

    def statistics(self) -> Statistics:
        """The counts at this moment."""
        return self._ledger.snapshot(
            waiting=self._stages.frontier.waiting + self._slots.held + self._flying,
            in_flight=self._busy,
            hosts=len(self._slots),
            parked=self._slots.parked,
            seconds=self._clock() - self._started,
        )

    def _lasting(self) -> Statistics:
        """The counts without what is in hand."""
        return self._ledger.lasting(self._clock() - self._started)

    @property
    def storage_error(self) -> StorageError | None:
        """What ended the crawl, if it was a sink."""
        return self._pages.storage_error

    # What starts and ends it.

    async def _seed(self) -> None:
        """Take the spider's first requests; once there are no more, the crawl may be over."""
        try:
            await self._seeder.run()
        finally:
            self._changed.set()

    async def _stop_in(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.stop("seconds limit")

    def _is_idle(self) -> bool:
        return not (self._busy or self._awaited or self._pages.number)

    def _is_over(self) -> bool:
        has_ended = self._reason or (self._seeder.has_ended and not self._slots.has_work)
        return bool(has_ended) and self._is_idle()

    # Requests go out.

    async def _schedule(self) -> None:
        """Hand out requests until the crawl is over."""
        while not self._is_over():
            self._changed.clear()
            ticket = self._next(self._clock())
            if ticket is not None:
                await ticket.slot.places.acquire()
                self._slots.wake(ticket.slot, self._clock())
                await self._queue.put(ticket)
            elif not (self._seeder.has_ended and self._is_idle() and self._slots.turn_to_last(self._clock())):
                await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        """Sleep until something changes, or the next host is due."""
        if self._is_full():
            await self._changed.wait()
            return
        self._seeder.hurry()
        delay = min(max(self._slots.next_due(awaited_only=self._has_enough) - self._clock(), 0.0), LONG)
        timer = asyncio.get_running_loop().call_later(delay, self._changed.set)
        await self._changed.wait()
        timer.cancel()

    def _is_full(self) -> bool:
        """Whether no request may be sent: all workers have one, or there are pages enough and none is waited for."""
        return self._busy >= self._settings.concurrency or (self._has_enough and not self._awaited)

    def _next(self, now: float) -> Ticket | None:
        """The next ticket that every limit lets go now; None if there is none at the moment.

        With pages enough in hand, or asked for, only what callbacks wait for may go: they cannot end before.
        """
        most = self._settings.stop_after.pages
        is_last = most is not None and self._ledger.fetched + self._flying >= most
        self._has_enough = self._pages.is_behind() or is_last
        if self._is_full():
            return None
        slots = self._slots
        while (slot := slots.choose(now, awaited_only=self._has_enough)) is not None:
            ticket = slots.take(slot, now, awaited_only=self._has_enough)
            if ticket is not None:
                match self._stages.judge(ticket.request, now):
                    case Go():
                        self._send(ticket, now)
                        return ticket
                    case Wait(seconds):
                        slots.postpone(slot, ticket, now + seconds)
                    case Refuse(reason):
                        self._refuse(ticket, reason, now)
                    case Park(reason):
                        self._park(ticket, slot, reason, now)
                    case First() as first:
                        slots.block(slot, ticket, first)
            slots.wake(slot, now)
        return None

    def _send(self, ticket: Ticket, now: float) -> None:
        """Book a ticket that is about to be put on the queue."""
        self._stages.sent(ticket.request, now)
        ticket.slot = self._slots.of(ticket.request)
        ticket.slot.in_flight += 1
        self._busy += 1
        self._flying += ticket.first is None
        self._seeder.look()

    async def _work(self) -> None:
        """A worker: fetch what the queue gives, and settle what comes of it."""
        while True:
            ticket = await self._queue.get()
            sent = self._clock()
            outcome: Response | FetchError | None = None
            try:
                outcome = await self._fetch(ticket)
            except FetchError as error:
                outcome = error
            except IgnoreRequest:
                pass
            self._settle(ticket, outcome, sent)

    async def _fetch(self, ticket: Ticket) -> Response:
        """The answer to a ticket's request; of a page that was crawled before, only if it has changed."""
        request = ticket.request
        if self._stages.revisits is None or ticket.entry is None:
            return await self._stages.fetch(request)
        asked = self._stages.revisits.ask(request)
        ticket.is_known = isinstance(asked, Response)
        return asked if isinstance(asked, Response) else await self._stages.fetch(asked)

    # Answers come in.

    def _settle(self, ticket: Ticket, outcome: Response | FetchError | None, sent: float) -> None:
        """Free the host's place, learn from the outcome, and do what is to follow."""
        now, slot = self._clock(), ticket.slot
        slot.places.release()
        slot.in_flight -= 1
        self._busy -= 1
        self._flying -= ticket.first is None
        self._changed.set()
        if outcome is None:
            self._refuse(ticket, Reason.IGNORED, now)
        else:
            self._follow_up(ticket, outcome, now, now - sent)
        self._slots.wake(slot, now)

    def _follow_up(self, ticket: Ticket, outcome: Response | FetchError, now: float, seconds: float) -> None:
        ledger, asked = self._ledger, ticket.request
        if isinstance(outcome, Response):
            outcome.request = asked  # without what middlewares have added, cookies say, for its host alone
        if not ticket.is_known:
            ledger.count_answer(ticket.tally, outcome)
        sequel = self._stages.sequel(asked, outcome, ticket.attempts)
        if ticket.first is None:
            self._stages.learn(asked, outcome, now)
        match sequel:
            case Deliver():
                assert isinstance(outcome, Response)
                self._deliver(ticket, outcome, now, seconds)
            case Redirect(request):
                ledger.count_redirect(ticket.tally)
                ticket.lead_to(request)
                if self._discovery.was_met(ticket, outcome):
                    self._refuse(ticket, Reason.DUPLICATE, now)
                else:
                    self._slots.soon(ticket, now)
            case Retry(wait, reason):
                ledger.count_retry(ticket.tally)
                ticket.attempts = replace(ticket.attempts, retries=ticket.attempts.retries + 1)
                ledger.tell(Retried, asked, reason, wait, ticket.attempts.retries)
                if ticket.first is None:
                    self._slots.later(ticket, now + wait, now)
                else:
                    self._slots.postpone(ticket.slot, ticket, now + wait)
            case Fail(reason):
                response = outcome if isinstance(outcome, Response) else None
                detail = outcome.detail if isinstance(outcome, FetchError) else ""
                self._fail(ticket, FetchError(reason, without_credentials(asked.url), detail), response, now)

    def _deliver(self, ticket: Ticket, response: Response, now: float, seconds: float) -> None:
        """Give a response to whoever asked for it."""
        response.history = ticket.attempts.hops
        if ticket.first is not None:
            self._unblock(ticket.first, response, now)
            return
        self._ledger.count_page(ticket.tally)
        self._ledger.tell(Fetched, response, seconds)
        if ticket.reply is not None:
            ticket.succeed(response)
        else:
            self._pages.start(self._tasks, ticket, response)

    def _fail(self, ticket: Ticket, error: FetchError, response: Response | None, now: float) -> None:
        """Give a request up that was sent."""
        if ticket.first is not None:
            self._unblock(ticket.first, response or error, now)
            return
        self._ledger.count_failed(ticket.request, error, ticket.tally)
        self._give_up(ticket, error, response)

    def _refuse(self, ticket: Ticket, reason: str, now: float) -> None:
        """Give a request up that must not be sent, or not be sent on."""
        error = FetchError(reason, without_credentials(ticket.request.url), "refused")
        if ticket.first is not None:
            self._unblock(ticket.first, error, now)
            return
        self._ledger.count_unsent(ticket.request, error, ticket.tally)
        self._give_up(ticket, error, None)

    def _park(self, ticket: Ticket, slot: Slot, reason: str, now: float) -> None:
        """Leave a request to another run, unless a callback or another request waits for it now."""
        self._changed.set()  # it may have been the last
        if ticket.entry is None:
            self._refuse(ticket, Reason.PARKED, now)
        elif self._slots.park(slot, ticket):
            self._ledger.tell(Parked, slot.site, reason)
            self._seeder.look()

    def _give_up(self, ticket: Ticket, error: FetchError, response: Response | None) -> None:
        """Tell whoever asked for a request that nothing came of it."""
        self._changed.set()  # it may have been the last
        if ticket.reply is not None:
            ticket.fail(error)
        elif ticket.request.errback is not None or self._pages.has_kept(ticket, error):
            self._pages.start_failed(self._tasks, ticket, Failure(ticket.request, error, response))
        else:
            self._pages.settle(ticket, error)

    def _unblock(self, first: First, outcome: Response | FetchError, now: float) -> None:
        """What other requests were waiting for is answered."""
        self._stages.learn(first.request, outcome, now)
        self._slots.unblock(first, now)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One of the exceptions in a group, or in the groups in it."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
