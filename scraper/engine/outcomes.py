"""What becomes of a request: its answer is delivered, or it is sent again, sent elsewhere, refused, parked or failed.

A redirect or a retry does not stay with its worker: it goes back to its host's slot, and so through every
limit, as any other request does.
"""

from msgspec.structs import replace

from scraper.engine.accounting import Totals
from scraper.engine.discovery import Discovery
from scraper.engine.pages import Pages
from scraper.engine.slots import Slots
from scraper.engine.stages import Stages
from scraper.engine.ticket import Slot, Ticket
from scraper.engine.workload import Workload
from scraper.errors import CrawlStopped, FetchError, Reason
from scraper.events import Parked
from scraper.http.response import Response
from scraper.protocols import Paces, PageLost
from scraper.spider import Failure
from scraper.urls import site, without_credentials
from scraper.verdict import Deliver, Fail, Redirect, Retry


class Outcomes:
    """Asks the policies what follows an answer, does it, and answers whoever asked for the request."""

    def __init__(
        self,
        stages: Stages,
        slots: Slots,
        discovery: Discovery,
        pages: Pages,
        totals: Totals,
        workload: Workload,
    ) -> None:
        self._stages = stages
        self._paces = [limit for limit in stages.limits if isinstance(limit, Paces)]
        self._clock = stages.clock
        self._slots = slots
        self._discovery = discovery
        self._pages = pages
        self._totals = totals
        self._workload = workload

    def note_on_wire(self, ticket: Ticket) -> None:
        """The head of a ticket's request has gone to a socket, from when its site's delay counts."""
        now = self._clock()
        for limit in self._paces:
            self._slots.delay(ticket.slot, limit.on_wire(ticket.request, now), now)

    def settle(
        self, ticket: Ticket, outcome: Response | FetchError | CrawlStopped | PageLost | None, sent: float
    ) -> None:
        """Free the host's place, learn from the outcome, and do what follows.

        The outcome is None if a middleware let the request go, `CrawlStopped` if the stop of the crawl ended one, and
        `PageLost` if it is not known, so that the request has to be sent again.
        """
        now, slot, asked = self._clock(), ticket.slot, ticket.request
        slot.places.release()
        slot.in_flight -= 1
        self._workload.end_request(ticket)
        if outcome is None:
            self.refuse(ticket, Reason.IGNORED, now)
        elif isinstance(outcome, CrawlStopped):
            self._totals.end_early(outcome)
            self._leave(ticket, outcome)
        elif isinstance(outcome, PageLost):
            self._slots.soon(ticket, now)
        else:
            self._follow_up(ticket, outcome, now, now - sent)
        for limit in self._paces:
            limit.ended(asked)
        self._slots.wake(slot, now)

    def _follow_up(self, ticket: Ticket, outcome: Response | FetchError, now: float, seconds: float) -> None:
        totals, asked = self._totals, ticket.request
        if isinstance(outcome, Response):
            outcome.request = asked  # without what middlewares have added, cookies say, for its host alone
        if not ticket.is_known:
            totals.count_answer(ticket.tally, outcome)
        sequel = self._stages.sequel(asked, outcome, ticket.attempts)
        if ticket.first is None:
            self._stages.learn(asked, outcome, now)
        match sequel:
            case Deliver():
                assert isinstance(outcome, Response)
                self._deliver(ticket, outcome, now, seconds)
            case Redirect(request):
                totals.count_redirect(ticket.tally)
                ticket.lead_to(request)
                self._continue(ticket, outcome, now)
            case Retry(wait, reason):
                ticket.attempts = replace(ticket.attempts, retries=ticket.attempts.retries + 1)
                totals.count_retry(ticket.tally, asked, reason, wait, ticket.attempts.retries)
                if ticket.first is None:
                    self._slots.later(ticket, now + wait, now)
                else:
                    self._slots.postpone(ticket.slot, ticket, now + wait)
            case Fail(reason):
                response = outcome if isinstance(outcome, Response) else None
                detail = outcome.detail if isinstance(outcome, FetchError) else ""
                self._fail(ticket, FetchError(reason, without_credentials(asked.url), detail), response, now)

    def _continue(self, ticket: Ticket, outcome: Response | FetchError, now: float) -> None:
        """Have the target of a redirect fetched: here, unless it was already seen or is another machine's."""
        if self._stages.sharing is not None and self._stages.sharing.hand_over(ticket):
            self._discovery.let_go(ticket)
            self._totals.close(ticket.tally)
            self._workload.notify()
        elif self._discovery.was_seen(ticket, outcome):
            self.refuse(ticket, Reason.DUPLICATE, now)
        else:
            self._slots.soon(ticket, now)

    def _deliver(self, ticket: Ticket, response: Response, now: float, seconds: float) -> None:
        """Give a response to whoever asked for it."""
        response.history = ticket.attempts.hops
        if ticket.first is not None:
            self._unblock(ticket, response, now)
            return
        self._totals.count_page(ticket.tally, response, seconds)
        if ticket.reply is not None:
            ticket.succeed(response)
        else:
            self._pages.start(ticket, response)

    def _fail(self, ticket: Ticket, error: FetchError, response: Response | None, now: float) -> None:
        """Give a request up that was sent."""
        if ticket.first is not None:
            self._unblock(ticket, response or error, now)
            return
        self._totals.count_failed(ticket.request, error, ticket.tally)
        self._give_up(ticket, error, response)

    def refuse(self, ticket: Ticket, reason: str, now: float) -> None:
        """Give a request up that must not be sent, or not be sent on."""
        error = FetchError(reason, without_credentials(ticket.request.url), "refused")
        if ticket.first is not None:
            self._unblock(ticket, error, now)
            return
        self._totals.count_unsent(ticket.request, error, ticket.tally)
        self._give_up(ticket, error, None)

    def park(self, ticket: Ticket, slot: Slot, reason: str, now: float) -> None:
        """Leave a request to another run, unless a callback or another request waits for it now."""
        self._workload.notify()  # it may have been the last
        if ticket.entry is None:
            self.refuse(ticket, Reason.PARKED, now)
        elif self._slots.park(slot, ticket):
            self._totals.tell(Parked, site(ticket.request.url), reason)

    def _leave(self, ticket: Ticket, stop: CrawlStopped) -> None:
        """Leave a request to another run; what callbacks, or other requests, wait for ends as they do."""
        if ticket.first is not None:
            for each in ticket.slot.blocked.pop(ticket.first.request.url, ()):
                self._leave(each, stop)
        elif ticket.entry is not None:
            self._slots.of(ticket.request).aside.append(ticket)
        else:
            self._totals.forget(ticket.tally)
            ticket.fail(stop)

    def _give_up(self, ticket: Ticket, error: FetchError, response: Response | None) -> None:
        """Tell whoever asked for a request that nothing came of it."""
        self._workload.notify()  # it may have been the last
        if ticket.reply is not None:
            ticket.fail(error)
        elif ticket.request.errback is not None or self._pages.has_kept(ticket, error):
            self._pages.start_failed(ticket, Failure(ticket.request, error, response))
        else:
            self._pages.settle(ticket, error)

    def _unblock(self, ticket: Ticket, outcome: Response | FetchError, now: float) -> None:
        """What other requests were waiting for is answered."""
        assert ticket.first is not None
        self._stages.learn(ticket.first.request, outcome, now)
        self._slots.unblock(ticket.slot, ticket.first, now)
