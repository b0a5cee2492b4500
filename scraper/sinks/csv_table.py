"""CSV (RFC 4180): a header, one row an item, CRLF at the end of each.

The columns are `fields`, or else the fields of the first item. What an item lacks is an empty cell. A field that
has no column is left out only where `fields` says so; otherwise the item is refused, not silently cut.
"""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from scraper import item
from scraper.sinks.values import cell, text, utf8

_AS_IT_IS = frozenset({str, int, type(None)})  # what `cell()` would not change


class CsvTable:
    """Items as rows of a table; `fields` are its columns, the fields of the first item unless given."""

    def __init__(self, fields: tuple[str, ...] = ()) -> None:
        self._columns: tuple[Any, ...] = fields
        self._leaves_out = bool(fields)
        self._has_header = False

    def encode(self, items: Sequence[Any]) -> bytes:
        """The rows of `items`, after the header if they are the first. Raises if one of them cannot be written."""
        columns = self._columns or tuple(item.fields(items[0]))
        if not columns:
            raise ValueError("the first item gives a CSV file its columns, and this one has no fields")
        known = None if self._leaves_out else frozenset(columns)
        rows = [] if self._has_header else [_header(columns)]
        rows += [_row(item.fields(each), columns, known) for each in items]
        lines = _lines(rows)
        self._columns, self._has_header = columns, True
        return lines

    def end(self) -> bytes:
        """Nothing closes such a file; but an empty one has its header, if that is known."""
        return _lines([_header(self._columns)]) if self._columns and not self._has_header else b""


def _header(columns: Iterable[Any]) -> list[Any]:
    return [text(each) for each in columns]


def _row(values: dict[Any, Any], columns: Sequence[Any], known: frozenset[Any] | None) -> list[Any]:
    """The cells of an item. Raises `ValueError` if it has a field other than `known`."""
    if known is not None and not known.issuperset(values):
        stray = next(name for name in values if name not in known)
        raise ValueError(
            f"the field {stray!r} has no column, as the first item had no such field: name the columns with "
            "`fields`, or give each item class a file of its own with `items`"
        )
    if _AS_IT_IS.issuperset(map(type, values.values())):
        return [*map(values.get, columns)]
    return [cell(value) for value in map(values.get, columns)]


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    written = StringIO(newline="")
    csv.writer(written).writerows(rows)
    return utf8(written.getvalue())
