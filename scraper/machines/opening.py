"""What a crawl needs to take part in a job that machines share: which store, and what it asks of the settings."""

from scraper.errors import SettingsError, StorageError
from scraper.frontier.shared.units import unit_of
from scraper.frontier.store import SharedStore
from scraper.settings.schema import NetworkSettings, Settings


def open_store(settings: Settings, job: str) -> SharedStore:
    """The store of a job. Raises as `check` does, and `StorageError` if its library is not installed."""
    check(settings)
    try:
        from scraper.frontier.redis.store import RedisStore
    except ModuleNotFoundError as error:
        raise StorageError(f"[frontier] store: {error.name} is not installed: pip install 'scraper[redis]'") from None
    frontier = settings.frontier
    return RedisStore(frontier.store, job, lease=frontier.lease, keep=frontier.keep, timeout=longest(settings.network))


def check(settings: Settings) -> None:
    """Raises `SettingsError` for what machines cannot share."""
    _check_lanes(settings)
    if settings.frontier.recrawl != "never":
        raise SettingsError('[frontier] recrawl needs store = "sqlite": what pages were is not shared by machines')
    if not settings.sinks:
        raise SettingsError("[frontier] store: machines that share a job write to [[sinks]], and there are none")
    if any(sink.path == "-" for sink in settings.sinks):
        raise SettingsError("[[sinks]] path '-': machines that share a job write to a file")


def _check_lanes(settings: Settings) -> None:
    for name, number in settings.frontier.lanes.items():
        what = f"[frontier] lanes: {name!r}"
        if (domain := unit_of(name)) != name:
            raise SettingsError(f"{what} is no registrable domain: name {domain!r}, with all its hosts")
        if number > settings.limits.per_host:
            raise SettingsError(f"{what} has {number} lanes, more than [limits] per_host = {settings.limits.per_host}")
    if settings.frontier.lanes and settings.limits.max_per_host:
        raise SettingsError("[frontier] lanes cannot share a budget: leave out [limits] max_per_host, or the lanes")


def longest(settings: NetworkSettings) -> float:
    """The longest time that a request may be on the wire, in seconds."""
    return settings.timeout
