"""The console that people watch: standard error, whose loss must not harm a crawl."""

import sys
from typing import NoReturn

from rich.console import Console


class StandardError(Console):
    """Standard error, interactive only where it really is a terminal, whatever FORCE_COLOR says."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, force_interactive=None if sys.stderr.isatty() else False)

    def on_broken_pipe(self) -> NoReturn:
        """Called while a `BrokenPipeError` is handled; rich would silence standard output, and exit."""
        raise  # noqa: PLE0704 -- the error being handled
