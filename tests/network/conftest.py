"""What the tests of the network share. Every one of them that needs an event loop runs on asyncio's and on uvloop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from scraper.network import Network, open_network
from scraper.settings.schema import NetworkSettings

Open = Callable[..., Awaitable[Network]]


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
                    NetworkSettings(**settings),
                    middlewares=middlewares,
                    accept_statuses=accept_statuses,
                    rng=Random(0),
                    wall=wall,
                )
            )

        yield opened
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, left
