"""Tables of a database that is about to be replaced, and that the new one lacks: they are taken over into it.

The file that a crawl writes may hold tables of others. They are copied with their indexes, triggers and views, in one
transaction, before the new file takes the place of the old one.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from scraper.sinks.sqlite.names import quoted
from scraper.sinks.sqlite.tables import OURS

_ENTRIES = "SELECT type, name, tbl_name, sql FROM {}.sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*'"
_MAGIC = b"SQLite format 3\0"
_ORDER = ("table", "index", "view", "trigger")


def take_over(old: str, new: str) -> tuple[str, ...]:
    """Copy the tables of the database `old` that `new` lacks; their names. Both are paths. Raises `sqlite3.Error`.

    A file `old` that is not there, or is no database, has none.
    """
    if not is_database(old):
        return ()
    with closing(sqlite3.connect(f"file:{quote(new)}?mode=rw", uri=True, isolation_level=None)) as database:
        database.execute("ATTACH ? AS old", (f"file:{quote(old)}?mode=ro",))
        return _copied(database)


def is_database(path: str) -> bool:
    """Whether the file at `path` is an SQLite database."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except FileNotFoundError:
        return False


def _copied(database: sqlite3.Connection) -> tuple[str, ...]:
    there = database.execute(_ENTRIES.format("old")).fetchall()
    ours = {name for _, name, _, _ in database.execute(_ENTRIES.format("main")).fetchall()}
    ours |= {name for kind, name, _, sql in there if kind == "table" and OURS in sql}
    missing = [entry for entry in there if entry[2] not in ours and entry[1] not in ours]
    tables = [name for kind, name, _, _ in missing if kind == "table"]
    if not tables:
        return ()
    database.execute("BEGIN IMMEDIATE")
    for kind in _ORDER:
        for _, name, _, sql in (entry for entry in missing if entry[0] == kind):
            database.execute(sql)
            if kind == "table":
                database.execute(f"INSERT INTO main.{quoted(name)} SELECT * FROM old.{quoted(name)}")  # noqa: S608 -- quoted
    database.execute("COMMIT")
    return tuple(tables)
