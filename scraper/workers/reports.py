"""What a worker process tells besides what it was asked for: log lines, what is printed, and what takes long."""

import asyncio
import copy
import logging
import pickle
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from io import RawIOBase, TextIOBase
from typing import TYPE_CHECKING, Any, TextIO

from scraper.engine.watchdog import Watchdog
from scraper.events import Blocked
from scraper.parsing import HardPages
from scraper.workers.channel import Channel, Kind

if TYPE_CHECKING:
    from typing_extensions import Buffer

_USUAL = vars(logging.makeLogRecord({}))
"""What every log record has."""


class _Reporter:
    """Tells something from any thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def tell(self, kind: Kind, value: Any) -> None:
        """Tell a value as it is now. Raises what pickling it raises."""
        content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        if self._loop.is_closed():
            return
        if threading.get_ident() == self._thread:
            self._channel.send(kind, 0, content)
        else:
            self._loop.call_soon_threadsafe(self._channel.send, kind, 0, content)


class _Logs(logging.Handler):
    """Hands log records to the owner, with their text made and nothing in them that may not be picklable."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._reporter = _Reporter(channel)

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record; what went wrong with it is no error of who logs, as with any handler."""
        try:
            told = copy.copy(record)
            told.msg = self.format(record)  # with the traceback, if there is one
            told.args = told.exc_info = told.exc_text = told.stack_info = None
            try:
                self._reporter.tell(Kind.LOG, told)
            except Exception:  # `extra` may hold anything
                told.__dict__ = {name: each for name, each in vars(told).items() if name in _USUAL}
                self._reporter.tell(Kind.LOG, told)
        except Exception:
            self.handleError(record)


class _Bytes(RawIOBase):
    """What stands below standard output, for who writes bytes."""

    def __init__(self, reporter: _Reporter) -> None:
        self._reporter = reporter

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, data: "Buffer") -> int:
        """Tell `data`."""
        content = bytes(data)
        if content:
            self._reporter.tell(Kind.PRINT, content)
        return len(content)

    def flush(self) -> None:
        """Have the owner flush: no bytes say so."""
        self._reporter.tell(Kind.PRINT, b"")


class _Prints(TextIOBase):
    """Standard output, as far as a spider prints: the owner knows what else goes there."""

    encoding = "utf-8"
    errors = "strict"
    name = "<stdout>"

    def __init__(self, channel: Channel) -> None:
        self._reporter = _Reporter(channel)
        self.buffer = _Bytes(self._reporter)

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, text: str) -> int:
        """Tell `text`."""
        self._reporter.tell(Kind.PRINT, text)
        return len(text)

    def flush(self) -> None:
        """Have the owner flush."""
        self.buffer.flush()


class ToldHardPages(HardPages):
    """The pages of a worker that are aside, of which its owner is told."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._reporter = _Reporter(channel)

    def count(self, site: str, pages: int, size: int) -> None:
        """So many more pages of `site`, of so many bytes, are aside."""
        super().count(site, pages, size)
        self._reporter.tell(Kind.ASIDE, (site, pages, size, None))

    def note(self, site: str, *, is_slow: bool) -> None:
        """How the last page of `site` was. May be called from any thread."""
        if is_slow or site in self.slow:
            self._reporter.tell(Kind.ASIDE, (site, 0, 0, is_slow))
        super().note(site, is_slow=is_slow)


def report_logs(channel: Channel, levels: Mapping[str, int]) -> None:
    """Have the owner write what is logged, as far as its loggers' `levels` ask for it."""
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().handlers = [_Logs(channel)]


def leave_handlers(channel: Channel) -> None:
    """Leave to the owner what the spider's module has loggers do: it has loaded the same, and all would come twice."""
    for each in logging.getLogger().manager.loggerDict.values():
        if isinstance(each, logging.Logger):
            each.handlers = [] if each.propagate else [_Logs(channel)]


def print_told(told: str | bytes, output: TextIO) -> None:
    """Print what a worker tells. `output` may be closed, lead nowhere, or have no such letters: nobody is to fail."""
    with suppress(OSError, ValueError):
        if isinstance(told, str):
            try:
                output.write(told)
            except UnicodeEncodeError:
                encoding = output.encoding or "ascii"
                output.write(told.encode(encoding, "backslashreplace").decode(encoding))
            return
        output.flush()  # what was printed before comes before
        below = getattr(output, "buffer", None)
        if below is None:
            output.write(told.decode("utf-8", "backslashreplace"))
        else:
            below.write(told)
            below.flush()


@contextmanager
def report_prints(channel: Channel) -> Iterator[None]:
    """Have the owner print what is printed while the context is open."""
    with redirect_stdout(_Prints(channel)):
        yield
    sys.stdout.flush()


def watchdog(channel: Channel) -> Watchdog:
    """Tells the owner what holds up this process's event loop."""
    reporter = _Reporter(channel)

    def tell(event: Blocked) -> None:
        reporter.tell(Kind.BLOCKED, event)

    tell.wants = (Blocked,)  # type: ignore[attr-defined]
    return Watchdog([tell])  # type: ignore[list-item]
