"""What a site asks of crawlers: robots.txt (RFC 9309), asked for before the first page of an origin.

The rules of an origin (scheme, host and port) are unknown until its /robots.txt is answered; until then every
request to it has to wait for that `First`. The answer means, by section 2.3.1 of the RFC:

    2xx                          its rules
    3xx, 4xx, lost redirects     there is no robots.txt: all is allowed
    429, 5xx, no answer          unreachable: nothing is allowed, and it is asked again some minutes later
    no connection                as well; or, if nothing of the site was ever reached, it is parked

429 stands with 5xx, as with Google: who is asked too much has not said yes. A redirect that the crawl may not
follow (to a host outside allowed_domains, say) leaves the rules unread, so it is no answer. An answer holds for
24 hours, or as long as its Cache-Control says if that is less (2.4); if none can be fetched then, the old rules stay.
Where redirects lead, the rules are those of the origin that was asked first.

A large file is read in parts, one each time that a request is judged, and requests wait until it is read. `robots_file`
finds the lines that are for us, and `robots_rules` compares their rules with URLs.
"""

import re
from collections import OrderedDict
from math import inf

import msgspec
from msgspec.structs import replace

from scraper import urls
from scraper.errors import UNREACHED, FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.limits.robots_file import Reading, read
from scraper.limits.robots_rules import Rules
from scraper.verdict import GO, First, Park, Refuse, Verdict, Wait

KEPT = 24 * 3600.0  # seconds that an answer holds (2.4)
ASKED_AGAIN = 300.0  # seconds until an unreachable robots.txt is asked for again
MAX_ORIGINS = 10_000  # that are remembered, the latest used
MAX_RULES = 250_000  # of all origins together: up to 80 MB

MOST_READINGS = 16  # large files that are read in parts; of more the oldest are read at once, to bound memory
PAUSE = 0.01  # seconds between two parts of a large file

MARK = "robots"  # the key in `meta` that marks a request for robots.txt
NO_FILE = frozenset({Reason.TOO_MANY_REDIRECTS, Reason.BAD_REDIRECT, Reason.SCHEME_NOT_ALLOWED, Reason.INVALID_URL})

_READING = Wait(PAUSE)
_UNREACHABLE = Refuse(Reason.ROBOTS_UNREACHABLE)
_MAX_AGE = re.compile(r"\bmax-age=\"?(\d{1,10})")
_NAME = re.compile(r"[\w-]+")
_NAME_IN_COMMENT = re.compile(r"\(compatible;\s*([\w-]+)", re.IGNORECASE)


def is_robots(request: Request) -> bool:
    """Whether `request` asks for a robots.txt on behalf of others, or is a redirect's next hop from there."""
    return MARK in request.meta


def product_token(user_agent: str) -> str:
    """The name by which a robots.txt addresses `user_agent` (RFC 9309, 2.2.1): `mybot` of "MyBot/2.1 (+…)".

    It is the name in the comment of "Mozilla/5.0 (compatible; MyBot/2.1; …)"; empty if there is no name. Digits,
    which the RFC has no place for, are kept where a name has some: see `robots_file`.
    """
    found = _NAME_IN_COMMENT.search(user_agent) or _NAME.search(user_agent.partition("/")[0])
    return found[found.lastindex or 0].lower() if found else ""


class _Answer(msgspec.Struct, frozen=True):
    """What is known of an origin. `verdict` holds for all its pages, unless there are `rules`."""

    until: float
    verdict: Verdict = GO
    rules: Rules | None = None
    delay: float = 0.0
    size: int = 0


