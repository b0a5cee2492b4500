"""Answers on disk, for the cache: one SQLite file, which one thread reads and writes.

The file is for its owner's eyes only. What was not used for longest goes when all together is larger than it may be.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from scraper.errors import SettingsError

VERSION = 1
SPARE = 20  # of so many parts of the size one is freed at once

_TABLES = """
CREATE TABLE answers (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, method TEXT NOT NULL, url TEXT NOT NULL, asked BLOB NOT NULL,
    status INTEGER NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL
);
CREATE INDEX answers_by_key ON answers (key);
CREATE INDEX answers_by_use ON answers (used);
"""
_OVERHEAD = 512  # bytes that an answer takes besides its body and headers

Pairs = list[tuple[str, str]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is kept: `asked` holds the headers of its request that it may depend on."""

    method: str
    url: str
    asked: Pairs
    status: int
    headers: Pairs
    body: bytes
    id: int = 0


class Store:
    """Keeps answers by key, of `max_size` bytes together at most.

    Opening raises `SettingsError` for a path that cannot be used. Whatever goes wrong afterwards raises
    `sqlite3.Error`.
    """

    def __init__(self, path: str, *, max_size: int) -> None:
        self._path = path
        self._max_size = max_size
        self._thread = ThreadPoolExecutor(1, "cache")
        self._database: sqlite3.Connection | None = None
        self._size = 0
        self._turn = 0

    async def __aenter__(self) -> Self:
        try:
            await self._run(self._open)
        except (OSError, sqlite3.Error) as error:
            await self._close()
            raise SettingsError(f"[network.cache] path: {self._path} cannot be used: {error}") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def find(self, key: str) -> list[Kept]:
        """The answers kept under `key`, which are used by that."""
        return await self._run(lambda: self._find(key))

    async def add(self, key: str, kept: Kept) -> None:
        """Keep another answer under `key`."""
        await self._run(lambda: self._add(key, kept))

    async def refresh(self, number: int, headers: Iterable[tuple[str, str]]) -> None:
        """Put `headers` in the place of those of the answer of that id."""
        blob = msgspec.msgpack.encode(list(headers))
        await self._run(lambda: self._do("UPDATE answers SET headers = ? WHERE id = ?", blob, number))

    async def remove(self, numbers: Iterable[int]) -> None:
        """Forget the answers of these ids."""
        rows = list(numbers)
        await self._run(lambda: self._remove(rows))

    # In the thread.

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        database = self._database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        [version] = database.execute("PRAGMA user_version").fetchone()
        if version != VERSION and database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise sqlite3.DatabaseError("it is of another version, or no cache: remove it")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")  # what a crash takes away is asked for again
        if version != VERSION:
            database.executescript(_TABLES)
            database.execute(f"PRAGMA user_version = {VERSION}")
        size, turn = database.execute("SELECT SUM(size), MAX(used) FROM answers").fetchone()
        self._size, self._turn = size or 0, turn or 0

    def _do(self, command: str, *values: Any) -> sqlite3.Cursor:
        assert self._database is not None
        return self._database.execute(command, values)

    def _find(self, key: str) -> list[Kept]:
        query = "SELECT method, url, asked, status, headers, body, id FROM answers WHERE key = ?"
        rows = self._do(query, key).fetchall()
        if rows:
            self._turn += 1
            self._do("UPDATE answers SET used = ? WHERE key = ?", self._turn, key)
        read = msgspec.msgpack.Decoder(Pairs).decode
        return [Kept(row[0], row[1], read(row[2]), row[3], read(row[4]), row[5], row[6]) for row in rows]

    def _add(self, key: str, kept: Kept) -> None:
        asked, headers = map(msgspec.msgpack.encode, (kept.asked, kept.headers))
        size = len(asked) + len(headers) + len(kept.body) + _OVERHEAD
        if size > self._max_size:
            return
        self._turn += 1
        row = (key, kept.method, kept.url, asked, kept.status, headers, kept.body, size, self._turn)
        self._do(
            "INSERT INTO answers (key, method, url, asked, status, headers, body, size, used) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *row,
        )
        self._size += size
        if self._size > self._max_size:
            self._make_room()

    def _make_room(self) -> None:
        """Let the oldest go, until a part of the space is free; the newest stays."""
        goal = self._max_size - self._max_size // SPARE
        oldest, freed = [], 0
        for number, size in self._do("SELECT id, size FROM answers WHERE used < ? ORDER BY used", self._turn):
            if self._size - freed <= goal:
                break
            oldest.append(number)
            freed += size
        self._remove(oldest)

    def _remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            row = self._do("DELETE FROM answers WHERE id = ? RETURNING size", number).fetchone()
            self._size -= row[0] if row else 0

    async def _close(self) -> None:
        def close() -> None:
            if self._database is not None:
                self._database.close()

        await self._run(close)
        self._thread.shutdown()

    def __repr__(self) -> str:
        return f"<Store {self._path}, {self._size} bytes>"
