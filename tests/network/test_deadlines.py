"""The deadline of every request in flight, kept by one timer."""

import asyncio
import time

import pytest

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.network.deadlines import TICK, Deadlines
from tests.network.conftest import Open
from tests.network.raw import raw
from tests.network.test_fetcher import dripping


async def overdue(deadlines: Deadlines, seconds: float) -> bool:
    """Whether a task that never ends was ended by its deadline."""
    task = deadlines.begin(seconds)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if deadlines.end(task):
            return True
        raise
    return False


async def test_a_deadline_ends_a_task() -> None:
    """A task whose time is over is cancelled, at most a tick late, and can go on as if it never was."""
    deadlines = Deadlines()
    began = time.monotonic()
    assert await asyncio.gather(overdue(deadlines, 0.0), overdue(deadlines, 0.1)) == [True, True]
    assert time.monotonic() - began < 0.1 + 2 * TICK
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    deadlines.close()


async def test_what_is_done_in_time_is_left_alone() -> None:
    """A task that ends its deadline in time never hears of it."""
    deadlines = Deadlines()
    task = deadlines.begin(0.0)
    assert not deadlines.end(task)
    await asyncio.sleep(TICK + 0.05)
    deadlines.close()


async def test_being_cancelled_is_not_being_late() -> None:
    """A task that others cancel is cancelled, also if its deadline passes at the same moment."""
    deadlines = Deadlines()
    task = asyncio.ensure_future(overdue(deadlines, 0.0))
    await asyncio.sleep(0)
    deadlines._look()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    task = asyncio.ensure_future(overdue(deadlines, 0.0))
    await asyncio.sleep(0)
    task.cancel()
    deadlines._look()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadlines.close()


async def test_requests_are_held_to_their_deadline(network: Open) -> None:
    """A request of the better part of a second and more is ended by the shared timer."""
    async with raw(dripping) as server:
        net = await network(timeout=0.8)
        began = time.monotonic()
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request(server.url))
        assert caught.value.reason == Reason.TIMEOUT
        assert "0.8 s" in str(caught.value)
        assert 0.8 <= time.monotonic() - began < 1.5
