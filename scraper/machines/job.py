"""A job that several machines crawl together: how one of them joins it, and leaves it.

What is this machine's own is in a folder: a lock, so that each process on it has another folder, and `running`, which
tells at which pages a process died (see `process.crash_marks`).
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import localtime, strftime
from types import TracebackType
from typing import Literal, Self

import msgspec

from scraper.errors import StorageError
from scraper.frontier.jobs.description import Description, compare, edited
from scraper.frontier.jobs.lock import Lock
from scraper.frontier.serialization.checkpoints import encode
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.frontier.shared.units import Lanes
from scraper.frontier.store import Joined, Look, SharedStore, machines
from scraper.machines.begun_files import BegunFiles
from scraper.process.crash_marks import CrashMarks, marked
from scraper.protocols import Checkpoint, LeaseLost
from scraper.settings.schema import FrontierSettings

logger = logging.getLogger("scraper")

LATELY = 300.0  # seconds after the end of a crawl, in which a machine that comes may have been meant to join it
LOCK, RUNNING, BEGUN = "lock", "running", "begun"
MOST_WORKERS = 1000  # of one job, on one machine
CRASHES = "crashes"
Begin = Literal["if needed", "always", "never"]
OWN_SETTINGS = ("engine.concurrency", "engine.processes")
"""What each machine may have otherwise."""


class Ended(Exception):  # noqa: N818 -- nothing went wrong
    """The job was finished by others while this machine had lost it; `outcome` is what became of it."""

    def __init__(self, outcome: bytes) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class SharedJob:
    """A job in `store`, joined while it is open; `folder` is for what is this machine's own.

    It is begun if there is none, or none that is unfinished; or `always`, or `never`.
    Opening raises `StorageError`, in one line that says what to do, if the job is one of another crawl, or crawled
    with other code or settings by the machines that are at work; and `Ended`.
    See `frontier.jobs.directory.Job` for the names.
    """

    resumed: Checkpoint | None = None
    frontier: SharedFrontier
    marks: CrashMarks

    def __init__(
        self,
        store: SharedStore,
        folder: Path,
        description: Description,
        *,
        settings: FrontierSettings,
        lanes: Lanes,
        begin: Begin = "if needed",
    ) -> None:
        self.store = store
        self.folder = folder
        self.description = description
        self.changes: tuple[str, ...] = ()
        self.edited: tuple[str, ...] = ()
        self.died: tuple[str, ...] = ()
        self.crashes: Mapping[str, int] = {}
        self.begun = BegunFiles(folder / BEGUN)
        self._settings = settings
        self._lanes = lanes
        self._begin = begin

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._lock)
        try:
            look = await self.store.look()
            joined = await self._join(look)
            self.died = tuple(marked(self._own / RUNNING))
            crashes = Counter({key: int.from_bytes(value) for part, key, value in joined.memory if part == CRASHES})
            crashes.update(self.died)
            self.crashes = crashes
            self.frontier = SharedFrontier(
                self.store,
                joined,
                lanes=self._lanes,
                settings=self._settings,
                died=self.died,
                clock=time.monotonic,
            )
            self.frontier.keep([(CRASHES, each, crashes[each].to_bytes(4)) for each in self.died])
            self.marks = CrashMarks(self._own / RUNNING)
            await self.frontier.__aenter__()
        except BaseException:
            await self.store.close()
            self._held.release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the job: what was committed is for the others, or for who resumes it."""
        try:
            await self.frontier.__aexit__(kind, error, trace)
            with suppress(LeaseLost):
                await self.store.leave()
        finally:
            await self.store.close()
            self.marks.close()
            self._held.release()

    async def finish(self, outcome: bytes) -> None:
        """The crawl came to its end on all machines. Raises `LeaseLost`."""
        await self.store.finish(outcome)

    def methods(self) -> set[str]:
        """The methods that what waits is for are those of a spider with the same code."""
        return set()

    # In a thread.

    def _lock(self) -> None:
        """Find a folder that no other process has."""
        for number in range(1, MOST_WORKERS):
            folder = self.folder / str(number)
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._held = Lock(folder / LOCK, self.folder.name)
            except OSError as error:
                raise StorageError(f"{error.filename or folder} cannot be used: {error.strerror or error}") from error
            except StorageError:
                continue
            self._own = folder
            return
        raise StorageError(f"{self.folder}: {MOST_WORKERS} processes crawl this job here already")

    # Joining.

    async def _join(self, look: Look | None) -> Joined:
        if look is None:
            return await self.store.join(self._described(), replaces=None, fresh=False)
        if look.ended is not None and (self._begin == "never" or (look.workers and self._begin != "always")):
            raise Ended(look.ended)
        fresh = self._begin == "always" or look.ended is not None
        self._check(look, fresh=fresh)
        if not fresh:
            self._compare(look)
        elif self._begin != "always":
            self._tell_of_the_end(look.ago)
        return await self.store.join(self._described(), replaces=look.description, fresh=fresh)

    def _check(self, look: Look, *, fresh: bool) -> None:
        """Refuse to disturb those who are at work, and to join those who are about to leave."""
        who = machines(look.workers)
        if look.workers and look.ended is not None:
            raise StorageError(f"{self.store} has just ended, and {who} will leave it in a moment: try again then")
        if look.workers and fresh:
            remedy = "join without --fresh, or stop it first with `scraper jobs stop`"
            raise StorageError(f"{self.store} is being crawled by {who}: {remedy}")
        if look.workers and look.stop and self._begin != "never":
            remedy = "the same command resumes it once they have left"
            raise StorageError(f"{self.store} was told to stop ({look.stop}), and {who} will leave it: {remedy}")

    def _tell_of_the_end(self, ago: float) -> None:
        """Say that this is another crawl, since it may have been meant to join the one that has ended."""
        level = logging.WARNING if ago < LATELY else logging.INFO
        ended = strftime("%Y-%m-%d %H:%M:%S", localtime(time.time() - ago))
        logger.log(level, "%s ended at %s: this begins a new crawl", self.store, ended)

    def _compare(self, look: Look) -> None:
        """Raises `StorageError` if the job is another crawl's, or is crawled otherwise by other machines now."""
        try:
            there = msgspec.msgpack.decode(look.description, type=Description)
        except msgspec.MsgspecError as error:
            raise StorageError(f"{self.store}: its description cannot be read: {error}") from None
        here = replace(
            self.description,
            settings={
                key: there.settings.get(key, value) if key in OWN_SETTINGS else value
                for key, value in self.description.settings.items()
            },
        )
        harmless, harmful = compare(there, here)
        modules = edited(there, here)
        if look.workers:
            harmful += harmless + [f"the code of {each} is another" for each in modules]
        if harmful and (look.has_begun or look.workers):
            others = f"{machines(look.workers)} {'crawls' if look.workers == 1 else 'crawl'} it"
            who = others if look.workers else "it is unfinished"
            raise StorageError(
                f"{self.store} is another crawl, and {who}: {'; '.join(harmful)} "
                "(use the same code and settings, or --job NAME to begin a separate job)"
            )
        self.changes, self.edited = tuple(harmless), tuple(modules)
        self.description = replace(here, started=there.started)

    def _described(self) -> bytes:
        return encode(self.description)
