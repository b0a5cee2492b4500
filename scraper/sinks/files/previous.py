"""What stands at a data file's place: how many items, of which day, a new file would replace."""

import csv
import io
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

import msgspec

from scraper.sinks.files.compression import unpacked

MOST = 256 * 1024 * 1024  # bytes of a file whose items are counted, and of what comes of unpacking it


class Previous(msgspec.Struct, frozen=True):
    """A file that was there before: its items (None if they cannot be counted), its bytes, and when it was written."""

    items: int | None
    bytes: int
    modified: datetime

    @property
    def has_items(self) -> bool:
        """Whether something would be lost with it. A file that cannot be read is taken for one that has items."""
        return self.bytes > 0 if self.items is None else self.items > 0

    def __str__(self) -> str:
        """What it is, in words: `83 items of 29 November`."""
        what = f"{self.bytes:,} bytes" if self.items is None else f"{self.items:,} item{'' if self.items == 1 else 's'}"
        return f"{what} of {self.modified.day} {self.modified:%B}"


def previous(path: str, format: str) -> Previous | None:  # noqa: A002 -- the word of config.toml
    """The file at `path`, read as one of that `format`; None if there is no ordinary file. Blocks."""
    file = Path(path)
    try:
        status = file.stat()
        if not file.is_file():
            return None
    except OSError:
        return None
    try:
        items = _COUNTERS[format](file) if status.st_size <= MOST else None
    except Exception:  # a file of another format, a damaged one, or one that pyarrow is missing for
        items = None
    return Previous(items, status.st_size, datetime.fromtimestamp(status.st_mtime).astimezone())


def _content(file: Path) -> bytes:
    """The whole of a file, decompressed. Raises `ValueError` if that is more than `MOST` bytes."""
    with unpacked(file) as read:
        content = read.read(MOST + 1)
    if len(content) > MOST:
        raise ValueError(f"{file} holds more than {MOST} bytes")
    return content


def _lines(file: Path) -> int:
    count = size = 0
    with unpacked(file) as read:
        while line := read.readline(MOST + 1):
            size += len(line)
            if size > MOST:
                raise ValueError(f"{file} holds more than {MOST} bytes")
            count += not line.isspace()
    return count


def _values(file: Path) -> int:
    found = msgspec.json.decode(_content(file), type=list[msgspec.Raw])
    return len(found)


def _records(file: Path, delimiter: str = ",") -> int:
    text = io.StringIO(_content(file).decode("utf-8-sig"), newline="")
    return max(sum(1 for row in csv.reader(text, delimiter=delimiter) if row) - 1, 0)


def _rows(file: Path) -> int:
    with closing(sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)) as database:
        names = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        quoted = ('"' + name.replace('"', '""') + '"' for (name,) in names)
        return sum(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in quoted)  # noqa: S608 -- quoted


def _parquet_rows(file: Path) -> int:
    from pyarrow import parquet

    rows: int = parquet.read_metadata(file).num_rows
    return rows


_COUNTERS: Mapping[str, Callable[[Path], int]] = {
    "jsonl": _lines,
    "json": _values,
    "csv": _records,
    "tsv": partial(_records, delimiter="\t"),
    "sqlite": _rows,
    "parquet": _parquet_rows,
}
