"""One machine writes the data files of all: it takes the items from the store, in the order of their commits.

How far the files are is kept in the store, so another machine continues where this one stopped: at the same place of
the same files, if both share a folder, or from the beginning, as long as the store still has all items.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from scraper.errors import DropItem, StorageError
from scraper.events import Statistics
from scraper.frontier.serialization.checkpoints import encode
from scraper.frontier.shared import outbox
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.frontier.store import ITEMS, Collected, Held
from scraper.machines.begun_files import BegunFiles
from scraper.machines.totals import corrected
from scraper.pipelines import Unique
from scraper.protocols import LeaseLost, Position, Sink
from scraper.sinks.files.part import FileInUse

logger = logging.getLogger("scraper")

PAUSE = 0.2  # seconds after which it is looked whether there are more items
PATIENCE = 60.0  # seconds that another process may still be writing a data file
MOST = 4 * 1024 * 1024  # bytes of batches that are read at once
UNIQUE = "Unique"


class State(msgspec.Struct, frozen=True):
    """Where the files end, which machine they are on, and what became of items that are not in them."""

    positions: dict[str, Position] = msgspec.field(default_factory=dict)
    place: str = ""
    drops: dict[str, int] = msgspec.field(default_factory=dict)
    errors: int = 0


class Collector:
    """Writes items to the sinks that `make_sinks` makes for each try, if this machine has that role.

    Items that are equal to an earlier one in the fields `unique` are dropped. `begun` notes the files. `problem` is why
    this machine cannot write them, if it cannot; another one may be able to.
    """

    def __init__(
        self,
        frontier: SharedFrontier,
        make_sinks: Callable[[], Sequence[Sink]],
        unique: tuple[str, ...],
        begun: BegunFiles,
    ) -> None:
        self._frontier = frontier
        self._store = frontier.store
        self._make_sinks = make_sinks
        self._unique_names = unique
        self._begun = begun
        self._unique: Unique | None = None
        self._stack = AsyncExitStack()
        self._is_stopped = asyncio.Event()
        self._following = 0
        self._known = 0  # batches that the store knows to be in files, here or elsewhere
        self._drops: Counter[str] = Counter()
        self._errors = 0
        self._until: float | None = None  # if a file is in use: when that is a problem
        self.sinks: Sequence[Sink] = ()
        self.problem: StorageError | None = None

    @property
    def is_collecting(self) -> bool:
        """Whether this machine has the role, and its files are open."""
        return ITEMS in self._frontier.roles

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files, wherever they end: what the store was not told of is written again."""
        self._running.cancel()
        await asyncio.wait([self._running])
        await self._stack.aclose()

    async def stop(self) -> None:
        """Collect no more, once what is being written is in the files."""
        self._is_stopped.set()
        await self._running

    async def complete(self) -> None:
        """Write all that is left. Raises `StorageError`."""
        while await self._collect():
            pass

    async def _run(self) -> None:
        """Take the role as soon as it is free, and write what comes."""
        while self.problem is None and not self._is_stopped.is_set():
            try:
                if not self.is_collecting and self._frontier.news.free:
                    await self._begin()
                while self.is_collecting and await self._collect() and not self._is_stopped.is_set():
                    pass
            except LeaseLost as error:
                self._frontier.membership.fail(error)
                return
            except FileInUse as error:
                await self._wait_for_file(error)
            except StorageError as error:
                await self._give_up(error)
            await self._pause(PAUSE)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_stopped.wait()

    def corrected(self, statistics: Statistics) -> Statistics:
        """The counts of all machines, which have counted items before they were written."""
        return corrected(statistics, drops=self._drops, errors=self._errors)

    # The role.

    async def _begin(self) -> None:
        taken = await self._frontier.take_units(0, [ITEMS], pause=0.0)
        if not taken:
            return
        collected = await self._store.collected()
        state = _read(collected)
        self._known = collected.following
        try:
            await self._open(state.positions)
            self._recall(taken[0])
            self._following, self._drops, self._errors = collected.following, Counter(state.drops), state.errors
        except FileInUse:
            raise
        except StorageError as error:
            if collected.first > 0:
                where = f"the beginning of the data files is on {state.place} alone"
                raise StorageError(f"{where}, and not here: {error}") from None
            logger.info("the data files are written anew: they were begun on %s", state.place)
            self._unique = Unique(self._unique_names) if self._unique_names else None
            await self._open({})
            self._following, self._drops, self._errors = 0, Counter(), 0
        self._until = None

    async def _open(self, positions: dict[str, Position]) -> None:
        await self._stack.aclose()
        self.sinks = self._make_sinks()
        for sink in self.sinks:
            if (position := positions.get(sink.path)) is not None:
                sink.resume(position)
        for sink in self.sinks:
            await self._stack.enter_async_context(sink)
        await asyncio.to_thread(self._begun.note, self.sinks)

    def _recall(self, held: Held) -> None:
        self._unique = Unique(self._unique_names) if self._unique_names else None
        if self._unique is not None:
            self._unique.recall({key: True for part, key, _ in held.memory if part == UNIQUE})

    async def _give_up(self, error: StorageError) -> None:
        """Leave the role to another machine: what was not collected is in the store."""
        self.problem = error
        logger.error("the data files cannot be written here: %s", error)
        await self._leave_role()

    async def _leave_role(self) -> None:
        await self._stack.aclose()
        self._frontier.release_role(ITEMS)

    async def _wait_for_file(self, error: FileInUse) -> None:
        """Try again later, after the others: who wrote the files before may be about to close them."""
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + PATIENCE
            logger.warning("%s; trying again for %g s", error, PATIENCE)
        if now > self._until:
            await self._give_up(error)
        else:
            await self._leave_role()
            await self._pause(5 * PAUSE)

    # Items.

    async def _collect(self) -> bool:
        """Write what is in the store, and tell it how far the files are; whether there was anything."""
        async with self._frontier.membership.turn:
            batches = await self._store.batches(self._following, MOST)
        for batch in batches:
            items = [item for item in await asyncio.to_thread(outbox.opened, batch) if self._is_new(item)]
            for sink in self.sinks:
                await self._write(sink, items)
        if batches:
            self._following += len(batches)
            if self._following >= self._known:  # before, the files that are elsewhere have more
                await self._settle()
        return bool(batches)

    async def _write(self, sink: Sink, items: list[Any]) -> None:
        try:
            await sink.write(items)
        except StorageError as error:
            failures = getattr(error, "failures", None)
            if failures is None:
                raise
            self._errors += len(failures)
            for _, message in failures:
                logger.error("%s: %s", sink.path, message)

    def _is_new(self, item: Any) -> bool:
        if self._unique is None:
            return True
        try:
            self._unique.process(item)
        except DropItem as error:
            self._drops[str(error)] += 1
            return False
        self._unique.settle(self._unique.take_claims())
        return True

    async def _settle(self) -> None:
        positions = [await sink.sync() for sink in self.sinks]
        state = State({each.path: each for each in positions}, place(), dict(self._drops), self._errors)
        changes = self._unique.changes() if self._unique is not None else {}
        memory = [(UNIQUE, key, encode(value)) for key, value in changes.items()]
        async with self._frontier.membership.turn:
            await self._store.collect(self._following, encode(state), memory)


def place() -> str:
    """Where files that have no other folder are: this host, and the working directory."""
    return f"{socket.gethostname()}:{Path.cwd()}"


def _read(collected: Collected) -> State:
    if not collected.positions:
        return State()
    try:
        return msgspec.msgpack.decode(collected.positions, type=State)
    except msgspec.MsgspecError as error:
        raise StorageError(f"where the data files end cannot be read: {error}") from None
