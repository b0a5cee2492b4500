"""Whether a request that failed is sent again, and when.

| what happened                                                    | sent again |
| ---------------------------------------------------------------- | ---------- |
| refused, reset, unreachable, a timeout, a body that broke off    | yes        |
| a proxy that failed, a name that was not found                   | yes        |
| a status of `[network] retry_statuses`                           | yes        |
| anything else: TLS, framing, encoding, size, redirects           | no         |

Only requests that may be repeated without harm are (RFC 9110, 9.2.2: GET, HEAD, OPTIONS, TRACE, PUT, DELETE). The
wait before the n-th retry is drawn evenly from zero to backoff * 2^(n-1) seconds, at most `max_backoff`: "full
jitter", which keeps requests that failed together from coming back together.
"""

from random import Random

from scraper.errors import FetchError, Reason, http_status
from scraper.protocols import Attempts
from scraper.request import Request
from scraper.response import Response
from scraper.settings import NetworkSettings
from scraper.verdict import Retry, Sequel

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
REASONS = frozenset(
    {
        Reason.REFUSED,
        Reason.RESET,
        Reason.UNREACHABLE,
        Reason.CONNECT_TIMEOUT,
        Reason.READ_TIMEOUT,
        Reason.TIMEOUT,
        Reason.PARTIAL_BODY,
        Reason.PROXY,
        Reason.DNS_NOT_FOUND,
    }
)


class Retries:
    """The policy that tries again. `meta["dont_retry"]` and `meta["max_retry_times"]` are heeded, as in Scrapy."""

    def __init__(self, settings: NetworkSettings, *, rng: Random) -> None:
        self._settings = settings
        self._statuses = frozenset(settings.retry_statuses)
        self._rng = rng

    def __call__(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel | None:
        reason = self._reason(outcome)
        if reason is None or request.method not in IDEMPOTENT or request.meta.get("dont_retry"):
            return None
        if attempts.retries >= int(request.meta.get("max_retry_times", self._settings.retries)):
            return None
        return Retry(self.wait(attempts.retries), reason)

    def _reason(self, outcome: Response | FetchError) -> str | None:
        """Why `outcome` deserves another try; None if it does not."""
        if isinstance(outcome, FetchError):
            return outcome.reason if outcome.reason in REASONS else None
        return http_status(outcome.status) if outcome.status in self._statuses else None

    def wait(self, retries: int) -> float:
        """Seconds before the next try, when so many have been made."""
        longest = min(self._settings.backoff * 2.0 ** min(retries, 30), self._settings.max_backoff)
        return self._rng.uniform(0.0, longest)
