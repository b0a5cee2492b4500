"""Requests go out: one coroutine decides which, and hands them to the workers.

It takes a request only when a worker is free, the request's host has a free place and its time has come; so a worker
never waits for a host, and what stands in the queue is as good as sent. It also takes none while too many pages are
being handled: a slow callback, pipeline or sink slows the crawl, and memory stays bounded.
"""

import asyncio

from scraper.engine.outcomes import Outcomes
from scraper.engine.seeds import Seeder
from scraper.engine.slots import Slots
from scraper.engine.stages import Stages
from scraper.engine.ticket import Slot, Ticket
from scraper.engine.workload import Workload
from scraper.verdict import First, Go, Park, Refuse, Wait

LONG = 3600.0  # seconds after which it is looked whether a host is due, at the latest


class Scheduler:
    """Takes requests from the slots, asks the limits, and puts what may go on `queue`."""

    def __init__(
        self,
        stages: Stages,
        seeder: Seeder,
        slots: Slots,
        outcomes: Outcomes,
        workload: Workload,
        queue: asyncio.Queue[Ticket],
    ) -> None:
        self._stages = stages
        self._clock = stages.clock
        self._seeder = seeder
        self._slots = slots
        self._outcomes = outcomes
        self._workload = workload
        self._queue = queue

    async def run(self) -> None:
        """Hand out requests until the crawl is over: nothing is waiting, in flight or in hand."""
        while not self._is_over():
            self._workload.look()
            ticket = self._next(self._clock())
            if ticket is not None:
                await ticket.slot.places.acquire()  # at once: only slots with a free place are chosen
                self._slots.wake(ticket.slot, self._clock())
                await self._queue.put(ticket)
            elif not (self._is_at_rest() and self._slots.turn_to_last(self._clock())):
                await self._wait()

    def _is_over(self) -> bool:
        slots = self._slots
        sharing = self._stages.sharing
        has_ended = slots.is_closing or (
            self._seeder.has_ended and not slots.has_work and (sharing is None or sharing.is_over)
        )
        return has_ended and self._workload.is_idle()

    def _is_at_rest(self) -> bool:
        return self._seeder.has_ended and self._workload.is_idle()

    async def _wait(self) -> None:
        """Sleep until something changes, or the next host is due."""
        workload = self._workload
        if self._stages.sharing is not None:
            self._stages.sharing.look()
        if workload.is_full():
            await workload.wait()
        else:
            self._seeder.hurry()
            due = self._slots.next_due(awaited_only=workload.has_enough)
            await workload.wait(min(max(due - self._clock(), 0.0), LONG))

    def _next(self, now: float) -> Ticket | None:
        """The next ticket that every limit lets go now; None if there is none at the moment."""
        slots, workload = self._slots, self._workload
        if workload.is_full():
            return None
        while (slot := slots.choose(now, awaited_only=workload.has_enough)) is not None:
            ticket = slots.take(slot, now, awaited_only=workload.has_enough)
            if ticket is not None:
                match self._stages.judge(ticket.request, now):
                    case Go():
                        self._send(ticket, slot, now)
                        return ticket
                    case Wait(seconds):
                        slots.postpone(slot, ticket, now + seconds)
                    case Refuse(reason):
                        self._outcomes.refuse(ticket, reason, now)
                    case Park(reason):
                        self._outcomes.park(ticket, slot, reason, now)
                        self._seeder.look()
                    case First() as first:
                        slot.block(ticket, first)
            slots.wake(slot, now)
        return None

    def _send(self, ticket: Ticket, slot: Slot, now: float) -> None:
        """Book a ticket that is about to be put on the queue."""
        self._stages.sent(ticket.request, now)
        ticket.slot = slot
        slot.in_flight += 1
        self._workload.start_request(ticket)
        self._seeder.look()
