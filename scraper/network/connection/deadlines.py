"""The deadlines of every request in flight, kept by one timer.

A timer of its own for each request (aiohttp's `total`, `asyncio.timeout`) costs more than everything else that is
added to a fetch. So deadlines are looked through ten times a second; one that has passed cancels its task, which
learns by `end()` that it was not cancelled by anybody else, and why.

A request has three: the head of its answer, the whole of it, and a rate at which its body comes. The rate is
measured over a window as long as the silence that is allowed, and silence itself is not its business.
"""

import asyncio
from math import inf
from typing import Protocol

from scraper.errors import Reason

TICK = 0.1  # seconds; a request may take so much longer than its deadline


class Counted(Protocol):
    """What counts the bytes that have come."""

    @property
    def total_bytes(self) -> int: ...


class Deadline:
    """What one request has time for, as its task goes through it."""

    __slots__ = ("_loop", "body", "bytes", "due", "is_late", "paused", "reason", "seconds", "task", "total", "window")

    def __init__(self, task: "asyncio.Task[object]", *, total: float, headers: float, loop: asyncio.AbstractEventLoop):
        now = loop.time()
        self._loop = loop
        self.task = task
        self.total = now + total
        self.seconds = min(total, headers)
        self.due = now + self.seconds
        self.reason = Reason.HEADERS_TIMEOUT if headers <= total else Reason.TIMEOUT
        self.is_late = False
        self.body: Counted | None = None
        self.bytes = 0  # that had come when
        self.window = 0.0  # the window began
        self.paused = 0.0

    def begin_body(self, body: Counted) -> None:
        """The head of the answer is there, and its body is awaited."""
        self.seconds += self.total - self.due
        self.due, self.reason = self.total, Reason.TIMEOUT
        self.body, self.bytes, self.window = body, body.total_bytes, self._loop.time()


class Deadlines:
    """Cancels tasks that take too long. Has to be made in the running loop, and closed.

    A body brings `rate` bytes a second at least, over `window` seconds; 0 is any number.
    """

    def __init__(self, *, rate: float = 0.0, window: float = inf) -> None:
        self._loop = asyncio.get_running_loop()
        self._open: set[Deadline] = set()
        self._window = window
        self._least = rate * window if rate else 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, total: float, *, headers: float = inf) -> Deadline:
        """From now on the running task has `total` seconds, `headers` of them for the head, until `end()`."""
        task: asyncio.Task[object] | None = asyncio.current_task(self._loop)
        assert task is not None
        deadline = Deadline(task, total=total, headers=headers, loop=self._loop)
        self._add(deadline)
        return deadline

    def _add(self, deadline: Deadline) -> None:
        self._open.add(deadline)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._look)

    def end(self, deadline: Deadline) -> bool:
        """Whether the task was cancelled for being late, for `deadline.reason`, and for nothing else."""
        self._open.discard(deadline)
        if not deadline.is_late:
            return False
        deadline.is_late = False
        return deadline.task.uncancel() == 0

    def pause(self, deadline: Deadline) -> None:
        """The task does something else for a while, which nobody's deadline is for."""
        deadline.paused = self._loop.time()
        self._open.discard(deadline)

    def resume(self, deadline: Deadline | None, body: Counted) -> Deadline:
        """The running task reads on in `body`: at the rate that is asked for, but for as long as it takes."""
        if deadline is None:
            deadline = self.begin(inf)
            deadline.begin_body(body)
            return deadline
        task: asyncio.Task[object] | None = asyncio.current_task(self._loop)
        assert task is not None
        deadline.task = task
        deadline.window += self._loop.time() - deadline.paused
        self._add(deadline)
        return deadline

    def told(self, deadline: Deadline) -> str:
        """What a deadline that has passed was about."""
        match deadline.reason:
            case Reason.HEADERS_TIMEOUT:
                return f"no answer within {deadline.seconds:g} s"
            case Reason.TOO_SLOW:
                return f"fewer than {self._least:g} bytes in {self._window:g} s"
            case _:
                return f"no whole answer within {deadline.seconds:g} s"

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        for deadline in [each for each in self._open if each.due <= now or self._is_too_slow(each, now)]:
            self._open.remove(deadline)
            if not deadline.task.cancelling():
                deadline.is_late = True
                deadline.task.cancel()
        self._timer = self._loop.call_later(TICK, self._look) if self._open else None

    def _is_too_slow(self, deadline: Deadline, now: float) -> bool:
        """Whether a window has passed in which too little of the body came, but not nothing."""
        if deadline.body is None or now - deadline.window < self._window:
            return False
        came = deadline.body.total_bytes - deadline.bytes
        deadline.bytes += came
        deadline.window = now
        if 0 < came < self._least:
            deadline.reason = Reason.TOO_SLOW
            return True
        return False

    def __repr__(self) -> str:
        return f"<Deadlines {len(self._open)} in flight>"
