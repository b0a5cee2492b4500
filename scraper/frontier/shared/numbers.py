"""Numbers for requests that no other machine gives, and that grow with time as if one machine gave them all."""

from scraper.protocols import Clock

_WORKER, _COUNT = 12, 14  # bits


class Numbers:
    """Each is larger than the last: milliseconds since the job began, then the worker, then a count.

    `worker` tells the workers apart that are at work together; `since` is how many milliseconds old the job is.
    """

    def __init__(self, worker: int, since: int, *, clock: Clock) -> None:
        self._worker = worker % (1 << _WORKER)
        self._clock = clock
        self._began = clock() - since / 1000
        self._tick = 0
        self._count = 0

    def next(self) -> int:
        """A new number."""
        tick = int((self._clock() - self._began) * 1000)
        if tick > self._tick:
            self._tick, self._count = tick, 0
        else:
            self._count += 1
            if self._count == 1 << _COUNT:
                self._tick, self._count = self._tick + 1, 0
        return (self._tick << _WORKER | self._worker) << _COUNT | self._count
