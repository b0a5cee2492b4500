"""What the tests of the network share. Every one of them that needs an event loop runs on asyncio's and on uvloop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from scraper.network import Network, open_network
from scraper.settings.tables import from_tables

Open = Callable[..., Awaitable[Network]]


@dataclass
class Turn:
    """The longest CPU time, in seconds, for which the loop did not come to the next turn."""

    seconds: float = 0.0


@asynccontextmanager
async def longest_turn() -> AsyncIterator[Turn]:
    """Watches the running loop while the context is open."""
    turn, is_over = Turn(), False

    async def watch() -> None:
        last = time.thread_time()
        while not is_over:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            turn.seconds, last = max(turn.seconds, now - last), now

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield turn
    finally:
        is_over = True
        await watching


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop
    except ImportError:
        return factories
    return factories | {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def network() -> Any:
    """Opens networks with the given `[network]` settings; they are closed, with nothing left open, after the test."""
    async with AsyncExitStack() as stack:

        async def opened(
            *,
            middlewares: Any = (),
            accept_statuses: Any = (),
            wall: Callable[[], float] = lambda: 0.0,
            **settings: Any,
        ) -> Network:
            return await stack.enter_async_context(
                open_network(
                    from_tables({"network": settings}).network,
                    middlewares=middlewares,
                    accept_statuses=accept_statuses,
                    rng=Random(0),
                    wall=wall,
                )
            )

        yield opened
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, left
