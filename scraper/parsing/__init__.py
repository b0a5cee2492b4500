"""Response in, items and requests out: callbacks run here."""

import sys
from typing import TypedDict

from scraper.parsing.executor import Inline
from scraper.parsing.hard_pages import HardPages
from scraper.parsing.parse_thread import Thread
from scraper.process.crash_marks import NO_MARKS, NoMarks
from scraper.protocols import Parse
from scraper.settings.schema import ParsingSettings
from scraper.spider import Spider


class Bounds(TypedDict):
    """What a callback has for a page: seconds, if they are limited, and items and requests at most."""

    timeout: float | None
    most: int


def bounds(settings: ParsingSettings) -> Bounds:
    """The bounds that `[parsing]` sets, where 0 is any number."""
    return {"timeout": settings.timeout or None, "most": settings.max_results or sys.maxsize}


def open_parse(
    settings: ParsingSettings,
    spider: Spider,
    *,
    batch: int = 64,
    marks: NoMarks = NO_MARKS,
    hard: HardPages | None = None,
) -> Parse:
    """The executor that `[parsing]` asks for, for the callbacks of `spider`; a thread takes `batch` pages at once.

    `marks` tell a later process which callbacks were running in this one when it died, `hard` which pages are aside.
    """
    match settings.executor:
        case "inline":
            return Inline(spider, **bounds(settings), marks=marks, hard=hard)
        case "thread":
            return Thread(spider, **bounds(settings), marks=marks, hard=hard, batch=batch)
        case "process":
            raise NotImplementedError("worker processes stand above this room: see `workers.opening`")


__all__ = ["HardPages", "Inline", "Thread", "bounds", "open_parse"]
