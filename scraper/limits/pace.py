"""When a site is due: one request after the other, no faster than was asked for and no faster than it can bear.

The rule that nothing overrides: two requests to one site go out no closer than its *delay*, measured from when the
first was on the wire. While a connection is opened for a request, no other one starts, as it might overtake the
first on a connection that is open already. Whoever comes late makes the site due later by as much, so lateness
costs a little speed and never politeness. A request that nobody sees go out, as a middleware answers it or sends it
another way, counts from when it was handed over. A Retry-After of 429 or 503 lets the whole site rest until then.
The delay is the greatest of what the settings say, of the origin's Crawl-delay and, with `adapt`, of what the
site's answers have taught:

* 429 and 503 double the delay, to 1 s at least.
* A connection that fails (refused, reset, timed out) makes it half as long again, 0.25 s at least.
* Latency that has risen draws the delay towards itself, half the way each time, as Scrapy's AutoThrottle does:
  then about one request is in flight, whatever the site's speed.
* Every other good answer takes some of what was added away, until nothing is left: four tenths of it after the
  first slow-down, half as much whenever the site is slowed down again after that helped. So an accident is
  soon forgotten, and at a site with a rate limit the delay comes to stay near it.

A wave counts once: what was sent before the site was slowed down last tells nothing about the new delay.

Latency is judged by rounds, because many answers that are slow together mean little: a blocked event loop or
one hiccup delays all that is in flight. A round is one answer to a request that was sent once the round before
was over. Latency has risen when the median of five rounds is three times the best ever, and half a second more
than it. So one slow page, or two, do not count, nor does a site that always was slow. The best drifts upwards
slowly, and what was a rise becomes normal in the end.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from math import inf
from random import Random

import msgspec

from scraper import urls
from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.http.retry_after import LONGEST_REST, retry_after
from scraper.limits.robots import is_robots
from scraper.settings.schema import LimitsSettings
from scraper.verdict import GO, Verdict, Wait

MAX_SITES = 10_000  # whose pace is remembered, apart from those that are not due yet
MAX_STARTS = 20_000  # requests in flight whose start is remembered

PUSHED_BACK = 1.0  # seconds of delay after a 429 or 503, at least
FAILED = 0.25  # after a connection that failed, at least
FORGIVING = 0.2  # the least, and
UNFORGIVING = 0.95  # the most that a good answer leaves of an added delay
FORGETTING = 0.001  # by which each good answer without an added delay brings the one back to the other
NOTHING = 0.02  # seconds of added delay that are as good as none

ROUNDS = 5
RISE = 3.0  # times the best latency
MARGIN = 0.5  # and seconds more than it
DRIFT = 0.005  # of the way from the best latency to the present one, each round

_FAILURES = frozenset(
    {
        Reason.REFUSED,
        Reason.RESET,
        Reason.UNREACHABLE,
        Reason.CONNECT_TIMEOUT,
        Reason.READ_TIMEOUT,
        Reason.HEADERS_TIMEOUT,
        Reason.TIMEOUT,
    }
)


class _Site(msgspec.Struct):
    """What is known of a site.

    `added` is the delay that its answers have taught, and a good answer leaves the part `left` of it. `delay` is the
    one that counts after the last request. `leaving` is the request, by identity, that is not on the wire yet.
    """

    due: float = -inf
    delay: float = 0.0
    leaving: int | None = None
    is_seen: bool = True  # how its requests go out
    last: float = -inf
    added: float = 0.0
    slowed: float = -inf
    best: float = inf
    rounds: deque[float] = msgspec.field(default_factory=lambda: deque(maxlen=ROUNDS))
    round_over: float = -inf
    is_rising: bool = False
    left: float = FORGIVING
    has_recovered: bool = True


class Pace:
    """Keeps the delay between two requests to one site (`urls.site`).

    Of `settings` it takes delay, jitter, adapt and max_delay. `rng` draws the jitter; `wall` is the time of day in
    seconds since 1970, which dates in Retry-After are compared with; `crawl_delay` tells the delay that an origin
    asks for, and is not changed by jitter.
    """

    def __init__(
        self,
        settings: LimitsSettings,
        *,
        rng: Random,
        wall: Callable[[], float],
        crawl_delay: Callable[[str], float] | None = None,
    ) -> None:
        self._delay = settings.delay
        self._jitter = settings.jitter
        self._adapt = settings.adapt
        self._max_delay = settings.max_delay
        self._rng = rng
        self._wall = wall
        self._crawl_delay = crawl_delay
        self._sites: OrderedDict[str, _Site] = OrderedDict()
        self._starts: dict[int, float] = {}  # by identity of the request
        self._under_way: dict[int, _Site] = {}  # so as well; only where there is a delay
        self._told: dict[str, float] = {}  # what `changes()` has told

    def judge(self, request: Request, now: float) -> Verdict:
        """Go if the site is due, else Wait until it is; a request that is leaving is looked at less and less often."""
        site = self._sites.get(urls.site(request.url))
        if site is None:
            return GO
        if site.due > now:
            return Wait(site.due - now)
        if site.leaving is None:
            return GO
        return Wait(max(site.delay, (now - site.last) / 4))

    def sent(self, request: Request, now: float) -> None:
        """From `now` on the site is not due for its delay, nor before `request` is on the wire."""
        site = self._site(urls.site(request.url), now)
        site.last = now
        delay = max(self._delay, site.added)
        if delay and self._jitter:
            delay *= self._rng.uniform(1 - self._jitter, 1 + self._jitter)
        if self._crawl_delay is not None:
            delay = max(delay, self._crawl_delay(urls.origin(request.url)))
        if delay:
            site.due = max(site.due, now + delay)
            site.delay = delay
            self._under_way[id(request)] = site
            if site.is_seen:
                site.leaving = id(request)
        if self._adapt:
            self._starts[id(request)] = now
            if len(self._starts) > MAX_STARTS:
                del self._starts[next(iter(self._starts))]

    def on_wire(self, request: Request, now: float) -> float:
        """The delay begins at `now`."""
        site = self._under_way.get(id(request))
        if site is None:
            return -inf
        site.is_seen = True
        if site.leaving == id(request):
            site.leaving = None
        site.last = now
        site.due = max(site.due, now + site.delay)
        return site.due

    def ended(self, request: Request) -> None:
        """Nobody waits any longer for `request` to be on the wire."""
        site = self._under_way.pop(id(request), None)
        if site is not None and site.leaving == id(request):
            site.leaving = None

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """How the site answered tells whether it is asked too fast; its robots.txt may say so outright."""
        site = self._sites.get(urls.site(request.url))
        if site is None:
            return
        if site.leaving == id(request) and isinstance(outcome, Response):
            site.is_seen = False
        self.ended(request)
        if self._crawl_delay is not None and is_robots(request):
            site.due = max(site.due, site.last + self._crawl_delay(urls.origin(request.url)))
        if isinstance(outcome, Response) and outcome.status in {429, 503}:
            self._rest(site, outcome, now)
        if self._adapt:
            self._adapt_to(site, request, outcome, now)

    def _adapt_to(self, site: _Site, request: Request, outcome: Response | FetchError, now: float) -> None:
        """What the outcome teaches of the delay that the site can bear."""
        start = self._starts.pop(id(request), now)
        if isinstance(outcome, FetchError):
            if outcome.reason in _FAILURES:
                self._slow_down(site, start, now, factor=1.5, at_least=FAILED)
        elif outcome.status in {429, 503}:
            self._slow_down(site, start, now, factor=2.0, at_least=PUSHED_BACK)
        elif outcome.status < 500:
            if start >= site.round_over and not is_robots(request):  # which may have been redirected
                self._end_round(site, now - start, now)
            self._speed_up(site, start)

    def _rest(self, site: _Site, answer: Response, now: float) -> None:
        """Leave the site alone for as long as it asks."""
        rest = retry_after(answer.headers.get("Retry-After", ""), self._wall())
        if rest:
            site.due = max(site.due, now + min(rest, LONGEST_REST))

    def _slow_down(self, site: _Site, start: float, now: float, *, factor: float, at_least: float) -> None:
        if start > site.slowed:
            site.added = min(max(max(self._delay, site.added) * factor, at_least), self._max_delay)
            site.slowed = now
            site.due = max(site.due, now + site.added)
            if site.has_recovered:
                site.left = min((1 + site.left) / 2, UNFORGIVING)
                site.has_recovered = False

    def _speed_up(self, site: _Site, start: float) -> None:
        if not site.added:
            site.left = max(site.left - FORGETTING, FORGIVING)
        elif start > site.slowed and not site.is_rising:
            site.has_recovered = True
            site.added *= site.left
            if site.added <= max(self._delay, NOTHING):
                site.added = 0.0

    def _end_round(self, site: _Site, latency: float, now: float) -> None:
        site.round_over = now
        site.rounds.append(latency)
        median = sorted(site.rounds)[len(site.rounds) // 2]
        site.best = min(latency, site.best + DRIFT * max(median - site.best, 0.0)) if site.best < inf else latency
        is_known = len(site.rounds) == ROUNDS
        site.is_rising = is_known and median > site.best * RISE and median > site.best + MARGIN
        if site.is_rising:
            site.added = min(max(site.added, (max(self._delay, site.added) + median) / 2), self._max_delay)
            site.slowed = now

    def _site(self, name: str, now: float) -> _Site:
        site = self._sites.get(name)
        if site is None:
            self._forget_idle(now)
            site = self._sites[name] = _Site()
        else:
            self._sites.move_to_end(name)
        return site

    def _forget_idle(self, now: float) -> None:
        """Make room for a site; those that must still wait are kept, at worst beyond MAX_SITES."""
        for _ in range(8):
            if len(self._sites) < MAX_SITES:
                return
            name, site = self._sites.popitem(last=False)
            if site.due > now or site.leaving is not None:
                self._sites[name] = site

    def changes(self) -> dict[str, float | None]:
        """The delays that sites have taught, where they are others than when this was last asked."""
        added = {name: round(site.added, 3) for name, site in self._sites.items() if site.added}
        changed: dict[str, float | None] = {name: None for name in self._told if name not in added}
        changed |= {name: delay for name, delay in added.items() if self._told.get(name) != delay}
        self._told = added
        return changed

    def recall(self, memory: dict[str, float]) -> None:
        """Continue with these delays."""
        self._sites.update({name: _Site(added=delay) for name, delay in memory.items()})
        self._told |= memory

    def host_of(self, key: str) -> str:
        """The site that a key of the memory is."""
        return key

    def __repr__(self) -> str:
        slow = sum(site.added > 0 for site in self._sites.values())
        return f"<Pace {self._delay} s, {len(self._sites)} sites, {slow} slowed down>"
