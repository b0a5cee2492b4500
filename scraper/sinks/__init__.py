"""Items are written: a sink is a format (what the bytes are) and a destination (where they go)."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from scraper.errors import SettingsError
from scraper.settings import SinkSettings
from scraper.sinks.csv_table import CsvTable
from scraper.sinks.datafile import DataFile, Format, UnwritableItems
from scraper.sinks.destination import Destination
from scraper.sinks.json_array import JsonArray
from scraper.sinks.jsonl import JsonLines
from scraper.sinks.naming import fill, format_of, placeholders

FORMATS: Mapping[str, Callable[[tuple[str, ...]], Format]] = {
    "jsonl": JsonLines,
    "json": JsonArray,
    "csv": CsvTable,
}


def open_sinks(
    settings: Sequence[SinkSettings], *, spider: str, arguments: Mapping[str, object], started: datetime
) -> list[DataFile]:
    """The sinks that `[[sinks]]` asks for, in that order; each opens its file as its context is entered.

    Raises `SettingsError` for a placeholder or an ending that is not known, a folder, or a file named twice.
    """
    values = placeholders(spider, arguments, started)
    sinks: dict[str, DataFile] = {}
    for each in settings:
        path = each.path if each.path == "-" else fill(each.path, values)
        target = path if path == "-" else os.path.realpath(path)
        if path.endswith("/") or Path(target).is_dir():
            raise SettingsError(f"[[sinks]] path {path!r} is a folder: expected the name of a file in it")
        if target in sinks:
            raise SettingsError(f"[[sinks]] path {path!r}: another sink writes this file already")
        name = each.format or format_of(path, FORMATS)
        destination = Destination(path, compress=path.endswith(".gz"))
        sinks[target] = DataFile(destination, FORMATS[name](each.fields), classes=each.items)
    return list(sinks.values())


__all__ = ["DataFile", "Destination", "Format", "UnwritableItems", "open_sinks"]
