"""What is still to do: requests wait here, in order, each once."""

from pathlib import Path

from scraper.frontier.description import Description, compare
from scraper.frontier.job import Job
from scraper.frontier.memory import MemoryFrontier, MemoryJob
from scraper.frontier.sqlite import SqliteFrontier
from scraper.protocols import Frontier
from scraper.settings import FrontierSettings


def open_job(
    settings: FrontierSettings, folder: Path, description: Description, *, fresh: bool = False
) -> Job | MemoryJob:
    """What `[frontier]` asks for: the job in `folder`, or one that is kept nowhere. Open it with `async with`."""
    if settings.store == "memory":
        return MemoryJob(settings.order)
    return Job(folder, description, order=settings.order, durability=settings.durability, fresh=fresh)


def open_frontier(settings: FrontierSettings) -> Frontier:
    """The frontier that `[frontier]` asks for."""
    return MemoryFrontier(settings.order)


__all__ = [
    "Description",
    "Job",
    "MemoryFrontier",
    "MemoryJob",
    "SqliteFrontier",
    "compare",
    "open_frontier",
    "open_job",
]
