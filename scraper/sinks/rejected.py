"""Items that a data file does not have, since a pipeline raised or the format cannot hold them: `NAME.rejected.jsonl`.

Each line has the `item`, the `reason` and the `url` of its page. What JSON cannot hold is there as its `repr()`. The
file is a data file like any other: a `.part` until the crawl has ended, exact after any death, and published or
withheld with the rest. It is made when the first item is rejected. If none is, the one of an earlier crawl goes with
the data that it belonged to; where that data stays, it stays, and is appended to.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scraper.errors import StorageError
from scraper.items.item_types import fields
from scraper.protocols import Position
from scraper.sinks.files.sink import DataFile
from scraper.sinks.formats.values import text

ENDING = ".rejected.jsonl"


class RejectedItems:
    """Keeps what the data file `of` does not have, in a `file`.

    Only items of the classes named in `classes`, if any are. `is_kept` says whether what earlier crawls rejected stays.
    """

    is_exact = True

    def __init__(
        self,
        of: str,
        file: DataFile,
        *,
        classes: Sequence[str] = (),
        is_kept: bool = False,
        is_always_published: bool = False,
    ) -> None:
        self.of = of
        self.is_always_published = is_always_published
        self._file = file
        self._classes = frozenset(classes)
        self._is_kept = is_kept
        self._turn = asyncio.Lock()
        self._is_begun = False

    @property
    def name(self) -> str:
        """What the file is called once it is published."""
        return self._file.name

    @property
    def path(self) -> str:
        """Where the file is, or would be."""
        return self._file.path

    @property
    def items(self) -> int:
        """How many items were rejected."""
        return self._file.items

    @property
    def bytes(self) -> int:
        """How long the file is, as far as it has been written."""
        return self._file.bytes

    def resume(self, position: Position) -> None:
        """To be opened at `position`, which an earlier process came to."""
        if position.items:
            self._file.resume(position)
            self._is_begun = True

    def takes(self, item: Any) -> bool:
        """Whether the data file would have had `item`."""
        return not self._classes or type(item).__name__ in self._classes

    async def reject(self, rejected: Sequence[tuple[Any, str]], url: str) -> None:
        """Keep items of the page `url`, each with the reason. Raises `StorageError` if they cannot be written."""
        async with self._turn:
            if not self._is_begun:
                await self._file.__aenter__()
                self._is_begun = True
        await self._file.write([{"item": _legible(item), "reason": reason, "url": url} for item, reason in rejected])

    async def write(self, items: Sequence[Any]) -> None:
        """What is written is not rejected."""

    async def sync(self) -> Position:
        """Hand all that was taken to the operating system, or the disk if durable; where the file ends now."""
        return await self._file.sync() if self._is_begun else Position(self.name, 0, 0)

    async def __aenter__(self) -> Self:
        if self._is_begun:
            await self._file.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._file.__aexit__(kind, error, trace)

    # Ended.

    async def finish(self) -> None:
        """Write what is left, close the file and give it its final name."""
        await self.complete()
        await self.publish()

    async def complete(self) -> None:
        """Write what is left."""
        if self._is_begun:
            await self._file.complete()

    async def previous(self) -> None:
        """No data is lost with what an earlier crawl rejected."""

    async def publish(self) -> None:
        """Give the file its final name. If there is none, that of an earlier crawl is removed, unless it is kept."""
        if self._is_begun:
            await self._file.publish()
        elif not self._is_kept:
            try:
                await asyncio.to_thread(Path(self.name).unlink, missing_ok=True)
            except OSError as error:
                raise StorageError(f"{self.name} cannot be removed: {error.strerror}") from error

    async def withhold(self) -> None:
        """Leave the file as `NAME.part`."""
        if self._is_begun:
            await self._file.withhold()

    def __repr__(self) -> str:
        return f"<RejectedItems {self.path}: {self.items} items>"


def _legible(item: Any) -> Any:
    """`item` in values of JSON: its fields, as far as they can be written, and the `repr()` of all else."""
    try:
        values = fields(item)
    except Exception:  # it has none, or its own code raises
        return _repr(item)
    return {str(name): value if _can_be_written(value) else _repr(value) for name, value in values.items()}


def _can_be_written(value: Any) -> bool:
    try:
        text(value)
    except Exception:  # an item's own code may raise anything
        return False
    return True


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # the same
        return f"<{type(value).__name__}, whose repr() raised {type(error).__name__}>"