class Robots:
    """Obeys the robots.txt of each origin as the crawler that `user_agent` names.

    Answers of `Crawl-delay` and `Request-rate`, up to `max_delay` seconds, are given by `delay()`. A request with
    `meta["dont_obey_robotstxt"]`, Scrapy's word, is not asked about.

    With `parks`, a site is parked of which nothing can be reached, so that what waits for it is not lost.
    """

    def __init__(self, user_agent: str, *, max_delay: float = inf, parks: bool = False) -> None:
        self._token = product_token(user_agent)
        self._parks = parks
        self._max_delay = max_delay
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._readings: dict[str, Reading] = {}  # of the answers that are not read to their end
        self._rules = 0

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, a refusal as ROBOTS or ROBOTS_UNREACHABLE, or First the request for the origin's robots.txt.

        Wait, if that is so large that it takes a while to read, or takes long to compare with URLs.
        """
        url = request.url
        if MARK in request.meta or request.meta.get("dont_obey_robotstxt"):
            return GO
        origin = urls.origin(url)
        answer = self._answers.get(origin)
        if answer is None or answer.until <= now:
            return GO if _is_file(url) else First(_ask(origin, request))
        if answer.verdict is _READING:
            answer = self._read_on(origin)
        self._answers.move_to_end(origin)
        if answer.rules is not None:
            return answer.rules.judge(url, now)
        return GO if answer.verdict is GO or _is_file(url) else answer.verdict

    def sent(self, request: Request, now: float) -> None:
        """Nothing to note."""

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """If `request` is one that `judge` asked for, `outcome` has the rules of its origin."""
        if not is_robots(request) or not _is_file(request.url):
            return
        origin = urls.origin(request.url)
        if isinstance(outcome, Response) and outcome.status < 300:
            self._readings[origin] = read(outcome.body, self._token)
            self._put(origin, _Answer(now + _lifetime(outcome), _READING))
            self._read_on(origin)
            while len(self._readings) > MOST_READINGS:
                self._read_on(next(iter(self._readings)))
            return
        answer, old = _without_file(outcome, now), self._answers.get(origin)
        if old is not None and answer.verdict is _UNREACHABLE and old.verdict is not _UNREACHABLE:
            answer = replace(old, until=answer.until)
        elif self._parks and (reason := self._lost(request, outcome)):
            answer = _Answer(inf, Park(reason))
        self._put(origin, answer)

    def _read_on(self, origin: str) -> _Answer:
        """Read the next part of the robots.txt of `origin`. What is known then."""
        answer = self._answers[origin]
        try:
            next(self._readings[origin])
        except StopIteration as end:
            rules, delay = end.value
            size = len(rules)
            answer = replace(
                answer, verdict=GO, rules=rules if size else None, delay=min(delay, self._max_delay), size=size
            )
            self._put(origin, answer)
        return answer

    def _put(self, origin: str, answer: _Answer) -> None:
        """Remember `answer`, and forget those that were not needed for longest if there are too many."""
        old = self._answers.pop(origin, None)
        self._rules += answer.size - (old.size if old is not None else 0)
        self._answers[origin] = answer
        if answer.verdict is not _READING:
            self._readings.pop(origin, None)
        while len(self._answers) > MAX_ORIGINS or self._rules > MAX_RULES:
            name, oldest = self._answers.popitem(last=False)
            self._readings.pop(name, None)
            self._rules -= oldest.size

    def _lost(self, request: Request, outcome: Response | FetchError) -> str:
        """Why the site of `request` cannot be reached, if nothing of it ever was; "" if it was, or may be.

        If it was redirected to one that cannot be, that tells nothing of its own site.
        """
        if not isinstance(outcome, FetchError) or outcome.reason not in UNREACHED:
            return ""
        name = urls.site(request.url)
        others = (self._answers.get(f"{scheme}://{name}") for scheme in ("http", "https"))
        is_reached = any(other is not None and not isinstance(other.verdict, Park) for other in others)
        return "" if is_reached or outcome.url != urls.without_credentials(request.url) else outcome.reason

    def delay(self, origin: str) -> float:
        """Seconds between two requests that `origin` asks for; 0 if it asks for none, or was not asked itself."""
        answer = self._answers.get(origin)
        return answer.delay if answer is not None else 0.0

    def __repr__(self) -> str:
        return f"<Robots as {self._token or '*'}, {len(self._answers)} origins, {self._rules} rules>"


def _without_file(outcome: Response | FetchError, now: float) -> _Answer:
    """What is known of an origin that gave no robots.txt."""
    if isinstance(outcome, FetchError):
        is_unreachable = outcome.reason not in NO_FILE
    else:
        is_unreachable = outcome.status == 429 or outcome.status >= 500
    return _Answer(now + ASKED_AGAIN, _UNREACHABLE) if is_unreachable else _Answer(now + KEPT)


def _lifetime(response: Response) -> float:
    """Seconds for which an answer holds: what Cache-Control says (RFC 9111, 5.2.2), within bounds."""
    words = ",".join(response.headers.getall("Cache-Control", ())).lower()
    if "no-cache" in words or "no-store" in words:
        return ASKED_AGAIN
    found = _MAX_AGE.search(words)
    return max(ASKED_AGAIN, min(float(found[1]), KEPT)) if found is not None else KEPT


def _ask(origin: str, request: Request) -> Request:
    """The request for the robots.txt of `origin`, which goes the way that `request` would go."""
    return Request(f"{origin}/robots.txt", priority=request.priority, proxy=request.proxy, meta={MARK: True})


def _is_file(url: str) -> bool:
    """Whether `url` is a robots.txt itself, which may always be asked for (RFC 9309, 2.2.2)."""
    return url.endswith("/robots.txt") and url.find("/", 8) == len(url) - 11
