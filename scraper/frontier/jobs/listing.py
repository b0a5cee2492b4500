"""What `scraper jobs` tells of job directories, also of one that is being crawled, and the way back for what failed."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from scraper.errors import REFUSALS, StorageError
from scraper.events import Statistics
from scraper.frontier.database import Batch, Failure, Store, Waiting
from scraper.frontier.jobs import crashes
from scraper.frontier.jobs.description import Description
from scraper.frontier.jobs.directory import LOCK
from scraper.frontier.jobs.integrity import FILE, UNFINISHED, Examined, damage_told, examined, explained
from scraper.frontier.jobs.lock import Lock, is_locked, owner
from scraper.frontier.order import rank
from scraper.frontier.serialization.checkpoints import encode, value
from scraper.frontier.serialization.requests import decoded
from scraper.secrets import masked


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as of its last commit. `state` is 'unfinished' or 'finished', `reason` for what it finished.

    `path` is its directory, or the URL of a store that machines share, without its secrets; then `machines` says how
    many processes are at work. `statistics` are None if nothing was committed yet. `waiting` and `failed` count
    requests, and those that were refused are among the failed. `problem` says in one line why the job cannot be read;
    then nothing else is known.
    """

    name: str
    path: Path | str
    description: Description = field(default_factory=Description)
    state: str = ""
    reason: str = ""
    statistics: Statistics | None = None
    waiting: int = 0
    failed: int = 0
    is_running: bool = False
    problem: str = ""
    machines: int = 0

    @property
    def spider(self) -> str:
        """The spider's name."""
        return self.description.spider


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that was refused or given up for `reason`; `url` is shown without its secrets."""

    number: int
    site: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A process that crawls a job together with others, by `number`: it owns `units`, of which some are `busy`.

    It `is_idle` if it could do more, and `is_collecting` if it writes the data files. `pages` are those it has fetched.
    """

    number: int
    units: int
    busy: int
    is_idle: bool
    is_collecting: bool
    pages: int


@dataclass(frozen=True, slots=True)
class JobDetails:
    """A job and what is in it: waiting and failed requests by site, failed ones by reason, and some of these.

    `at_work` are the machines that share it, as long as they crawl it.
    """

    job: JobState
    waiting: dict[str, int]
    failed: dict[str, int]
    reasons: dict[str, int]
    requests: tuple[FailedRequest, ...]
    at_work: tuple[Machine, ...] = ()


def list_jobs(folder: Path) -> list[JobState]:
    """The jobs in `folder`, by name; one that cannot be read says why."""
    if not folder.is_dir():
        return []
    with explained(folder):
        return [_listed(path.parent) for path in sorted(folder.glob(f"*/{FILE}"))]


def _listed(path: Path) -> JobState:
    try:
        with _opened(path) as (_, job):
            return job
    except StorageError as error:
        return JobState(path.name, path, problem=str(error))


def show(path: Path, *, reason: str | None = None, limit: int = 20, after: int = 0) -> JobDetails:
    """What is in the job directory `path`, with up to `limit` failed requests (of a `reason`) numbered above `after`.

    Raises `StorageError`, in one line that says what to do, if it is not a job, or damaged.
    """
    with _opened(path) as (store, job):
        store.check_types()
        requests = store.query(
            "SELECT number, site, url, reason FROM failed WHERE number > ? AND (?2 IS NULL OR reason = ?2) "
            "ORDER BY number LIMIT ?3",
            after, reason, limit,
        )  # fmt: skip
        return JobDetails(
            job=job,
            waiting=dict(store.query("SELECT site, count(*) FROM waiting GROUP BY site ORDER BY 2 DESC, 1")),
            failed=dict(store.query("SELECT site, count(*) FROM failed GROUP BY site ORDER BY 2 DESC, 1")),
            reasons=dict(store.query("SELECT reason, count(*) FROM failed GROUP BY reason ORDER BY 2 DESC, 1")),
            requests=tuple(FailedRequest(number, site, masked(url), reason) for number, site, url, reason in requests),
        )


def retry(path: Path, *, reason: str | None = None) -> int:
    """Put what failed (for `reason`) back among the waiting; how many requests that were.

    The job is unfinished then. Raises `StorageError` if it is being crawled, is no job, or cannot be written.
    """
    file = path / FILE
    examined(file, whole=False)
    with explained(path):
        lock = Lock(path / LOCK, path.name)
    try:
        order = examined(file).order
        with closing(Store(file, durability="power")) as store:
            failures = [each for each in store.failures() if reason is None or each[3] == reason]
            if not failures:
                return 0
            meta = store.meta()
            statistics = value(store, meta, "statistics", Statistics)
            rows = value(store, meta, "rows", int) + len(failures)
            notes = {
                "statistics": encode(_again(statistics, failures)),
                "rows": encode(rows),
                "state": encode((UNFINISHED, "")),
                crashes.KEY: encode({}),
            }
            waiting = [_waiting(store, each, order) for each in failures]
            store.write(Batch(waiting=waiting, retried=[each[0] for each in failures], meta=notes))
            return len(failures)
    finally:
        lock.release()


def stop(path: Path) -> int | None:
    """Tell the process that crawls a job to stop, as Ctrl-C does; its number, and None if there is none.

    Raises `StorageError` if it is not a process that can be told.
    """
    examined(path / FILE, whole=False)
    with explained(path):
        process = owner(path / LOCK)
    if process is not None:
        try:
            os.kill(process, signal.SIGINT)
        except ProcessLookupError:
            return None
        except OSError as error:
            raise StorageError(f"job {path}: process {process} cannot be told to stop: {error.strerror}") from None
    return process


def _waiting(store: Store, failure: Failure, order: str) -> Waiting:
    number, site, _, _, data, is_start = failure
    try:
        request = decoded(data)
    except StorageError as error:
        raise StorageError(f"{store.path}: {error}") from None
    high, place = rank("depth" if order == "depth" else "breadth", request.priority, number)
    methods = [None if each is None else str(each) for each in (request.callback, request.errback)]
    return (site, high, place, data, is_start, methods[0], methods[1])


def _again(statistics: Statistics, failures: list[Failure]) -> Statistics:
    """The counts with these requests waiting instead of refused or failed."""
    refused, failed = dict(statistics.refused), dict(statistics.failed)
    again = starts = 0
    for _, _, _, reason, _, is_start in failures:
        counts = refused if reason in _REFUSALS else failed
        if counts.get(reason, 0) > 0:
            counts[reason] -= 1
            again += 1
            starts += is_start
    return replace(
        statistics,
        waiting=statistics.waiting + again,
        refused={each: count for each, count in refused.items() if count},
        failed={each: count for each, count in failed.items() if count},
        start_urls_failed=max(0, statistics.start_urls_failed - starts),
    )


_REFUSALS = frozenset(str(each) for each in REFUSALS)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Store, JobState]]:
    """The file of a job, only to be read, and what it says of itself."""
    found = examined(path / FILE, whole=False)
    with damage_told(path / FILE), closing(Store(path / FILE, is_read_only=True)) as store:
        yield store, _state(path, store, found)


def _state(path: Path, store: Store, found: Examined) -> JobState:
    meta = store.meta()
    statistics = value(store, meta, "statistics", Statistics) if "statistics" in meta else None
    return JobState(
        name=path.name,
        path=path,
        description=found.description,
        state=found.state,
        reason=found.reason,
        statistics=statistics,
        waiting=value(store, meta, "rows", int) if "rows" in meta else 0,
        failed=next(store.query("SELECT count(*) FROM failed"))[0],
        is_running=is_locked(path / LOCK),
    )
