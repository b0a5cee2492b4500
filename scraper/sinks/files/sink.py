"""A sink is a format and a destination: what the bytes are, and where they go."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from scraper.errors import StorageError
from scraper.protocols import Position
from scraper.sinks.files.destination import Destination
from scraper.sinks.files.previous import Previous, previous
from scraper.sinks.files.standing import Standing, standing
from scraper.sinks.formats.values import problem


class UnwritableItems(StorageError):  # noqa: N818 -- says what it has
    """Some items cannot be written in the format of their file; all others of the batch were taken.

    `failures` has the items, each with what is wrong with it.
    """

    def __init__(self, path: str, failures: list[tuple[Any, str]]) -> None:
        super().__init__(path, failures)
        self.path = path
        self.failures = failures

    def __str__(self) -> str:
        more = f" (and {len(self.failures) - 1} more)" if len(self.failures) > 1 else ""
        return f"{self.path} cannot hold {self.failures[0][1]}{more}"


class Format(Protocol):
    """Turns items into the bytes of a file, from its beginning to its end."""

    def encode(self, items: Sequence[Any], /) -> bytes:
        """The bytes of `items` (at least one), to follow all that were given before.

        Raises any exception if one of them cannot be written, and is then as if it had not been called.
        """
        ...

    def end(self) -> bytes:
        """What makes the file whole after its last item."""
        ...

    def state(self) -> dict[str, Any]:
        """What it has to be told to go on after what it gave until now: values of JSON."""
        ...

    def resume(self, position: Position, /) -> None:
        """Go on where the file ends at `position`, whose `state` is what `state()` was then."""
        ...


class DataFile:
    """The sink that writes one file; only items of the classes named in `classes`, if any are.

    `items` is how many it took, `content` how many bytes these are since it was opened, without compression. `kind` is
    the name of its format in config.toml. If it is to append to the file that is there, `extend` has the format go on
    after that: it gives what has to be written first, and raises `ValueError` if the format cannot.
    """

    def __init__(
        self,
        destination: Destination,
        format: Format,  # noqa: A002 -- the word of config.toml
        *,
        kind: str = "",
        classes: Sequence[str] = (),
        is_always_published: bool = False,
        extend: Callable[[Standing], bytes] | None = None,
    ) -> None:
        self.items = 0
        self.content = 0
        self.name = destination.path
        self.is_always_published = is_always_published
        self._kind = kind
        self._destination = destination
        self._format = format
        self._classes = frozenset(classes)
        self._extend = extend
        self._position: Position | None = None
        self._is_known = False

    @property
    def path(self) -> str:
        """Where the file is: under its final name, or as the `.part` that it still is."""
        return self._destination.place

    @property
    def bytes(self) -> int:
        """How long the file is, as far as it has been written."""
        return self._destination.size

    @property
    def is_exact(self) -> bool:
        """Whether the file can be cut back, once it is open: not if it is standard output, a device or a pipe."""
        return self._destination.is_exact

    def resume(self, position: Position, *, is_known: bool = False) -> None:
        """To be opened at `position`, which an earlier process came to: what follows it is cut off.

        Opening raises `StorageError` if what stands before it is not there as it was. If this process has written it,
        and let it `rest()`, it `is_known`, and not read again.
        """
        self._position, self._is_known = position, is_known

    async def write(self, items: Sequence[Any]) -> None:
        """Take `items`; waits while too much of what was taken is not yet written.

        Raises `UnwritableItems` if some of them cannot be written, after the others were taken, and `StorageError`
        if the file cannot be written.
        """
        if self._classes:
            items = [each for each in items if type(each).__name__ in self._classes]
        if not items:
            return
        failures: list[tuple[Any, str]] = []
        try:
            written = self._format.encode(items)
        except Exception:  # an item's own code may raise anything
            written = b"".join(_encode_each(self._format, items, failures))
        self._destination.put(written)
        self.content += len(written)
        self.items += len(items) - len(failures)
        await self._destination.wait_for_room()
        if failures:
            raise UnwritableItems(self._destination.path, failures)

    async def sync(self) -> Position:
        """Hand all that was taken until now to the operating system, or the disk if durable; where that ends."""
        items, state = self.items, self._format.state()
        end = await self._destination.sync()
        return Position(self._destination.path, end.bytes, items, end.crc, state)

    async def rest(self) -> Position:
        """Close the file for a while: where it ends. Another sink of its path goes on there, or this publishes it."""
        position = await self.sync()
        await self._destination.rest()
        return position

    async def finish(self) -> None:
        """Write what is left, close the file and give it its final name."""
        await self.complete()
        await self.publish()

    async def complete(self) -> None:
        """Write what is left: all that is to be published is whole then, and on the disk. No more items are taken."""
        self._destination.put(self._format.end())
        await self._destination.complete()

    async def previous(self) -> Previous | None:
        """The file that publishing would replace; None if its items are in the new one."""
        is_replaced = self.is_exact and self._extend is None
        return await asyncio.to_thread(previous, self.name, self._kind) if is_replaced else None

    async def publish(self) -> None:
        """Close the file, which is complete, and give it its final name."""
        await self._destination.publish()

    async def withhold(self) -> None:
        """Close the file, which is complete, and leave it as `NAME.part`."""
        await self._destination.withhold()

    async def __aenter__(self) -> Self:
        if self._position is not None:
            await self._destination.open(self._position, is_known=self._is_known)
            self._format.resume(self._position)
            self.items = self._position.items
        elif self._extend is not None:
            first = _extended(self.name, self._extend, await asyncio.to_thread(standing, self.name))
            await self._destination.open(extends=True)
            self._destination.put(first)
        else:
            await self._destination.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._destination.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}: {self.items} items, {self.bytes} bytes>"


def _extended(name: str, extend: Callable[[Standing], bytes], there: Standing) -> bytes:
    """What is to be written first after the file that is there. Raises `StorageError` if nothing can be."""
    try:
        return extend(there) if there.head else b""
    except ValueError as error:
        raise StorageError(f"{name} cannot be appended to: {error}") from None


def _encode_each(format: Format, items: Sequence[Any], failures: list[tuple[Any, str]]) -> list[bytes]:  # noqa: A002 -- the word of config.toml
    """What can be written of `items`; adds to `failures` what cannot."""
    written = []
    for each in items:
        try:
            written.append(format.encode((each,)))
        except Exception as error:  # an item's own code may raise anything
            failures.append((each, problem(each, error)))
    return written
