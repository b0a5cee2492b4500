"""What a crawl needs to take part in a job that several machines share: which store, under which name, with what."""

from pathlib import Path

from scraper.errors import SettingsError, StorageError
from scraper.frontier.jobs.description import Description
from scraper.frontier.store import SharedStore
from scraper.machines.job import SharedJob
from scraper.settings.schema import FrontierSettings, NetworkSettings, Settings


def is_shared(settings: FrontierSettings) -> bool:
    """Whether the frontier is one that machines share."""
    return "://" in settings.store


def open_job(
    settings: Settings, folder: Path, description: Description, *, fresh: bool = False, again: bool = False
) -> SharedJob:
    """The job that `settings` ask for, named as `folder` is. Open it with `async with`. Raises as `check` does."""
    check(settings)
    frontier = settings.frontier
    return SharedJob(
        open_store(settings, folder.name),
        folder,
        description,
        order=frontier.order,
        lease=frontier.lease,
        fresh=fresh,
        again=again,
    )


def open_store(settings: Settings, job: str) -> SharedStore:
    """The store of a job. Raises `StorageError` if its library is not installed."""
    try:
        from scraper.frontier.redis.store import RedisStore
    except ModuleNotFoundError as error:
        raise StorageError(f"[frontier] store: {error.name} is not installed: pip install 'scraper[redis]'") from None
    frontier = settings.frontier
    return RedisStore(
        frontier.store, job, lease=frontier.lease, keep=frontier.keep, timeout=longest(settings.network)
    )


def check(settings: Settings) -> None:
    """Raises `SettingsError` for what machines cannot share."""
    if settings.frontier.recrawl != "never":
        raise SettingsError('[frontier] recrawl needs store = "sqlite": what pages were is not shared by machines')
    if not settings.sinks:
        raise SettingsError("[frontier] store: machines that share a job write to [[sinks]], and there are none")
    if any(sink.path == "-" for sink in settings.sinks):
        raise SettingsError("[[sinks]] path '-': machines that share a job write to a file")


def longest(settings: NetworkSettings) -> float:
    """The longest time that a request may be on the wire, in seconds."""
    return settings.timeout
