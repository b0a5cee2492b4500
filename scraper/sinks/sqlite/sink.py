"""The sink that writes an SQLite database: items are rows, and every `sync()` is a transaction.

The database is called NAME.part until it is whole, and is in write-ahead mode, so that others may read it. The
crawl remembers the number of the last row of each table; a transaction may have come after that, and so rows with
higher numbers are deleted when the crawl goes on. `PRAGMA user_version` is a number drawn for the crawl, by which
its database is known again. A finished database is one file, in the mode (DELETE) that every reader understands.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from logging import getLogger
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from scraper.errors import StorageError
from scraper.protocols import Position
from scraper.sinks.files import part
from scraper.sinks.files.part import FileInUse
from scraper.sinks.files.previous import Previous, previous
from scraper.sinks.files.sink import UnwritableItems
from scraper.sinks.formats.values import problem
from scraper.sinks.sqlite.database import Database
from scraper.sinks.sqlite.tables import Statement, Tables

PIECE = 128 * 1024
"""About so many bytes of rows are worth a turn of the thread."""
MOST_TURNS = 8
"""So many turns may be waiting before callers wait."""

T = TypeVar("T")

logger = getLogger(__name__)


class SqliteFile:
    """Items as rows of a database; only items of the classes named in `classes`, if any are.

    `items` is how many it took. The database has a thread of its own. If it is `durable`, what was synced is on
    the disk, and not only with the operating system.
    """

    is_exact = True

    def __init__(
        self,
        path: str,
        tables: Tables,
        *,
        classes: Sequence[str] = (),
        mode: Literal["replace", "append", "upsert"] = "replace",
        durable: bool = False,
        is_always_published: bool = False,
    ) -> None:
        self.items = 0
        self.name = path
        self.is_always_published = is_always_published
        self.kept: tuple[str, ...] = ()  # tables of the file before that this crawl did not write
        self.path = path
        self._tables = tables
        self._classes = frozenset(classes)
        self._mode = mode
        self._database = Database(os.path.realpath(path), mode=mode, key=tables.key, durable=durable)
        self._thread: ThreadPoolExecutor | None = None
        self._position: Position | None = None
        self._statements: list[Statement] = []
        self._weight = 0
        self._turns: deque[asyncio.Future[Any]] = deque()
        self._problem = ""

    @property
    def bytes(self) -> int:
        """How large the database is, as far as it has been synced."""
        return self._database.bytes

    def resume(self, position: Position) -> None:
        """To be opened at `position`, which an earlier process came to: what follows it is cut off.

        Opening raises `StorageError` if what stands before it is not there.
        """
        self._position = position

    async def write(self, items: Sequence[Any]) -> None:
        """Take `items`; waits while too much of what was taken is not yet written.

        Raises `UnwritableItems` if some of them cannot be written, after the others were taken, and `StorageError`
        if the database cannot be written.
        """
        self._check()
        failures: list[tuple[Any, str]] = []
        for each in items:
            if self._classes and type(each).__name__ not in self._classes:
                continue
            try:
                self._weight += self._tables.add(each, self._statements)
                self.items += 1
            except Exception as error:  # an item's own code may raise anything
                failures.append((each, problem(each, error)))
        if self._weight >= PIECE:
            self._hand_over()
        while len(self._turns) > MOST_TURNS:
            await asyncio.wait((self._turns[0],))
            self._check()
        if failures:
            raise UnwritableItems(self.name, failures)

    async def sync(self) -> Position:
        """Commit all that was taken until now; the last row of each table then."""
        self._check()
        items, rows = self.items, self._tables.rows
        self._hand_over()
        size, sums = await self._wait(self._turn(lambda: self._database.commit(rows)))
        state = {"mark": self._database.mark, "rows": rows, "sums": sums}
        if self._database.gaps:
            state["gaps"] = self._database.gaps
        return Position(self.name, size, items, state=state)

    async def finish(self) -> None:
        """Write what is left, close the database and give it its final name."""
        await self.complete()
        await self.publish()

    async def complete(self) -> None:
        """Write what is left: the `.part` is one file then, whole, and on the disk. No more items are taken."""
        await self.sync()
        await self._wait(self._turn(self._database.complete))

    async def publish(self) -> None:
        """Give the database, which is complete, its final name."""
        if not self._database.is_complete:
            raise StorageError(f"{self.name} is not complete")
        self.kept = await self._wait(self._turn(self._database.publish))
        self.path = self.name
        self._let_go()

    async def previous(self) -> Previous | None:
        """The file that publishing would replace; None if its rows are in the new one."""
        return await asyncio.to_thread(previous, self.name, "sqlite") if self._mode == "replace" else None

    async def withhold(self) -> None:
        """Close the database, which is complete, and leave it as `NAME.part`."""
        await self._wait(self._turn(self._database.withhold))
        await self._close()

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"write {self.name}")
        try:
            tables = await self._wait(self._turn(lambda: self._database.open(self.name, self._position)))
        except BaseException:
            await self._close()
            raise
        self.path = f"{self.name}.part"
        self._tables.resume(tables)
        if self._position is not None:
            self.items = self._position.items
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database. If it is not finished, what was taken is committed, and the `.part` keeps its name."""
        if self._thread is None:
            return
        try:
            await self.sync()
        except StorageError as failed:
            logger.error("%s", failed)
        finally:
            await self._close()
        logger.warning("%s is not finished: what there is of it is %s", self.name, self.path)

    # The thread.

    def _hand_over(self) -> None:
        """Let the thread execute what has gathered."""
        if self._statements:
            statements, self._statements, self._weight = self._statements, [], 0
            self._turn(lambda: self._database.execute(statements))

    def _turn(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Let the thread do `work` after all that it was given before."""
        turn = asyncio.get_running_loop().run_in_executor(self._thread, work)
        self._turns.append(turn)
        turn.add_done_callback(self._done)
        return turn

    def _done(self, turn: asyncio.Future[Any]) -> None:
        self._turns.remove(turn)
        error = None if turn.cancelled() else turn.exception()
        if error is not None:
            self._problem = self._problem or f"{self.name} cannot be written: {self._told(error)}"

    async def _wait(self, turn: "asyncio.Future[T]") -> T:
        """What `turn` gives. To be cancelled here does not cancel it."""
        await asyncio.wait((turn,))
        error = turn.exception()
        if isinstance(error, StorageError):
            raise error
        if isinstance(error, BlockingIOError):
            raise FileInUse(self.name)
        self._check()
        return turn.result()

    def _check(self) -> None:
        if self._thread is None:
            raise StorageError(f"{self.name} is not open")
        if self._problem:
            raise StorageError(self._problem)

    def _told(self, error: BaseException) -> str:
        if isinstance(error, OSError):
            return part.reason(error, os.path.realpath(self.name))
        return " ".join(str(error).split()) or type(error).__name__

    async def _close(self) -> None:
        closing = self._turn(self._database.close)
        self._let_go()
        await asyncio.wait((closing,))

    def _let_go(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None

    def __repr__(self) -> str:
        return f"<SqliteFile {self.path}: {self.items} items, {self.bytes} bytes>"
