"""Data files of every format: how they are written, and how the world's own tools read them."""

import csv
import gzip
import json
import lzma
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from scraper.settings.schema import SinkSettings
from scraper.sinks import DataFile, SqliteFile, open_sinks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STARTED = datetime(2026, 11, 23, 6, tzinfo=UTC)
LINES = [f"{name}{packing}" for name in ("jsonl", "json", "csv") for packing in ("", ".gz", ".zst", ".xz")]
"""The endings of files that are bytes one after the other."""
ENDINGS = [*LINES, "sqlite", "parquet"]


def sink_of(path: Path, *, durable: bool = False, **settings: Any) -> DataFile | SqliteFile:
    """The sink that writes `path`."""
    table = SinkSettings(path=str(path), **settings)
    [sink] = open_sinks([table], spider="books", arguments={}, started=STARTED, durable=durable)
    return sink


async def write(path: Path, *batches: Sequence[Any], **settings: Any) -> DataFile | SqliteFile:
    """A finished file."""
    async with sink_of(path, **settings) as sink:
        for batch in batches:
            await sink.write(batch)
        await sink.finish()
    return sink


def part_of(path: Path) -> Path:
    """What the file is called while it grows."""
    return path.with_name(f"{path.name}.part")


def content(path: Path, data: bytes | None = None) -> str:
    """The text of a file, or of bytes that could be it."""
    data = path.read_bytes() if data is None else data
    if ".gz" in path.name:
        data = gzip.decompress(data)
    elif ".zst" in path.name:
        data = zstd.decompress(data)
    elif ".xz" in path.name:
        data = lzma.decompress(data)
    return data.decode()


def rows(path: Path) -> list[dict[str, Any]]:
    """The items in a finished file."""
    if ".sqlite" in path.name:
        return stored(path)
    if ".parquet" in path.name:
        return [{name: value for name, value in row.items() if value is not None} for row in parquet_rows(path)]
    return parsed(path, content(path))


def columns(path: Path) -> list[str]:
    """The names of the columns of a finished file; of JSON, the names of all its items' fields."""
    if ".parquet" in path.name:
        return list(pq.read_schema(path).names)
    if ".sqlite" in path.name:
        with closing(sqlite3.connect(path)) as database:
            return [
                row[0] for row in database.execute("SELECT c.name FROM sqlite_master m, pragma_table_info(m.name) c")
            ]
    names = {name: None for row in rows(path) for name in row}
    return sorted(names, key=["name", "price", "brand"].index) if ".json" in path.name else list(names)


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file."""
    table: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return table


def part_rows(path: Path) -> list[dict[str, Any]]:
    """The items in the `.part` of a file."""
    part = part_of(path)
    if ".sqlite" in path.name:
        return stored(part)
    text = content(part)
    if ".parquet" in path.name:
        return [json.loads(line) for line in text.split("\n")[:-1]]
    return parsed(path, f"{text or '['}]" if ".json" in path.suffixes else text)


def parsed(path: Path, text: str) -> list[dict[str, Any]]:
    """The items in the text of a file, read by the standard library."""
    if ".csv" in path.name:
        return list(csv.DictReader(StringIO(text, newline=""), strict=True))
    if ".jsonl" in path.name:
        return [json.loads(line) for line in text.split("\n")[:-1]]
    items: list[dict[str, Any]] = json.loads(text)
    return items


def stored(path: Path) -> list[dict[str, Any]]:
    """The rows of all tables of a database, without what is NULL."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118 -- of a sqlite3.Row
            for table in tables
            for row in database.execute(f'SELECT * FROM "{table.replace(chr(34), chr(34) * 2)}" ORDER BY _rowid_')
        ]
