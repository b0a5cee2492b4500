"""Sites without end: addresses that a page makes up as it is asked, and that nobody would miss.

Three shapes are told by the address alone, as links are found; what the user starts with is not judged:

* the same folders again and again, `/a/b/a/b/a/b/…`, as from a reference that lacks its slash;
* ever new queries of one path: session ids, sorted and filtered lists, calendars;
* one page asked for again and again, by requests with `dont_filter`.

A path without end that does not repeat itself (`/2031/05/17`) is told by its depth: see `scope.Depth`.
"""

from collections import OrderedDict

from scraper.errors import Reason
from scraper.http.request import Request
from scraper.protocols import Limit
from scraper.settings.schema import LimitsSettings
from scraper.urls import without_fragment
from scraper.verdict import GO, Refuse, Verdict

LONGEST = 3  # segments of a path that are looked at together
MOST_COUNTED = 100_000  # paths and pages whose number is remembered, the latest used

_REPEATING = Refuse(Reason.REPEATING_PATH)
_VARIANTS = Refuse(Reason.TOO_MANY_QUERIES)
_AGAIN = Refuse(Reason.TOO_OFTEN)


class Traps(Limit):
    """Refuses links by `max_repeats`, `max_queries` and `max_same`; each may be any number, if it is 0."""

    def __init__(self, settings: LimitsSettings) -> None:
        self._max_repeats = settings.max_repeats
        self._max_queries = settings.max_queries
        self._max_same = settings.max_same
        self._queries: OrderedDict[str, int] = OrderedDict()
        self._same: OrderedDict[str, int] = OrderedDict()

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, which counts, or a refusal as REPEATING_PATH, TOO_MANY_QUERIES or TOO_OFTEN."""
        url = request.url
        if request.depth == 0:
            return GO
        if self._max_repeats and url.count("/") > self._max_repeats + 3 and repeats(url) > self._max_repeats:
            return _REPEATING
        if self._max_same and request.dont_filter and not _has_room(self._same, without_fragment(url), self._max_same):
            return _AGAIN
        if self._max_queries and "?" in url and not _has_room(self._queries, url.partition("?")[0], self._max_queries):
            return _VARIANTS
        return GO

    def __repr__(self) -> str:
        return f"<Traps {len(self._queries)} paths with queries, {len(self._same)} pages asked for again>"


def repeats(url: str) -> int:
    """How often one to three segments of the path follow each other at most: 3 for `/a/b/a/b/a/b`."""
    segments = url.partition("?")[0].partition("#")[0].split("/")[3:]
    most = 1
    for length in range(1, LONGEST + 1):
        run = 0
        for index in range(length, len(segments)):
            run = run + 1 if segments[index] and segments[index] == segments[index - length] else 0
            most = max(most, run // length + 1)
    return most


def _has_room(counts: OrderedDict[str, int], key: str, most: int) -> bool:
    """Whether `key` was counted less often than `most`; once more from now on."""
    count = counts.pop(key, 0)
    counts[key] = count + (count < most)
    if len(counts) > MOST_COUNTED:
        counts.popitem(last=False)
    return count < most
