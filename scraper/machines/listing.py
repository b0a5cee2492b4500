"""What `scraper jobs` tells of jobs that machines share, also while they are crawled, and the way back for what failed.

See `frontier.jobs.listing` for jobs in folders: these functions promise the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from heapq import nsmallest
from typing import Any, TypeVar

import msgspec

from scraper.errors import REFUSALS, StorageError
from scraper.events import Statistics
from scraper.frontier.jobs.description import ORDER, Description
from scraper.frontier.jobs.integrity import FINISHED, UNFINISHED
from scraper.frontier.jobs.listing import FailedRequest, JobDetails, JobState, Machine
from scraper.frontier.order import Rank, rank
from scraper.frontier.redis.jobs import PIECE, Failure, Record, RedisJobs, Survey, crawled_by
from scraper.frontier.serialization.checkpoints import encode
from scraper.frontier.shared import found
from scraper.frontier.shared.units import site_of
from scraper.http.request import Request
from scraper.machines.collector import State
from scraper.machines.job import CRASHES
from scraper.machines.totals import corrected, whole
from scraper.process.crash_marks import label
from scraper.secrets import masked

Kind = TypeVar("Kind")

TRIES = 5  # to put failed requests back, while others do so too
_REFUSALS = frozenset(str(each) for each in REFUSALS)


class _Ended(msgspec.Struct, frozen=True):
    """What is told of the outcome of a job."""

    reason: str


async def list_jobs(jobs: RedisJobs) -> list[JobState]:
    """The jobs on a server, by name; one that cannot be read says why."""
    listed = [await _listed(jobs, name) for name in await jobs.names()]
    return [each for each in listed if each is not None]


async def _listed(jobs: RedisJobs, name: str) -> JobState | None:
    try:
        survey = await jobs.survey(name)
        return None if survey is None else _state(jobs, name, survey)
    except StorageError as error:
        return JobState(name, str(jobs), problem=str(error))


async def show(jobs: RedisJobs, name: str, *, reason: str | None = None, limit: int = 20) -> JobDetails:
    """What is in a job, with up to `limit` failed requests (of a `reason`), the first that were found.

    Of the sites for which requests wait only those are told that have most, and all is as of the moment it was read.
    """
    survey = await _survey(jobs, name)
    state = _state(jobs, name, survey)
    waiting, sites, reasons = Counter[str](), Counter[str](), Counter[str]()
    for queue, number in (await jobs.sites(name)).items():
        waiting[site_of(queue)] += number
    first: list[Failure] = []
    async for failure in jobs.failures(name):
        sites[site_of(failure.site)] += 1
        reasons[failure.reason] += 1
        if limit and reason in {None, failure.reason}:
            first.append(failure)
        if len(first) > 2 * limit:
            first = nsmallest(limit, first, key=_number)
    return JobDetails(
        job=state,
        waiting=_ranked(waiting),
        failed=_ranked(sites),
        reasons=_ranked(reasons),
        requests=tuple(
            FailedRequest(each.number, site_of(each.site), masked(each.url), each.reason)
            for each in nsmallest(limit, first, key=_number)
        ),
        at_work=_machines(jobs, name, survey),
    )


async def retry(jobs: RedisJobs, name: str, *, reason: str | None = None) -> int:
    """Put what failed (for `reason`) back among the waiting; how many requests that were.

    The job is unfinished then. Raises `StorageError` if a machine crawls it, or begins to: what was put back until
    then waits.
    """
    survey = await _survey(jobs, name)
    if survey.workers:
        raise StorageError(f"{jobs.shown(name)} {crawled_by(len(survey.workers), name)}")
    order = _described(jobs, name, survey).settings.get(ORDER, "breadth")
    numbers = sorted([each.number async for each in jobs.failures(name) if reason in {None, each.reason}])
    put_back = 0
    for start in range(0, len(numbers), PIECE):
        records = await jobs.records(name, numbers[start : start + PIECE])
        survey = await _put_back(jobs, name, survey, records, order)
        put_back += len(records)
    return put_back


async def stop(jobs: RedisJobs, name: str, reason: str) -> int:
    """Tell all machines to stop, in good order; how many they are."""
    told = await jobs.stop(name, reason)
    if told is None:
        raise _missing(jobs, name)
    return told


async def _put_back(jobs: RedisJobs, name: str, survey: Survey, records: list[Record], order: str) -> Survey:
    """Have `records` wait again, with counts that say so; the job as it is then."""
    requests = [_request(jobs, name, each) for each in records]
    rows = [(each, _rank(order, request, each)) for each, request in zip(records, requests, strict=True)]
    statistics = again(_statistics(jobs, name, survey), records)
    return await jobs.retry(
        name,
        survey,
        rows,
        {token: encode(each) for token, each in statistics.items()},
        [(CRASHES, label(each)) for each in requests],
    )


def _rank(order: str, request: Request, record: Record) -> Rank:
    return rank("depth" if order == "depth" else "breadth", request.priority, record.number)


def _request(jobs: RedisJobs, name: str, record: Record) -> Request:
    try:
        return found.read(record.request).request
    except StorageError as error:
        raise StorageError(f"{jobs.shown(name)}: {error}") from None


def again(parts: Mapping[bytes, Statistics], records: Iterable[Record]) -> dict[bytes, Statistics]:
    """The counts of those workers that change if `records` wait, instead of being refused or failed.

    Nobody knows which worker has counted which of them: any will do, as they are only looked at together.
    """
    left, starts = Counter[str](), 0
    for each in records:
        left[each.reason] += 1
        starts += each.is_start
    changed = {}
    for token, counted in parts.items():
        refused, failed = dict(counted.refused), dict(counted.failed)
        for reason in left:
            counts = refused if reason in _REFUSALS else failed
            taken = min(left[reason], counts.get(reason, 0))
            left[reason] -= taken
            counts[reason] = counts.get(reason, 0) - taken
        taken = min(starts, counted.start_urls_failed)
        starts -= taken
        now = replace(
            counted,
            refused={reason: count for reason, count in refused.items() if count},
            failed={reason: count for reason, count in failed.items() if count},
            start_urls_failed=counted.start_urls_failed - taken,
        )
        if now != counted:
            changed[token] = now
    return changed


# What a survey tells.


async def _survey(jobs: RedisJobs, name: str) -> Survey:
    survey = await jobs.survey(name)
    if survey is None:
        raise _missing(jobs, name)
    return survey


def _missing(jobs: RedisJobs, name: str) -> StorageError:
    return StorageError(f"{jobs.shown(name)}: there is none")


def _state(jobs: RedisJobs, name: str, survey: Survey) -> JobState:
    ended = survey.outcome
    machines = len(survey.workers)
    return JobState(
        name=name,
        path=str(jobs),
        description=_described(jobs, name, survey),
        state=UNFINISHED if ended is None else FINISHED,
        reason="" if ended is None else _decoded(jobs, name, "how it ended", ended, _Ended).reason,
        statistics=(statistics := _total(jobs, name, survey)),
        waiting=statistics.waiting if statistics is not None else 0,
        failed=survey.failed,
        is_running=machines > 0,
        machines=machines,
    )


def _described(jobs: RedisJobs, name: str, survey: Survey) -> Description:
    return _decoded(jobs, name, "its description", survey.description, Description)


def _total(jobs: RedisJobs, name: str, survey: Survey) -> Statistics | None:
    parts = _statistics(jobs, name, survey)
    if not parts:
        return None
    state = _decoded(jobs, name, "where its files end", survey.positions, State) if survey.positions else State()
    return corrected(whole(parts.values()), drops=state.drops, errors=state.errors)


def _statistics(jobs: RedisJobs, name: str, survey: Survey) -> dict[bytes, Statistics]:
    return {
        token: _decoded(jobs, name, "its statistics", data, Statistics)
        for token, data in survey.statistics.items()
        if data
    }


def _machines(jobs: RedisJobs, name: str, survey: Survey) -> tuple[Machine, ...]:
    counted = _statistics(jobs, name, survey)
    return tuple(
        Machine(
            number=each.number,
            units=each.units,
            busy=each.busy,
            is_idle=each.is_idle,
            is_collecting=each.is_collecting,
            pages=counted.get(each.token, Statistics()).fetched,
        )
        for each in sorted(survey.workers, key=_number)
    )


def _decoded(jobs: RedisJobs, name: str, what: str, data: bytes, kind: type[Kind]) -> Kind:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise StorageError(f"{jobs.shown(name)}: {what} cannot be read: {error}") from None


def _number(numbered: Any) -> int:
    number: int = numbered.number
    return number


def _ranked(counts: Counter[str]) -> dict[str, int]:
    """The greatest first."""
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
