"""The console that people watch: standard error, whose loss must not harm a crawl."""

import sys
from typing import IO, cast

from rich.console import Console

from scraper.process.standard_streams import Dispensable


class StandardError(Console):
    """Standard error, interactive only where it really is a terminal, whatever FORCE_COLOR says.

    When there is nobody any more who could read it, as its terminal was closed, what is written goes nowhere.
    """

    def __init__(self) -> None:
        is_terminal = sys.stderr.isatty()
        file = cast("IO[str]", Dispensable(sys.stderr))
        super().__init__(file=file, highlight=False, force_interactive=None if is_terminal else False)
