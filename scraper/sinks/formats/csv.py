"""CSV (RFC 4180): a header, one row an item, CRLF at the end of each.

The columns are `fields`, or else the fields of the first item. What an item lacks is an empty cell. A field that
has no column is left out only where `fields` says so; otherwise the item is refused, not silently cut. TSV has a tab
for the comma, and is quoted alike.
"""

import csv
import re
from collections.abc import Iterable, Sequence, Set
from io import StringIO
from typing import Any

from scraper.items.serializers import serialized
from scraper.protocols import Position
from scraper.sinks.files.standing import Standing
from scraper.sinks.formats.values import cell, text, utf8

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_AS_IT_IS = frozenset({str, int, type(None)})  # what `cell()` would not change


class CsvTable:
    """Items as rows of a table; `fields` are its columns, the fields of the first item unless given.

    The values of lists have `join` between them; where that is empty, a list is written as JSON. If it
    `is_guarded`, no text is a formula to a spreadsheet (https://owasp.org/www-community/attacks/CSV_Injection): those
    that could be have an apostrophe in front. Numbers stay what they are.
    """

    def __init__(
        self, fields: tuple[str, ...] = (), *, delimiter: str = ",", join: str = "", is_guarded: bool = False
    ) -> None:
        self._columns = fields
        self._leaves_out = bool(fields)
        self._delimiter = delimiter
        self._join = join
        self._is_guarded = is_guarded
        self._has_header = False

    def encode(self, items: Sequence[Any]) -> bytes:
        """The rows of `items`, after the header if they are the first. Raises if one of them cannot be written."""
        columns = self._columns or tuple(_named(serialized(items[0])))
        if not columns:
            raise ValueError("the first item gives a CSV file its columns, and this one has no fields")
        known = None if self._leaves_out else frozenset(columns)
        rows: list[Sequence[Any]] = [] if self._has_header else [columns]
        rows += [_row(serialized(each), columns, known, self._join) for each in items]
        if self._is_guarded:
            rows = [[_guarded(value) for value in row] for row in rows]
        lines = _lines(rows, self._delimiter)
        self._columns, self._has_header = columns, True
        return lines

    def end(self) -> bytes:
        """Nothing closes such a file; but an empty one has its header, if that is known."""
        return _lines([self._columns], self._delimiter) if self._columns and not self._has_header else b""

    def state(self) -> dict[str, Any]:
        """The columns, once there is a header."""
        return {"columns": list(self._columns)} if self._has_header else {}

    def resume(self, position: Position) -> None:
        """The columns are those of the header that is there."""
        if "columns" in position.state:
            self._columns, self._has_header = tuple(position.state["columns"]), True

    def extend(self, there: Standing) -> bytes:
        """Go on with the columns of the header that is `there`; gives what ends the last line, if it has no end.

        Raises `ValueError` if `fields` names other columns, or the file is not of UTF-8.
        """
        try:
            lines = there.head[: there.head.rfind(b"\n") + 1] or there.head
            header = tuple(
                next(csv.reader(StringIO(lines.decode("utf-8-sig"), newline=""), delimiter=self._delimiter), ())
            )
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"its header cannot be read: {error}") from None
        if self._columns and self._columns != header:
            raise ValueError(f"its columns are {', '.join(header)}, and those of the crawl {', '.join(self._columns)}")
        self._columns, self._has_header = header, True
        return b"" if there.last == b"\n" else b"\r\n"


def _named(values: dict[Any, Any]) -> dict[str, Any]:
    """`values` by the names that their columns have. Raises `TypeError` if two have the same."""
    named = {text(name): value for name, value in values.items()}
    if len(named) < len(values):
        raise TypeError(f"two of its keys are the same as text: {list(values)!r:.80}")
    return named


def _row(values: dict[Any, Any], columns: Sequence[str], known: frozenset[str] | None, join: str) -> list[Any]:
    """The cells of an item. Raises `ValueError` if it has a field other than `known`."""
    if known is not None and not known.issuperset(values):
        values = _named(values)
    if known is not None and not known.issuperset(values):
        stray = next(name for name in values if name not in known)
        raise ValueError(
            f"the field {stray!r} has no column, as the header has no such field: name the columns with "
            "`fields`, or give each item class a file of its own with `items`"
        )
    if _AS_IT_IS.issuperset(map(type, values.values())):
        return [*map(values.get, columns)]
    if join:
        return [_joined(value, join) for value in map(values.get, columns)]
    return [cell(value) for value in map(values.get, columns)]


def _joined(value: Any, join: str) -> Any:
    """A cell of `value`; of a list, its values with `join` between them."""
    if isinstance(value, list | tuple | Set):
        return join.join("" if each is None else str(each) for each in map(cell, _ordered(value)))
    return cell(value)


def _ordered(values: Any) -> Iterable[Any]:
    """The values of a list; those of a set in the order of their texts."""
    return sorted(values, key=text) if isinstance(values, Set) else values


def _guarded(value: Any) -> Any:
    """`value`, which is no formula."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULAS) and not _NUMBER.fullmatch(value)
    return f"'{value}" if is_formula else value


def _lines(rows: Iterable[Sequence[Any]], delimiter: str) -> bytes:
    written = StringIO(newline="")
    csv.writer(written, delimiter=delimiter).writerows(rows)
    return utf8(written.getvalue())
