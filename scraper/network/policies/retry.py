"""Whether a request that failed is sent again, and when.

| what happened                                                        | sent again    |
| -------------------------------------------------------------------- | ------------- |
| refused, reset, unreachable, partial_body, proxy                     | `retries`     |
| connect_timeout, headers_timeout, read_timeout, timeout, too_slow    | `retries`     |
| a status of `retry_statuses`                                         | `retries`     |
| dns_not_found, tls_protocol, bad_response, bad_encoding              | once          |
| anything else: certificates, size, redirects, what we refused        | never         |

Only requests that may be repeated without harm are sent again (RFC 9110, 9.2.2: GET, HEAD, OPTIONS, TRACE, PUT,
DELETE), and others, such as POST, if the server cannot have had them: its name was not found, or no connection made.

The wait before the n-th retry is drawn evenly from zero to `backoff` * 2^(n-1) seconds, at most `max_backoff`: "full
jitter", which keeps requests that failed together from coming back together. A Retry-After of 429 and 503 is waited
for, up to `LONGEST_REST`; who is told when to come back is not to give up on the way, so such an answer may be had
`RESTS` times more than `retries` says.
"""

from collections.abc import Callable
from random import Random

from scraper.errors import UNREACHED, FetchError, Reason, http_status
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.http.retry_after import LONGEST_REST, retry_after
from scraper.protocols import Attempts
from scraper.settings.schema import NetworkSettings
from scraper.verdict import Retry, Sequel

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
DOUBTFUL = frozenset({Reason.DNS_NOT_FOUND, Reason.TLS_PROTOCOL, Reason.BAD_RESPONSE, Reason.BAD_ENCODING})
PASSING = (UNREACHED | {Reason.TOO_SLOW, Reason.PARTIAL_BODY, Reason.PROXY}) - DOUBTFUL
RESTS = 10  # answers with a Retry-After that may be had besides
UNSENT = frozenset({Reason.DNS_NOT_FOUND, Reason.REFUSED, Reason.CONNECT_TIMEOUT})


class Retries:
    """The policy that tries again.

    `meta["dont_retry"]` and `meta["max_retry_times"]` are heeded, as in Scrapy. `rng` draws the waits; `wall` is the
    time of day in seconds since 1970, which dates in Retry-After are compared with.
    """

    def __init__(self, settings: NetworkSettings, *, rng: Random, wall: Callable[[], float]) -> None:
        self._retries = settings.retries
        self._backoff = settings.backoff
        self._max_backoff = settings.max_backoff
        self._statuses = frozenset(settings.retry_statuses)
        self._rng = rng
        self._wall = wall

    def __call__(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel | None:
        if isinstance(outcome, FetchError):
            reason = outcome.reason
            if reason not in PASSING and reason not in DOUBTFUL:
                return None
        elif outcome.status in self._statuses:
            reason = http_status(outcome.status)
        else:
            return None
        if request.method not in IDEMPOTENT and reason not in UNSENT:
            return None
        rest = self._rest(outcome)
        most = self._most(request, reason)
        if attempts.retries >= most + (RESTS if rest is not None and most else 0):
            return None
        return Retry(max(self.backoff(attempts.retries), rest or 0.0), reason)

    def _most(self, request: Request, reason: str) -> int:
        if request.meta.get("dont_retry"):
            return 0
        given = request.meta.get("max_retry_times")
        most = int(given) if given is not None else self._retries
        return min(most, 1) if reason in DOUBTFUL else most

    def backoff(self, retries: int) -> float:
        """Seconds before the next try, when `retries` have been made."""
        longest = min(self._backoff * 2.0 ** min(retries, 30), self._max_backoff)
        return self._rng.uniform(0.0, longest)

    def _rest(self, outcome: Response | FetchError) -> float | None:
        """Seconds that the server asks to be left alone; None if it does not."""
        if isinstance(outcome, FetchError) or outcome.status not in {429, 503}:
            return None
        rest = retry_after(outcome.headers.get("Retry-After", ""), self._wall())
        return min(rest, LONGEST_REST) if rest is not None else None

    def __repr__(self) -> str:
        return f"<Retries at most {self._retries}>"
