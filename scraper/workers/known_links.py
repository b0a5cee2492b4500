"""Links that need not be told to the owner, since they were told before.

Of forty links on a page thirty-nine lead to pages that were seen. So a worker remembers which URLs it has told. The
owner knows those from then on; if it loses a page that told them, it asks for that page again.
"""

from collections.abc import Callable

from scraper.http.request import Links, Request, number_of
from scraper.protocols import Results, is_plain

MOST = 200_000  # URLs that are remembered, in 20 to 30 MB


class KnownLinks:
    """Takes out of results what the owner knows.

    `may_call` tells of a name whether it is a method of the spider. A page with more than `max_links` links is left as
    it is, since the owner counts those beyond.
    """

    def __init__(self, may_call: Callable[[str], bool], *, max_links: int = 0) -> None:
        self._may_call = may_call
        self._max_links = max_links
        self._told: set[str] = set()

    def filter(self, results: Results) -> None:
        """Leave in `results` what may be new, and count the rest as known."""
        requests = results.requests
        if self._max_links and number_of(requests) > self._max_links:
            return
        told = self._told
        if len(told) > MOST:
            told.clear()
        left: list[Request | Links] = []
        for each in requests:
            if type(each) is Links and self._is_told_by_url(each.model):
                new = [url for url in each.urls if url not in told]
                told.update(new)
                results.known += len(each.urls) - len(new)
                if new:
                    left.append(Links(each.model, new))
            elif type(each) is Request and self._is_told_by_url(each):
                if each.url in told:
                    results.known += 1
                else:
                    told.add(each.url)
                    left.append(each)
            else:
                left.append(each)
        results.requests = left

    def _is_told_by_url(self, request: Request) -> bool:
        """Whether the owner looks at no more than the URL, and so takes the second request for a page as known."""
        return (
            is_plain(request)
            and (request.callback is None or self._may_call(str(request.callback)))
            and (request.errback is None or self._may_call(str(request.errback)))
        )

    def __repr__(self) -> str:
        return f"<KnownLinks {len(self._told)} told>"
