"""Rows that a crawl has gathered are merged, by their key, into a copy of the database that is there.

An update cannot be taken back by deleting rows. So a crawl that updates rows gathers its own in the `.part`, where they
are only ever added, and merges them at the end: in the order of the items, so that of two with one key the later wins.
A row that is there gets the values of the item, NULL for those it lacks; columns that the crawl has no field for stay.
To merge the same rows once more changes nothing.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from scraper.sinks.sqlite.names import LOWER, listed, quoted
from scraper.sinks.sqlite.tables import OURS
from scraper.sinks.sqlite.takeover import is_database


def merge(old: str, gathered: str, made: str, *, key: Sequence[str]) -> None:
    """Make the database `made` of `old`, which may be missing, and the rows of `gathered`; all are paths.

    Raises `sqlite3.Error`: an `IntegrityError` if `old` has two rows of one `key`.
    """
    Path(made).unlink(missing_ok=True)
    with closing(sqlite3.connect(f"file:{quote(made)}?mode=rwc", uri=True, isolation_level=None)) as database:
        copy(old, database)
        database.execute("PRAGMA journal_mode = DELETE").fetchall()
        database.execute("ATTACH ? AS gathered", (f"file:{quote(gathered)}?mode=ro",))
        database.execute("BEGIN IMMEDIATE")
        for (name,) in database.execute("SELECT name FROM gathered.sqlite_master WHERE type = 'table'").fetchall():
            _merge(database, name, key)
        mark = database.execute("PRAGMA gathered.user_version").fetchone()[0]
        database.execute(f"PRAGMA main.user_version = {mark}")
        database.execute("COMMIT")


def copy(old: str, database: sqlite3.Connection) -> None:
    """Put all that is in the database `old`, a path, into `database`; nothing if there is no file, or an empty one.

    Raises `sqlite3.DatabaseError` if the file is something else.
    """
    file = Path(old)
    if not file.exists() or not file.stat().st_size:
        return
    if not is_database(old):
        raise sqlite3.DatabaseError("the file that is there is no SQLite database")
    with closing(sqlite3.connect(f"file:{quote(old)}?mode=ro", uri=True)) as source:
        source.backup(database)


def _merge(database: sqlite3.Connection, name: str, key: Sequence[str]) -> None:
    """Merge the rows of one table."""
    columns = _columns(database, "gathered", name)
    there = {each.translate(LOWER) for each in _columns(database, "main", name)}
    if not there:
        database.execute(f"CREATE TABLE main.{quoted(name)} ({OURS} {listed(columns)})")
    for each in columns if there else ():
        if each.translate(LOWER) not in there:
            database.execute(f"ALTER TABLE main.{quoted(name)} ADD COLUMN {quoted(each)}")
    index = quoted(f"{name} by {', '.join(key)}")
    database.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS main.{index} ON {quoted(name)} ({listed(key)})")
    keys = {each.translate(LOWER) for each in key}
    updates = ", ".join(
        f"{quoted(each)} = excluded.{quoted(each)}" for each in columns if each.translate(LOWER) not in keys
    )
    what = f"UPDATE SET {updates}" if updates else "NOTHING"
    database.execute(
        f"INSERT INTO main.{quoted(name)} ({listed(columns)}) "  # noqa: S608 -- quoted
        f"SELECT {listed(columns)} FROM gathered.{quoted(name)} WHERE true ORDER BY _rowid_ "
        f"ON CONFLICT ({listed(key)}) DO {what}"
    )


def _columns(database: sqlite3.Connection, schema: str, name: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA {schema}.table_info({quoted(name)})").fetchall()]
