"""What a site asks of crawlers: robots.txt (RFC 9309), asked for before the first page of an origin.

The rules of an origin (scheme, host and port) are unknown until its /robots.txt is answered; until then every
request to it has to wait for that `First`. The answer means, by section 2.3.1 of the RFC:

    2xx                          its rules
    3xx, 4xx, lost redirects     there is no robots.txt: all is allowed
    429, 5xx, no answer          unreachable: nothing is allowed, and it is asked again some minutes later
    no connection                as well; or, if nothing of the site was ever reached, it is parked

429 stands with 5xx, as with Google: who is asked too much has not said yes. A redirect that the crawl may not
follow (to a host outside allowed_domains, say) leaves the rules unread, so it is no answer. An answer holds for
24 hours, or as long as its Cache-Control says if that is less (2.4); if then none is to be had, the old rules go on.
Where redirects lead, the rules are those of the origin that was asked first.

Protego reads and matches rules. Which lines are meant for us is decided here, for two reasons. Protego takes a
product token for a match where it only begins like ours, and ends a group at any line, where the RFC (2.2.1,
2.2.4) wants the whole token and groups that only rules end. And it keeps every group: a file of 500 KiB that
names ten thousand crawlers before ten thousand rules would cost it a minute and gigabytes. Left with our own
lines it is linear.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import OrderedDict
from dataclasses import dataclass, replace
from math import inf

from protego import Protego

from scraper import urls
from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.verdict import GO, First, Park, Refuse, Verdict

MAX_BYTES = 500 * 1024  # of a robots.txt that are read (RFC 9309, 2.5)
KEPT = 24 * 3600.0  # seconds that an answer holds (2.4)
ASKED_AGAIN = 300.0  # seconds until an unreachable robots.txt is asked for again
MAX_ORIGINS = 10_000  # that are remembered, the latest used
MAX_RULES = 250_000  # of all origins together: about 100 MB
MAX_PERIOD = 10**9  # seconds in a Request-rate, whose numbers may be too long for a float

MARK = "robots"  # the key in a request's meta by which a request for robots.txt is told
NO_FILE = frozenset({Reason.TOO_MANY_REDIRECTS, Reason.BAD_REDIRECT, Reason.SCHEME_NOT_ALLOWED, Reason.INVALID_URL})

UNREACHED: frozenset[str] = frozenset(
    {
        Reason.DNS_NOT_FOUND,
        Reason.REFUSED,
        Reason.RESET,
        Reason.UNREACHABLE,
        Reason.CONNECT_TIMEOUT,
        Reason.HEADERS_TIMEOUT,
        Reason.READ_TIMEOUT,
        Reason.TIMEOUT,
    }
)
"""How a connection to a site fails."""

_REFUSED = Refuse(Reason.ROBOTS)
_UNREACHABLE = Refuse(Reason.ROBOTS_UNREACHABLE)
_LINE = re.compile(
    r"^[ \t]*(user[- ]?agent|allow|dis+al+[oa]w|diasllow|crawl[- ]delay|request[- ]rate)(?:[ \t]*:|[ \t])([^#\n]*)",
    re.MULTILINE | re.IGNORECASE,
)
_MAX_AGE = re.compile(r"\bmax-age=\"?(\d{1,10})")
_FIELDS = {"a": "Allow", "d": "Disallow", "c": "Crawl-delay", "r": "Request-rate"}  # by first letter
_NAME = re.compile(r"[\w-]+")
_NAME_IN_COMMENT = re.compile(r"\(compatible;\s*([\w-]+)", re.IGNORECASE)


def is_robots(request: Request) -> bool:
    """Whether `request` asks for a robots.txt on behalf of others, or is a redirect's next hop from there."""
    return MARK in request.meta


