"""Lanes of one site take turns, so that machines that know nothing of each other's requests keep its delay together.

Each lane has a moment in each period, by the clock of the store: so many seconds apart as the site's delay is, and a
little more, as nothing happens at its very moment.
"""

from collections.abc import Callable

from scraper import urls
from scraper.errors import FetchError
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.frontier.shared.units import LANE
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.verdict import GO, Verdict, Wait

LATE = 0.004  # seconds after its moment that a request may still go
EARLY = 0.001  # seconds after it that one is to go
POLL = 0.1  # seconds after which it is looked again whether the store's clock is known


class Turns:
    """A limit: Go to a site in lanes at the moments of the lane. `delay` is what the settings say, in seconds.

    `crawl_delay` tells the delay that an origin asks for.
    """

    def __init__(
        self, frontier: SharedFrontier, *, delay: float, crawl_delay: Callable[[str], float] | None = None
    ) -> None:
        self._frontier = frontier
        self._delay = delay
        self._crawl_delay = crawl_delay

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or Wait until the next moment."""
        _, is_lane, lane = self._frontier.queue(request).partition(LANE)
        delay = self._delay_of(request) if is_lane else 0.0
        if not delay:
            return GO
        ahead = self._frontier.membership.clock_ahead
        if ahead is None:
            return Wait(POLL)
        apart = delay + LATE
        period = apart * self._frontier.lanes.number(urls.site(request.url))
        late = (now + ahead - int(lane) * apart) % period
        return GO if late <= LATE else Wait(period - late + EARLY)

    def _delay_of(self, request: Request) -> float:
        asked = self._crawl_delay(urls.origin(request.url)) if self._crawl_delay is not None else 0.0
        return max(self._delay, asked)

    def sent(self, request: Request, now: float) -> None:
        """Nothing is counted."""

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """Nothing is learnt."""
