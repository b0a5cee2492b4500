"""Where `scraper jobs` finds jobs: in a folder of this machine, or on a server whose jobs machines share."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from scraper.cli.event_loop import runner
from scraper.cli.options import found_upward, loaded_from
from scraper.errors import StorageError
from scraper.secrets import masked_store
from scraper.views.formatting import plural

if TYPE_CHECKING:
    from scraper.frontier.jobs.listing import JobDetails, JobState
    from scraper.frontier.redis.jobs import RedisJobs

Answer = TypeVar("Answer")

STOPPING = "will stop once what is in flight is done; the same crawl command resumes it"
INTERRUPTED = "interrupted"  # see `crawling.result`, which is slow to import


class JobPlace(Protocol):
    """Jobs by name. Everything raises `StorageError`."""

    def name_of(self, folder: Path) -> str:
        """What the job of `--job DIR` is called here."""
        ...

    def names(self) -> Sequence[str]:
        """All names, sorted."""
        ...

    def states(self) -> Sequence["JobState"]:
        """How all jobs stand, by name."""
        ...

    def show(self, name: str, *, reason: str | None, limit: int) -> "JobDetails":
        """What is in a job."""
        ...

    def retry(self, name: str, *, reason: str | None) -> int:
        """Put what failed back among the waiting; how many requests that were."""
        ...

    def stop(self, name: str) -> str:
        """End the crawl of a job in good order; what is to be said."""
        ...


def job_place(config: Path | None, overrides: Sequence[str]) -> JobPlace:
    """Where the settings say that jobs are."""
    needs_file = config is None and found_upward() is not None
    settings = loaded_from(config, overrides, needs_file=needs_file).settings.frontier
    return Server(settings.store) if "://" in settings.store else Folder(Path(settings.jobs))


class Folder:
    """The job directories in a folder. Their names are relative to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def name_of(self, folder: Path) -> str:
        return str(folder.absolute())

    def names(self) -> Sequence[str]:
        return [each.name for each in self.states()]

    def states(self) -> Sequence["JobState"]:
        from scraper.frontier.jobs.listing import list_jobs

        return list_jobs(self._folder)

    def show(self, name: str, *, reason: str | None, limit: int) -> "JobDetails":
        from scraper.frontier.jobs.listing import show

        return show(self._path(name), reason=reason, limit=limit)

    def retry(self, name: str, *, reason: str | None) -> int:
        from scraper.frontier.jobs.listing import retry

        return retry(self._path(name), reason=reason)

    def stop(self, name: str) -> str:
        from scraper.frontier.jobs.listing import stop

        process = stop(self._path(name))
        return "no process crawls it" if process is None else f"process {process} {STOPPING}"

    def _path(self, name: str) -> Path:
        return self._folder / name


class Server:
    """The jobs on the server at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __str__(self) -> str:
        return masked_store(self._url)

    def name_of(self, folder: Path) -> str:
        return folder.name

    def names(self) -> Sequence[str]:
        return self._asked(lambda jobs: jobs.names())

    def states(self) -> Sequence["JobState"]:
        from scraper.machines.listing import list_jobs

        return self._asked(list_jobs)

    def show(self, name: str, *, reason: str | None, limit: int) -> "JobDetails":
        from scraper.machines.listing import show

        return self._asked(lambda jobs: show(jobs, name, reason=reason, limit=limit))

    def retry(self, name: str, *, reason: str | None) -> int:
        from scraper.machines.listing import retry

        return self._asked(lambda jobs: retry(jobs, name, reason=reason))

    def stop(self, name: str) -> str:
        from scraper.machines.listing import stop

        told = self._asked(lambda jobs: stop(jobs, name, INTERRUPTED))
        return f"{plural(told, 'machine')} {STOPPING}" if told else "no machine crawls it"

    def _asked(self, ask: "Callable[[RedisJobs], Awaitable[Answer]]") -> Answer:
        try:
            from scraper.frontier.redis.jobs import RedisJobs
        except ModuleNotFoundError as error:
            text = f"[frontier] store: {error.name} is not installed: pip install 'scraper[redis]'"
            raise StorageError(text) from None

        async def asked() -> Answer:
            async with RedisJobs(self._url) as jobs:
                return await ask(jobs)

        with runner() as running:
            return running.run(asked())
