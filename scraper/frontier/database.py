"""The file of a job: what waits, what failed, what was met, and where all else stood, in one SQLite database.

Each commit is one transaction, so the file is as of the last whole one, whenever the process dies. It is in WAL mode
(https://sqlite.org/wal.html): a commit is appended to `frontier.sqlite-wal`, and moved into the database by and by.
If that second file is cut short, SQLite takes the last commit that is whole in it; since the positions of the data
files are in the same transaction, an earlier commit is as good a point to go on from.

All that is written as bytes has a checksum, and the number of waiting requests is kept beside them, so a file that
has lost something does not pass for one that has not.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from scraper.errors import StorageError
from scraper.frontier.order import Order, Rank
from scraper.frontier.serialization.requests import sealed, unsealed
from scraper.frontier.window import Row

Durability = Literal["process", "power"]

APPLICATION = 0x73637270  # "scrp" in the file's header
VERSION = 1
MIGRATIONS: tuple[str, ...] = ()
"""What makes a file of version N one of version N + 1: the first is for version 1."""

SCHEMA = f"""
PRAGMA page_size = 4096;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
BEGIN;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE waiting (
    site TEXT NOT NULL,
    high INTEGER NOT NULL,     -- its priority, negated
    place INTEGER NOT NULL,    -- its number; negated where what was found last goes first
    request BLOB NOT NULL,
    is_start INTEGER NOT NULL,
    callback TEXT,
    errback TEXT,
    PRIMARY KEY (site, high, place)
) WITHOUT ROWID;
CREATE TABLE failed (
    number INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    url TEXT NOT NULL,
    reason TEXT NOT NULL,
    request BLOB NOT NULL,
    is_start INTEGER NOT NULL
);
CREATE TABLE seen (part INTEGER PRIMARY KEY, fingerprints BLOB NOT NULL);
CREATE TABLE memory (part TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (part, key)) WITHOUT ROWID;
CREATE TABLE pages (key BLOB, run INTEGER, value BLOB NOT NULL, PRIMARY KEY (key, run)) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""

_TABLES = ("waiting", "failed", "seen", "memory", "pages", "meta")
_PART = 16 * 1024  # bytes of fingerprints in a row of `seen`
_WAL_PAGES = 4000  # of 4 KiB: then the WAL is moved into the file
_CACHE = 16 * 1024  # KiB of the file that the writer has in memory
_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}

Key = tuple[str, int, int]
Waiting = tuple[str, int, int, bytes, bool, str | None, str | None]
Failure = tuple[int, str, str, str, bytes, bool]


class Batch(msgspec.Struct):
    """What one commit writes. With an `order` all that waits is put in it first."""

    order: Order | None = None
    waiting: Sequence[Waiting] = ()
    gone: Sequence[Key] = ()
    failed: Sequence[Failure] = ()
    retried: Sequence[int] = ()
    fingerprints: bytes = b""
    memory: Sequence[tuple[str, str, bytes]] = ()
    forgotten: Sequence[tuple[str, str]] = ()
    pages: Sequence[tuple[bytes, int, bytes]] = ()
    pages_gone: Sequence[tuple[bytes, int]] = ()
    meta: dict[str, bytes] = msgspec.field(default_factory=dict)


