"""Who blocks the event loop: a thread that notices within a moment, and says at which line.

The loop notes the time twenty times a second. When a note is overdue, the watchdog looks where the loop's
thread is: the innermost frame outside of this framework and of libraries is the spider's line that does not
let go; if none is seen, it is the innermost frame of all. Each block is told once, when it ends, or after a
second if it has not ended by then; and from the watchdog's own thread, since the loop cannot.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Self

from scraper.events import Blocked, by_kind
from scraper.process.stacks import is_library
from scraper.protocols import Observer

BEAT = 0.05
PATIENCE = 0.25  # seconds without a beat that are worth a word


class Watchdog:
    """Tells observers of `Blocked` when the running loop could not run for longer than `PATIENCE`."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = by_kind(observers)[Blocked]
        self._beat_at = time.monotonic()
        self._beneath = 0  # frames of what runs the loop, which are nobody's fault
        self._timer: asyncio.Handle | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> Self:
        if self._observers:
            self._loop = asyncio.get_running_loop()
            self._watched = threading.get_ident()
            self._timer = self._loop.call_soon(self._beat)
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        """On the loop, called by nobody but it."""
        self._beneath = len(_stack(sys._getframe().f_back))
        self._beat_at = time.monotonic()
        self._timer = self._loop.call_later(BEAT, self._beat)

    def _watch(self) -> None:
        """In the watchdog's thread."""
        while not self._ended.wait(PATIENCE / 2):
            since = self._beat_at
            if time.monotonic() - since > PATIENCE:
                self._see_through(since)

    def _see_through(self, since: float) -> None:
        where, is_users = self._culprit()
        while self._beat_at == since and time.monotonic() - since < 1.0 and not self._ended.wait(0.01):
            if not is_users:
                seen = self._culprit()
                if self._beat_at == since:
                    where, is_users = seen
        event = Blocked(where, time.monotonic() - since)
        for observer in self._observers:
            observer(event)
        while self._beat_at == since and not self._ended.wait(BEAT):
            pass

    def _culprit(self) -> tuple[str, bool]:
        """The line that the loop's thread is at, as `file:line in function`, and whether it is the user's."""
        frames = _stack(sys._current_frames().get(self._watched))
        frames = frames[: len(frames) - self._beneath] or frames[:1]
        users = next((frame for frame in frames if not is_library(frame.f_code.co_filename)), None)
        found = users or next(iter(frames), None)
        if found is None:
            return "unknown", False
        return f"{found.f_code.co_filename}:{found.f_lineno} in {found.f_code.co_qualname}", users is not None


def _stack(frame: FrameType | None) -> list[FrameType]:
    """`frame`, who called it, and so on."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames
