"""A site of which pages are aside is asked for no more."""

from scraper.http.request import Request
from scraper.limits import Backpressure
from scraper.limits.backpressure import AGAIN
from scraper.verdict import GO, Wait


class Aside:
    pages = 0
    bytes = 0
    full: frozenset[str] = frozenset()

    def is_full(self, site: str) -> bool:
        return site in self.full


def test_a_site_that_is_full_waits() -> None:
    """Requests to it wait, for a moment each time they are judged; those to other sites go."""
    aside = Aside()
    limit = Backpressure(aside)
    full, other = Request("http://full.example:8080/x"), Request("http://other.example/")
    assert limit.judge(full, 0.0) is GO
    aside.pages, aside.full = 4, frozenset({"full.example:8080"})
    assert limit.judge(full, 0.0) == Wait(AGAIN)
    assert limit.judge(other, 0.0) is GO
    aside.full = frozenset()
    assert limit.judge(full, 1.0) is GO
    assert repr(limit) == "<Backpressure 4 pages aside>"
