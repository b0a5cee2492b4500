"""An SQLite database that a crawl grows: NAME.part, locked, begun anew or cut back. Everything here blocks.

It begins empty; or, to be appended to, as a copy of the database that is there. One whose rows are to be updated begins
empty, too: see `merge`. The database that comes of merging has the mark of the crawl, and what the crawl finds after
that is gathered under another mark. So it is known of any position whether its rows have been merged.
"""

import marshal
import os
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from io import FileIO
from pathlib import Path
from typing import Literal
from urllib.parse import quote
from zlib import crc32

from msgspec.structs import replace

from scraper.process import disk
from scraper.protocols import Position
from scraper.sinks.files import part
from scraper.sinks.files.part import Misfit
from scraper.sinks.sqlite.merge import copy, merge
from scraper.sinks.sqlite.names import quoted
from scraper.sinks.sqlite.standing import Table, tables
from scraper.sinks.sqlite.tables import OURS, Statement
from scraper.sinks.sqlite.takeover import take_over

_PATIENCE = 30.0  # seconds to wait for a reader that holds the database
_COMPANIONS = ("-wal", "-shm", "-journal")

_FORMAT = 2  # of marshal: equal values are equal bytes, in every version of Python
_HEAD = 5  # bytes of it that tell how many values there are
_NOTHING = b"N"  # what it writes for None


