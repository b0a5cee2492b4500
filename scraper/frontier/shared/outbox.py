"""Items on their way to the data files, which another machine may write: they travel with the commits.

A batch is what one commit has, compressed. Items are bytes as the frontier keeps values (see
`frontier.serialization`): nothing in a batch is code.
"""

import asyncio
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from scraper.errors import StorageError
from scraper.frontier.serialization.requests import packed, unpacked
from scraper.protocols import Open, Position

MOST_BACKLOG = 64 * 1024 * 1024  # bytes of items that no file has yet, before nothing more is asked for
LARGEST = 256 * 1024 * 1024  # bytes of a batch that is believed

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class Outbox(Open):
    """A sink that keeps items until a commit takes them. `backlog` bytes of items are in the store, and in no file."""

    path = "items"
    is_exact = True

    def __init__(self, backlog: int = 0) -> None:
        self.backlog = backlog
        self.items = 0
        self.bytes = 0
        self._waiting: list[bytes] = []
        self._size = 0

    def resume(self, position: Position) -> None:
        """What was not committed has not happened."""

    async def write(self, items: Sequence[Any]) -> None:
        """Take `items`."""
        for item in items:
            data = packed(item)
            self._waiting.append(data)
            self._size += len(data)
        self.items += len(items)

    @property
    def is_full(self) -> bool:
        """Whether so much is not in the files yet that no further page should be asked for."""
        return self.backlog + self._size > MOST_BACKLOG

    def cut(self) -> bytes:
        """What was taken since this was last asked, as one batch that is not compressed yet."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        return _encode(waiting) if waiting else b""

    async def packed(self, batch: bytes) -> bytes:
        """A batch as the store has it."""
        data = await asyncio.to_thread(zlib.compress, batch, 1) if batch else b""
        self.bytes += len(data)
        return data

    async def sync(self) -> Position:
        return Position(self.path, self.bytes, self.items)

    async def finish(self) -> None:
        """All was taken by a commit."""


def opened(batch: bytes) -> list[Any]:
    """The items of a batch. Raises `StorageError` if it is none."""
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(batch, LARGEST)
        if not unpacker.eof:
            raise StorageError(f"a batch of items is cut short, or larger than {LARGEST >> 20} MiB")
        return [unpacked(each) for each in _decode(data)]
    except (zlib.error, msgspec.MsgspecError) as error:
        raise StorageError(f"a batch of items cannot be read: {error}") from None
