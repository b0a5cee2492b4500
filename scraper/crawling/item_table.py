"""Items as rows and as tables: for notebooks, and for what reads Arrow, which is the one bridge to all of that.

The columns are the fields in the order in which the items declare them; what an item lacks is null. A column has the
type that Arrow finds for its values, a `Decimal` among them as decimal128; where the values fit no one type, the column
is of texts, as `str()` gives them.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from scraper.errors import SettingsError
from scraper.items.item_types import fields

MOST_ROWS = 10  # that a notebook shows
MOST_COLUMNS = 12
MOST_CHARACTERS = 60  # of a value
MOST_BYTES = 12 * 1024  # of the rows, but for the last one


def rows(items: Sequence[Any]) -> list[dict[str, Any]]:
    """Each item as a dict of its fields, with values as they are."""
    return [dict(fields(item)) for item in items]


def arrow(items: Sequence[Any]) -> Any:
    """The items as a `pyarrow.Table`. Raises `SettingsError` without the extra `parquet`."""
    pa = _library("pyarrow", "to_arrow", "pip install 'scraper[parquet]'")
    found = rows(items)
    names = dict.fromkeys(name for row in found for name in row)
    return pa.table({str(name): _column(pa, [row.get(name) for row in found]) for name in names})


def _column(pa: Any, values: list[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def pandas(items: Sequence[Any]) -> Any:
    """The items as a `pandas.DataFrame`. Raises `SettingsError` without pandas or the extra `parquet`."""
    _library("pandas", "to_pandas", "pip install pandas")
    return arrow(items).to_pandas()


def polars(items: Sequence[Any]) -> Any:
    """The items as a `polars.DataFrame`. Raises `SettingsError` without polars or the extra `parquet`."""
    return _library("polars", "to_polars", "pip install polars").from_arrow(arrow(items))


def _library(name: str, method: str, command: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise SettingsError(f"result.{method}() needs {name}: {command}") from None


def html(items: Sequence[Any]) -> str:
    """The first items as a table of HTML, at most 20 KB of it; "" if there are none."""
    found = rows(items[:MOST_ROWS])
    names = [*dict.fromkeys(name for row in found for name in row)][:MOST_COLUMNS]
    if not names:
        return ""
    head = "".join(f"<th>{_short(name)}</th>" for name in names)
    body, shown = "", 0
    for row in found:
        body += f"<tr>{''.join(f'<td>{_short(row.get(name))}</td>' for name in names)}</tr>"
        shown += 1
        if len(body.encode()) > MOST_BYTES:
            break
    more = f"<p>and {len(items) - shown:,} more items</p>" if len(items) > shown else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _short(value: Any) -> str:
    """A value as HTML, cut so that no row is too long."""
    text = "" if value is None else str(value)
    return escape(text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…")
