"""A site whose pages take long to parse is asked for no more while some of them are in hand.

What is in hand of all sites is bounded, and at that bound nothing is asked for. So no single site may use it up with
pages that take seconds each.
"""

from scraper import urls
from scraper.http.request import Request
from scraper.protocols import Aside, Limit
from scraper.verdict import GO, Verdict, Wait

AGAIN = 0.05  # seconds after which it is asked again


class Backpressure(Limit):
    """Lets a site wait while `aside` holds enough pages of it."""

    def __init__(self, aside: Aside) -> None:
        self._aside = aside

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or Wait."""
        if not self._aside.pages or not self._aside.is_full(urls.site(request.url)):
            return GO
        return Wait(AGAIN)

    def __repr__(self) -> str:
        return f"<Backpressure {self._aside.pages} pages aside>"
