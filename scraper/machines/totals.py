"""The counts of a crawl that several machines share: what each of them has counted, as one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import msgspec

from scraper.errors import StorageError
from scraper.events import Statistics, summed
from scraper.frontier.shared.frontier import SharedFrontier


def others(frontier: SharedFrontier) -> list[Statistics]:
    """The counts of all other machines, those that are gone as well. Raises `StorageError` if they cannot be read."""
    try:
        return [msgspec.msgpack.decode(each, type=Statistics) for each in frontier.news.others if each]
    except msgspec.MsgspecError as error:
        raise StorageError(f"{frontier.store}: statistics cannot be read: {error}") from None


def whole(parts: Iterable[Statistics]) -> Statistics:
    """The counts of all machines. What waits is what was discovered by one of them, and has ended on none."""
    total = summed(parts)
    ended = total.fetched + sum(total.refused.values()) + sum(total.failed.values())
    return replace(total, waiting=total.discovered - ended)


def corrected(statistics: Statistics, *, drops: Mapping[str, int], errors: int) -> Statistics:
    """The counts of all machines, which have counted items before they were written: some were not."""
    dropped = sum(drops.values())
    return summed([statistics, Statistics(items=-dropped - errors, dropped=dropped, drops=dict(drops), errors=errors)])
