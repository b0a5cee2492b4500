"""The sink that writes several files: the parts of one, which follow each other, and one file a value of a field.

Each file is a sink by itself, that begins when its first item comes. At most `MOST_OPEN` are open; of the others it is
known where they end, and they are opened again there. What is remembered of all files is one position, so they are cut
back together, and they are completed, published or withheld together.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from scraper.errors import StorageError
from scraper.protocols import Clock, Position
from scraper.settings.schema import SplitAfter
from scraper.sinks.files.previous import Previous
from scraper.sinks.files.sink import DataFile, UnwritableItems
from scraper.sinks.formats.values import problem
from scraper.sinks.split.route import Route

MOST_OPEN = 32
"""Files that are open at a time."""

logger = logging.getLogger(__name__)


class _File(msgspec.Struct, eq=False):
    """One file: its sink, where it ends if it is not open, the bytes of its content, and when it was begun."""

    sink: DataFile
    began: float
    content: int = 0
    position: Position | None = None


class SplitFiles:
    """Items in the files that `route` says, each written by what `make` makes for its path.

    A part ends when it has reached what `after` says; only items of the classes named in `classes`, if any are.
    """

    is_exact = True

    def __init__(
        self,
        route: Route,
        make: Callable[[str], DataFile],
        *,
        after: SplitAfter,
        classes: Sequence[str] = (),
        is_always_published: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self.items = 0
        self.name = self.path = str(route)
        self.is_always_published = is_always_published
        self._route = route
        self._make = make
        self._after = after
        self._classes = frozenset(classes)
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._parts: dict[str, int] = {}  # the number of each group's last part
        self._open: OrderedDict[str, _File] = OrderedDict()  # the one that was written last comes last
        self._turn = asyncio.Lock()
        self._position: Position | None = None
        self._is_open = False
        self._has_ended = False

    @property
    def bytes(self) -> int:
        """How long the files are in all, as far as they have been written."""
        return sum(each.sink.bytes for each in self._files.values())

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all files, under their final names."""
        return tuple(self._files)

    def resume(self, position: Position) -> None:
        """To be opened at `position`, which an earlier process came to: what follows it is cut off.

        Opening raises `StorageError` if what stands before it is not there as it was.
        """
        self._position = position

    # Written.

    async def write(self, items: Sequence[Any]) -> None:
        """Take `items`; waits while too much of what was taken is not yet written.

        Raises `UnwritableItems` if some of them cannot be written, after the others were taken, and `StorageError`
        if a file cannot be written.
        """
        self._check()
        if self._classes:
            items = [each for each in items if type(each).__name__ in self._classes]
        failures: list[tuple[Any, str]] = []
        async with self._turn:
            for group, its in self._grouped(items, failures).items():
                await self._write(group, its, failures)
        if failures:
            raise UnwritableItems(self.name, failures)

    def _grouped(self, items: Sequence[Any], failures: list[tuple[Any, str]]) -> Mapping[str, Sequence[Any]]:
        if not self._route.fields:
            return {self._route.group({}): items} if items else {}
        groups: dict[str, list[Any]] = {}
        for item in items:
            try:
                groups.setdefault(self._route.group(item), []).append(item)
            except Exception as error:  # an item's own code may raise anything
                failures.append((item, problem(item, error)))
        return groups

    async def _write(self, group: str, items: Sequence[Any], failures: list[tuple[Any, str]]) -> None:
        start = 0
        while start < len(items):
            file = await self._current(group)
            left = self._after.items - file.sink.items if self._after.items else len(items)
            room = 1 if self._after.bytes else left
            before = file.sink.items
            try:
                await file.sink.write(items[start : start + room])
            except UnwritableItems as error:
                failures += error.failures
            finally:
                self.items += file.sink.items - before
            start += room

    async def _current(self, group: str) -> _File:
        """The open file that the next item of a group goes to."""
        if group in self._parts:
            path = self._route.path(group, self._parts[group])
            if not self._is_full(self._files[path]):
                return await self._opened(path)
            await self._rest(path)
        number = self._parts.get(group, 0) + 1
        while (path := self._route.path(group, number)) in self._files:  # two groups with one name
            number += 1
        await self._begin(path)
        self._parts[group] = number
        return self._files[path]

    def _is_full(self, file: _File) -> bool:
        after = self._after
        return bool(
            (after.items and file.sink.items >= after.items)
            or (after.bytes and file.content + file.sink.content >= after.bytes)
            or (after.seconds and file.sink.items and self._clock() - file.began >= after.seconds)
        )

    # Opened, and closed for a while.

    async def _begin(self, path: str) -> None:
        await self._make_room()
        sink = self._make(path)
        await sink.__aenter__()
        self._files[path] = self._open[path] = _File(sink, self._clock())

    async def _opened(self, path: str) -> _File:
        file = self._files[path]
        if path not in self._open:
            await self._make_room()
            sink = self._make(path)
            if file.position is not None:
                sink.resume(file.position, is_known=True)
            await sink.__aenter__()
            file.content += file.sink.content
            file.sink = sink
            self._open[path] = file
        self._open.move_to_end(path)
        return file

    async def _make_room(self) -> None:
        while len(self._open) >= MOST_OPEN:
            await self._rest(next(iter(self._open)))

    async def _rest(self, path: str) -> None:
        """Close the file for a while, if it is open."""
        if path in self._open:
            file = self._open[path]
            file.position = await file.sink.rest()
            del self._open[path]

    async def sync(self) -> Position:
        """Hand all that was taken until now to the operating system, or the disk if durable; where the files end."""
        self._check()
        async with self._turn:
            for file in self._open.values():
                file.position = await file.sink.sync()
            size, now = 0, self._clock()
            files: dict[str, list[Any]] = {}
            for path, file in self._files.items():
                if (at := file.position) is not None:
                    size += at.bytes
                    content = file.content + file.sink.content
                    files[path] = [at.bytes, at.items, at.crc, at.state, content, now - file.began]
            return Position(self.name, size, self.items, state={"files": files, "parts": dict(self._parts)})

    async def __aenter__(self) -> Self:
        self._is_open = True
        self.path = f"{self.name}.part"
        if self._position is None:
            return self
        self.items = self._position.items
        try:
            for path, (size, items, crc, state, content, age) in self._position.state.get("files", {}).items():
                sink = self._make(path)
                sink.resume(Position(path, size, items, crc, state))
                await sink.__aenter__()
                self._files[path] = _File(sink, self._clock() - age, content, await sink.rest())
        except BaseException:
            self._is_open = False
            raise
        self._parts = dict(self._position.state.get("parts", {}))
        return self

    # Ended.

    async def finish(self) -> None:
        """Write what is left, close the files and give them their final names."""
        await self.complete()
        await self.publish()

    async def complete(self) -> None:
        """Write what is left: all files are whole then, and on the disk. No more items are taken.

        Where no item came, there is a first part without any, unless its name is up to an item.
        """
        self._check()
        async with self._turn:
            if not (self._files or self._route.fields):
                await self._current(self._route.group({}))
            for path in self._files:
                file = await self._opened(path)
                await file.sink.complete()
                await self._rest(path)
        self._is_open = False

    async def previous(self) -> Previous | None:
        """The file that an empty first part would replace; where there are items, no file of others is left empty."""
        if self.items or self._route.fields:
            return None
        return await self._make(self._route.path(self._route.group({}), 1)).previous()

    async def publish(self) -> None:
        """Give all files, which are complete, their final names."""
        self._check_complete()
        for file in self._files.values():
            await file.sink.publish()
        self.path = self.name
        self._has_ended = True

    async def withhold(self) -> None:
        """Leave all files, which are complete, as `NAME.part`."""
        self._check_complete()
        for file in self._files.values():
            await file.sink.withhold()
        self._has_ended = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all files; those that are not published keep the name `NAME.part`."""
        self._is_open = False
        for file in self._open.values():
            try:
                await file.sink.rest()
            except StorageError as failed:
                logger.error("%s", failed)
        self._open.clear()
        if not self._has_ended:
            number = len(self._files)
            logger.warning("%s is not finished: what there is of it is in %d file(s) .part", self.name, number)

    # What goes wrong.

    def _check(self) -> None:
        if not self._is_open:
            raise StorageError(f"{self.name} is not open")

    def _check_complete(self) -> None:
        if self._is_open:
            raise StorageError(f"{self.name} is not complete")

    def __repr__(self) -> str:
        return f"<SplitFiles {self.name}: {self.items} items in {len(self._files)} files>"
