"""A site that cannot be reached is left alone for a while, then longer, and at last for good: a circuit breaker.

When so many connections to a site have failed one after the other, it rests. After each rest one request is sent to
see. If it is answered, with any status, all is as before; if not, the next rest is longer, and after the last one
the site is *parked*: nothing more is sent there, and its requests are kept for the next run. What was in flight
when a rest began tells nothing new.

Only failures of the connection count. A site that answers, however it answers, is for `Pace` to be patient with.
"""

from collections import OrderedDict
from math import inf

import msgspec

from scraper import urls
from scraper.errors import UNREACHED, FetchError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.verdict import GO, Park, Verdict, Wait

RESTS = (5.0, 30.0, 120.0)  # seconds, one after the other
TRYING = 1.0  # seconds after which is asked again how the one request that was sent to see has fared
PATIENCE = 120.0  # and after which another is sent: it was ignored by a middleware, say
MAX_SITES = 10_000  # whose failures are remembered, apart from those that rest or are parked


class _Site(msgspec.Struct):
    """What failed at a site, which rests until `due`, for ever if that is inf; `trial` is the request sent to see."""

    failures: int = 0
    rests: int = 0
    due: float = -inf
    trial: Request | None = None
    tried: float = -inf
    reason: str = ""


class Breaker:
    """Rests a site after `most` connections in a row that failed, and parks it if that does not help."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sites: OrderedDict[str, _Site] = OrderedDict()  # of sites that answer nothing is remembered

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, Wait while the site rests or is tried, or Park."""
        if not self._sites:
            return GO
        site = self._sites.get(urls.site(request.url))
        if site is None or not site.rests:
            return GO
        if site.due == inf:
            return Park(site.reason)
        if site.due > now:
            return Wait(site.due - now)
        is_trial = site.trial is None or site.trial is request
        return GO if is_trial or now - site.tried >= PATIENCE else Wait(TRYING)

    def sent(self, request: Request, now: float) -> None:
        """The first request after a rest is the one that is sent to see."""
        site = self._sites.get(urls.site(request.url)) if self._sites else None
        if site is not None and site.rests and (site.trial is None or now - site.tried >= PATIENCE):
            site.trial, site.tried = request, now

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """Count a connection that failed; forget all failures of a site that answers."""
        if not isinstance(outcome, FetchError):
            if self._sites:
                self._forget(urls.site(request.url))
            return
        name = urls.site(request.url)
        site = self._sites.get(name)
        if outcome.reason not in UNREACHED:
            if site is not None and site.trial is request:
                site.trial = None
            return
        if site is None:
            site = self._remember(name)
        site.reason = outcome.reason
        site.failures += 1
        if site.failures >= self._most and (not site.rests or site.trial is request):
            site.due = now + RESTS[site.rests] if site.rests < len(RESTS) else inf
            site.rests += 1
            site.trial = None

    def _forget(self, name: str) -> None:
        site = self._sites.get(name)
        if site is not None and site.due < inf:
            del self._sites[name]

    @property
    def parked(self) -> dict[str, str]:
        """The sites that are parked, and the reason of each one's last failure."""
        return {name: site.reason for name, site in self._sites.items() if site.due == inf}

    def _remember(self, name: str) -> _Site:
        for _ in range(8):
            if len(self._sites) < MAX_SITES:
                break
            oldest, site = self._sites.popitem(last=False)
            if site.rests:
                self._sites[oldest] = site
        site = self._sites[name] = _Site()
        return site

    def __repr__(self) -> str:
        return f"<Breaker {self._most} failures, {len(self._sites)} sites, {len(self.parked)} parked>"
