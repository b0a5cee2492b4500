"""What a page leads to: new requests enter the frontier, and those that must not be crawled are counted.

Of forty links on a page thirty-nine were seen before, so a link is looked up by its URL, and becomes a request
only if it is new. A request that cannot be crawled through a mistake of the spider's, since it names a method that is
not there or holds what cannot be kept, is counted as refused, and its page as seen by nobody.
"""

import asyncio
import sys
from collections.abc import Sequence

from scraper.engine.accounting import Totals
from scraper.engine.slots import Slots
from scraper.engine.stages import Stages
from scraper.engine.ticket import Ticket
from scraper.errors import FetchError, Reason, SpiderError
from scraper.http.headers import are_settled
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.process.stacks import definition_of
from scraper.protocols import Fault, identity, is_plain
from scraper.spider import Spider
from scraper.urls import key, without_credentials
from scraper.verdict import Refuse

PIECE = 500  # links that are taken before the loop has its turn

_SAFE = ("GET", "HEAD")

_Refused = list[tuple[Request, SpiderError]]


class Discovery:
    """The way into the frontier: each request once, and none that a limit refuses at sight."""

    def __init__(self, spider: Spider, stages: Stages, slots: Slots, totals: Totals, *, max_links: int = 0) -> None:
        self._spider = spider
        self._frontier = stages.frontier
        self._identity = stages.identity
        self._slots = slots
        self._admission = stages.admission
        self._totals = totals
        self._clock = stages.clock
        self._named = stages.named
        self._max_links = max_links
        self._unique_redirects = stages.unique_redirects
        self._targets: dict[str, Ticket] = {}  # where redirects lead that are followed now
        self._methods: set[str] = set()

    async def add_all(
        self, found: Sequence[Request | Links], parent: Request | None, *, where: str, is_again: bool = False
    ) -> list[Fault]:
        """Put what is new of `found`, which `where` (`Books.parse`) gave for the page of `parent`, among the waiting.

        What `is_again` found was found by an earlier process already, so what is known of it is not counted. Returns
        a fault for each request, or bunch of links, that cannot be crawled. The loop has its turn from time to time.
        """
        problems: list[SpiderError] = []
        since = 0
        left = self._max_links if parent is not None and self._max_links else sys.maxsize
        for each in found:
            if left and self._was_seen(each):
                self._totals.duplicates += not is_again
                left -= 1
                since += 1
                if since >= PIECE:
                    since = 0
                    await asyncio.sleep(0)
                continue
            size = len(each.urls) if isinstance(each, Links) else 1
            if size > left:
                self._totals.count_cut(size - left, Reason.TOO_MANY_LINKS)
                size = left
            for piece in _pieces(each, size):
                known = self._totals.duplicates
                problems += self._add(piece, parent, is_again=is_again)
                if is_again:
                    self._totals.duplicates = known
                since += len(piece.urls) if isinstance(piece, Links) else 1
                if since >= PIECE:
                    since = 0
                    await asyncio.sleep(0)
            left -= size
        if not problems:
            return []
        line = definition_of(type(self._spider), where.rpartition(".")[2])
        return [Fault(error, line) for error in problems]

    def _was_seen(self, found: Request | Links) -> bool:
        """Whether `found` is a request that goes no further, as its page was seen; a quick look, which may miss it.

        Thirty-nine of forty requests that a page gives one by one end here, after two microseconds. `_add` comes to the
        same conclusion for each of them.
        """
        if type(found) is not Request or self._identity is not identity or found.errback is not None:
            return False
        if (found.callback is not None and found.callback not in self._methods) or not is_plain(found):
            return False
        url = found.url
        return self._frontier.knows(key(url) if "%" in url or "#" in url or url[-1:] == "?" else url, url)

    def _add(self, found: Request | Links, parent: Request | None, *, is_again: bool) -> list[SpiderError]:
        """Add a request, or those of a piece of links; what is wrong with those that cannot be crawled."""
        refused: _Refused = []
        model = found if isinstance(found, Request) else found.model
        if (problem := self._problem(model)) is not None:
            error = SpiderError(f"{_shown(found)} {problem}")
            refused = [(each, error) for each in ([found] if isinstance(found, Request) else found)]
        elif isinstance(found, Request):
            self._add_one(found, parent, refused)
        elif is_plain(model) and self._identity is identity and not self._targets:
            self._add_links(found, parent, refused)
        else:
            for request in found:
                self._add_one(request, parent, refused)
        if not refused or is_again:
            return []
        for request, _ in refused:
            self._refuse(request, Reason.BAD_REQUEST, is_start=parent is None)
        return list(dict.fromkeys(error for _, error in refused))

    def _add_links(self, links: Links, parent: Request | None, refused: _Refused) -> None:
        remember = self._frontier.remember
        for url in links.urls:
            page = key(url) if "%" in url or "#" in url or url[-1:] == "?" else url
            if remember(page, url):
                self._admit(links.request(url), parent, page, refused)
            else:
                self._totals.duplicates += 1

    def _add_one(self, request: Request, parent: Request | None, refused: _Refused) -> None:
        page = "" if request.dont_filter else self._identity(request)
        if not page or self._is_new(page, request.url):
            self._admit(request, parent, page, refused)
        else:
            self._totals.duplicates += 1

    def _is_new(self, key: str, url: str) -> bool:
        return key not in self._targets and self._frontier.remember(key, url)

    def _admit(self, request: Request, parent: Request | None, page: str, refused: _Refused) -> None:
        """Put a request among the waiting, unless a limit refuses it; if it cannot be, its `page` is not seen yet."""
        is_start = parent is None
        if is_start:
            self.name(request)
        try:
            if parent is not None and request.depth == 0:
                request = request.replace(depth=parent.depth + 1)
            elif (request.headers or request.cookies) and not are_settled(request.headers, request.cookies):
                request = request.replace()
            reason = self.refusal(request)
            entry = self._frontier.add(request, is_start=is_start) if reason is None else None
        except SpiderError as error:
            if page:
                self._frontier.unremember(page, request.url)
            refused.append((request, error))
            return
        if reason is not None:
            self._refuse(request, reason, is_start=is_start)
            return
        if entry is not None:
            self._slots.expect(self._slots.queue(request), self._clock())
        self._totals.discovered += 1
        self._totals.start_urls += is_start

    def admits(self, request: Request, *, is_start: bool, hops: Sequence[str]) -> bool:
        """Whether a request that another machine has found, and counted, is to be put among the waiting.

        One with `hops` was redirected here from another machine's site: no cookie from there can have changed what is
        here, so it counts as seen if any page leads there, unless it is back where it came from.
        """
        page = "" if request.dont_filter else self._identity(request)
        if hops:
            if not self._unique_redirects or request.method not in _SAFE or request.url in hops:
                page = ""
            if page and not self._is_new(page, request.url):
                self._totals.start_urls_failed += is_start
                self._totals.count_refused(request, Reason.DUPLICATE)
                return False
        elif page and not self._is_new(page, request.url):
            self._totals.discovered -= 1
            self._totals.start_urls -= is_start
            self._totals.duplicates += 1
            return False
        if is_start:
            self.name(request)
        reason = self.refusal(request)
        if reason is not None:
            self._totals.start_urls_failed += is_start
            self._totals.count_refused(request, reason)
        return reason is None

    def _refuse(self, request: Request, reason: str, *, is_start: bool) -> None:
        """Count a request that was found, and never will be sent."""
        self._totals.discovered += 1
        self._totals.start_urls += is_start
        self._totals.start_urls_failed += is_start
        self._totals.count_refused(request, reason)

    def was_seen(self, ticket: Ticket, answer: Response | FetchError) -> bool:
        """Whether `answer`, a redirect, leads `ticket` to a page that was already seen, and must not be crawled again.

        It may go back to where it came from. What a callback awaits, and what a form or a cookie may have changed
        meanwhile, never counts as seen.
        """
        entry = ticket.entry
        if not self._unique_redirects or entry is None or ticket.first is not None:
            return False
        *way, (target, url) = self._way(ticket)
        if entry.request.dont_filter or entry.request.method not in _SAFE or (target, url) in way:
            return False
        has_changed = isinstance(answer, Response) and "Set-Cookie" in answer.headers
        if not has_changed and (target in self._targets or self._frontier.knows(target, url)):
            return True
        self._targets.setdefault(target, ticket)
        return False

    def settled(self, ticket: Ticket, error: BaseException | None) -> None:
        """The request of `ticket` came to its end: the page that redirects led it to counts as seen from now on."""
        if self._targets and ticket.attempts.hops:
            for target, url in self._way(ticket):
                if self._targets.get(target) is ticket:
                    del self._targets[target]
                    if not isinstance(error, FetchError):
                        self._frontier.remember(target, url)

    def let_go(self, ticket: Ticket) -> None:
        """Another machine continues with `ticket`, or asks for it again: where it led is open."""
        self._targets = {target: each for target, each in self._targets.items() if each is not ticket}

    def _way(self, ticket: Ticket) -> list[tuple[str, str]]:
        """The pages that `ticket` came by, and the one it is led to: the identity and URL of each."""
        request = ticket.request
        return [(self._identity(request.replace(url=each)), each) for each in (*ticket.attempts.hops, request.url)]

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
        """Raises `SpiderError` if the spider lacks a method that `request` names."""
        if (problem := self._problem(request)) is not None:
            raise SpiderError(f"{request!r} {problem}")

    def _problem(self, request: Request) -> str | None:
        """Why nothing can be called with the answer to `request`; None if all is well."""
        for name in (request.callback, request.errback):
            if name is None or name in self._methods:
                continue
            if not callable(getattr(self._spider, str(name), None)):
                return f"calls {name!r}, but {type(self._spider).__name__} has no such method"
            self._methods.add(str(name))
        return None


def _shown(found: Request | Links) -> str:
    if isinstance(found, Request) or not found.urls:
        return repr(found)
    more = f" (and {len(found.urls) - 1} more)" if len(found.urls) > 1 else ""
    return f"<{found.model.method} {without_credentials(found.urls[0])}>{more}"


def _pieces(found: Request | Links, size: int) -> Sequence[Request | Links]:
    """The first `size` of what was found, in pieces of at most `PIECE`."""
    if not isinstance(found, Links):
        return (found,) if size else ()
    if size == len(found.urls) <= PIECE:
        return (found,)
    return [found.part(at, min(at + PIECE, size)) for at in range(0, size, PIECE)]
