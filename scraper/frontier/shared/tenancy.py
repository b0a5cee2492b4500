"""Nothing is sent to a site that is another machine's, or may be by now, or whose last owner may still be asking it.

Nor while so many items wait for their file that more would be too much for the store.
"""

from collections.abc import Awaitable

from scraper.errors import FetchError
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Fetch, PageLost
from scraper.verdict import GO, Verdict, Wait

POLL = 0.1  # seconds after which it is looked again whether a site is this machine's


class Tenancy:
    """A limit: Go to what this machine owns, as `frontier` knows; what is asked of other sites waits until it does."""

    def __init__(self, frontier: SharedFrontier) -> None:
        self._frontier = frontier

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or Wait; a site of another machine's is wanted from then on."""
        rest = self._frontier.rest(request)
        if rest is None:
            self._frontier.want(self._frontier.lanes.unit(request))
            return Wait(POLL)
        if rest > now:
            return Wait(rest - now)
        return Wait(POLL) if self._frontier.outbox.is_full else GO

    def fenced(self, fetch: Fetch) -> Fetch:
        """`fetch` that sends nothing if this machine was frozen, or cut off, since the request was judged."""
        membership = self._frontier.membership

        def fenced(request: Request) -> Awaitable[Response]:
            if not membership.is_safe:
                raise PageLost
            return fetch(request)

        return fenced

    def sent(self, request: Request, now: float) -> None:
        """Nothing is counted."""

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """Nothing is learnt."""
