"""What is counted and told: the running totals of a crawl, its observers, and when enough is enough."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from scraper.errors import REFUSALS, FetchError, Reason
from scraper.events import Broke, Drifted, Dropped, Event, Failed, Refused, Statistics
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Observer, Seeds
from scraper.settings.schema import StopAfter

MOST_REASONS = 100  # of dropped items that are counted apart


@dataclass(slots=True, eq=False)
class Tally:
    """What was counted of a request of the frontier, and of what its callback fetched, while it is not done."""

    discovered: int = 0
    fetched: int = 0
    requests: int = 0
    retries: int = 0
    redirects: int = 0
    bytes: int = 0
    statuses: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


at_hand: ContextVar[Tally | None] = ContextVar("at_hand", default=None)
"""The tally of the page whose callback is running in this task."""


class Ledger:
    """The counts of a crawl, changed here and in the engine alone, and handed out as frozen snapshots.

    What is counted of a request is noted in its `Tally` too, as long as that is among the `open` ones: it is not
    done, and is to be counted again if the process dies. What the counts mean is told at `events.Statistics`.

    An observer may name the kinds of event it wants in an attribute `wants`; an event that nobody wants is never
    made. `stop` is called, with the reason, as soon as one of the limits of `[engine.stop_after]` is reached.
    """

    def __init__(
        self,
        spider: str,
        observers: Iterable[Observer],
        stop_after: StopAfter,
        stop: Callable[[str], None],
        *,
        drift_after: int = 0,
    ) -> None:
        self._spider = spider
        self._drift_after = drift_after
        self._watchers = _by_kind(observers)
        self._stop_after = stop_after
        self._stop = stop
        self._open: set[Tally] = set()
        self._seconds_before = 0.0
        self._seeds = Seeds()
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

    def count_answer(self, tally: Tally, outcome: Response | FetchError) -> None:
        """A request was sent, and this came of it."""
        self.requests += 1
        tally.requests += 1
        if isinstance(outcome, Response):
            self.statuses[outcome.status] += 1
            tally.statuses.append(outcome.status)
            self.bytes += len(outcome.body)
            tally.bytes += len(outcome.body)

    def count_redirect(self, tally: Tally) -> None:
        """The answer was a redirect that is followed."""
        self.redirects += 1
        tally.redirects += 1

    def count_retry(self, tally: Tally) -> None:
        """The request is to be sent again."""
        self.retries += 1
        tally.retries += 1

    def count_page(self, tally: Tally) -> None:
        """A response is handed over."""
        self.fetched += 1
        tally.fetched += 1
        self._check("pages", self.fetched)

    def count_items(self, number: int) -> None:
        """So many items were written."""
        self.items += number
        self._check("items", self.items)

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
        """So many links were left where they are, for what is to be said of their page."""
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
        """Code of the spider, a pipeline or a sink raised."""
        self.errors += 1
        self.tell(Broke, where, line, url, error)
        self._check_errors()

    def _check_errors(self) -> None:
        self._check("errors", self.errors + self.failed.total())

    def _check(self, what: str, count: int) -> None:
        limit = getattr(self._stop_after, what)
        if limit is not None and count >= limit:
            self._stop(f"{what} limit")

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
        self._seeds = replace(self._seeds, taken=self._seeds.taken + 1)

    def end_seeds(self) -> None:
        """It has ended."""
        self._seeds = replace(self._seeds, has_ended=True)

    # The totals.

    def resume(self, before: Statistics, seeds: Seeds) -> None:
        """Go on counting from `before`, where an earlier process of this crawl came to."""
        self._seeds = seeds
        self._seconds_before = before.seconds
        for name, value in vars(self).items():
            if isinstance(value, Counter):
                value.update(getattr(before, name))
            elif not name.startswith("_"):
                setattr(self, name, getattr(before, name))

    def lasting(self, seconds: float) -> Statistics:
        """The totals without what is counted of requests that are not done."""
        now = self.snapshot(waiting=0, in_flight=0, hosts=0, seconds=seconds)
        counters = {name: Counter(getattr(now, name)) for name in ("statuses", "refused", "failed")}
        numbers = dict.fromkeys(("discovered", "fetched", "requests", "retries", "redirects", "bytes"), 0)
        for tally in self._open:
            for name, counter in counters.items():
                counter.subtract(getattr(tally, name))
            for name in numbers:
                numbers[name] += getattr(tally, name)
        totals: dict[str, Any] = {name: getattr(now, name) - number for name, number in numbers.items()}
        totals |= {name: dict(+counter) for name, counter in counters.items()}
        ended = totals["fetched"] + sum(totals["refused"].values()) + sum(totals["failed"].values())
        return replace(now, waiting=totals["discovered"] - ended, in_flight=len(self._open), **totals)

    def snapshot(
        self, *, waiting: int, in_flight: int, hosts: int, seconds: float, parked: Mapping[str, int] | None = None
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
            seconds=self._seconds_before + seconds,
            **totals,
        )


def _by_kind(observers: Iterable[Observer]) -> dict[type[Any], list[Observer]]:
    """For each kind of event the observers that want it."""
    watchers: dict[type[Any], list[Observer]] = {kind: [] for kind in get_args(Event)}
    for observer in observers:
        for kind in getattr(observer, "wants", watchers):
            watchers[kind].append(observer)
    return watchers
