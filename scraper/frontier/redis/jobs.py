"""The jobs on a Redis, for who does not crawl them: how they stand, what failed in them, and the way back for that.

To look at a job writes nothing, and its machines are not disturbed. What may be much is read in pieces.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from scraper.errors import StorageError
from scraper.frontier.redis.connection import Connection, Refusal
from scraper.frontier.redis.errors import broken
from scraper.frontier.redis.layout import LAYOUT, member, prefix
from scraper.frontier.redis.packing import packed
from scraper.frontier.shared.units import unit_of
from scraper.frontier.store import machines

Answer = TypeVar("Answer")

TIMEOUT = 10.0  # seconds that a reply may take
KEYS = 5000  # that are looked at by one script
PIECE = 500  # failed requests that one script reads, or puts back
SITES = 1000  # of which it is told how many requests wait

_BEGIN, _END = prefix("\0").encode().split(b"\0")
_END += b"meta"


class Worker(msgspec.Struct, frozen=True):
    """A process that crawls a job: how many `units` it owns, and how many of them are `busy`, with something to do."""

    token: bytes
    number: int
    units: int
    busy: int
    is_idle: bool
    is_collecting: bool


class Survey(msgspec.Struct, frozen=True):
    """A job as it was at one moment. `statistics` are those of all workers that ever were, by token.

    `outcome` is what became of it, None if it is unfinished; `positions` tell how far the data files are. `failed`
    counts requests. A later change of the counts has another number than `changes`, or `run`.
    """

    description: bytes
    outcome: bytes | None
    positions: bytes
    failed: int
    workers: Sequence[Worker]
    statistics: dict[bytes, bytes]
    changes: int
    run: bytes


class Failure(msgspec.Struct, frozen=True):
    """A request that failed."""

    number: int
    site: str
    url: str
    reason: str


class Record(msgspec.Struct, frozen=True, array_like=True):
    """A request that failed, with all that is needed to try again: see `frontier.store.Unit`."""

    number: int
    site: str
    url: str
    reason: str
    request: bytes
    is_start: bool


class RedisJobs:
    """The jobs on the server at `url`. Everything raises `StorageError`, in one line that says what to do."""

    def __init__(self, url: str) -> None:
        self._connection = Connection(url, TIMEOUT)

    async def __aenter__(self) -> Self:
        await self._connection.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    def __str__(self) -> str:
        return self._connection.shown

    def shown(self, job: str) -> str:
        """A job, as errors name it."""
        return f"{self}: job {job}"

    async def names(self) -> list[str]:
        """The names of all jobs, sorted."""
        found: set[str] = set()
        cursor = b"0"
        while True:
            cursor, keys = await self._run("names", "", cursor=cursor, most=KEYS)
            found.update(key[len(_BEGIN) : -len(_END)].decode(errors="replace") for key in keys)
            if cursor == b"0":
                return sorted(found)

    async def survey(self, job: str) -> Survey | None:
        """The job as it is; None if there is none."""
        reply = await self._run("survey", job)
        return None if reply is None else self._understood(job, lambda: _survey(reply))

    async def sites(self, job: str) -> dict[str, int]:
        """How many requests wait, by queue: those where most do, `SITES` of them."""
        reply = await self._run("sites", job, most=SITES)
        waiting = self._understood(job, lambda: {site.decode(): number for site, number in _pairs(reply)})
        return dict(sorted(waiting.items(), key=lambda each: (-each[1], each[0])))

    async def failures(self, job: str) -> AsyncIterator[Failure]:
        """What failed, in no order, each once."""
        seen: set[int] = set()
        cursor = b"0"
        while True:
            cursor, reply = await self._run("failures", job, cursor=cursor, most=PIECE)
            for failure in self._understood(job, partial(_failures, reply)):
                if failure.number not in seen:
                    seen.add(failure.number)
                    yield failure
            if cursor == b"0":
                return

    async def records(self, job: str, numbers: Sequence[int]) -> list[Record]:
        """What failed, by number, as far as it is still there."""
        found = await self._run("failed", job, numbers=[b"%d" % number for number in numbers])
        decode = msgspec.msgpack.Decoder(Record).decode
        return self._understood(job, lambda: [decode(each) for each in found if each is not None])

    async def retry(
        self,
        job: str,
        survey: Survey,
        records: Sequence[tuple[Record, tuple[int, int]]],
        statistics: dict[bytes, bytes],
        forgotten: Sequence[tuple[str, str]],
    ) -> Survey:
        """Put what failed back among the waiting, each with its rank; the job is unfinished then.

        `statistics` of workers are replaced, and what belongs to no unit, by part and key, is `forgotten`. Raises
        `StorageError` if the job is not as in `survey`; else it is as in the survey that is returned.
        """
        change = await self._run(
            "retry",
            job,
            token="",
            changes=survey.changes,
            run=survey.run,
            failures=[
                (
                    b"%d" % each.number,
                    unit_of(each.site),
                    member(each.site, *rank, each.request, each.is_start),
                )
                for each, rank in records
            ],
            statistics=[value for pair in statistics.items() for value in pair],
            forgotten=[f"{part}\0{key}" for part, key in forgotten],
        )
        return msgspec.structs.replace(survey, changes=change, statistics=survey.statistics | statistics)

    async def stop(self, job: str, reason: str) -> int | None:
        """Tell all workers to stop, in good order; how many they are, None if there is no such job."""
        told: int | None = await self._run("stop", job, reason=reason)
        return told

    async def _run(self, name: str, job: str, **asked: Any) -> Any:
        key = f"{prefix(job)}meta".encode()
        try:
            return await self._connection.run(name, key, packed({"layout": LAYOUT, **asked}))
        except Refusal as refusal:
            raise self._refused(job, refusal) from None

    def _understood(self, job: str, read: Callable[[], Answer]) -> Answer:
        try:
            return read()
        except (ValueError, TypeError) as error:
            raise broken(self.shown(job), f"what is there is not as it was written ({error})") from None

    def _refused(self, job: str, refusal: Refusal) -> StorageError:
        match refusal.code, refusal.detail.partition(" "):
            case "NEWER", _:
                text = "was begun by a newer version of scraper: update it on this machine"
                return StorageError(f"{self.shown(job)} {text}")
            case "FOREIGN", _:
                return StorageError(f"{self.shown(job)}: {refusal.detail} was written by something else")
            case "REFUSED", ("workers", _, number):
                return StorageError(f"{self.shown(job)} {crawled_by(int(number), job)}")
            case "REFUSED", _:
                return StorageError(f"{self.shown(job)} was changed a moment ago: run the same command again")
        return broken(self.shown(job), refusal.detail)


def crawled_by(number: int, job: str) -> str:
    """Why a job is left as it is."""
    return f"is being crawled by {machines(number)}: stop it first with `scraper jobs stop {job}`"


def _survey(reply: list[Any]) -> Survey:
    description, outcome, positions, failed, workers, statistics, changes, run = reply
    return Survey(
        description=description,
        outcome=outcome,
        positions=positions,
        failed=failed,
        workers=[_worker(*each) for each in workers],
        statistics=dict(_pairs(statistics)),
        changes=changes,
        run=run,
    )


def _worker(token: bytes, number: int, units: int, busy: int, is_idle: int, is_collecting: int) -> Worker:
    return Worker(token, number, units, busy, bool(is_idle), bool(is_collecting))


def _failures(reply: list[Any]) -> list[Failure]:
    return [Failure(int(field), site.decode(), url.decode(), reason.decode()) for field, site, url, reason in reply]


def _pairs(reply: list[Any]) -> Iterator[tuple[Any, Any]]:
    """What a list has by turns."""
    values = iter(reply)
    return zip(values, values, strict=True)
