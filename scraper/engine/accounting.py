"""What is counted and told: the running totals of a crawl, its observers, and when enough is enough."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from itertools import chain
from typing import Any

import msgspec

from scraper.errors import REFUSALS, CloseSpider, CrawlStopped, FetchError, Reason
from scraper.events import Broke, Drifted, Dropped, Failed, Fetched, Refused, Retried, Statistics, by_kind
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.process.exits import SpiderExit
from scraper.protocols import Clock, Observer, Seeds
from scraper.settings.schema import StopAfter

MOST_REASONS = 100  # of dropped items that are counted apart


class Tally(msgspec.Struct, eq=False):
    """What was counted of a request of the frontier, and of what its callback fetched, while it is not done."""

    discovered: int = 0
    fetched: int = 0
    requests: int = 0
    retries: int = 0
    redirects: int = 0
    bytes: int = 0
    statuses: list[int] = msgspec.field(default_factory=list)
    refused: list[str] = msgspec.field(default_factory=list)
    failed: list[str] = msgspec.field(default_factory=list)


_OF_A_REQUEST = Tally.__struct_fields__

current_tally: ContextVar[Tally | None] = ContextVar("current_tally", default=None)
"""The tally of the page whose callback is running in this task."""


class Totals:
    """The counts of a crawl, changed here and in the engine alone, and handed out as frozen snapshots.

    What is counted of a request is noted in its `Tally` too, as long as that is among the `open` ones: it is not
    done, and is counted again if the process dies. `events.Statistics` explains what the counts mean.

    Observers are told what happens. `stop` is called, with the reason, as soon as one of the limits of
    `[engine.stop_after]` is reached, or the spider's code raises `CloseSpider`.
    """

    def __init__(
        self,
        spider: str,
        observers: Iterable[Observer],
        clock: Clock,
        *,
        stop: Callable[[str], None],
        stop_after: StopAfter,
        drift_after: int,
    ) -> None:
        self._spider = spider
        self._watchers = by_kind(observers)
        self._clock = clock
        self._stop = stop
        self._stop_after = stop_after
        self._drift_after = drift_after
        self._open: set[Tally] = set()
        self._started = clock()
        self._seconds_before = 0.0
        self._seeds = Seeds()
        self._exit: SpiderExit | None = None
        self._elsewhere = Statistics()
        self.discovered = 0
        self.fetched = 0
        self.requests = 0
        self.retries = 0
        self.redirects = 0
        self.duplicates = 0
        self.items = 0
        self.errors = 0
        self.bytes = 0
        self.start_urls = 0
        self.start_urls_failed = 0
        self.refused: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.drops: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.changes: Counter[str] = Counter()
        self.misses: Counter[str] = Counter()

    def tell(self, kind: type[Any], *values: Any) -> None:
        """Make an event, if anybody wants it, and hand it to those who do."""
        watchers = self._watchers.get(kind)
        if watchers:
            event = kind(*values)
            for watcher in watchers:
                watcher(event)

    # Requests.

    def open(self) -> Tally:
        """The tally of a request that is taken from the frontier."""
        tally = Tally()
        self._open.add(tally)
        return tally

    def close(self, tally: Tally) -> None:
        """The request is done: what was counted of it is so for good."""
        self._open.discard(tally)

    def forget(self, tally: Tally) -> None:
        """A request that a callback awaits is not sent, as the crawl was stopped: it does not count as discovered."""
        self.discovered -= 1
        tally.discovered -= 1

    def count_answer(self, tally: Tally, outcome: Response | FetchError) -> None:
        """A request was sent, and this came of it."""
        self.requests += 1
        tally.requests += 1
        if isinstance(outcome, Response):
            self.statuses[outcome.status] += 1
            tally.statuses.append(outcome.status)
            self.bytes += outcome.size
            tally.bytes += outcome.size

    def count_redirect(self, tally: Tally) -> None:
        """The answer was a redirect that is followed."""
        self.redirects += 1
        tally.redirects += 1

    def count_retry(self, tally: Tally, request: Request, reason: str, wait: float, attempt: int) -> None:
        """The request failed for `reason`, and is sent again in `wait` seconds, as retry number `attempt`."""
        self.retries += 1
        tally.retries += 1
        self.tell(Retried, request, reason, wait, attempt)

    def count_page(self, tally: Tally, response: Response, seconds: float) -> None:
        """A response, for which the server took `seconds`, is handed over."""
        self.fetched += 1
        tally.fetched += 1
        self._check("pages", self.fetched)
        self.tell(Fetched, response, seconds)

    def count_lost(self, tally: Tally) -> None:
        """A response that was handed over is lost: its request is sent again."""
        self.fetched -= 1
        tally.fetched -= 1

    @property
    def elsewhere(self) -> Statistics:
        """What other machines have counted, which counts for the limits of the whole crawl."""
        return self._elsewhere

    @elsewhere.setter
    def elsewhere(self, statistics: Statistics) -> None:
        self._elsewhere = statistics
        self._check("pages", self.fetched)
        self.check_items()
        self._check_errors()

    def count_items(self, number: int) -> None:
        """So many items were written."""
        self.items += number
        self.check_items()

    @property
    def most_items(self) -> int | None:
        """How many items end the crawl; None if no number does."""
        return self._stop_after.items

    def check_items(self, in_hand: int = 0) -> None:
        """End the crawl if there are items enough, together with those `in_hand` that are going to be written."""
        self._check("items", self.items + in_hand)

    def count_refused(self, request: Request, reason: str, tally: Tally | None = None) -> None:
        """A request is not sent, and never will be."""
        self.refused[reason] += 1
        if tally is not None:
            tally.refused.append(reason)
        self.tell(Refused, request, reason)

    def count_unsent(self, request: Request, error: FetchError, tally: Tally) -> None:
        """A request is not sent: it is refused, or there is no hope of an answer."""
        if error.reason in REFUSALS:
            self.count_refused(request, error.reason, tally)
        else:
            self.count_failed(request, error, tally)

    def count_cut(self, number: int, reason: Reason) -> None:
        """So many links of a page are not followed, for `reason`."""
        if number:
            self.discovered += number
            self.refused[reason] += number

    def count_failed(self, request: Request, error: FetchError, tally: Tally) -> None:
        """A request is given up."""
        self.failed[error.reason] += 1
        tally.failed.append(error.reason)
        self.tell(Failed, request, error)
        self._check_errors()

    def count_spoiled(self, request: Request, error: FetchError, tally: Tally) -> None:
        """A response that was handed over could not be read."""
        self.fetched -= 1
        tally.fetched -= 1
        self.count_failed(request, error, tally)

    # What callbacks and pipelines give.

    def count_dropped(self, item: object, reason: str) -> None:
        """A pipeline dropped an item. Of reasons that differ without end, the later ones are counted as one."""
        self.drops[reason if reason in self.drops or len(self.drops) < MOST_REASONS else "other reasons"] += 1
        self.tell(Dropped, item, reason)

    def count_sightings(self, sightings: Mapping[str, bool]) -> None:
        """On a page these fields of items were looked for, and found or not."""
        for name, is_found in sightings.items():
            if is_found:
                self.misses[name] = 0
            elif name in self.misses:
                self.misses[name] += 1
                if self.misses[name] == self._drift_after:
                    self.tell(Drifted, name, self._drift_after)

    def count_error(self, where: str, line: str, url: str, error: BaseException) -> None:
        """Code of the spider, a pipeline or a sink raised: an error, unless that was to end the crawl."""
        if isinstance(error, CloseSpider | CrawlStopped):
            self.end_early(error)
            return
        self.errors += 1
        self.tell(Broke, where, line, url, error)
        self._check_errors()

    @property
    def exit(self) -> SpiderExit | None:
        """The first `sys.exit()` in the spider's code, if there was one."""
        return self._exit

    def end_early(self, end: CloseSpider | CrawlStopped) -> None:
        """Code of the spider has asked for the end of the crawl, or of the process, or was ended with it."""
        if isinstance(end, SpiderExit) and self._exit is None:
            self._exit = end
        self._stop(end.reason)

    def _check_errors(self) -> None:
        self._check("errors", self.errors + self.failed.total())

    def _check(self, what: str, count: int) -> None:
        limit = getattr(self._stop_after, what)
        if limit is not None and count + self._counted_elsewhere(what) >= limit:
            self._stop(f"{what} limit")

    def _counted_elsewhere(self, what: str) -> int:
        there = self._elsewhere
        match what:
            case "pages":
                return there.fetched
            case "items":
                return there.items
        return there.errors + sum(there.failed.values())

    def count_changes(self, changes: Mapping[str, int]) -> None:
        """So many items, by what has become of them since the last run, were written."""
        self.changes.update(changes)

    # Where the spider's `start()` is.

    @property
    def seeds(self) -> Seeds:
        """How much of it was taken."""
        return self._seeds

    def count_seed(self) -> None:
        """One more of its results is applied."""
        self._seeds = msgspec.structs.replace(self._seeds, taken=self._seeds.taken + 1)

    def take_seeds(self, seeds: Seeds) -> None:
        """Another machine has taken so much of it."""
        self._seeds = seeds

    def end_seeds(self) -> None:
        """It has ended."""
        self._seeds = msgspec.structs.replace(self._seeds, has_ended=True)

    # The totals.

    def begin(self) -> None:
        """The crawl begins now: its seconds are counted from here."""
        self._started = self._clock()

    def resume(self, before: Statistics, seeds: Seeds) -> None:
        """Continue counting from `before`, the totals of an earlier process of this crawl, which may be enough."""
        self._seeds = seeds
        self._seconds_before = before.seconds
        for name, value in vars(self).items():
            if isinstance(value, Counter):
                value.update(getattr(before, name))
            elif not name.startswith("_"):
                setattr(self, name, getattr(before, name))
        self._check("pages", self.fetched)
        self.check_items()
        self._check_errors()

    def lasting(self) -> Statistics:
        """The totals without what is counted of requests that are not done."""
        now = self.snapshot(waiting=0, in_flight=0, hosts=0)
        totals: dict[str, Any] = {}
        for name in _OF_A_REQUEST:
            total, noted = getattr(now, name), [getattr(tally, name) for tally in self._open]
            if isinstance(total, dict):
                totals[name] = dict(Counter(total) - Counter(chain.from_iterable(noted)))
            else:
                totals[name] = total - sum(noted)
        ended = totals["fetched"] + sum(totals["refused"].values()) + sum(totals["failed"].values())
        return replace(now, waiting=totals["discovered"] - ended, in_flight=len(self._open), **totals)

    def snapshot(
        self, *, waiting: int, in_flight: int, hosts: int, parked: Mapping[str, int] | None = None
    ) -> Statistics:
        """The totals now, together with what holds for the moment."""
        public = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        totals: dict[str, Any] = {
            name: dict(value.most_common()) if isinstance(value, Counter) else value for name, value in public.items()
        }
        return Statistics(
            spider=self._spider,
            dropped=self.drops.total(),
            waiting=waiting,
            in_flight=in_flight,
            hosts=hosts,
            parked=dict(parked or {}),
            seconds=self._seconds_before + self._clock() - self._started,
            **totals,
        )
