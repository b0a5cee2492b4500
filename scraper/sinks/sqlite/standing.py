"""The tables of a database that a crawl adds to: which rows there are, and into which tables more can go.

The crawl knows its own rows by their numbers (`_rowid_`): those that follow the last one that was there. So a table can
be added to if SQLite gives each new row the number after the greatest; others are left as they are.
"""

import sqlite3

import msgspec

from scraper.sinks.sqlite.names import LOWER, quoted

_MOST = 2**62  # rows are numbered up to 2**63 - 1; then SQLite draws numbers by lot
_TABLES = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


class Table(msgspec.Struct, frozen=True):
    """A table with its `columns`; the number of its last row, and how many of the numbers up to it no row has.

    `number` is the column that is the row's number, if there is one, in lower case. `refusal` tells why no row can be
    added.
    """

    name: str
    columns: tuple[str, ...]
    rows: int = 0
    gaps: int = 0
    number: str | None = None
    refusal: str = ""


def tables(database: sqlite3.Connection) -> list[Table]:
    """The tables of `database`. Raises `sqlite3.Error`."""
    return [_table(database, name, sql) for name, sql in database.execute(_TABLES).fetchall()]


def _table(database: sqlite3.Connection, name: str, sql: str) -> Table:
    found = database.execute(f"PRAGMA table_info({quoted(name)})").fetchall()
    columns = tuple(row[1] for row in found)
    keys = [(row[1], row[2]) for row in found if row[5]]
    number = keys[0][0].translate(LOWER) if len(keys) == 1 and keys[0][1].upper() == "INTEGER" else None
    refusal = f"the table {name} is there, and SQLite does not number its rows one after the other"
    if "AUTOINCREMENT" in sql.upper() or "_rowid_" in map(str.lower, columns):
        return Table(name, columns, refusal=refusal)
    try:
        last, count = database.execute(
            f"SELECT max(0, coalesce(max(_rowid_), 0)), count(CASE WHEN _rowid_ > 0 THEN 1 END) FROM {quoted(name)}"  # noqa: S608 -- quoted
        ).fetchone()
    except sqlite3.OperationalError:  # WITHOUT ROWID, or a virtual one
        return Table(name, columns, refusal=refusal)
    return Table(name, columns, last, last - count, number, refusal if last > _MOST else "")