class Database:
    """The database that is called `target` once it is whole. Each method is called from the same thread.

    `mark` is the number by which it is known again, `bytes` its size after the last commit; it `is_complete` when only
    its final name is missing. After an error nothing is committed any more.
    """

    def __init__(
        self, target: str, *, mode: Literal["replace", "append", "upsert"], key: Sequence[str], durable: bool
    ) -> None:
        self.mark = 0
        self.gaps: dict[str, int] = {}  # numbers of each table that no row of the database that was there has
        self.bytes = 0
        self.is_complete = False
        self._sums: dict[str, int] = {}  # CRC-32 of the rows of each table
        self._summed: dict[str, int] = {}  # rows of each table that are in `_sums`
        self._target = target
        self._part = f"{target}.part"
        self._made = f"{target}.new" if mode == "upsert" else ""
        self._mode = mode
        self._key = key
        self._durable = durable
        self._lock: FileIO | None = None
        self._connection: sqlite3.Connection | None = None
        self._is_broken = False

    def open(self, path: str, position: Position | None) -> list[Table]:
        """Begin, or resume at `position`; the tables that there are.

        Raises `Misfit` if what was written before is not there, `BlockingIOError` if another crawl has it locked,
        `OSError` or `sqlite3.Error`.
        """
        part.require_ordinary(self._target)
        part.make_folders(Path(self._target).parent, durable=self._durable)
        rows = position.state.get("rows") if position is not None and (position.items or position.state) else {}
        if rows is None:
            raise Misfit(path, "it was written in another format")
        if position is None or not rows:
            found = self._begin(copies=self._mode == "append" and position is None)
        else:
            self.mark, self.gaps = position.state["mark"], position.state.get("gaps", {})
            found = self._resume(path, rows, position.state.get("sums", {}))
        if self._durable:
            disk.sync(Path(self._target).parent)
        self._ask("BEGIN")
        return found

    def _begin(self, *, copies: bool) -> list[Table]:
        """Begin with nothing, or with all that is in the database that is there."""
        self._lock = part.begin(self._target)
        self._forget_companions()
        self._connect(lambda database: copy(self._target, database) if copies else None)
        self.mark = secrets.randbits(31)
        self._ask(f"PRAGMA user_version = {self.mark}")
        found = tables(self._connected())
        usable = [each for each in found if not each.refusal]
        self.gaps = {each.name: each.gaps for each in usable if each.gaps}
        self._summed = {each.name: each.rows for each in usable}
        self._sums = {name: _sum(self._connected(), name, number) for name, number in self._summed.items()}
        return found

    def _resume(self, path: str, rows: dict[str, int], sums: dict[str, int]) -> list[Table]:
        """Have `rows` of each table and no more; none if they have been merged."""
        if self._find(path, rows, sums):
            self._forget_companions()
            return self._begin(copies=False)
        self._connect()
        self._cut(rows)
        return [replace(each, rows=rows.get(each.name, each.rows)) for each in tables(self._connected())]

    def execute(self, statements: Sequence[Statement]) -> None:
        """Add what `statements` say. Raises `sqlite3.Error`."""
        if self._is_broken:
            return
        try:
            for each in statements:
                self._connected().executemany(each.sql, each.rows) if each.rows != [()] else self._ask(each.sql)
        except BaseException:
            self._is_broken = True
            raise

    def commit(self, rows: Mapping[str, int]) -> tuple[int, dict[str, int]]:
        """Make what was executed, so many `rows` of each table, durable. Raises `sqlite3.Error`.

        Returns how large the database is, and the CRC-32 of each table's rows.
        """
        if not (self._is_broken or self.is_complete):
            try:
                for table, number in rows.items():
                    known = self._sums.get(table, 0), self._summed.get(table, 0)
                    self._sums[table] = _sum(self._connected(), table, number, *known)
                    self._summed[table] = number
                self._ask("COMMIT")
                self.bytes = self._number("PRAGMA page_count") * self._number("PRAGMA page_size")
                self._ask("BEGIN")
            except BaseException:
                self._is_broken = True
                raise
        return self.bytes, dict(self._sums)

    def complete(self) -> None:
        """Make the database one file that is whole, and on the disk. Raises `OSError` or `sqlite3.Error`."""
        self._ask("COMMIT")
        self._ask("PRAGMA wal_checkpoint(TRUNCATE)")
        self._ask("PRAGMA journal_mode = DELETE")
        self._connected().close()
        self._connection, self.is_complete = None, True
        if self._lock is not None:
            os.fsync(self._lock.fileno())
        if self._made:
            merge(self._target, self._part, self._made, key=self._key)
            disk.sync(Path(self._made))

    def publish(self) -> tuple[str, ...]:
        """Give the database, which is complete, its final name. Raises `OSError` or `sqlite3.Error`.

        Tables of the database that has this name, which the new one lacks, are kept: they may be somebody else's.
        Returns their names.
        """
        kept = () if self._made else take_over(self._target, self._part)
        if kept and self._lock is not None:
            os.fsync(self._lock.fileno())
        self.bytes = part.publish(self._target, made=self._made, durable=self._durable)
        self.close()
        return kept

    def withhold(self) -> None:
        """Close the database, which is complete: what was gathered stays in the part."""
        if self._made:
            Path(self._made).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the database; what was not committed is gone."""
        connection, self._connection = self._connection, None
        file, self._lock = self._lock, None
        with suppress(sqlite3.Error):  # a disk that is full: the next one who opens it will do this
            if connection is not None and connection.in_transaction:
                connection.rollback()
        if connection is not None:
            connection.close()
        if file is not None:
            file.close()

    # Going on.

    def _find(self, path: str, rows: dict[str, int], sums: dict[str, int]) -> bool:
        """Have the part hold `rows` of each table: as it is, or as a copy of the file with the final name.

        Whether they have been merged into that one instead: nothing is changed then.
        """
        with suppress(FileNotFoundError):
            self._lock = part.locked(self._part, create=False)
        reasons = []
        for name in (self._part, self._target):
            if Path(name).exists():
                if self._mode == "upsert" and name == self._target and _mark_of(name) == self.mark:
                    self._let_go()
                    return True
                reason = self._difference(name, rows, sums)
                if not reason:
                    break
                reasons.append(f"{Path(name).name} {reason}")
        else:
            raise Misfit(path, reasons[0] if reasons else f"neither it nor {Path(self._part).name} is there")
        if name == self._target:
            self._lock = self._lock or part.locked(self._part)
            self._forget_companions()
            part.copy(self._target, self._lock, Path(self._target).stat().st_size)
        return False

    def _let_go(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _difference(self, name: str, rows: dict[str, int], sums: dict[str, int]) -> str:
        """How the database `name` differs from what was written; nothing if its tables begin with these rows.

        Jobs of earlier versions have no `sums`; there the values are not compared.
        """
        try:
            with closing(sqlite3.connect(f"file:{quote(name)}?mode=rw", uri=True, timeout=_PATIENCE)) as database:
                if database.execute("PRAGMA user_version").fetchone()[0] != self.mark:
                    return "is the database of another crawl"
                if (found := database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                    return f"is damaged: {' '.join(found.split())}"
                for table, number in rows.items():
                    count = database.execute(
                        f"SELECT count(*) FROM {quoted(table)} WHERE _rowid_ <= ?",  # noqa: S608 -- quoted
                        (number,),
                    ).fetchone()[0]
                    if count < number - self.gaps.get(table, 0):
                        return f"has {count:,} rows in {table}, fewer than the {number:,} that were written"
                    self._sums[table], self._summed[table] = _sum(database, table, number), number
                    if self._sums[table] != sums.get(table, self._sums[table]):
                        return f"is not the same any more: its rows in {table} have other values"
        except sqlite3.Error as error:
            return f"cannot be read: {error}"
        return ""

    def _cut(self, rows: dict[str, int]) -> None:
        """Delete all that came after `rows` rows of each table."""
        self._ask("BEGIN IMMEDIATE")
        for table, sql in (
            self._connected().execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        ):
            if table in rows:
                self._connected().execute(f"DELETE FROM {quoted(table)} WHERE _rowid_ > ?", (rows[table],))  # noqa: S608 -- quoted
            elif OURS in sql:
                self._ask(f"DROP TABLE {quoted(table)}")
        self._ask("COMMIT")

    def _forget_companions(self) -> None:
        """Remove what belonged to a database that is not there any more."""
        for ending in _COMPANIONS:
            Path(f"{self._part}{ending}").unlink(missing_ok=True)

    # SQL.

    def _connect(self, fill: Callable[[sqlite3.Connection], object] = lambda _: None) -> None:
        self._connection = sqlite3.connect(self._part, timeout=_PATIENCE, isolation_level=None)
        fill(self._connection)
        self._ask("PRAGMA journal_mode = WAL")
        self._ask(f"PRAGMA synchronous = {'FULL' if self._durable else 'OFF'}")

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("it is not open")
        return self._connection

    def _ask(self, sql: str) -> None:
        self._connected().execute(sql).fetchall()

    def _number(self, sql: str) -> int:
        return int(self._connected().execute(sql).fetchone()[0])


def _mark_of(name: str) -> int:
    """The number by which the database `name` is known; 0 if it is none."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{quote(name)}?mode=ro", uri=True)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])
    return 0


def _sum(database: sqlite3.Connection, table: str, number: int, known: int = 0, after: int = 0) -> int:
    """The CRC-32 of the first `number` rows of `table`, if it is `known` for those `after` which to go on.

    Columns at the end that a row has nothing in do not count, as they may have come later.
    """
    rows = database.execute(
        f"SELECT * FROM {quoted(table)} WHERE _rowid_ > ? AND _rowid_ <= ? ORDER BY _rowid_",  # noqa: S608 -- quoted
        (after, number),
    )
    for row in rows:
        values = marshal.dumps(row, _FORMAT)[_HEAD:].rstrip(_NOTHING)
        known = crc32(values + b"\n", known)
    return known
