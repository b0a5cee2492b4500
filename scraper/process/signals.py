"""Whom a terminal's signals reach. Ctrl-C, and the terminal's end, are sent to all processes that it started."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
