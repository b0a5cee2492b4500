"""How far a crawl is: two live lines on a terminal, a log line now and then elsewhere.

How long it will still take is only told where it can be known: by the time limit of `[engine.stop_after]`, by
the items or pages to stop after, or by what waits, once nothing new has been discovered for as long as the speed
is measured over.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from scraper.events import Statistics
from scraper.settings.schema import StopAfter
from scraper.views.formatting import clock, plural, visible

REFRESH = 0.2
WINDOW = 5.0
"""Seconds over which the speed is measured."""

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_BARS = "▁▂▃▄▅▆▇█"
_GAP = "   "


class Trend:
    """What the snapshots of the last seconds tell; `speeds` are the pages per second of each second before."""

    def __init__(self, stop_after: StopAfter | None = None) -> None:
        self._stop_after = stop_after or StopAfter()
        self._recent = deque([Statistics()])
        self._mark = Statistics()
        self.speeds: deque[float] = deque(maxlen=60)

    def note(self, now: Statistics) -> None:
        """Take one more snapshot, younger than all before."""
        self._recent.append(now)
        while len(self._recent) > 2 and self._recent[1].seconds <= now.seconds - WINDOW:
            self._recent.popleft()
        passed = now.seconds - self._mark.seconds
        if passed >= 1.0:
            self.speeds.append((now.fetched - self._mark.fetched) / passed)
            self._mark = now

    @property
    def pages_per_second(self) -> float:
        """Over the last seconds."""
        return self._speed(self._recent[0].fetched, self._recent[-1].fetched)

    @property
    def seconds_left(self) -> float | None:
        """How long the crawl will still take; None if nobody can know."""
        first, now, goal = self._recent[0], self._recent[-1], self._stop_after
        known = []
        if goal.seconds is not None:
            known.append(max(goal.seconds - now.seconds, 0.0))
        if goal.items is not None and (speed := self._speed(first.items, now.items)):
            known.append(max(goal.items - now.items, 0) / speed)
        if goal.pages is not None and now.fetched + now.waiting >= goal.pages and self.pages_per_second:
            known.append(max(goal.pages - now.fetched, 0) / self.pages_per_second)
        if now.discovered and now.discovered == first.discovered and first.seconds <= now.seconds - WINDOW:
            speed = self._speed(first.discovered - first.waiting, now.discovered - now.waiting)
            if speed:
                known.append(now.waiting / speed)
        return min(known, default=None)

    def _speed(self, before: int, after: int) -> float:
        seconds = self._recent[-1].seconds - self._recent[0].seconds
        return (after - before) / seconds if seconds > 0 else 0.0


class Progress:
    """Shows the statistics of a crawl for as long as it is open.

    `statistics` is asked for a snapshot whenever the display is refreshed: five times a second on a terminal;
    elsewhere there is one log line every `interval` seconds.
    """

    def __init__(
        self,
        statistics: Callable[[], Statistics],
        console: Console,
        *,
        interval: float = 10.0,
        stop_after: StopAfter | None = None,
    ) -> None:
        self._statistics = statistics
        self._console = console
        self._interval = interval
        self._trend = Trend(stop_after)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        is_live = self._console.is_interactive and self._console.is_terminal
        self._task = asyncio.create_task(self._show() if is_live else self._report(), name="progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (failure := self._task.exception()):
            logging.getLogger("scraper").debug("the progress display ended early", exc_info=failure)

    async def _show(self) -> None:
        is_shared = sys.stdout.isatty()  # what a spider prints goes above the display, unless it goes elsewhere
        with Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=is_shared) as live:
            for tick in count():
                now = self._statistics()
                self._trend.note(now)
                live.update(lines(now, self._trend, self._console, tick=tick), refresh=True)
                await asyncio.sleep(REFRESH)

    async def _report(self) -> None:
        logger = logging.getLogger("scraper")
        while True:
            await asyncio.sleep(self._interval)
            now = self._statistics()
            self._trend.note(now)
            logger.info("%s", sentence(now, self._trend))


def lines(now: Statistics, trend: Trend, console: Console, *, tick: int = 0) -> Text:
    """The live display: two lines that fit the width of `console`."""
    is_plain = console.options.ascii_only
    mark = "*" if is_plain else _SPINNER[tick % len(_SPINNER)]
    first = Text.assemble(
        (f"{mark} ", "cyan"),
        (visible(now.spider, 24), "bold"),
        _GAP,
        (f"{trend.pages_per_second:,.1f}", "bold cyan"),
        " pages/s",
        *_counted(now.fetched, "page"),
        *_counted(now.items, "item", "bold green"),
        *_counted(now.errors, "error", "bold red" if now.errors else "bold"),
    )
    if failed := sum(now.failed.values()):
        first.append_text(Text.assemble(_GAP, (f"{failed:,}", "bold yellow"), " failed"))
    if not is_plain:
        first.append(_GAP + _chart(trend.speeds, console.width - first.cell_len - len(_GAP)), "cyan")
    left = trend.seconds_left
    second = Text.assemble(
        ("  " + clock(now.seconds), "bold"),
        " elapsed",
        *_number(now.waiting, "waiting"),
        *_number(now.in_flight, "in flight"),
        *_counted(now.hosts, "host"),
        *(() if left is None else (_GAP, "about ", (clock(left), "bold"), " left")),
    )
    for line in (first, second):
        line.truncate(console.width, overflow="ellipsis")
    return Text("\n").join((first, second))


def sentence(now: Statistics, trend: Trend) -> str:
    """The same as one line of text."""
    failed, left = sum(now.failed.values()), trend.seconds_left
    parts = [
        f"{plural(now.fetched, 'page')} ({trend.pages_per_second:,.1f}/s)",
        plural(now.items, "item"),
        plural(now.errors, "error"),
        *([f"{failed:,} failed"] if failed else []),
        f"{now.waiting:,} waiting",
        f"{now.in_flight:,} in flight",
        plural(now.hosts, "host"),
        f"{clock(now.seconds)} elapsed",
        *([] if left is None else [f"about {clock(left)} left"]),
    ]
    return f"{visible(now.spider)}: {', '.join(parts)}"


def _number(number: int, what: str, style: str = "bold") -> tuple[str | tuple[str, str], ...]:
    return _GAP, (f"{number:,}", style), f" {what}"


def _counted(number: int, noun: str, style: str = "bold") -> tuple[str | tuple[str, str], ...]:
    return _number(number, noun if number == 1 else f"{noun}s", style)


def _chart(speeds: Iterable[float], width: int) -> str:
    """The latest of `speeds` as bars, one a column."""
    latest = [*speeds][-max(width, 0) :] if width > 0 else []
    highest = max(latest, default=0.0) or 1.0
    return "".join(_BARS[round(speed / highest * (len(_BARS) - 1))] for speed in latest)
