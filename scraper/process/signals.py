"""Whom a terminal's signals reach, and what Ctrl-C does when.

Ctrl-C, and the terminal's end, are sent to all processes that a terminal started. While a command is loaded there is
nothing to be closed, and a `KeyboardInterrupt` that is raised anywhere in a module that is being imported may be told
with a traceback, or lost; the same is true while the interpreter ends. So the process ends at once then. In between
`KeyboardInterrupt` is raised, as usual.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TYPE_CHECKING = False  # as in `typing`, which the command cannot wait for before it hears Ctrl-C
if TYPE_CHECKING:
    from typing import NoReturn

INTERRUPTED = 130
"""The exit status of a process that Ctrl-C ended: 128 and the number of SIGINT."""


class Leaving:
    """What handles SIGINT by ending the process: it says `line`, and exits with `status`."""

    def __init__(self, line: str = "", status: int = INTERRUPTED) -> None:
        self._line = line
        self._status = status

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        self.leave()

    def leave(self) -> "NoReturn":
        """End the process."""
        try:
            os.write(2, self._line.encode())
        finally:
            os._exit(self._status)


def leave_on_interrupt(leaving: Leaving) -> None:
    """From now on Ctrl-C ends the process at once; unless it is ignored, as whoever started it may have wanted."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler or _leaves():
        signal.signal(signal.SIGINT, leaving)


def raise_on_interrupt() -> None:
    """From now on Ctrl-C raises `KeyboardInterrupt` again."""
    if _leaves():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leaves() -> bool:
    return isinstance(signal.getsignal(signal.SIGINT), Leaving)


@contextmanager
def unheard() -> Iterator[None]:
    """Processes that are started meanwhile, by this thread, never hear a terminal: their parent does, and ends them.

    They inherit what is blocked here, so it holds from their first instruction on; not on Windows.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_to_parent() -> None:
    """In a process that was started `unheard`: hear no signal that ends a crawl, as its parent does, and ends it.

    A whole group of processes may be told to end. What this process starts hears again: no handler outlives `exec`.
    """
    if sys.platform == "win32":
        return
    ending = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    for each in ending:
        signal.signal(each, _pass_over)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)


def _pass_over(number: int, frame: FrameType | None) -> None:
    """Do nothing."""