def product_token(user_agent: str) -> str:
    """The name by which a robots.txt addresses `user_agent` (RFC 9309, 2.2.1): `mybot` of "MyBot/2.1 (+…)".

    It is the name in the comment of "Mozilla/5.0 (compatible; MyBot/2.1; …)"; empty if there is no name. Digits,
    which the RFC has no place for, are kept where a name has some; see `our_lines`.
    """
    found = _NAME_IN_COMMENT.search(user_agent) or _NAME.search(user_agent.partition("/")[0])
    return found[found.lastindex or 0].lower() if found else ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is known of an origin. `verdict` holds for all its pages, unless there are `rules`."""

    until: float
    verdict: Verdict = GO
    rules: Protego | None = None
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
        self._rules = 0

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, a refusal as ROBOTS or ROBOTS_UNREACHABLE, or First the request for the origin's robots.txt."""
        url = request.url
        if MARK in request.meta or request.meta.get("dont_obey_robotstxt"):
            return GO
        origin = urls.origin(url)
        answer = self._answers.get(origin)
        if answer is None or answer.until <= now:
            return GO if _is_file(url) else First(_ask(origin, request))
        self._answers.move_to_end(origin)
        if answer.rules is not None:
            return GO if answer.rules.can_fetch(url, "*") else _REFUSED
        return GO if answer.verdict is GO or _is_file(url) else answer.verdict

    def sent(self, request: Request, now: float) -> None:
        """Nothing to note."""

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """If `request` is one that `judge` asked for, `outcome` has the rules of its origin."""
        if not is_robots(request) or not _is_file(request.url):
            return
        origin = urls.origin(request.url)
        answer = self._read(outcome, now)
        old = self._answers.pop(origin, None)
        if old is not None:
            self._rules -= old.size
        if old is not None and answer.verdict is _UNREACHABLE and old.verdict is not _UNREACHABLE:
            answer = replace(old, until=answer.until)
        elif self._parks and (reason := self._lost(request, outcome)):
            answer = _Answer(inf, Park(reason))
        self._answers[origin] = answer
        self._rules += answer.size
        while len(self._answers) > MAX_ORIGINS or self._rules > MAX_RULES:
            self._rules -= self._answers.popitem(last=False)[1].size

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

    def _read(self, outcome: Response | FetchError, now: float) -> _Answer:
        if isinstance(outcome, FetchError):
            return self._without_file(404 if outcome.reason in NO_FILE else 503, now)
        if outcome.status >= 300:
            return self._without_file(outcome.status, now)
        lines = our_lines(_decode(outcome.body), self._token)
        size = sum(line.startswith(("Allow", "Disallow")) for line in lines)
        rules = Protego.parse("\n".join(["User-agent: *", *lines]))
        until = now + _lifetime(outcome)
        return _Answer(until, rules=rules if size else None, delay=self._delay(rules), size=size)

    def _without_file(self, status: int, now: float) -> _Answer:
        if status == 429 or status >= 500:
            return _Answer(now + ASKED_AGAIN, _UNREACHABLE)
        return _Answer(now + KEPT)

    def _delay(self, rules: Protego) -> float:
        delay = rules.crawl_delay("*") or 0.0
        rate = rules.request_rate("*")
        if rate is not None and rate.start_time is None:
            delay = max(delay, min(rate.seconds, MAX_PERIOD) / rate.requests)
        return min(delay, self._max_delay)

    def __repr__(self) -> str:
        return f"<Robots as {self._token or '*'}, {len(self._answers)} origins, {self._rules} rules>"


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


def _decode(body: bytes) -> str:
    """The text of a robots.txt, up to the last whole line that is read of it. Never raises."""
    encoding = "utf-16" if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    text = body[:MAX_BYTES].decode(encoding, "replace").replace("\r", "\n")
    if len(body) > MAX_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    return text


def our_lines(text: str, token: str) -> list[str]:
    """The lines of a robots.txt that are meant for `token`, a name in lower case.

    All groups that name the token are one; those for `*` hold if there are none (RFC 9309, 2.2.1). A token with
    digits also goes by what precedes them. A User-agent line after a rule begins a new group, whatever stands
    between the two. A Crawl-delay or Request-rate, which the RFC does not know, is for the agents named right
    before it.
    """
    names = {"*": "*", token.rstrip("0123456789"): token, token: token}
    lines: dict[str, list[str]] = {"*": [], token: []}
    ours = "*"
    group: set[str] = set()
    right_before: set[str] = set()
    has_rules = False
    previous = ""
    for line in _LINE.finditer(text):
        field, value = line[1][0].lower(), line[2].strip()
        if field == "u":
            if has_rules:
                group, has_rules = set(), False
            if previous != "u":
                right_before = set()
            agent = _agent(value)
            name = names.get(agent) if agent else None
            if name:
                group.add(name)
                right_before.add(name)
                ours = token if name == token else ours
        else:
            is_rule = field in {"a", "d"}
            has_rules = has_rules or is_rule
            for name in group if is_rule else right_before:
                if value:
                    lines[name].append(f"{_FIELDS[field]}: {value}")
        previous = field
    return lines[ours]


def _agent(value: str) -> str | None:
    """The name in a User-agent line, in lower case; `*` for everybody, None for nobody."""
    if value.startswith("*"):
        return "*" if not value[1:2].strip() else None
    found = _NAME.match(value)
    return found[0].lower() if found else None
