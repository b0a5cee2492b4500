"""The job of a crawl that keeps nothing: it is gone with the process."""

from pathlib import Path
from types import TracebackType
from typing import Self

from scraper.frontier.description import Description
from scraper.frontier.memory import MemoryFrontier
from scraper.frontier.order import Order
from scraper.protocols import Checkpoint


class PassingJob:
    """What a `Job` is to a crawl, without a directory: nothing is resumed, and nothing left."""

    folder: Path | None = None
    resumed: Checkpoint | None = None
    changes: tuple[str, ...] = ()

    def __init__(self, description: Description, *, order: Order = "breadth") -> None:
        self.description = description
        self.frontier = MemoryFrontier(order)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def methods(self) -> set[str]:
        """Nothing waits."""
        return set()

    async def finish(self, reason: str) -> None:
        """Nothing is noted."""
