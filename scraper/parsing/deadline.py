"""The time that a callback has: what ends one that takes longer, where it runs.

In a thread or a process an exception is raised within the callback's own code, and again every second until that
lets go. It is no `Exception`, so that a loop which goes on after every error does not go on after this one.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from scraper.errors import SpiderError

AGAIN = 1.0  # seconds after which a callback that did not stop is told once more
LAST = 5.0  # seconds of computing after its deadline at which a process is ended, since it runs no Python code


class Overdue(BaseException):
    """Raised in a callback that took too long."""


def error(where: str, seconds: float | None) -> SpiderError:
    """What the log says about a callback that took too long."""
    return SpiderError(f"{where} took longer than [parsing] timeout = {seconds:g} s")


def raise_in(thread: int) -> None:
    """Raise `Overdue` in the thread of this identifier, as soon as it runs Python code."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Overdue))


@contextmanager
def alarm(seconds: float | None) -> Iterator[None]:
    """In the main thread of a process: `Overdue` is raised after `seconds`; the process ends if that does not help."""
    if seconds is None:
        yield
        return
    signal.signal(signal.SIGALRM, _raise)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds + LAST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)


def _raise(*_: object) -> None:
    raise Overdue
