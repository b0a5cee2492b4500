"""How a crawl ended: its counts, its files, and why it cannot be called a success."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from scraper.crawling import item_table
from scraper.errors import Reason
from scraper.events import Statistics
from scraper.process.exits import SpiderExit
from scraper.protocols import Replaced
from scraper.settings.schema import FailWhen

INTERRUPTED = "interrupted"
CANCELLED = "cancelled"
CLOSED = "closed early"
PRIVATE = frozenset((INTERRUPTED, CANCELLED, "storage failed"))
"""What ends the crawl on one machine of several, and not on the others."""

HOSTS_NAMED = 10  # of those that cannot be reached, in the list of problems


@dataclass(frozen=True, slots=True)
class Written:
    """A data file: its final path, or that of its `.part` if it was not published.

    `replaced` is the file that it took the place of; `tables_kept` are tables of that one which it has taken over. Data
    that is split is in several `files`: their final paths.
    """

    path: str
    items: int
    bytes: int
    replaced: Replaced | None = None
    tables_kept: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """How a crawl ended.

    `reason` is 'finished', 'interrupted', or what it was stopped for. `problems` tells, one line each, why it
    cannot be called a success; `items` holds the items of a crawl that had no sink to write them to.
    `job` is the directory from which the next crawl will resume, if this one did not finish. `drifted` are
    the fields of items that used to be found, and on how many of the last pages they were not. `cached` counts the
    hits, misses and revalidations of the HTTP cache, if there is one. `status` is what code of the spider gave to
    `sys.exit()`. `has_failed` says that nothing was published, as the crawl is no good as a whole. `others` counts the
    machines that continue a crawl which this one has left.
    """

    spider: str
    """The spider's name."""
    reason: str
    """How the crawl ended: `finished`, `interrupted`, `hosts parked`, `pages limit`, …"""
    statistics: Statistics
    """The counts."""
    status: int = 0
    """The status that the spider's code gave to `sys.exit()`."""
    has_failed: bool = False
    """Whether the crawl failed as a whole, so that no data file was replaced."""
    sinks: tuple[Written, ...] = ()
    """The data files, with the number of their items and bytes."""
    problems: tuple[str, ...] = ()
    """Why the crawl was not a success, one line each."""
    items: list[Any] = field(default_factory=list)
    """The items, if no sink was configured."""
    job: Path | None = None
    """The folder from which the next crawl resumes, if this one did not finish."""
    drifted: dict[str, int] = field(default_factory=dict)
    """Fields of items that used to be found, and on how many of the last pages they were not."""
    cached: dict[str, int] = field(default_factory=dict)
    """Hits, misses and revalidations of the HTTP cache."""
    others: int = 0
    """How many machines continue a crawl that this one has left."""

    @property
    def exit_status(self) -> int:
        """0 for a success, 1 if there are problems, 130 if the crawl was interrupted, or what `sys.exit()` said."""
        return 130 if self.reason == INTERRUPTED else self.status or (1 if self.problems else 0)

    def rows(self) -> list[dict[str, Any]]:
        """The items as dicts, of whatever class they are."""
        return item_table.rows(self.items)

    def to_arrow(self) -> Any:
        """The items as a `pyarrow.Table`, a column for each field in the order of declaration; a Decimal is decimal128.

        Raises `SettingsError` if pyarrow is not installed (extra `parquet`).
        """
        return item_table.arrow(self.items)

    def to_pandas(self) -> Any:
        """The items as a `pandas.DataFrame`. Raises `SettingsError` if pandas or pyarrow is not installed."""
        return item_table.pandas(self.items)

    def to_polars(self) -> Any:
        """The items as a `polars.DataFrame`. Raises `SettingsError` if polars or pyarrow is not installed."""
        return item_table.polars(self.items)

    def __repr__(self) -> str:
        pages, items = self.statistics.fetched, self.statistics.items
        problems = f", {len(self.problems)} problem(s)" if self.problems else ""
        return f"<Result {self.spider}: {self.reason}, {pages:,} pages, {items:,} items{problems}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: how the crawl ended, its problems, and the first items. At most 20 KB."""
        problems = "".join(f"<li>{escape(each[:300])}</li>" for each in self.problems[:10])
        return f"<p>{escape(repr(self)[1:500].removesuffix('>'))}</p><ul>{problems}</ul>{item_table.html(self.items)}"


def drifted(statistics: Statistics, after: int) -> dict[str, int]:
    """The fields that were found before, and not on the last `after` pages or more; none if that is 0."""
    return {name: pages for name, pages in statistics.misses.items() if after and pages >= after}


def problems_of(statistics: Statistics, fail_when: FailWhen, ended: SpiderExit | None = None) -> list[str]:
    """Why a crawl with these counts cannot be called a success, one line each."""
    problems = failures_of(statistics, fail_when, ended)
    if parked := statistics.parked:
        number = f"{sum(parked.values()):,} request(s)"
        problems.append(f"{number} not sent, as their hosts cannot be reached: {_told(parked)}")
    if unrecorded := statistics.failed.get(Reason.NOT_RECORDED):
        problems.append(f"{unrecorded} request(s) without an answer in the recording: record it again")
    if quarantined := statistics.failed.get(Reason.QUARANTINED):
        problems.append(f"{quarantined} page(s) skipped, at which the process died twice")
    if statistics.errors:
        problems.append(f"{statistics.errors} error(s) in callbacks, pipelines or sinks")
    return problems


def failures_of(statistics: Statistics, fail_when: FailWhen, ended: SpiderExit | None) -> list[str]:
    """Why a crawl with these counts has failed as a whole, so that it publishes nothing, one line each."""
    problems = []
    if ended is not None and ended.status:
        problems.append(f"{ended.reason}: {ended.words or f'status {ended.status}'}")
    if statistics.discovered == 0 and statistics.items == 0:
        problems.append("nothing was crawled: the spider gave no request")
    elif statistics.start_urls and statistics.start_urls_failed >= statistics.start_urls:
        reasons = ", ".join(
            f"{reason}: {count}" for reason, count in {**statistics.refused, **statistics.failed}.items()
        )
        problems.append(f"every start URL failed ({reasons})")
    if fail_when.items_below is not None and statistics.items < fail_when.items_below:
        problems.append(
            f"{statistics.items} items, fewer than [engine.fail_when] items_below = {fail_when.items_below}"
        )
    asked = statistics.fetched + sum(statistics.failed.values())
    share = 100 * (statistics.errors + sum(statistics.failed.values())) / asked if asked else 0.0
    if fail_when.errors_above is not None and share > fail_when.errors_above:
        problems.append(f"{share:.1f} % errors, more than [engine.fail_when] errors_above = {fail_when.errors_above:g}")
    return problems


def _told(hosts: Mapping[str, int]) -> str:
    """Hosts and their numbers, the first ones by name: `a.example (3), b.example (1) and 12 more`."""
    named = ", ".join(f"{host} ({number:,})" for host, number in islice(hosts.items(), HOSTS_NAMED))
    return named if len(hosts) <= HOSTS_NAMED else f"{named} and {len(hosts) - HOSTS_NAMED:,} more"
