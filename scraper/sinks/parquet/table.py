"""A Parquet file made of a log of items, in row groups of bounded size. Everything here blocks.

A column's type is the narrowest that holds all its values exactly: int64, double, boolean, date, timestamp in
microseconds, binary, or else text. If a value turns out not to fit (an integer beyond 64 bits, a time with an
offset of its own), the column's next wider type is taken and the file is begun again; text holds everything.
"""

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from threading import Event
from typing import IO, Any

import msgspec

from scraper.sinks.formats.values import cell, text

_GROUP = 50_000  # rows
_GROUP_BYTES = 16 * 1024 * 1024
_BASE_AT_ONCE = 10_000  # rows read of a file that is continued
_LABEL = b"scraper"


class Source(msgspec.Struct, frozen=True):
    """What a file is made of: the first `base` rows of the file `continued`, and all lines of `log`.

    `kinds` are the types that the log's fields have had; they and `mark` go into the file.
    """

    log: str
    continued: str
    base: int
    mark: str
    kinds: Mapping[str, Sequence[str]]


class _Unfit(Exception):  # noqa: N818 -- says what it is
    """A value of the column `name` does not fit the column's type."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


# Types. Each is a name, which pyarrow is asked for, and what makes a value of one that JSON has.


def _utc(value: str) -> datetime:
    return _time(value, value.endswith("Z"))


def _naive(value: str) -> datetime:
    return _time(value, not value.endswith("Z"))


def _time(value: str, fits: bool) -> datetime:
    moment = datetime.fromisoformat(value)
    if not fits or (moment.tzinfo is not None and not value.endswith("Z")):
        raise ValueError(value)
    return moment


def _text(value: Any) -> str:
    return value if type(value) is str else str(cell(value))


_TYPES: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any] | None]] = {
    "bool": (lambda pa: pa.bool_(), None),
    "int": (lambda pa: pa.int64(), None),
    "float": (lambda pa: pa.float64(), None),
    "bytes": (lambda pa: pa.binary(), base64.b64decode),
    "date": (lambda pa: pa.date32(), date.fromisoformat),
    "utc": (lambda pa: pa.timestamp("us", tz="UTC"), _utc),
    "naive": (lambda pa: pa.timestamp("us"), _naive),
    "text": (lambda pa: pa.string(), _text),
}

_LADDERS: Mapping[frozenset[str], tuple[str, ...]] = {
    frozenset({"bool"}): ("bool", "text"),
    frozenset({"int"}): ("int", "text"),
    frozenset({"float"}): ("float", "text"),
    frozenset({"int", "float"}): ("float", "text"),
    frozenset({"bytes"}): ("bytes", "text"),
    frozenset({"bytearray"}): ("bytes", "text"),
    frozenset({"bytes", "bytearray"}): ("bytes", "text"),
    frozenset({"date"}): ("date", "text"),
    frozenset({"datetime"}): ("utc", "naive", "text"),
}
"""By the types that a field's values have had: the types of column to try, the narrowest first."""


def rows_of(path: str, mark: str) -> int:
    """How many rows the file `path` has, if it is one of the crawl with this `mark`; else -1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return -1
    return int(found.num_rows) if _label(found.metadata or {}).mark == mark else -1


class _Label(msgspec.Struct, frozen=True):
    """What a file tells of its crawl: its mark, and the types that its fields have had."""

    mark: str = ""
    kinds: dict[str, list[str]] = msgspec.field(default_factory=dict)


def _label(metadata: Mapping[bytes, bytes]) -> _Label:
    try:
        return msgspec.json.decode(metadata[_LABEL], type=_Label)
    except (KeyError, msgspec.DecodeError):
        return _Label()


def make(path: str, source: Source, stopped: Event) -> None:
    """Make the file `path`; leave none if that fails, or `stopped` is set meanwhile.

    Raises `OSError` or `ValueError`.
    """
    kinds = _all_kinds(source)
    ladders = {name: list(_LADDERS.get(frozenset(each) - {"NoneType"}, ("text",))) for name, each in kinds.items()}
    label = msgspec.json.encode(_Label(source.mark, kinds))
    while True:
        Path(path).unlink(missing_ok=True)
        try:
            with Path(path).open("xb") as file:
                _write(file, source, {name: each[0] for name, each in ladders.items()}, label, stopped)
                file.flush()
                os.fsync(file.fileno())
            return
        except _Unfit as unfit:
            del ladders[unfit.name][0]
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise


def _all_kinds(source: Source) -> dict[str, list[str]]:
    """The types that each field has had, in the continued file and in the log."""
    kinds: dict[str, list[str]] = {}
    if source.base:
        import pyarrow.parquet as pq

        kinds.update(_label(pq.read_metadata(source.continued).metadata).kinds)
    for name, more in source.kinds.items():
        kinds[name] = [*dict.fromkeys((*kinds.get(name, ()), *more))]
    return kinds


def _write(file: IO[bytes], source: Source, columns: Mapping[str, str], label: bytes, stopped: Event) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _TYPES[each][0](pa)) for name, each in columns.items()], {_LABEL: label})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _groups(source):
            if stopped.is_set():
                raise InterruptedError("it was interrupted")
            writer.write_table(pa.table([_column(rows, name, each) for name, each in columns.items()], schema=schema))


def _column(rows: Sequence[dict[str, Any]], name: str, kind: str) -> Any:
    """The values of a column. Raises `_Unfit` if one does not fit its type."""
    import pyarrow as pa

    made, convert = _TYPES[kind]
    values: Iterable[Any] = (row.get(name) for row in rows)
    if convert is not None:
        values = (None if value is None else convert(value) for value in values)
    try:
        return pa.array(values, made(pa))
    except (ValueError, OverflowError, TypeError, pa.ArrowException):
        raise _Unfit(name) from None


def _groups(source: Source) -> Iterator[list[dict[str, Any]]]:
    """All rows, in groups that fit into memory."""
    if source.base:
        yield from _base(source)
    group: list[dict[str, Any]] = []
    size = 0
    with Path(source.log).open("rb") as log:
        for line in log:
            group.append(msgspec.json.decode(line))
            size += len(line)
            if len(group) >= _GROUP or size >= _GROUP_BYTES:
                yield group
                group, size = [], 0
    if group:
        yield group


def _base(source: Source) -> Iterator[list[dict[str, Any]]]:
    """The rows of the file that is continued, as the log would have them."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(source.continued) as continued:
        rows = (row for batch in continued.iter_batches(_BASE_AT_ONCE) for row in batch.to_pylist())
        left = islice(rows, source.base)
        while group := list(islice(left, _GROUP)):
            yield [{name: _logged(value) for name, value in row.items()} for row in group]


def _logged(value: Any) -> Any:
    return text(value) if isinstance(value, bytes | date) else value
