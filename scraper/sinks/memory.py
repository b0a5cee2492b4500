"""Sinks for items that stay in this process: kept in a list, or handed over one by one."""

import asyncio
from collections.abc import Sequence
from typing import Any, Self

from scraper.protocols import Open, Position


class Collect(Open):
    """Keeps all items in `kept`."""

    path = "memory"
    bytes = 0
    is_exact = False

    def __init__(self) -> None:
        self.kept: list[Any] = []

    @property
    def items(self) -> int:
        return len(self.kept)

    def resume(self, position: Position) -> None:
        """What an earlier process kept is gone with it."""

    async def write(self, items: Sequence[Any]) -> None:
        self.kept.extend(items)

    async def sync(self) -> Position:
        return Position(self.path, self.bytes, self.items)

    async def finish(self) -> None:
        """Nothing is left to write."""


class HandOver(Open):
    """Hands items to whoever iterates over it; `write` waits while `ahead` of them were not taken yet."""

    path = "stream"
    bytes = 0
    is_exact = False

    def __init__(self, ahead: int = 100) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue(ahead)
        self._is_closed = asyncio.Event()
        self.items = 0

    def resume(self, position: Position) -> None:
        """What an earlier process handed over was taken by it."""

    async def write(self, items: Sequence[Any]) -> None:
        for item in items:
            await self._queue.put(item)
        self.items += len(items)

    async def sync(self) -> Position:
        return Position(self.path, self.bytes, self.items)

    async def finish(self) -> None:
        """Whoever iterates has all items, or will."""

    def close(self, _: object = None) -> None:
        """No more items will come."""
        self._is_closed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if not self._queue.empty():
            return self._queue.get_nowait()
        item = asyncio.ensure_future(self._queue.get())
        end = asyncio.ensure_future(self._is_closed.wait())
        try:
            await asyncio.wait((item, end), return_when=asyncio.FIRST_COMPLETED)
            if item.done():
                return item.result()
            raise StopAsyncIteration
        finally:
            item.cancel()
            end.cancel()
