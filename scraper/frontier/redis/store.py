"""A job in Redis that several machines share.

A worker is known by a random token. Each script compares it, and how many commits there were, and the run of the
server, before it does anything; if one of them differs, the worker starts over. See `frontier/store.py`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from secrets import token_bytes, token_hex
from typing import Any, TypeVar

import msgspec

from scraper.errors import StorageError
from scraper.frontier.redis import replies
from scraper.frontier.redis.connection import Connection, Refusal, Unanswered
from scraper.frontier.redis.errors import broken
from scraper.frontier.redis.layout import LAYOUT, arguments, bounds, memories, prefix, row
from scraper.frontier.redis.packing import packed
from scraper.frontier.redis.replies import Known
from scraper.frontier.seen import SALT
from scraper.frontier.store import Collected, Commit, Held, Joined, Look, Memory, News
from scraper.frontier.window import Row
from scraper.protocols import LeaseLost

Answer = TypeVar("Answer")


class Membership(msgspec.Struct):
    """What a worker is known by: its token, the run of the server, how many commits there were; and what it knows."""

    token: str
    run: bytes
    sequence: int = 0
    known: Known = msgspec.field(default_factory=Known)


class RedisStore:
    """The job `job` on the server at `url`. See `SharedStore` for what it promises.

    A worker's lease lasts `lease` seconds; a reply may take a quarter of that. `timeout` is the longest deadline of a
    request (seconds): so long a unit rests after its owner died. Items that are collected are kept as long as all
    together are not larger than `keep` bytes.
    """

    def __init__(self, url: str, job: str, *, lease: float, keep: int, timeout: float) -> None:
        self._connection = Connection(url, lease / 4)
        self._job = job
        self._prefix = prefix(job)
        self._limits = {
            "layout": LAYOUT,
            "lease": round(lease * 1000),
            "timeout": round(timeout * 1000),
            "keep": keep,
        }
        self._membership: Membership | None = None
        self._former = ""
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    # The job, and who works at it.

    async def look(self) -> Look | None:
        """The job as it is; None if there is none. Raises `StorageError`."""
        return await self._whole(self._look())

    async def join(self, description: bytes, *, replaces: bytes | None, fresh: bool) -> Joined:
        """Become a worker. Raises `StorageError`."""
        return await self._whole(self._join(description, replaces, fresh))

    async def refresh(self) -> None:
        """Refresh the lease. Raises `LeaseLost`."""
        await self._whole(self._ask("refresh"))

    async def leave(self) -> None:
        """Release all units, and be a worker no longer. Raises `LeaseLost`."""
        await self._whole(self._leave())

    async def close(self) -> None:
        """Close the connection, when what is under way has ended."""
        async with self._turn:
            self._lose()
            await self._connection.close()

    # Units.

    async def take(self, most: int, *, names: Sequence[str] = ()) -> list[Held]:
        """Become the owner of free units. Raises `LeaseLost`."""
        return await self._whole(self._take(most, names))

    async def read(self, unit: str, site: str, rank: tuple[int, int] | None, number: int) -> list[Row]:
        """Up to `number` rows of what waits for `site`, in order, from `rank` on. Raises `LeaseLost`."""
        low, high = bounds(site, rank)
        asked = self._ask("read", unit=unit, low=low, high=high, number=number)
        members = await self._whole(asked)
        return self._understood(f"w:{unit}", lambda: [row(each, site) for each in replies.values(members)])

    async def found(self, unit: str, number: int) -> list[bytes]:
        """Up to `number` of the oldest of what others have found for a unit. Raises `LeaseLost`."""
        return replies.values(await self._whole(self._ask("found", unit=unit, number=number)))

    async def commit(self, commit: Commit) -> News:
        """Write all of it or nothing, and refresh the lease. Raises `LeaseLost`."""
        return await self._whole(self._commit(arguments(commit)))

    # Items.

    async def collected(self) -> Collected:
        """How far the data files are. Raises `LeaseLost`."""
        return replies.collected(await self._whole(self._ask("collected")))

    async def batches(self, first: int, most_bytes: int) -> list[bytes]:
        """Batches of items from number `first` on. Raises `LeaseLost`, and `StorageError` if they are gone."""
        batches: list[bytes] = await self._whole(self._ask("batches", first=first, most=most_bytes))
        return batches

    async def collect(self, following: int, positions: bytes, memory: Sequence[Memory]) -> None:
        """All batches before `following` are written, and the files end at `positions`. Raises `LeaseLost`."""
        changed, forgotten = memories(memory)
        asked = self._ask("collect", following=following, positions=positions, memory=changed, forgotten=forgotten)
        await self._whole(asked)

    async def finish(self, outcome: bytes) -> None:
        """The job is over, and its files are whole. Raises `LeaseLost`."""
        await self._whole(self._ask("finish", outcome=outcome))

    # How each of these is done.

    async def _look(self) -> Look | None:
        was_open = self._connection.is_open
        if not was_open:
            await self._connection.open()
        try:
            reply = await self._run("look", {})
        except Unanswered:  # it writes nothing, so it may be sent again
            self._lose()
            if not was_open:
                raise
            return await self._look()
        return self._understood("meta", lambda: replies.look(reply))

    async def _join(self, description: bytes, replaces: bytes | None, fresh: bool) -> Joined:
        self._lose()
        await self._connection.open()
        token = token_hex(8)
        asked = {"token": token, "description": description, "fresh": fresh, "salt": token_bytes(SALT), "seen": 0}
        if replaces is not None:
            asked["replaces"] = replaces
        if self._former:
            asked["former"] = self._former
        reply = await self._run("join", asked)
        number, run, salt, memory, since, has_restarted, news = reply
        self._membership = membership = Membership(token, run)

        def joined() -> Joined:
            how = replies.news(news, membership.known, token.encode())
            return Joined(number, salt, replies.memories(memory), since, how)

        if has_restarted:
            await self._connection.renew_file()
        return self._understood("memory", joined)

    async def _leave(self) -> None:
        await self._ask("leave")
        self._membership, self._former = None, ""

    async def _take(self, most: int, names: Sequence[str]) -> list[Held]:
        return [await self._held(reply) for reply in await self._ask("take", most=most, names=list(names))]

    async def _held(self, reply: list[Any]) -> Held:
        name, _, _, parts, all_parts, *_ = reply
        more = []
        while parts < all_parts:  # there were too many for one reply
            seen, number = await self._ask("seen", unit=name, first=parts)
            if not number:
                raise broken(self._shown, f"{self._prefix}s:{name.decode()} has become shorter")
            more.append(seen)
            parts += number
        return self._understood(f" what belongs to unit {name.decode()}", lambda: replies.held(reply, more))

    async def _commit(self, asked: dict[str, Any]) -> News:
        reply = await self._ask("commit", **asked)
        membership = self._membership
        assert membership is not None
        membership.sequence += 1
        token = membership.token.encode()
        return self._understood("found", lambda: replies.news(reply, membership.known, token))

    # Scripts.

    async def _ask(self, name: str, **asked: Any) -> Any:
        """What a script answers this worker."""
        membership = self._membership
        if membership is None:
            raise LeaseLost(f"{self._shown}: this process is no worker of the job")
        known = {
            "token": membership.token,
            "run": membership.run,
            "sequence": membership.sequence,
            "seen": membership.known.change,
        }
        try:
            return await self._run(name, known | asked)
        except LeaseLost:
            self._lose()
            raise
        except Unanswered as error:
            self._lose()
            raise LeaseLost(f"{error}; what this worker did last may have been written or not") from None

    async def _run(self, name: str, asked: dict[str, Any]) -> Any:
        try:
            return await self._connection.run(name, f"{self._prefix}meta".encode(), packed(self._limits | asked))
        except Refusal as refusal:
            raise self._refused(refusal) from None

    def _lose(self) -> None:
        """Be a worker no longer, as far as is known here."""
        if self._membership is not None:
            self._former, self._membership = self._membership.token, None

    async def _whole(self, operation: Coroutine[Any, Any, Answer]) -> Answer:
        """Do one thing after the other, and each to its end, even if who asked for it is cancelled."""

        async def in_turn() -> Answer:
            async with self._turn:
                return await operation

        task = asyncio.create_task(in_turn())
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # which nobody may wait for any more

    # Errors.

    @property
    def _shown(self) -> str:
        return f"{self._connection.shown}: job {self._job}"

    def __str__(self) -> str:
        return self._shown

    def _understood(self, key: str, read: Callable[[], Answer]) -> Answer:
        try:
            return read()
        except (ValueError, TypeError) as error:
            raise broken(self._shown, f"{self._prefix}{key} is not as it was written") from error

    def _refused(self, refusal: Refusal) -> StorageError:
        match refusal.code:
            case "LOST":
                return LeaseLost(f"{self._shown}: {_lost(refusal.detail, self._limits['lease'] / 1000)}")
            case "BROKEN":
                return broken(self._shown, refusal.detail)
            case "NEWER":
                return StorageError(f"{self._shown} was begun by a newer version of scraper: update it on this machine")
        if refusal.code in _REFUSALS:
            return StorageError(f"{self._shown}: {_REFUSALS[refusal.code].format(refusal.detail)}")
        return StorageError(f"{self._shown} {_refused(refusal.detail)}")


_REFUSALS = {
    "FOREIGN": "{} was written by something else: choose another job name, or database",
    "TORN": "the server lost the end of its file and came back with half of a commit: start over with --fresh",
    "TRIMMED": "items before batch {} are not in Redis any more, only on the disk they were written to: resume there, "
    "or start over with --fresh",
}


def _lost(why: str, lease: float) -> str:
    match why.partition(" ")[0]:
        case "lease":
            return f"the lease of {lease:g} s ran out, and others may have this worker's sites"
        case "server":
            return "the server was restarted or replaced, and may have lost what it had acknowledged"
        case "commit":
            return "the last commit of this worker is not there"
    return f"{why.partition(' ')[2]} belongs to another worker"


def _refused(why: str) -> str:
    kind, _, number = why.partition(" ")
    match kind:
        case "workers":
            return f"has workers that are alive ({number}): stop them before you start over"
        case "items":
            return "has items that are not in the data files yet: they are to be collected before it is finished"
        case "gone":
            return "was deleted a moment ago: run the same command again"
    return "was changed by another worker a moment ago: run the same command again"
