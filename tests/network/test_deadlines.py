"""The deadline of every request in flight, kept by one timer."""

import asyncio
import time

import pytest

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.network.connection.deadlines import TICK, Deadlines
from tests.network.conftest import Open
from tests.network.raw import Talk, raw
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
    """A task whose time is over is cancelled, at most a little late, and can go on as if it never was."""
    deadlines = Deadlines()
    began = time.monotonic()
    assert await asyncio.gather(overdue(deadlines, 0.0), overdue(deadlines, 0.1)) == [True, True]
    assert 0.1 <= time.monotonic() - began < 5
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
        assert 0.8 <= time.monotonic() - began < 10


async def test_the_head_of_an_answer_has_its_time(network: Open) -> None:
    """Headers that drip in are given up after headers_timeout, though something comes all the time."""

    async def loris(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await talk.say(b"x")
            await asyncio.sleep(0.02)

    async with raw(loris) as server:
        net = await network(headers_timeout=0.3)
        began = time.monotonic()
        with pytest.raises(FetchError, match=r"no answer within 0\.3 s") as caught:
            await net.fetch(Request(server.url))
        assert caught.value.reason == Reason.HEADERS_TIMEOUT
        assert time.monotonic() - began < 10


async def test_a_body_has_to_come_at_a_rate(network: Open) -> None:
    """A body that drips in is given up when a window has passed; min_rate = 0 lets it drip."""
    async with raw(dripping) as server:
        with pytest.raises(FetchError, match=r"fewer than 30 bytes in 0\.3 s") as caught:
            await (await network(read_timeout=0.3, min_rate=100)).fetch(Request(server.url))
        assert caught.value.reason == Reason.TOO_SLOW
        with pytest.raises(FetchError) as caught:
            await (await network(read_timeout=0.3, min_rate=0, timeout=0.9)).fetch(Request(server.url))
        assert caught.value.reason == Reason.TIMEOUT


async def test_a_pause_is_not_counted() -> None:
    """Who reads a body now and then is held to its rate only while they wait for it."""

    class Body:
        total_bytes = 0

    deadlines, body = Deadlines(rate=1_000, window=0.2), Body()
    deadline = deadlines.resume(None, body)
    for _ in range(3):
        body.total_bytes += 10
        deadlines.pause(deadline)
        await asyncio.sleep(0.15)
        assert deadlines.resume(deadline, body) is deadline
    assert not deadlines.end(deadline)
    deadlines.close()
