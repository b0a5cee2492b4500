"""Which answers reach a callback: those of an error status do not, unless somebody asked for them."""

from collections.abc import Collection

from scraper.errors import FetchError, http_status
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Attempts
from scraper.verdict import DELIVER, Fail, Sequel


class Statuses:
    """The last policy: delivers good answers and those of a status in `accepted`, and gives all others up."""

    def __init__(self, accepted: Collection[int]) -> None:
        self._accepted = frozenset(accepted)

    def __call__(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel:
        if isinstance(outcome, FetchError):
            return Fail(outcome.reason)
        if (outcome.status < 400 and outcome.status != 304) or is_asked_for(request, outcome.status, self._accepted):
            return DELIVER
        return Fail(http_status(outcome.status))

    def __repr__(self) -> str:
        return f"<Statuses {sorted(self._accepted)}>"


def is_asked_for(request: Request, status: int, accepted: Collection[int]) -> bool:
    """Whether an answer of `status` is to be delivered as it is: to all requests, or to this one.

    A request asks by `meta["handle_httpstatus_list"]` or `meta["handle_httpstatus_all"]`, as in Scrapy.
    """
    if status in accepted:
        return True
    meta = request.meta
    return bool(meta) and bool(meta.get("handle_httpstatus_all") or status in meta.get("handle_httpstatus_list", ()))
