"""Who holds up the event loop is told, by line. What runs the loop here stands in this file, and is not to blame."""

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from scraper.engine.watchdog import Watchdog
from scraper.events import Blocked, Event
from scraper.process.event_loop import loop_factory

SECONDS = 0.6
HERE = Path(__file__).name

Factory = Callable[[], asyncio.AbstractEventLoop] | None


def told(block: Callable[[], object], factory: Factory) -> list[Blocked]:
    """What is told while the loop calls `block`, which takes `SECONDS`; a busy machine may hold it up besides."""
    events: list[Event] = []

    async def watched() -> None:
        async with Watchdog([events.append]):
            await asyncio.sleep(0.2)
            asyncio.get_running_loop().call_soon(block)
            await asyncio.sleep(SECONDS + 0.5)  # for the watchdog to see that it is over

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(watched())
    return [event for event in events if isinstance(event, Blocked) and event.seconds >= SECONDS / 2]


def slow_callback() -> None:
    """A user's code, which waits in a library's."""
    time.sleep(SECONDS)


both_loops = pytest.mark.parametrize("factory", [asyncio.new_event_loop, loop_factory()], ids=["asyncio", "ours"])


@both_loops
def test_the_line_that_holds_up_the_loop(factory: Factory) -> None:
    """It is told once, with its function."""
    assert [re.sub(r".*/|:\d+", "", event.where) for event in told(slow_callback, factory)] == [
        f"{HERE} in slow_callback"
    ]


@both_loops
def test_nobody_is_blamed_for_running_the_loop(factory: Factory) -> None:
    """Where no line of the user's is seen in the loop, none is told that runs it."""
    (event,) = told(partial(time.sleep, SECONDS), factory)
    assert HERE not in event.where
