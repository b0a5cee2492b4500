"""Which answers reach a callback: those of an error status do not, unless somebody asked for them."""

from collections.abc import Collection

from scraper.errors import FetchError, http_status
from scraper.protocols import Attempts
from scraper.request import Request
from scraper.response import Response
from scraper.verdict import DELIVER, Fail, Sequel


class Statuses:
    """The last policy: delivers good answers and those of a status in `accepted`, and gives all others up.

    A request asks for more by `meta["handle_httpstatus_list"]` or `meta["handle_httpstatus_all"]`, as in Scrapy.
    """

    def __init__(self, accepted: Collection[int]) -> None:
        self._accepted = frozenset(accepted)

    def __call__(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel | None:
        if isinstance(outcome, FetchError):
            return Fail(outcome.reason)
        status = outcome.status
        if status < 400 or status in self._accepted:
            return DELIVER
        meta = request.meta
        if meta and (meta.get("handle_httpstatus_all") or status in meta.get("handle_httpstatus_list", ())):
            return DELIVER
        return Fail(http_status(status))
