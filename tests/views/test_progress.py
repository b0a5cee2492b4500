"""The live display and its plain sibling, and when they may tell how long it will take."""

import asyncio
import errno
import io
import logging
from dataclasses import replace

import pytest
from rich.console import Console

from scraper.events import Statistics
from scraper.settings.schema import StopAfter
from scraper.views.progress import Progress, Trend, lines, sentence
from scraper.views.standard_error import StandardError

BUSY = Statistics(
    "bookshop", discovered=6505, fetched=1204, waiting=5301, in_flight=32, hosts=4, items=1180, errors=2, seconds=97.0
)


def trend(*snapshots: Statistics, stop_after: StopAfter | None = None) -> Trend:
    made = Trend(stop_after)
    for each in snapshots:
        made.note(each)
    return made


def steady(seconds: float, *, discovered: int, speed: float) -> Statistics:
    """A crawl that settles `speed` pages and items a second."""
    done = round(seconds * speed)
    return Statistics("s", seconds=seconds, discovered=discovered, fetched=done, items=done, waiting=discovered - done)


def test_speed_is_that_of_the_last_seconds() -> None:
    """Pages per second are measured over the last five seconds, not since the start."""
    fast = [Statistics(seconds=n / 5, fetched=20 * n) for n in range(100)]
    slow = [Statistics(seconds=20 + n / 5, fetched=2000 + 2 * n) for n in range(50)]
    assert trend(*fast).pages_per_second == pytest.approx(100)
    assert trend(*fast, *slow).pages_per_second == pytest.approx(10)


def test_speed_of_a_crawl_that_begins() -> None:
    """Before anything happened the speed is 0, and in the first seconds it is measured over those."""
    assert trend(Statistics()).pages_per_second == 0
    assert trend(Statistics(seconds=0.5, fetched=10)).pages_per_second == 20


def test_nobody_knows_how_long() -> None:
    """While new pages are being discovered, nothing is said about the time left."""
    growing = [steady(n / 5, discovered=1000 + n, speed=10) for n in range(100)]
    assert trend(*growing).seconds_left is None


def test_time_left_once_nothing_new_is_discovered() -> None:
    """What waits and the speed tell the time left once nothing new was discovered for five seconds."""
    quiet = [steady(n / 5, discovered=1000, speed=10) for n in range(100)]
    assert trend(*quiet[:20]).seconds_left is None
    assert trend(*quiet).seconds_left == pytest.approx((1000 - 198) / 10, rel=0.01)


def test_time_left_until_items_are_enough() -> None:
    """A number of items to stop after tells it, by the speed at which they come."""
    growing = [steady(n / 5, discovered=5000 + n, speed=10) for n in range(51)]
    assert trend(*growing, stop_after=StopAfter(items=200)).seconds_left == pytest.approx(10)


def test_time_left_until_pages_are_enough() -> None:
    """A number of pages to stop after tells it, provided that as many are known to exist."""
    growing = [steady(n / 5, discovered=500 + n, speed=10) for n in range(51)]
    assert trend(*growing, stop_after=StopAfter(pages=200)).seconds_left == pytest.approx(10)
    assert trend(*growing, stop_after=StopAfter(pages=2000)).seconds_left is None


def test_time_left_until_time_is_up() -> None:
    """A number of seconds to stop after tells it, unless another end comes first."""
    growing = [steady(n / 5, discovered=5000 + n, speed=10) for n in range(51)]
    assert trend(*growing, stop_after=StopAfter(seconds=60)).seconds_left == pytest.approx(50)
    assert trend(*growing, stop_after=StopAfter(seconds=60, items=200)).seconds_left == pytest.approx(10)


@pytest.mark.parametrize("width", [20, 60, 80, 120, 200])
def test_lines_fit(width: int) -> None:
    """The live display is two lines, never wider than the terminal, however long the crawl's numbers."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    huge = replace(BUSY, spider="a-spider-with-a-very-long-name", discovered=10**9, fetched=10**8, waiting=9 * 10**8)
    for each in (BUSY, huge):
        texts = lines(each, trend(each), console).split("\n")
        assert len(texts) == 2
        assert all(text.cell_len <= width for text in texts)


def test_lines_say_what_is_going_on() -> None:
    """At 80 columns everything can be read."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    text = lines(BUSY, trend(BUSY), console).plain
    for part in ("bookshop", "12.4 pages/s", "1,204 pages", "1,180 items", "2 errors", "1:37 elapsed", "5,301 waiting"):
        assert part in text
    assert "32 in flight   4 hosts" in text
    assert "left" not in text


def test_sentence() -> None:
    """The plain line says the same, and what failed."""
    text = sentence(replace(BUSY, failed={"http_404": 3}), trend(BUSY))
    assert text == (
        "bookshop: 1,204 pages (12.4/s), 1,180 items, 2 errors, 3 failed, "
        "5,301 waiting, 32 in flight, 4 hosts, 1:37 elapsed"
    )


async def test_display_on_a_terminal() -> None:
    """On a terminal the display is shown at once, refreshed, and gone afterwards; the cursor is back."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, force_interactive=True)
    is_refreshed = asyncio.Event()
    snapshots = iter([BUSY])

    def statistics() -> Statistics:
        now = next(snapshots, None)
        if now is None:
            is_refreshed.set()
        return now or BUSY

    async with Progress(statistics, console):
        await is_refreshed.wait()
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "5,301" in shown
    assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h")
    assert shown.endswith("\x1b[2K")


async def test_lines_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    """Where standard error is no terminal there is a log line every interval and nothing else."""
    caplog.set_level(logging.INFO)
    console = Console(file=io.StringIO())
    is_told = asyncio.Event()

    def statistics() -> Statistics:
        if caplog.records:
            is_told.set()
        return BUSY

    async with Progress(statistics, console, interval=0.01):
        await is_told.wait()
    assert caplog.records[0].getMessage().startswith("bookshop: 1,204 pages")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


@pytest.mark.parametrize("is_terminal", [True, False])
async def test_nothing_is_left_running(is_terminal: bool) -> None:
    """Whether the crawl ends well or not, the display's task has ended with it."""
    console = Console(file=io.StringIO(), force_terminal=is_terminal, force_interactive=is_terminal)

    async def crawl() -> None:
        async with Progress(lambda: BUSY, console):
            await asyncio.sleep(0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await crawl()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_display_that_breaks_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that went away harms nobody who writes to it."""

    class Gone(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("sys.stderr", Gone())
    console = StandardError()
    console._force_terminal, console.is_interactive = True, True  # as on a terminal
    async with Progress(lambda: BUSY, console):
        await asyncio.sleep(0)
