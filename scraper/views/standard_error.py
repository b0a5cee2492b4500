"""The console that people watch: standard error, whose loss must not harm a crawl."""

import errno
import os
import sys
from contextlib import suppress
from typing import IO, Any, cast

from rich.console import Console


class StandardError(Console):
    """Standard error, interactive only where it really is a terminal, whatever FORCE_COLOR says.

    When there is nobody any more who could read it, as its terminal was closed, what is written goes nowhere.
    """

    def __init__(self) -> None:
        is_terminal = sys.stderr.isatty()
        file = cast("IO[str]", _Dispensable(sys.stderr))
        super().__init__(file=file, highlight=False, force_interactive=None if is_terminal else False)


class _Dispensable:
    """`stream`, whose loss is no error."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Let a stream that is gone for good lead nowhere, or what is left in it would fail as the program ends."""
        if error.errno in {errno.EPIPE, errno.EIO}:
            with suppress(OSError, ValueError):  # it may be no file at all
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
