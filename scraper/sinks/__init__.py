"""Items are written: a sink is a format (what the bytes are) and a destination (where they go)."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

from msgspec.structs import replace

from scraper.errors import SettingsError
from scraper.process.standard_streams import was_closed
from scraper.settings.schema import SinkSettings
from scraper.sinks.files.compression import packing_of
from scraper.sinks.files.destination import Destination
from scraper.sinks.files.path_template import format_of, placeholders, require_local
from scraper.sinks.files.sink import DataFile, Format, UnwritableItems
from scraper.sinks.files.standing import Standing
from scraper.sinks.formats import capabilities
from scraper.sinks.formats.csv import CsvTable
from scraper.sinks.formats.json import JsonArray
from scraper.sinks.formats.jsonl import JsonLines
from scraper.sinks.parquet.sink import parquet
from scraper.sinks.rejected import ENDING, RejectedItems
from scraper.sinks.split.route import PART, Route, route
from scraper.sinks.split.sink import SplitFiles
from scraper.sinks.sqlite.sink import SqliteFile
from scraper.sinks.sqlite.tables import Tables

DataSink: TypeAlias = DataFile | SqliteFile | SplitFiles
"""A sink that `[[sinks]]` asks for."""

_PLACED = re.compile(r"\{(?:part|item\.[^{}]+)\}")  # what differs from item to item in the path of several files


def open_sinks(
    settings: Sequence[SinkSettings],
    *,
    spider: str,
    arguments: Mapping[str, object],
    started: datetime,
    durable: bool = False,
) -> list[DataSink]:
    """The sinks that `[[sinks]]` asks for, in that order; each opens its file as its context is entered.

    What a `durable` one has synced outlives a power failure, and not only the process.
    Raises `SettingsError` for a placeholder, a scheme or an ending that is not known, a folder, a file named twice,
    standard output if it is closed, or what a format cannot do.
    """
    values = placeholders(spider, arguments, started)
    sinks: dict[str, DataSink] = {}
    for each in settings:
        has_parts = bool(each.split_after.changed()) or PART not in arguments
        found = route("-" if each.path == "-" else each.path, values, has_parts=has_parts)
        path = str(found)
        require_local(path)
        target = path if path == "-" else os.path.realpath(path)
        if path.endswith("/") or Path(target).is_dir():
            raise SettingsError(f"[[sinks]] path {path!r} is a folder: expected the name of a file in it")
        if target in sinks:
            raise SettingsError(f"[[sinks]] path {path!r}: another sink writes this file already")
        sinks[target] = _sink(each, found, durable=durable)
    return list(sinks.values())


def rejections(
    settings: Sequence[SinkSettings], sinks: Sequence[DataSink], *, durable: bool = False
) -> list[RejectedItems]:
    """What keeps the items that `sinks`, made of these `settings`, do not have; one beside each local file."""
    return [
        _rejections(table, sink, durable=durable)
        for table, sink in zip(settings, sinks, strict=True)
        if sink.name != "-" and (not Path(sink.name).exists() or Path(sink.name).is_file())
    ]


def _rejections(settings: SinkSettings, sink: DataSink, *, durable: bool) -> RejectedItems:
    placed = _PLACED.sub("all", sink.name) if isinstance(sink, SplitFiles) else sink.name
    is_kept = settings.mode != "replace"
    lines = SinkSettings(path=f"{placed}{ENDING}", mode="append" if is_kept else "replace")
    return RejectedItems(
        sink.name,
        _file(lines, "jsonl", lines.path, durable=durable),
        classes=settings.items,
        is_kept=is_kept,
        is_always_published=sink.is_always_published,
    )


def _sink(settings: SinkSettings, found: Route, *, durable: bool) -> DataSink:
    """The sink of one file, or of as many as `found` says."""
    path = str(found)
    if path == "-" and was_closed("stdout"):
        raise SettingsError("[[sinks]] path '-': standard output is closed")
    name = settings.format or format_of(path, capabilities.CAPABILITIES)
    capabilities.require(settings, name, path, is_packed=packing_of(path) is not None)
    always = settings.publish == "always"
    if found.names or settings.split_after.changed():
        capabilities.require_splits(settings, name, path, has_parts=found.has_parts)
        make = partial(_file, replace(settings, items=()), name, durable=durable)
        make(path)  # what cannot be made is refused now
        return SplitFiles(found, make, after=settings.split_after, classes=settings.items, is_always_published=always)
    if name == "sqlite":
        return SqliteFile(
            path,
            Tables(settings.fields, key=settings.key),
            classes=settings.items,
            mode=settings.mode,
            durable=durable,
            is_always_published=always,
        )
    return _file(settings, name, path, durable=durable)


def _file(settings: SinkSettings, name: str, path: str, *, durable: bool) -> DataFile:
    """The sink of the file `path`, whose format is called `name`."""
    always = settings.publish == "always"
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
        case "csv" | "tsv":
            delimiter = "\t" if name == "tsv" else ","
            guarded = settings.formula_guard
            table = CsvTable(settings.fields, delimiter=delimiter, join=settings.join, is_guarded=guarded)
            return table, table.extend
    lines = JsonLines(settings.fields)
    return lines, lines.extend


__all__ = [
    "DataFile",
    "Destination",
    "Format",
    "RejectedItems",
    "SplitFiles",
    "SqliteFile",
    "UnwritableItems",
    "open_sinks",
    "rejections",
]
