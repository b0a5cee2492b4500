"""What is still to do: requests wait here, in order, each once."""

from pathlib import Path

from scraper.errors import StorageError
from scraper.frontier.jobs.description import Description, compare
from scraper.frontier.jobs.directory import Job
from scraper.frontier.memory import MemoryFrontier, MemoryJob
from scraper.frontier.sqlite import SqliteFrontier
from scraper.settings.schema import FrontierSettings


def is_shared(settings: FrontierSettings) -> bool:
    """Whether what is to do is in a store that machines share: see `machines.opening`."""
    return "://" in settings.store


def open_job(
    settings: FrontierSettings,
    folder: Path | None,
    description: Description,
    *,
    fresh: bool = False,
    begun_only: bool = False,
) -> Job | MemoryJob:
    """What `[frontier]` asks for: the job in `folder`, or one that is kept nowhere. Open it with `async with`.

    Raises `StorageError` if there cannot be one that was begun, `begun_only`.
    """
    if folder is None or settings.store == "memory":
        if begun_only:
            raise StorageError(f"{description.spider} keeps no job, so there is nothing to go on with")
        return MemoryJob(description, settings.order)
    return Job(
        folder,
        description,
        order=settings.order,
        durability=settings.durability,
        fresh=fresh,
        begun_only=begun_only,
        recrawl=settings.recrawl == "changed",
    )


__all__ = ["Description", "Job", "MemoryFrontier", "MemoryJob", "SqliteFrontier", "compare", "is_shared", "open_job"]
