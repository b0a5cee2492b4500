"""Items as rows of SQLite tables: one table an item class, named after it; dicts are rows of `items`.

A table has the fields of its first item as columns, and gets another (ALTER TABLE) whenever a field comes that it
has none for. The columns have no declared type, so that SQLite keeps every value as it is given: text, integer,
real, blob or NULL (https://www.sqlite.org/datatype3.html, 3.1). SQLite does not tell the case of ASCII letters in
names apart, and neither do the names here.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from string import ascii_lowercase, ascii_uppercase
from typing import Any, TypeAlias

import msgspec

from scraper.sinks.formats.values import cell, record, text, utf8

Stored: TypeAlias = str | int | float | bytes | None

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_MOST_COLUMNS = 2000  # SQLITE_MAX_COLUMN as it comes
_MOST_INSERTIONS = 1000  # kinds of rows whose SQL is remembered
_INTEGERS = range(-(2**63), 2**63)


OURS = "/* scraper */"
"""Stands in the definition of each table that a crawl has made, and tells it from those of others."""


class Statement(msgspec.Struct, eq=False):
    """One statement of SQL, to be executed for each of `rows`."""

    sql: str
    rows: list[tuple[Stored, ...]]


class _Table(msgspec.Struct, eq=False):
    """What is known of a table; `columns` are by their names in lower case."""

    name: str
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    rows: int = 0


class Tables:
    """What has to be executed to add items to a database; `fields` are the ones to write, all unless given.

    `rows` is how many rows each table has.
    """

    def __init__(self, fields: tuple[str, ...] = ()) -> None:
        self._fields = fields
        self._tables: dict[str, _Table] = {}
        self._insertions: dict[tuple[str, tuple[Any, ...]], tuple[_Table, str]] = {}

    @property
    def rows(self) -> dict[str, int]:
        """By the name of the table."""
        return {each.name: each.rows for each in self._tables.values()}

    def resume(self, columns: Mapping[str, Sequence[str]], rows: Mapping[str, int]) -> None:
        """The database has these tables already."""
        for name, names in columns.items():
            self._tables[_lower(name)] = _Table(name, {_lower(each): each for each in names}, rows[name])

    def add(self, item: Any, statements: list[Statement]) -> int:
        """Append to `statements` what adds a row for `item`; about how many bytes that is.

        Raises if it cannot be written, and is then as if it had not been called.
        """
        values = record(item, self._fields)
        row = tuple(map(stored, values.values()))
        key = (type(item).__name__, tuple(values))
        insertion = self._insertions.get(key)
        if insertion is None:
            if len(self._insertions) >= _MOST_INSERTIONS:
                self._insertions.clear()
            insertion = self._insertions[key] = self._prepare(*key, statements)
        table, sql = insertion
        if statements and statements[-1].sql == sql:
            statements[-1].rows.append(row)
        else:
            statements.append(Statement(sql, [row]))
        table.rows += 1
        return sum(len(each) if isinstance(each, str | bytes) else 8 for each in row)

    def _prepare(self, kind: str, fields: tuple[Any, ...], statements: list[Statement]) -> tuple[_Table, str]:
        """The table for items of this `kind`, which has columns for `fields` now, and what adds a row to it."""
        name = "items" if kind == "dict" else kind
        if _lower(name).startswith("sqlite_"):
            raise ValueError(f"SQLite keeps table names that begin with sqlite_, like {name}, to itself")
        table = self._tables.get(_lower(name)) or _Table(name)
        names = {_lower(column): column for column in map(_column, fields)}
        _check(names, fields, table)
        if table.columns:
            missing = {low: column for low, column in names.items() if low not in table.columns}
            statements += [
                Statement(f"ALTER TABLE {_quoted(name)} ADD COLUMN {_quoted(column)}", [()])
                for column in missing.values()
            ]
        else:
            missing = {**{_lower(each): each for each in map(_column, self._fields)}, **names}
            statements.append(Statement(f"CREATE TABLE {_quoted(name)} ({OURS} {_list(missing.values())})", [()]))
        table.columns.update(missing)
        self._tables[_lower(name)] = table
        marks = ", ".join("?" * len(names))
        into = f"({_list(names.values())}) VALUES ({marks})" if names else "DEFAULT VALUES"
        return table, f"INSERT INTO {_quoted(name)} {into}"


def _check(names: Mapping[str, str], fields: tuple[Any, ...], table: _Table) -> None:
    """Raise `ValueError` if `table` cannot have these columns."""
    if len(names) < len(fields):
        raise ValueError(f"two of its fields are one column in SQLite, where case does not count: {fields!r:.200}")
    if "_rowid_" in names:
        raise ValueError("SQLite keeps the column name _rowid_ to itself")
    if not names and not table.columns:
        raise ValueError("the first item of its class gives a table its columns, and this one has no fields")
    if len(names.keys() | table.columns.keys()) > _MOST_COLUMNS:
        raise ValueError(f"a table has at most {_MOST_COLUMNS:,} columns")


def stored(value: Any) -> Stored:  # noqa: PLR0911 -- a table of types
    """What SQLite keeps for a value of `record()`: itself where it can, else the text of a CSV cell."""
    match value:
        case None | bytes():
            return value
        case str():
            return value if value.isascii() else utf8(value).decode()
        case bool():
            return int(value)
        case int():
            return value if value in _INTEGERS else str(value)
        case float():
            return value if isfinite(value) else None
        case bytearray():
            return bytes(value)
    return cell(value)


def _column(name: Any) -> str:
    return text(name).replace("\0", "\ufffd")


def _lower(name: str) -> str:
    return name.translate(_LOWER)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(names: Any) -> str:
    return ", ".join(map(_quoted, names))
