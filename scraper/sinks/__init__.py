"""Items are written: a sink is a format (what the bytes are) and a destination (where they go)."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from scraper.errors import SettingsError
from scraper.process.standard_streams import was_closed
from scraper.settings.schema import SinkSettings
from scraper.sinks.files.compression import packing_of
from scraper.sinks.files.destination import Destination
from scraper.sinks.files.path_template import fill, format_of, placeholders, require_local
from scraper.sinks.files.sink import DataFile, Format, UnwritableItems
from scraper.sinks.formats.csv import CsvTable
from scraper.sinks.formats.json import JsonArray
from scraper.sinks.formats.jsonl import JsonLines
from scraper.sinks.parquet.sink import parquet
from scraper.sinks.sqlite.sink import SqliteFile
from scraper.sinks.sqlite.tables import Tables

FORMATS: Mapping[str, Callable[[tuple[str, ...]], Format]] = {
    "jsonl": JsonLines,
    "json": JsonArray,
    "csv": CsvTable,
}
"""What can also be compressed, and written to standard output."""
STORES = ("sqlite", "parquet")
"""What is always a file of its own kind."""


def open_sinks(
    settings: Sequence[SinkSettings],
    *,
    spider: str,
    arguments: Mapping[str, object],
    started: datetime,
    durable: bool = False,
) -> list[DataFile | SqliteFile]:
    """The sinks that `[[sinks]]` asks for, in that order; each opens its file as its context is entered.

    What a `durable` one has synced outlives a power failure, and not only the process.
    Raises `SettingsError` for a placeholder, a scheme or an ending that is not known, a folder, a file named twice,
    or standard output if it is closed.
    """
    values = placeholders(spider, arguments, started)
    sinks: dict[str, DataFile | SqliteFile] = {}
    for each in settings:
        path = each.path if each.path == "-" else fill(each.path, values)
        require_local(path)
        target = path if path == "-" else os.path.realpath(path)
        if path.endswith("/") or Path(target).is_dir():
            raise SettingsError(f"[[sinks]] path {path!r} is a folder: expected the name of a file in it")
        if target in sinks:
            raise SettingsError(f"[[sinks]] path {path!r}: another sink writes this file already")
        sinks[target] = _sink(each, path, durable=durable)
    return list(sinks.values())


def _sink(settings: SinkSettings, path: str, *, durable: bool) -> DataFile | SqliteFile:
    if path == "-" and was_closed("stdout"):
        raise SettingsError("[[sinks]] path '-': standard output is closed")
    name = settings.format or format_of(path, (*FORMATS, *STORES))
    if name in STORES and (path == "-" or packing_of(path) is not None):
        raise SettingsError(f"[[sinks]] path {path!r}: the format {name} needs a file, which is not compressed")
    if settings.formula_guard and name != "csv":
        raise SettingsError(f"[[sinks]] path {path!r}: formula_guard is for CSV, and this is {name}")
    always = settings.publish == "always"
    if name == "sqlite":
        tables = Tables(settings.fields)
        return SqliteFile(path, tables, classes=settings.items, durable=durable, is_always_published=always)
    if name == "parquet":
        return parquet(path, settings.fields, classes=settings.items, durable=durable, is_always_published=always)
    destination = Destination(path, packing=packing_of(path), durable=durable)
    guarded = partial(CsvTable, is_guarded=True) if settings.formula_guard else FORMATS[name]
    formatted = guarded(settings.fields)
    return DataFile(destination, formatted, kind=name, classes=settings.items, is_always_published=always)


__all__ = ["DataFile", "Destination", "Format", "SqliteFile", "UnwritableItems", "open_sinks"]
