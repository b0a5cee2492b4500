"""How many requests one site may cost: what is sent is counted, and what goes beyond is refused.

Every request counts, so redirects and retries do too; only robots.txt, which is asked for on the site's own
behalf, does not. The count is exact for the whole crawl, at the price of one number a site.
"""

from scraper import urls
from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.limits.robots import is_robots
from scraper.verdict import GO, Refuse, Verdict

_SPENT = Refuse(Reason.BUDGET)


class Budget:
    """At most `max_per_host` requests to one site (`urls.site`); any number, if it is 0."""

    def __init__(self, max_per_host: int) -> None:
        self._max_per_host = max_per_host
        self._sent: dict[str, int] = {}
        self._changed: set[str] = set()

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or a refusal as BUDGET."""
        if not self._max_per_host or self._sent.get(urls.site(request.url), 0) < self._max_per_host:
            return GO
        return GO if is_robots(request) else _SPENT

    def sent(self, request: Request, now: float) -> None:
        """Count `request`."""
        if self._max_per_host and not is_robots(request):
            site = urls.site(request.url)
            self._sent[site] = self._sent.get(site, 0) + 1
            self._changed.add(site)

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """What came of it makes no difference."""

    def changes(self) -> dict[str, int]:
        """The counts that have grown since this was last asked."""
        changed, self._changed = self._changed, set()
        return {site: self._sent[site] for site in changed}

    def recall(self, memory: dict[str, int]) -> None:
        """Go on from these counts."""
        self._sent.update(memory)

    def host_of(self, key: str) -> str:
        """The site that a key of the memory is."""
        return key

    def __repr__(self) -> str:
        return f"<Budget {self._max_per_host or 'any number'} a site, {len(self._sent)} sites>"
