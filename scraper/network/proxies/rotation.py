"""Several proxies that share the work: which of them a request goes through, and which of them rest.

A host keeps the proxy that it was given (`proxy_per = "host"`), so that to the host the crawl is one visitor; which
one it is follows from the names of both, and all proxies get about as many hosts. With `"request"` they take turns,
but a named session, which is one visitor by intent, keeps its own.

A proxy that fails rests for ten seconds, and twice as long each time after that; what it would have been given goes
to the others meanwhile. When all rest, the one whose rest ends first is asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from math import inf
from typing import Literal

from scraper import urls
from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Clock, Fetch

REST = 10.0  # seconds after the first failure
LONGEST_REST = 600.0

_FAILURES = frozenset({Reason.PROXY, Reason.CONNECT_TIMEOUT})


@dataclass(slots=True, eq=False)
class _Member:
    """A proxy of the pool: its address as settings have it, and until when it rests."""

    address: str
    name: bytes
    rests: int = 0
    until: float = -inf


class Proxies:
    """The middleware that gives requests without a proxy of their own one of `addresses`."""

    def __init__(self, addresses: Sequence[str], *, per: Literal["host", "request"], clock: Clock) -> None:
        self._members = [_Member(address, address.encode()) for address in addresses]
        self._per = per
        self._clock = clock
        self._turns = count()
        self._ranking: Callable[[str], list[_Member]] = lru_cache(maxsize=4096)(self._ranked)

    async def __call__(self, request: Request, fetch: Fetch) -> Response:
        if request.proxy:
            return await fetch(request)
        member = self._choose(request)
        try:
            response = await fetch(request.replace(proxy=member.address))
        except FetchError as error:
            if error.reason in _FAILURES:
                self._rest(member)
            raise
        member.rests = 0
        response.request = request  # so that its retry may go another way
        return response

    def _choose(self, request: Request) -> _Member:
        if self._per == "host":
            members = self._ranking(f"{request.session} {urls.site(request.url)}")
        elif request.session:
            members = self._ranking(request.session)
        else:
            turn = next(self._turns) % len(self._members)
            members = self._members[turn:] + self._members[:turn]
        now = self._clock()
        return next((each for each in members if each.until <= now), None) or min(members, key=lambda each: each.until)

    def _ranked(self, visitor: str) -> list[_Member]:
        """All proxies, in the order in which `visitor` would have them."""
        return sorted(self._members, key=lambda each: blake2b(visitor.encode(), key=each.name[:64]).digest())

    def _rest(self, member: _Member) -> None:
        """Those that failed together with the first one do not count."""
        now = self._clock()
        if member.until <= now:
            member.until = now + min(REST * 2.0 ** min(member.rests, 30), LONGEST_REST)
            member.rests += 1

    def __repr__(self) -> str:
        now = self._clock()
        return f"<Proxies {len(self._members)}, {sum(each.until > now for each in self._members)} rest>"
