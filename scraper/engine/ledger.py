"""What is counted and told: the running totals of a crawl, its observers, and when enough is enough."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, get_args

from scraper.errors import FetchError
from scraper.events import Broke, Dropped, Event, Failed, Refused, Statistics
from scraper.protocols import Observer
from scraper.request import Request
from scraper.settings import StopAfter

MOST_REASONS = 100  # of dropped items that are counted apart


class Ledger:
    """The counts of a crawl, changed here and in the engine alone, and handed out as frozen snapshots.

    What the counts mean is told at `events.Statistics`. An observer may name the kinds of event it wants in an
    attribute `wants`; an event that nobody wants is never made. `stop` is called, with the reason, as soon as
    one of the limits of `[engine.stop_after]` is reached.
    """

    def __init__(
        self, spider: str, observers: Iterable[Observer], stop_after: StopAfter, stop: Callable[[str], None]
    ) -> None:
        self._spider = spider
        self._watchers = _by_kind(observers)
        self._stop_after = stop_after
        self._stop = stop
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

    def tell(self, kind: type[Any], *values: Any) -> None:
        """Make an event, if anybody wants it, and hand it to those who do."""
        watchers = self._watchers.get(kind)
        if watchers:
            event = kind(*values)
            for watcher in watchers:
                watcher(event)

    def count_page(self) -> None:
        """A response is handed over."""
        self.fetched += 1
        self._check("pages", self.fetched)

    def count_items(self, number: int) -> None:
        """So many items were written."""
        self.items += number
        self._check("items", self.items)

    def count_refused(self, request: Request, reason: str) -> None:
        """A request is not sent, and never will be."""
        self.refused[reason] += 1
        self.tell(Refused, request, reason)

    def count_failed(self, request: Request, error: FetchError) -> None:
        """A request is given up."""
        self.failed[error.reason] += 1
        self.tell(Failed, request, error)
        self._check_errors()

    def count_dropped(self, item: object, reason: str) -> None:
        """A pipeline dropped an item. Of reasons that differ without end, the later ones are counted as one."""
        self.drops[reason if reason in self.drops or len(self.drops) < MOST_REASONS else "other reasons"] += 1
        self.tell(Dropped, item, reason)

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

    def snapshot(self, *, waiting: int, in_flight: int, hosts: int, seconds: float) -> Statistics:
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
            seconds=seconds,
            **totals,
        )


def _by_kind(observers: Iterable[Observer]) -> dict[type[Any], list[Observer]]:
    """For each kind of event the observers that want it."""
    watchers: dict[type[Any], list[Observer]] = {kind: [] for kind in get_args(Event)}
    for observer in observers:
        for kind in getattr(observer, "wants", watchers):
            watchers[kind].append(observer)
    return watchers
