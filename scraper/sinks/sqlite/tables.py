"""Items as rows of SQLite tables: one table an item class, named after it; dicts are rows of `items`.

A table has the fields of its first item as columns, and gets another (ALTER TABLE) whenever a field comes that it
has none for. SQLite limits their number, and what the fields of an item are called may be up to a page. So one item
takes at most half of the columns that are left, and its other fields are kept as JSON in one more column, `_more`.
There is room for the fields of others, and nothing is lost.

The columns have no declared type, so that SQLite keeps every value as it is given: text, integer, real, blob or NULL
(https://www.sqlite.org/datatype3.html, 3.1). SQLite does not tell the case of ASCII letters in names apart, and
neither do the names here.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, TypeAlias

import msgspec

from scraper.sinks.formats.values import cell, record, text, utf8
from scraper.sinks.sqlite.names import LOWER, listed, quoted
from scraper.sinks.sqlite.standing import Table as Standing

Stored: TypeAlias = str | int | float | bytes | None

_MOST_COLUMNS = 2000  # SQLITE_MAX_COLUMN as it comes
_MOST_INSERTIONS = 1000  # kinds of rows whose SQL is remembered
_INTEGERS = range(-(2**63), 2**63)

MORE = "_more"
"""The column for fields that have none, as a JSON object; a field of this name is among them."""

OURS = "/* scraper */"
"""Stands in the definition of each table that a crawl has made, and tells it from those of others."""


class Statement(msgspec.Struct, eq=False):
    """One statement of SQL, to be executed for each of `rows`."""

    sql: str
    rows: list[tuple[Stored, ...]]


class _Table(msgspec.Struct, eq=False):
    """What is known of a table; `columns` are by their names in lower case, `number` is that of the row's number.

    `refusal` tells why it takes no rows.
    """

    name: str
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    rows: int = 0
    number: str | None = None
    refusal: str = ""


class _Insertion(msgspec.Struct, eq=False):
    """How rows of one kind are added to `table`: first there have to be columns `missing`, and `rest` is in `_more`."""

    table: _Table
    sql: str
    missing: dict[str, str]
    rest: dict[Any, None]


class Tables:
    """What has to be executed to add items to a database; `fields` are the ones to write, all unless given.

    `rows` is the number of each table's last row. An item has to have values in the fields of `key`.
    """

    def __init__(self, fields: tuple[str, ...] = (), *, key: tuple[str, ...] = ()) -> None:
        self.key = key
        self._fields = fields
        self._tables: dict[str, _Table] = {}
        self._insertions: dict[tuple[str, tuple[Any, ...]], _Insertion] = {}

    @property
    def rows(self) -> dict[str, int]:
        """By the name of the table."""
        return {each.name: each.rows for each in self._tables.values() if not each.refusal}

    def resume(self, tables: Sequence[Standing]) -> None:
        """The database has these tables already."""
        for each in tables:
            columns = {_lower(name): name for name in each.columns}
            self._tables[_lower(each.name)] = _Table(each.name, columns, each.rows, each.number, each.refusal)

    def add(self, item: Any, statements: list[Statement]) -> int:
        """Append to `statements` what adds a row for `item`; about how many bytes that is.

        Raises if it cannot be written, and is then as if it had not been called.
        """
        values = record(item, self._fields)
        for name in self.key:
            if stored(values.get(name)) is None:
                raise ValueError(f"it has no {name}, which is in the key")
        key = (type(item).__name__, tuple(values))
        insertion = self._insertions.get(key)
        is_new = insertion is None
        insertion = insertion or self._planned(*key)
        row = tuple(map(stored, values.values())) if not insertion.rest else _parted(values, insertion.rest)
        if is_new:
            self._begin(key, insertion, statements)
        if statements and statements[-1].sql == insertion.sql:
            statements[-1].rows.append(row)
        else:
            statements.append(Statement(insertion.sql, [row]))
        insertion.table.rows += 1
        return sum(len(each) if isinstance(each, str | bytes) else 8 for each in row)

    def _planned(self, kind: str, fields: tuple[Any, ...]) -> _Insertion:
        """How an item of this `kind` with these `fields` is added. Raises `ValueError` if it cannot be."""
        name = "items" if kind == "dict" else kind
        if _lower(name).startswith("sqlite_"):
            raise ValueError(f"SQLite keeps table names that begin with sqlite_, like {name}, to itself")
        table = self._tables.get(_lower(name)) or _Table(name)
        names = {_lower(column): column for column in map(_column, fields)}
        _check(names, fields, table)
        wanted = names if table.columns else {**{_lower(each): each for each in map(_column, self._fields)}, **names}
        new = [low for low in wanted if low not in table.columns and low != MORE]
        left = _MOST_COLUMNS - len(table.columns.keys() | {MORE})
        missing = {low: wanted[low] for low in new[: left if self._fields else (left + 1) // 2]}
        rest = {
            field: None
            for field, low in zip(fields, names, strict=True)
            if low == MORE or not (low in table.columns or low in missing)
        }
        into = [column for low, column in names.items() if low != MORE and (low in table.columns or low in missing)]
        if rest:
            into.append(MORE)
            missing |= {} if MORE in table.columns else {MORE: MORE}
        if keyless := [each for each in self.key if each in rest]:
            raise ValueError(f"too many columns came before {keyless[0]}, which is in the key")
        marks = ", ".join("?" * len(into))
        values = f"({listed(into)}) VALUES ({marks})" if into else "DEFAULT VALUES"
        return _Insertion(table, f"INSERT INTO {quoted(name)} {values}", missing, rest)

    def _begin(self, key: tuple[str, tuple[Any, ...]], insertion: _Insertion, statements: list[Statement]) -> None:
        """Have the table, with the columns that are missing; and remember the insertion, unless it may get better."""
        table, columns = insertion.table, insertion.missing.values()
        name = quoted(table.name)
        if table.columns:
            statements += [Statement(f"ALTER TABLE {name} ADD COLUMN {quoted(each)}", [()]) for each in columns]
        else:
            statements.append(Statement(f"CREATE TABLE {name} ({OURS} {listed(columns)})", [()]))
        table.columns.update(insertion.missing)
        self._tables[_lower(table.name)] = table
        if not insertion.rest:
            if len(self._insertions) >= _MOST_INSERTIONS:
                self._insertions.clear()
            self._insertions[key] = insertion


def _check(names: Mapping[str, str], fields: tuple[Any, ...], table: _Table) -> None:
    """Raise `ValueError` if `table` cannot have these columns."""
    if len(names) < len(fields):
        raise ValueError(f"two of its fields are one column in SQLite, where case does not count: {fields!r:.200}")
    if table.refusal:
        raise ValueError(table.refusal)
    if reserved := names.keys() & {"_rowid_", table.number}:
        raise ValueError(f"SQLite keeps the column name {reserved.pop()} to itself")
    if not names and not table.columns:
        raise ValueError("the first item of its class gives a table its columns, and this one has no fields")


def _parted(values: Mapping[Any, Any], rest: Mapping[Any, None]) -> tuple[Stored, ...]:
    """A row of `values`; those of the fields in `rest` are its last, as a JSON object."""
    row = [stored(value) for name, value in values.items() if name not in rest]
    return (*row, stored({name: values[name] for name in rest}))


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
    return name.translate(LOWER)
