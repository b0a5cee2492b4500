"""Where pages are between two checkpoints: inside while their effects are being applied, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType


class Gate:
    """Lets any number in while it is open; closes only once nobody is inside. To be used by one event loop."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()
        self._opened.set()
        self._left = asyncio.Event()
        self._inside = 0

    async def __aenter__(self) -> None:
        while not self._opened.is_set():
            await self._opened.wait()
        self._inside += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside -= 1
        self._left.set()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Wait until nobody is inside, and let nobody in meanwhile."""
        self._opened.clear()
        try:
            while self._inside:
                self._left.clear()
                await self._left.wait()
            yield
        finally:
            self._opened.set()