class Store:
    """An open file. One thread writes, one reads; or, if it `is_read_only`, nobody writes."""

    def __init__(self, path: Path, *, durability: Durability = "process", is_read_only: bool = False) -> None:
        self.path = path
        with self.translated("opened"), ExitStack() as stack:
            self._reader = stack.enter_context(closing(_connection(path, "ro" if is_read_only else "rw")))
            self._writer = self._reader
            if not is_read_only:
                self._writer = stack.enter_context(closing(_connection(path, "rw")))
            self._reader.execute("PRAGMA query_only = ON")
            self._writer.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            self._writer.execute(f"PRAGMA cache_size = -{_CACHE}")
            self._writer.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
            self._part, self._tail = (0, b"") if is_read_only else self._last_part()
            stack.pop_all()

    def close(self) -> None:
        """Close the file; what the WAL holds is moved into it."""
        with self.translated("closed"):
            self._reader.close()
            self._writer.close()

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Raise SQLite's errors as `StorageError`, in one line that names the file."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # which a name in a damaged schema leads to
            raise StorageError(f"{self.path} cannot be {what}: {error}") from error

    # In the writer's thread.

    def write(self, batch: Batch) -> None:
        """Write all of `batch` or nothing. Raises `StorageError`."""
        with self.translated("written"):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                part, tail = self._write(batch)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            self._part, self._tail = part, tail

    def _write(self, batch: Batch) -> tuple[int, bytes]:
        many = self._writer.executemany  # rows in the order of their keys: neighbours lie on one page
        if batch.order is not None:
            sign = 1 if batch.order == "breadth" else -1
            self._writer.execute("UPDATE waiting SET place = -place WHERE place * ? < 0", (sign,))
        many("INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?)", sorted(batch.waiting))
        many("DELETE FROM waiting WHERE site = ? AND high = ? AND place = ?", sorted(batch.gone))
        many("REPLACE INTO failed VALUES (?, ?, ?, ?, ?, ?)", batch.failed)
        many("DELETE FROM failed WHERE number = ?", [(number,) for number in batch.retried])
        many("REPLACE INTO memory VALUES (?, ?, ?)", [(part, key, sealed(value)) for part, key, value in batch.memory])
        many("DELETE FROM memory WHERE part = ? AND key = ?", batch.forgotten)
        many("REPLACE INTO pages VALUES (?, ?, ?)", [(key, run, sealed(value)) for key, run, value in batch.pages])
        many("DELETE FROM pages WHERE key = ? AND run < ?", batch.pages_gone)
        many("REPLACE INTO meta VALUES (?, ?)", [(key, sealed(value)) for key, value in batch.meta.items()])
        part, tail = self._part, self._tail
        if batch.fingerprints:
            data = tail + batch.fingerprints
            pieces = [data[start : start + _PART] for start in range(0, len(data), _PART)]
            rows = [(number, sealed(piece)) for number, piece in enumerate(pieces, part)]
            many("REPLACE INTO seen VALUES (?, ?)", rows)
            part, tail = (part + len(pieces) - 1, pieces[-1]) if len(pieces[-1]) < _PART else (part + len(pieces), b"")
        return part, tail

    def renew(self, meta: dict[str, bytes]) -> None:
        """Forget all but the pages, as they were last, and begin again with `meta`. Raises `StorageError`."""
        with self.translated("written"):
            self._writer.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                if table != "pages":
                    self._writer.execute(f"DELETE FROM {table}")  # noqa: S608 -- one of ours
            rows = [(key, sealed(value)) for key, value in meta.items()]
            self._writer.executemany("INSERT INTO meta VALUES (?, ?)", rows)
            self._writer.execute(
                "DELETE FROM pages WHERE run < (SELECT max(run) FROM pages AS kept WHERE kept.key = pages.key)"
            )
            self._writer.execute("COMMIT")
            self._part, self._tail = 0, b""

    def _last_part(self) -> tuple[int, bytes]:
        row = self._writer.execute("SELECT part, fingerprints FROM seen ORDER BY part DESC LIMIT 1").fetchone()
        if row is None:
            return 0, b""
        fingerprints = self.unsealed(row[1])
        return (row[0], fingerprints) if len(fingerprints) < _PART else (row[0] + 1, b"")

    # In the reader's.

    def read(self, site: str, rank: Rank | None) -> Iterator[Row]:
        """The rows of what waits for `site`, in order, from `rank` on."""
        query = "SELECT high, place, request, is_start FROM waiting WHERE site = ?"
        if rank is None:
            return self.query(f"{query} ORDER BY high, place", site)
        return self.query(f"{query} AND (high, place) >= (?, ?) ORDER BY high, place", site, *rank)

    def query(self, query: str, *values: Any) -> Iterator[Any]:
        """The rows that SQL's `query` gives. Raises `StorageError`.

        They may be left half read when the file is closed, as by an error that one of them leads to.
        """
        with self.translated("read"):
            cursor = self._reader.execute(query, values)
            try:
                for row in cursor:  # noqa: UP028 -- a cursor that is delegated to is closed as the generator is
                    yield row
            finally:
                with suppress(sqlite3.ProgrammingError):  # the file was closed before
                    cursor.close()

    def check_types(self) -> None:
        """Raises `StorageError` if a value is not of its column's type: one bit tells a text from a blob."""
        for table in _TABLES:
            columns = self.query('SELECT name, lower(type), "notnull" OR pk FROM pragma_table_info(?)', table)
            wrong = " OR ".join(
                f"""typeof("{name}") NOT IN ('{kind}', '{kind if is_needed else "null"}')"""
                for name, kind, is_needed in columns
            )
            if next(self.query(f"SELECT 1 FROM {table} WHERE {wrong} LIMIT 1"), None) is not None:  # noqa: S608 -- ours
                raise StorageError(f"{self.path} cannot be read: a value in {table} is not of its type")

    def sites(self) -> dict[str, int]:
        """How many requests wait, by site."""
        return dict(self.query("SELECT site, count(*) FROM waiting GROUP BY site"))

    def methods(self) -> set[tuple[str | None, str | None]]:
        """The callbacks and errbacks of what waits."""
        return set(self.query("SELECT DISTINCT callback, errback FROM waiting"))

    def meta(self) -> dict[str, bytes]:
        """What is kept under names. Raises `StorageError` if it is not as it was written."""
        return {key: self.unsealed(value) for key, value in self.query("SELECT key, value FROM meta")}

    def memories(self) -> Iterator[tuple[str, str, bytes]]:
        """What the parts of a crawl remember: part, key, value."""
        for part, key, value in self.query("SELECT part, key, value FROM memory"):
            yield part, key, self.unsealed(value)

    def fingerprints(self) -> Iterator[bytes]:
        """What was met."""
        for (data,) in self.query("SELECT fingerprints FROM seen ORDER BY part"):
            yield self.unsealed(data)

    def page(self, key: bytes, run: int) -> bytes | None:
        """What was kept of a page by the last run before `run`. Raises `StorageError` if it is not as it was."""
        query = "SELECT value FROM pages WHERE key = ? AND run < ? ORDER BY run DESC LIMIT 1"
        row = next(self.query(query, key, run), None)
        return None if row is None else self.unsealed(row[0])

    def pages_left(self, run: int) -> Iterator[tuple[bytes, bytes]]:
        """What was kept, latest, of the pages that `run` has not come to: key and value."""
        query = "SELECT key, value, max(run) FROM pages GROUP BY key HAVING max(run) < ? ORDER BY key"
        for key, data, _ in self.query(query, run):
            yield key, self.unsealed(data)

    def failures(self) -> Iterator[Failure]:
        """What failed, in the order it was found."""
        return self.query("SELECT number, site, url, reason, request, is_start FROM failed ORDER BY number")

    def unsealed(self, data: bytes) -> bytes:
        """What was sealed. Raises `StorageError` that names the file."""
        try:
            return unsealed(data)
        except StorageError as error:
            raise StorageError(f"{self.path}: {error}") from None


def create(path: Path, meta: dict[str, bytes]) -> None:
    """Make a file that holds `meta` and nothing else; it is not brought to the disk.

    It is for its owner alone, as requests may have secrets. Raises `OSError` and `sqlite3.Error`.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(_connection(path, "rw")) as connection:
        connection.executescript(SCHEMA)
        rows = [(key, sealed(value)) for key, value in meta.items()]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None, check_same_thread=False)
