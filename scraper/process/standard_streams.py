"""Standard input, output and error: there although the process was started without them, and let go when they are lost.

Whoever starts a process may have closed descriptors 0 to 2, as some wrappers of cron and some daemons do. The next
files and sockets that are opened would take their numbers: what is printed would go into them, and libuv, which closes
nothing below 3, would abort. So the null device is opened in place of what is missing, before anything else is.
"""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_NAMES = ("stdin", "stdout", "stderr")
_missing: set[str] = set()


def fill() -> None:
    """Open the null device in place of the standard streams that are closed."""
    for descriptor, name in enumerate(_NAMES):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the least number that is free, which is this one
            os.set_inheritable(opened, True)  # processes that are started here are to have it, too
            _missing.add(name)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 -- as long as we live


def was_closed(name: str) -> bool:
    """Whether the stream `name` (`stdout`) was closed before it was filled in."""
    return name in _missing


class Dispensable:
    """`stream`, whose loss is no error: what cannot be written goes nowhere, and `reason` tells why."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.reason = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text`, if that is possible."""
        try:
            self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Flush what was written, if that is possible."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def end(self) -> str:
        """Why not all could be written; empty if it could. What is left is given up."""
        self.flush()
        if self.reason:
            _let_go(self._stream)
        return self.reason

    def _give_up(self, error: OSError) -> None:
        """Note the reason. A stream that is gone for good leads nowhere from now on."""
        self.reason = _reason(error)
        if error.errno in {errno.EPIPE, errno.EIO}:
            _let_go(self._stream)


def unwritten() -> str:
    """Why standard output could not take all that was written; empty if it could, or if its reader has left.

    What is left in it is given up, or it would fail once more as the process ends.
    """
    reason = ""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            _let_go(stream)
            reason = _reason(error) if stream is sys.stdout else reason
        except ValueError:  # somebody has closed it
            pass
    return reason


def is_writable(stream: IO[str]) -> bool:
    """Whether `stream` takes one more line end."""
    try:
        stream.write("\n")
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _reason(error: OSError) -> str:
    return "" if error.errno == errno.EPIPE else error.strerror or str(error)


def _let_go(stream: IO[str]) -> None:
    """Let a stream lead nowhere."""
    with suppress(OSError, ValueError):  # it may be no file at all
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()
