"""The sink that writes a Parquet file, which cannot be appended to: it is made at the end, of a log of its items.

The log is NAME.parquet.part, a JSON Lines file that grows and is cut back as any data file. Which types each field
has had is kept besides (in `Position.state`), so that the columns' types are known when the file is made, and none
has to be changed on the way. A finished file carries the mark of its crawl. If the crawl goes on after it was made,
and its log is gone, the file itself is what the new log continues: its `base`.
"""

import asyncio
import importlib.util
import os
import secrets
from collections.abc import Sequence
from threading import Event
from typing import Any, Self

from scraper.errors import SettingsError, StorageError
from scraper.protocols import Position
from scraper.sinks.files import part
from scraper.sinks.files.destination import Destination
from scraper.sinks.files.part import Misfit
from scraper.sinks.files.sink import DataFile
from scraper.sinks.formats.values import json_lines, record, text
from scraper.sinks.parquet import table


class ItemLog:
    """Items as JSON Lines, and which types their fields have had; `fields` are the ones to write, all unless given."""

    def __init__(self, fields: tuple[str, ...] = ()) -> None:
        self.mark = secrets.token_hex(8)
        self.base = 0  # items that are in the finished file, and not in the log
        self._fields = fields
        self._met: dict[tuple[Any, type], None] = {}
        self._kinds: dict[str, list[str]] = {name: [] for name in fields}

    def encode(self, items: Sequence[Any]) -> bytes:
        """The lines of `items`. Raises if one of them cannot be written."""
        records = [record(each, self._fields) for each in items]
        if not (self._kinds or self._met or any(records)):
            raise ValueError("the items' fields are the columns of a Parquet file, and this one has no fields")
        lines = json_lines(records)
        for each in records:
            self._met.update(dict.fromkeys(zip(each, map(type, each.values()), strict=True)))
        return lines

    def end(self) -> bytes:
        """Nothing closes the log."""
        return b""

    @property
    def kinds(self) -> dict[str, list[str]]:
        """The names of the types that the values of each field have had, in the order of the fields' coming."""
        for name, kind in self._met:
            kinds = self._kinds.setdefault(text(name), [])
            if kind.__name__ not in kinds:
                kinds.append(kind.__name__)
        self._met.clear()
        return self._kinds

    def state(self) -> dict[str, Any]:
        """The crawl's mark, how many items the log does not have, and the types of what it has."""
        return {"mark": self.mark, "base": self.base, "kinds": {name: [*each] for name, each in self.kinds.items()}}

    def resume(self, position: Position) -> None:
        """Go on with what was known then."""
        state = position.state
        self.mark, self.base = state["mark"], state["base"]
        self._kinds = {name: [*each] for name, each in state["kinds"].items()}


class ParquetFile(DataFile):
    """The sink that writes one Parquet file; only items of the classes named in `classes`, if any are."""

    def __init__(
        self,
        path: str,
        log: ItemLog,
        *,
        classes: Sequence[str] = (),
        durable: bool = False,
        is_always_published: bool = False,
    ) -> None:
        destination = Destination(path, durable=durable)
        super().__init__(destination, log, kind="parquet", classes=classes, is_always_published=is_always_published)
        self._path = path
        self._target = os.path.realpath(path)
        self._made = f"{self._target}.new"
        self._log = log

    def resume(self, position: Position, *, is_known: bool = False) -> None:
        """To be opened at `position`, which an earlier process came to: what follows it is cut off.

        Opening raises `StorageError` if what stands before it is not there as it was.
        """
        super().resume(position, is_known=is_known)
        if not position.items:
            self._position = None

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(part.require_ordinary, self._target)
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error.strerror}") from error
        position = self._position
        if position is None:
            return await super().__aenter__()
        if "kinds" not in position.state:
            raise Misfit(self._path, "it was written in another format")
        mark, base = position.state["mark"], position.state["base"]
        if base and not await self._is_finished(mark, base):
            raise Misfit(self._path, f"it does not hold the {base:,} items that were written")
        try:
            return await super().__aenter__()
        except Misfit:
            if not await self._is_finished(mark, position.items):
                raise
        await self._destination.open()
        self._log.mark, self._log.base, self.items = mark, position.items, position.items
        return self

    async def _is_finished(self, mark: str, items: int) -> bool:
        """Whether the file of this crawl is there under its final name, with at least `items` items."""
        return await asyncio.to_thread(table.rows_of, self._target, mark) >= items

    async def complete(self) -> None:
        """Make the file, beside the log of its items."""
        await self._destination.complete()
        made, stopped = self._made, Event()
        source = table.Source(f"{self._target}.part", self._target, self._log.base, self._log.mark, self._log.kinds)
        making = asyncio.create_task(asyncio.to_thread(table.make, made, source, stopped), name=f"make {made}")
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            stopped.set()
            await asyncio.wait((making,))
            raise
        except (OSError, ValueError) as error:  # pyarrow's own are among them
            raise StorageError(f"{self._path} cannot be written: {' '.join(str(error).split())}") from error

    async def publish(self) -> None:
        """Give the file its final name; its log is removed."""
        await self._destination.publish(self._made)

    async def withhold(self) -> None:
        """Leave the file as `NAME.part`, in the place of its log."""
        await self._destination.withhold(self._made)


def parquet(
    path: str, fields: tuple[str, ...], *, classes: Sequence[str], durable: bool, is_always_published: bool
) -> ParquetFile:
    """The sink for `path`. Raises `SettingsError` if pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise SettingsError(f"[[sinks]] path {path!r}: Parquet needs pyarrow: pip install 'scraper[parquet]'")
    return ParquetFile(path, ItemLog(fields), classes=classes, durable=durable, is_always_published=is_always_published)
