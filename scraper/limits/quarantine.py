"""A page at which the process has died twice is left alone: it would die again."""

from collections.abc import Mapping

from scraper.errors import Reason
from scraper.http.request import Request
from scraper.process.crash_marks import label
from scraper.protocols import Limit
from scraper.verdict import GO, Refuse, Verdict

CRASHES = 2

_QUARANTINED = Refuse(Reason.QUARANTINED)


class Quarantine(Limit):
    """Refuses requests at whose pages the process died too often, told by `crashes`, which counts by label."""

    def __init__(self, crashes: Mapping[str, int]) -> None:
        self._labels = frozenset(name for name, number in crashes.items() if number >= CRASHES)

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or a refusal as QUARANTINED."""
        return _QUARANTINED if self._labels and label(request) in self._labels else GO
