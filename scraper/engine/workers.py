"""Requests are fetched: tasks that take one after the other from the queue, and know nothing of turns and limits.

A fetch says when its request goes to a socket. uvloop writes at the end of a turn of the loop, so that moment is noted
in the next turn: a little late, and never too early.
"""

import asyncio
from functools import partial

from scraper.engine.outcomes import Outcomes
from scraper.engine.stages import Stages
from scraper.engine.ticket import Ticket
from scraper.errors import CrawlStopped, FetchError, IgnoreRequest
from scraper.http.response import Response
from scraper.protocols import PageLost, Sending, sending


class Workers:
    """Fetch what stands in `queue`, and hand on what came of it. As many tasks as may be run `work`."""

    def __init__(self, stages: Stages, outcomes: Outcomes, queue: asyncio.Queue[Ticket]) -> None:
        self._stages = stages
        self._clock = stages.clock
        self._outcomes = outcomes
        self._queue = queue

    async def work(self) -> None:
        """Fetch one request after the other, until cancelled."""
        soon, note_on_wire = asyncio.get_running_loop().call_soon, self._outcomes.note_on_wire
        while True:
            ticket = await self._queue.get()
            is_page = ticket.first is None and ticket.reply is None
            sending.set(Sending(ticket.request, ticket.attempts, is_page, partial(soon, note_on_wire, ticket)))
            sent = self._clock()
            outcome: Response | FetchError | CrawlStopped | PageLost | None = None
            try:
                outcome = await self._fetch(ticket)
            except (FetchError, CrawlStopped, PageLost) as error:
                outcome = error
            except IgnoreRequest:
                pass
            self._outcomes.settle(ticket, outcome, sent)

    async def _fetch(self, ticket: Ticket) -> Response:
        """The answer to a ticket's request; of a page that was crawled before, only if it has changed."""
        request = ticket.request
        if self._stages.revisits is None or ticket.entry is None:
            return await self._stages.fetch(request)
        asked = self._stages.revisits.ask(request)
        ticket.is_known = isinstance(asked, Response)
        return asked if isinstance(asked, Response) else await self._stages.fetch(asked)
