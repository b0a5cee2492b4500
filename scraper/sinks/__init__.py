"""Items are written: a sink is a format (what the bytes are) and a destination (where they go)."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from scraper.errors import SettingsError
from scraper.process.standard_streams import was_closed
from scraper.settings.schema import SinkSettings
from scraper.sinks.files.compression import packing_of
from scraper.sinks.files.destination import Destination
from scraper.sinks.files.path_template import fill, format_of, placeholders, require_local
from scraper.sinks.files.sink import DataFile, Format, UnwritableItems
from scraper.sinks.files.standing import Standing
from scraper.sinks.formats import capabilities
from scraper.sinks.formats.csv import CsvTable
from scraper.sinks.formats.json import JsonArray
from scraper.sinks.formats.jsonl import JsonLines
from scraper.sinks.parquet.sink import parquet
from scraper.sinks.sqlite.sink import SqliteFile
from scraper.sinks.sqlite.tables import Tables


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
    name = settings.format or format_of(path, capabilities.CAPABILITIES)
    capabilities.require(settings, name, path, is_packed=packing_of(path) is not None)
    always = settings.publish == "always"
    if name == "sqlite":
        return SqliteFile(
            path,
            Tables(settings.fields, key=settings.key),
            classes=settings.items,
            mode=settings.mode,
            durable=durable,
            is_always_published=always,
        )
    if name == "parquet":
        return parquet(path, settings.fields, classes=settings.items, durable=durable, is_always_published=always)
    destination = Destination(path, packing=packing_of(path), durable=durable)
    written, extend = _format(settings, name)
    return DataFile(
        destination,
        written,
        kind=name,
        classes=settings.items,
        is_always_published=always,
        extend=extend if settings.mode == "append" else None,
    )


def _format(settings: SinkSettings, name: str) -> tuple[Format, Callable[[Standing], bytes] | None]:
    """The format called `name`, and what has it go on after a file that is there."""
    match name:
        case "json":
            return JsonArray(settings.fields), None
        case "csv":
            table = CsvTable(settings.fields, is_guarded=settings.formula_guard)
            return table, table.extend
    lines = JsonLines(settings.fields)
    return lines, lines.extend


__all__ = ["DataFile", "Destination", "Format", "SqliteFile", "UnwritableItems", "open_sinks"]
