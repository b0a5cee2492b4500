"""A job directory: a crawl that the same command resumes, however it ended.

It holds `frontier.sqlite`, with the `-wal` and `-shm` files that SQLite keeps beside it, `lock`, and `running`, which
tells at which pages the process died (see `marks`). A job is unfinished until its crawl came to its end, and an
unfinished one is resumed. A finished one is started over, and so is any with `fresh`; the old file is there until the
new one is whole. A file that is not such a job's, or is damaged, is refused and left as it is.

A crawl that is refused leaves no job: a new directory in which nothing was discovered is removed again when its crawl
raises. Where that could not be done, as the process was killed, the job keeps no other crawl from beginning.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from scraper.errors import StorageError
from scraper.frontier.database import Batch, Durability, Store, create
from scraper.frontier.jobs import crashes
from scraper.frontier.jobs.description import Description, compare, edited
from scraper.frontier.jobs.integrity import FILE, FINISHED, UNFINISHED, Examined, damage_told, examined, explained
from scraper.frontier.jobs.lock import Lock
from scraper.frontier.order import Order
from scraper.frontier.serialization.checkpoints import encode, value
from scraper.frontier.sqlite import SqliteFrontier
from scraper.process import disk
from scraper.process.crash_marks import CrashMarks, marked
from scraper.protocols import Checkpoint

LOCK, NEW, RUNNING = "lock", "frontier.sqlite.new", "running"


class Job:
    """A job directory, locked while it is open.

    Opening raises `StorageError`, in one line that says what to do: if another process crawls the job, if it is one of
    another crawl, if its file is no job's or damaged, and if the folder cannot be written. With `begun_only` there must
    be an unfinished job to be gone on with; with `recrawl` a finished one is begun anew with what it kept of its pages.

    Afterwards `frontier` is what is to be crawled, `resumed` where the crawl stood, None if it begins, `changes` tells
    what differs from then without harm, and `edited` names the modules of the spider that have changed since. `died`
    are the labels of pages at which the process has died since, `crashes` counts those of all times, and `marks` are
    for the pages of this one.
    """

    frontier: SqliteFrontier
    marks: CrashMarks

    def __init__(  # noqa: PLR0913 -- ways to open it
        self,
        folder: Path,
        description: Description,
        *,
        order: Order = "breadth",
        durability: Durability = "process",
        fresh: bool = False,
        begun_only: bool = False,
        recrawl: bool = False,
    ) -> None:
        self.folder = folder
        self.description = description
        self.changes: tuple[str, ...] = ()
        self.edited: tuple[str, ...] = ()
        self.died: tuple[str, ...] = ()
        self.crashes: Mapping[str, int] = {}
        self._order = order
        self._durability = durability
        self._fresh = fresh
        self._begun_only = begun_only
        self._recrawl = recrawl
        self._is_new = False
        self._made: list[Path] = []

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        await self.frontier.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.frontier.__aexit__(kind, error, trace)
        finally:
            self.marks.close()
            if error is not None and self._is_new and not self.frontier.has_begun:
                self._remove()
            self._lock.release()

    @property
    def resumed(self) -> Checkpoint | None:
        """Where the crawl stood; None if it begins."""
        return self.frontier.resumed

    def methods(self) -> set[str]:
        """The methods of the spider that what waits is for."""
        return self.frontier.methods()

    async def finish(self, reason: str) -> None:
        """The crawl came to its end for `reason`. Raises `StorageError` if that cannot be written."""
        await self.frontier.note(state=encode((FINISHED, reason)))

    # In a thread.

    def _open(self) -> None:
        path = self.folder / FILE
        if self._begun_only and not os.path.lexists(path):
            raise StorageError(f"job {self.folder}: there is none")
        with explained(self.folder):
            self._made = [each for each in (self.folder, *self.folder.parents) if not each.exists()]
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = Lock(self.folder / LOCK, self.folder.name)
        try:
            found = examined(path) if os.path.lexists(path) else None
            has_begun = found is not None and (found.has_begun or bool(marked(self.folder / RUNNING)))
            if self._begun_only and found is not None and not (found.state == UNFINISHED and has_begun):
                what = "was never begun" if found.state == UNFINISHED else "came to its end already"
                raise StorageError(f"job {self.folder} {what}: nothing is left to be closed")
            if found is not None and found.state == UNFINISHED and not self._fresh and self._goes_on(found, has_begun):
                self.frontier = self._frontier(path, found)
            elif found is not None and self._recrawl and not self._fresh and self._is_same(found):
                self._renew(path)
                self.frontier = self._frontier(path, None)
            else:
                self._is_new = found is None
                self._begin(path, replaced=found is not None)
                self.frontier = self._frontier(path, None)
            with explained(self.folder):
                self.marks = CrashMarks(self.folder / RUNNING)
        except BaseException:
            if self._is_new:
                self._remove()
            self._lock.release()
            raise

    def _begin(self, path: Path, *, replaced: bool) -> None:
        """A new file, perhaps in the place of another. It gets its name when it is whole."""
        new = path.with_name(NEW)
        with explained(new):
            for each in (new, *_beside(new)):
                each.unlink(missing_ok=True)
            create(new, self._meta())
            if replaced:
                Store(path).close()  # which leaves no WAL that could be taken for one of the new file
            for each in _beside(path):
                each.unlink(missing_ok=True)
            if self._durability == "power":
                disk.sync(new)
            new.replace(path)
            if self._durability == "power":
                disk.sync(self.folder)

    def _is_same(self, found: Examined) -> bool:
        """Whether the job is one of the same crawl; where it writes to makes no difference."""
        return not compare(found.description, replace(self.description, sinks=found.description.sinks))[1]

    def _renew(self, path: Path) -> None:
        store = Store(path, durability=self._durability)
        try:
            meta = store.meta()
            store.renew(self._meta() | {"run": encode(value(store, meta, "run", int) + 1 if "run" in meta else 1)})
        finally:
            store.close()

    def _goes_on(self, found: Examined, has_begun: bool) -> bool:
        """Whether the job is gone on with. Raises `StorageError` if it is one of another crawl, which has begun."""
        harmless, harmful = compare(found.description, self.description)
        if harmful and not has_begun:
            return False
        if harmful:
            raise StorageError(
                f"job {self.folder} is unfinished and another crawl: {'; '.join(harmful)} "
                "(--fresh starts over, --job DIR keeps both)"
            )
        self.changes = tuple(harmless)
        self.edited = tuple(edited(found.description, self.description))
        self.description = replace(self.description, started=found.description.started)
        return True

    def _meta(self) -> dict[str, bytes]:
        meta = {"description": self.description, "order": self._order, "state": (UNFINISHED, "")}
        return {name: encode(each) for name, each in meta.items()}

    def _remove(self) -> None:
        """Leave nothing of a job that was made just now."""
        path = self.folder / FILE
        with suppress(OSError):  # which the next crawl can do without
            for each in (path, *_beside(path), self.folder / LOCK):
                each.unlink(missing_ok=True)
            for folder in self._made:
                folder.rmdir()

    def _frontier(self, path: Path, found: Examined | None) -> SqliteFrontier:
        """The frontier of a file, which is `found` to be gone on with, or new."""
        store = Store(path, durability=self._durability)
        try:
            if found is not None:
                store.write(Batch(order=self._order if self._order != found.order else None, meta=self._meta()))
                self.died = self._died()
                self.crashes = crashes.count(store, self.died)
            with damage_told(path):
                return SqliteFrontier(store, self._order, died=self.crashes)
        except BaseException:
            store.close()
            raise

    def _died(self) -> tuple[str, ...]:
        """The labels of what was being handled when an earlier process died; they are told once."""
        path = self.folder / RUNNING
        with explained(path):
            died = marked(path)
            path.unlink(missing_ok=True)
        return tuple(died)


def _beside(path: Path) -> tuple[Path, ...]:
    """The files that SQLite keeps beside a database."""
    return (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))
