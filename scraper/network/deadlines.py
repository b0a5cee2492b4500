"""The deadline of every request in flight, kept by one timer.

A timer of its own for each request (aiohttp's `total`, `asyncio.timeout`) costs more than everything else that is
added to a fetch. So deadlines are looked through ten times a second; one that has passed cancels its task, which
learns by `end()` that it was not cancelled by anybody else.
"""

import asyncio

TICK = 0.1  # seconds; a request may take so much longer than its deadline


class Deadlines:
    """Cancels tasks that take too long. Has to be made in the running loop, and closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[asyncio.Task[object], float] = {}
        self._overdue: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> asyncio.Task[object]:
        """From now on the running task has `seconds`, until `end()` is called with it."""
        task: asyncio.Task[object] | None = asyncio.current_task(self._loop)
        assert task is not None
        self._due[task] = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._look)
        return task

    def end(self, task: asyncio.Task[object]) -> bool:
        """Whether `task` was cancelled for being late, and for nothing else."""
        self._due.pop(task, None)
        if task not in self._overdue:
            return False
        self._overdue.remove(task)
        return task.uncancel() == 0

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        for task in [task for task, due in self._due.items() if due <= now]:
            del self._due[task]
            if not task.cancelling():
                self._overdue.add(task)
                task.cancel()
        self._timer = self._loop.call_later(TICK, self._look) if self._due else None

    def __repr__(self) -> str:
        return f"<Deadlines {len(self._due)} in flight>"
