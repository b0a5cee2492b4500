"""What a page leads to: new requests enter the frontier, and what is not to be crawled is counted.

Of forty links on a page thirty-nine were met before, so a link is looked up by its URL, and becomes a request
only if it is new.
"""

import asyncio
import sys
from collections.abc import Sequence

from scraper.engine.ledger import Ledger
from scraper.engine.slots import Slots, Ticket
from scraper.engine.stages import Stages
from scraper.errors import FetchError, Reason, SpiderError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.protocols import identity
from scraper.spider import Spider
from scraper.urls import key, site
from scraper.verdict import Refuse

PIECE = 500  # links that are taken before the loop has its turn

_SAFE = ("GET", "HEAD")


class Discovery:
    """The way into the frontier: each request once, and none that a limit refuses at sight."""

    def __init__(self, spider: Spider, stages: Stages, slots: Slots, ledger: Ledger, *, max_links: int = 0) -> None:
        self._spider = spider
        self._frontier = stages.frontier
        self._identity = stages.identity
        self._slots = slots
        self._admission = stages.admission
        self._ledger = ledger
        self._clock = stages.clock
        self._named = stages.named
        self._max_links = max_links
        self._unique_redirects = stages.unique_redirects
        self._targets: dict[str, Ticket] = {}  # where redirects lead that are followed now
        self._methods: set[str] = set()

    async def add_all(
        self, found: Sequence[Request | Links], parent: Request | None, *, is_again: bool = False
    ) -> SpiderError | None:
        """Put what is new of `found`, which the page of `parent` gave, among the waiting.

        What `is_again` found was found by an earlier process already, so what is known of it is not counted. A
        request that names a callback which the spider does not have is left out; the error that tells of the first
        is returned. The loop has its turn from time to time.
        """
        problem, since = None, 0
        left = self._max_links if parent is not None and self._max_links else sys.maxsize
        for each in found:
            size = len(each.urls) if isinstance(each, Links) else 1
            if size > left:
                self._ledger.count_cut(size - left, Reason.TOO_MANY_LINKS)
                size = left
            for piece in _pieces(each, size):
                known = self._ledger.duplicates
                try:
                    self._add(piece, parent)
                except SpiderError as error:
                    problem = problem or error
                if is_again:
                    self._ledger.duplicates = known
                since += len(piece.urls) if isinstance(piece, Links) else 1
                if since >= PIECE:
                    since = 0
                    await asyncio.sleep(0)
            left -= size
        return problem

    def _add(self, found: Request | Links, parent: Request | None) -> None:
        if isinstance(found, Request):
            self._add_one(found, parent)
        elif _is_plain(found.model) and self._identity is identity and not self._targets:
            self._add_links(found, parent)
        else:
            for request in found:
                self._add_one(request, parent)

    def _add_links(self, links: Links, parent: Request | None) -> None:
        remember = self._frontier.remember
        for url in links.urls:
            if remember(key(url) if "%" in url or "#" in url or url[-1] == "?" else url):
                self._admit(links.request(url), parent)
            else:
                self._ledger.duplicates += 1

    def _add_one(self, request: Request, parent: Request | None) -> None:
        if request.dont_filter or self._is_new(self._identity(request)):
            self._admit(request, parent)
        else:
            self._ledger.duplicates += 1

    def _is_new(self, key: str) -> bool:
        return key not in self._targets and self._frontier.remember(key)

    def _admit(self, request: Request, parent: Request | None) -> None:
        self.check(request)
        is_start = parent is None
        if is_start:
            self.name(request)
        if parent is not None and request.depth == 0:
            request = request.replace(depth=parent.depth + 1)
        reason = self.refusal(request)
        if reason is None:
            self._frontier.add(request, is_start=is_start)
            self._slots.expect(site(request.url), self._clock())
        else:
            self._ledger.start_urls_failed += is_start
            self._ledger.count_refused(request, reason)
        self._ledger.discovered += 1
        self._ledger.start_urls += is_start

    def was_met(self, ticket: Ticket, answer: Response | FetchError) -> bool:
        """Whether the page that `answer`, a redirect, leads `ticket` to was met before and is not to be met again.

        It may go back to where it came by. What a callback awaits, and what a form or a cookie may have changed
        meanwhile, is never a page that was met.
        """
        entry = ticket.entry
        if not self._unique_redirects or entry is None or ticket.first is not None:
            return False
        *way, target = self._way(ticket)
        if entry.request.dont_filter or entry.request.method not in _SAFE or target in way:
            return False
        has_changed = isinstance(answer, Response) and "Set-Cookie" in answer.headers
        if not has_changed and (target in self._targets or self._frontier.knows(target)):
            return True
        self._targets.setdefault(target, ticket)
        return False

    def settled(self, ticket: Ticket, error: BaseException | None) -> None:
        """The request of `ticket` came to its end: the page that redirects led it to is met from now on."""
        if self._targets and ticket.attempts.hops:
            for target in self._way(ticket):
                if self._targets.get(target) is ticket:
                    del self._targets[target]
                    if not isinstance(error, FetchError):
                        self._frontier.remember(target)

    def _way(self, ticket: Ticket) -> list[str]:
        """What tells the pages that `ticket` came by, and the one it is led to, from others."""
        request = ticket.request
        return [self._identity(request.replace(url=each)) for each in (*ticket.attempts.hops, request.url)]

    def name(self, request: Request) -> None:
        """The user named the host of `request`, which may be reached wherever it is."""
        if self._named is not None:
            self._named(request.url)

    def refusal(self, request: Request) -> str | None:
        """Why `request` is refused at sight; None if it is not."""
        now = self._clock()
        for limit in self._admission:
            verdict = limit.judge(request, now)
            if isinstance(verdict, Refuse):
                return verdict.reason
        return None

    def check(self, request: Request) -> None:
        """Raises `SpiderError` if the spider lacks a method that `request` is to call."""
        for name in (request.callback, request.errback):
            if name is None or name in self._methods:
                continue
            if not callable(getattr(self._spider, str(name), None)):
                raise SpiderError(f"{request!r} is to call {name!r}: {type(self._spider).__name__} has no such method")
            self._methods.add(str(name))


def _pieces(found: Request | Links, size: int) -> Sequence[Request | Links]:
    """The first `size` of what was found, in pieces of at most `PIECE`."""
    if not isinstance(found, Links):
        return (found,) if size else ()
    if size == len(found.urls) <= PIECE:
        return (found,)
    return [found.part(at, min(at + PIECE, size)) for at in range(0, size, PIECE)]


def _is_plain(model: Request) -> bool:
    """Whether a request is told apart from others by its URL alone."""
    return model.method == "GET" and not (
        model.body or model.session or model.dont_filter or model.files or model.body_file
    )
