"""`[engine.stop_after] items`, applied to callbacks that are still running.

Items are written when their page is concluded, and an asynchronous generator may go on for ever. So what it yields is
counted at once, and it is closed after the last item that is wanted: its page is then concluded as any other.

Where nothing drops items, those of all running callbacks count, and the crawl stops with the last. Pipelines, and
pages that ask not to be indexed, drop some: then only the page's own items count together with those that are
written, and the crawl stops when enough are written.
"""

from scraper.engine.accounting import Totals
from scraper.engine.stages import Stages
from scraper.process.running_callback import count_yielded


class ItemLimit:
    """Closes asynchronous generators, and has `totals` stop the crawl, when enough items were written or yielded."""

    def __init__(self, stages: Stages, totals: Totals) -> None:
        self._totals = totals
        self._is_set = totals.most_items is not None
        self._may_drop = stages.refine is not None or stages.permits is not None
        self._in_hand = 0  # items that callbacks have yielded, and that are not written

    def begin(self) -> None:
        """From now on count what callbacks yield that run in the task at hand, which is a page's."""
        if self._is_set:
            count_yielded.set(_Yielded(self))

    def release(self, number: int | None = None) -> None:
        """So many of what they have yielded, or all, are written, or never will be."""
        yielded = count_yielded.get() if self._is_set else None
        if isinstance(yielded, _Yielded):
            number = yielded.number if number is None else min(number, yielded.number)
            self._in_hand -= number
            yielded.number -= number

    def is_reached(self, by_page: int) -> bool:
        """Count one more item, the page's number `by_page`: whether it is the last that is wanted."""
        self._in_hand += 1
        most, totals = self._totals.most_items, self._totals
        if most is None or totals.items + (by_page if self._may_drop else self._in_hand) < most:
            return False
        if not self._may_drop:
            totals.check_items(self._in_hand)
        return True


class _Yielded:
    """What the callbacks of one page have yielded."""

    def __init__(self, limit: ItemLimit) -> None:
        self._limit = limit
        self.number = 0

    def __call__(self) -> bool:
        self.number += 1
        return self._limit.is_reached(self.number)
