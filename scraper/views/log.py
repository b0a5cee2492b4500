"""What happened, as lines of `logging`: what is whose fault goes to whose logger.

The framework speaks as `scraper`, and where the spider's own code raised, under the spider's name. Texts that
come from a page are escaped, and what happens again and again is told the first times, then counted.
"""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import localtime, strftime
from typing import Any

from rich.console import Console
from rich.text import Text

from scraper.errors import Reason, StorageError
from scraper.events import (
    Blocked,
    Broke,
    Died,
    Drifted,
    Dropped,
    Event,
    Failed,
    Finished,
    Parked,
    Refused,
    Resumed,
    Retried,
    Started,
)
from scraper.secrets import masked
from scraper.urls import without_credentials
from scraper.views.formatting import duration, plural, told, visible
from scraper.views.hints import hint

REPEATS = 5
"""How often the same failure of the same line is told."""

_STYLES = {"DEBUG": "dim", "INFO": "cyan", "WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}
_QUIET = ("aiohttp", "asyncio", "charset_normalizer", "concurrent")


class Log:
    """An observer that writes to `logging`; it may be called from any thread."""

    def __init__(self) -> None:
        self._scraper = logging.getLogger("scraper")
        self._spider = self._scraper
        self._reasons: set[tuple[type[Refused | Dropped], str]] = set()
        self._broken: Counter[tuple[str, str, str]] = Counter()
        self._lines: dict[type[Event], Callable[[Any], None]] = {
            Started: self._started,
            Died: self._died,
            Resumed: self._resumed,
            Retried: self._retried,
            Refused: self._refused,
            Failed: self._failed,
            Parked: self._parked,
            Drifted: self._drifted,
            Dropped: self._dropped,
            Broke: self._broke,
            Blocked: self._blocked,
            Finished: self._finished,
        }
        self.wants = tuple(self._lines)

    def __call__(self, event: Event) -> None:
        """Write what `event` is worth."""
        self._lines[type(event)](event)

    def _started(self, event: Started) -> None:
        self._spider = logging.getLogger(event.spider)
        self._scraper.info("%s: started", visible(event.spider))

    def _resumed(self, event: Resumed) -> None:
        now = event.found
        self._scraper.info(
            "%s: resumed; %s done, %s waiting, %s of them in flight",
            visible(event.spider),
            plural(now.discovered - now.waiting, "request"),
            f"{now.waiting:,}",
            f"{now.in_flight:,}",
        )
        for change in event.changes:
            self._scraper.info("%s: changed since it began: %s", visible(event.spider), visible(change, 300))
        if event.edited:
            self._scraper.warning(
                "%s: the spider's source has changed since this crawl began (%s): pages that are done keep the items "
                "they gave, so that data files may hold items of both shapes; --fresh starts over",
                visible(event.spider),
                visible(", ".join(event.edited), 300),
            )
        for path in event.inexact:
            self._scraper.warning("%s cannot be cut back: some items may come twice", visible(path))

    def _died(self, event: Died) -> None:
        for page in event.pages:
            self._scraper.warning(
                "an earlier process died at %s: this page is tried last, and alone", visible(masked(page), 300)
            )

    def _refused(self, event: Refused) -> None:
        level = self._level(Refused, event.reason)
        if self._scraper.isEnabledFor(level):
            self._scraper.log(level, "refused (%s): %s", visible(event.reason), _shown(event.request.url))

    def _failed(self, event: Failed) -> None:
        error = event.error
        detail = f": {visible(masked(error.detail))}" if error.detail else ""
        self._scraper.warning("failed (%s): %s%s", visible(error.reason), _shown(event.request.url), detail)

    def _drifted(self, event: Drifted) -> None:
        self._scraper.warning(
            "%s was found on none of the last %s, though it used to be: the site has probably changed",
            visible(event.field),
            plural(event.pages, "page"),
        )

    def _parked(self, event: Parked) -> None:
        self._scraper.warning(
            "%s cannot be reached (%s)%s: its requests are kept for the next run",
            visible(event.host),
            visible(event.reason),
            "; is a server listening there?" if event.reason == Reason.REFUSED else "",
        )

    def _dropped(self, event: Dropped) -> None:
        level = self._level(Dropped, event.reason)
        if self._scraper.isEnabledFor(level):
            self._scraper.log(level, "item dropped (%s): %s", visible(event.reason), _told_briefly(event.item))

    def _blocked(self, event: Blocked) -> None:
        self._scraper.warning(
            "nothing else could run for %s: the event loop was held up by %s",
            duration(event.seconds),
            _place(event.where),
        )

    def _level(self, kind: type[Refused | Dropped], reason: str) -> int:
        """INFO for the first of a reason, then DEBUG."""
        before = len(self._reasons)
        if before < 1000:  # reasons for dropping are texts of the spider's
            self._reasons.add((kind, reason))
        return logging.INFO if len(self._reasons) > before else logging.DEBUG

    def _retried(self, event: Retried) -> None:
        self._scraper.info(
            "retry %d in %s (%s): %s",
            event.attempt,
            duration(event.wait),
            visible(event.reason),
            _shown(event.request.url),
        )

    def _broke(self, event: Broke) -> None:
        kind = type(event.error).__name__
        key = (event.where, event.line, kind)
        self._broken[key] += 1
        if self._broken[key] > REPEATS:
            return
        logger = self._scraper if isinstance(event.error, StorageError) else self._spider
        text = f"{visible(event.where)} failed"
        if event.line:
            text += f" at {_place(event.line)}"
        if event.url:
            text += f" on {_shown(event.url)}"
        reason = masked(told(event.error))
        again = " (further ones like this are only counted)" if self._broken[key] == REPEATS else ""
        logger.error("%s: %s%s%s", text, reason, hint(reason), again)
        logger.debug("the traceback of this %s:", kind, exc_info=event.error)

    def _finished(self, event: Finished) -> None:
        for (where, line, kind), number in self._broken.most_common():
            if number > REPEATS:
                at = f" at {_place(line)}" if line else ""
                self._spider.error("%s failed%s: %s, %s in all", visible(where), at, kind, plural(number, "time"))
        statistics = event.statistics
        self._scraper.info(
            "%s: %s after %s, %s, %s",
            visible(statistics.spider),
            visible(event.reason),
            duration(statistics.seconds),
            plural(statistics.fetched, "page"),
            plural(statistics.items, "item"),
        )


def _shown(url: str) -> str:
    return visible(masked(without_credentials(url)))


def _told_briefly(item: object) -> str:
    try:
        return visible(repr(item), 300)
    except Exception:
        return f"one of {visible(type(item).__name__)}"


def _place(line: str) -> str:
    """`file:line` with the file as seen from the current folder, if it is in there."""
    try:
        return visible(line.removeprefix(f"{Path.cwd()}/"))
    except FileNotFoundError:  # somebody has removed the folder
        return visible(line)


# Where the lines go.


class Lines(logging.Handler):
    """Writes records to the console, one line each: time, level, message; above the live display if there is one.

    Further lines of a message and its traceback are indented, so that none can pass for a record of its own.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`."""
        try:
            when, message = strftime("%H:%M:%S", localtime(record.created)), self.format(record)
            if self._console.is_terminal:
                style = _STYLES.get(record.levelname, "")
                emphasis = style if record.levelno >= logging.WARNING else "dim" if style == "dim" else ""
                line = Text.assemble((when, "dim"), " ", (f"{record.levelname:7}", style), " ", (message, emphasis))
                self._console.print(line, soft_wrap=True)
            else:
                self._console.file.write(f"{when} {record.levelname:7} {message}\n")
                self._console.file.flush()
        except Exception:
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        """The message, after the logger's name if it is not the framework, and the traceback."""
        name = "" if record.name.partition(".")[0] == "scraper" else f"{visible(record.name)}: "
        lines = super().format(record).split("\n")
        return name + "\n        ".join(visible(line, limit=10 * 1000) for line in lines)


def configure(level: str, console: Console) -> None:
    """Send all log records from `level` on to `console`, and those of the libraries underneath from WARNING on.

    May be called again; the last call holds.
    """
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, Lines)]:
        root.removeHandler(handler)
    root.addHandler(Lines(console))
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
