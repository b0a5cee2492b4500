"""The counts of a crawl that several machines share: what each of them has counted, as one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from scraper.events import Statistics, summed


def whole(parts: Iterable[Statistics]) -> Statistics:
    """The counts of all machines. What waits is what was discovered by one of them, and has ended on none."""
    total = summed(parts)
    ended = total.fetched + sum(total.refused.values()) + sum(total.failed.values())
    return replace(total, waiting=total.discovered - ended)


def corrected(statistics: Statistics, *, drops: Mapping[str, int], errors: int) -> Statistics:
    """The counts of all machines, which have counted items before they were written: some were not."""
    dropped = sum(drops.values())
    return summed([statistics, Statistics(items=-dropped - errors, dropped=dropped, drops=dict(drops), errors=errors)])
