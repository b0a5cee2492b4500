"""Bytes are gathered in memory and written behind the caller's back, compressed on the way.

`put()` only appends to memory. When a good piece has gathered, a task, the flusher, writes it through aiofiles, and
ends when nothing is left; there is at most one. Whoever waits for it holds nothing, and may be cancelled without harm
to what is being written; `close()` waits for it too.

With compression every `sync()` ends a member, and what follows begins another, see `compression`: a file that is cut
off where a `sync()` ended is a whole one.
"""

import asyncio
import logging
import os
import zlib
from collections import deque

import msgspec
from aiofiles.threadpool.binary import AsyncFileIO

from scraper.errors import StorageError
from scraper.sinks.files.compression import Packer, Packing

PIECE = 128 * 1024
"""So many bytes are worth a write."""
ROOM = 1024 * 1024
"""So many bytes may be unwritten before callers wait."""

logger = logging.getLogger(__name__)


class End(msgspec.Struct, frozen=True):
    """The size of a file, and the CRC-32 of what is in it."""

    bytes: int = 0
    crc: int = 0


class _Piece(msgspec.Struct, eq=False):
    """Bytes to be written; `end` is where the file ends with them, once they are."""

    data: bytearray
    ends_member: bool = False
    end: End | None = None


class BackgroundWriter:
    """Writes to `file`, which errors call `name`, and which has bytes already up to `end`.

    `size` is how many bytes are in it, after compression by `packing`.
    """

    def __init__(self, file: AsyncFileIO, name: str, *, packing: Packing | None = None, end: End = End()) -> None:  # noqa: B008 -- it is frozen
        self.size = end.bytes
        self._file: AsyncFileIO | None = file
        self._name = name
        self._packing = packing
        self._crc = end.crc
        self._gathered = bytearray()
        self._pieces: deque[_Piece] = deque()  # cut off by `sync()`: to be written before what is gathered
        self._taken = end.bytes
        self._unwritten = 0
        self._member: Packer | None = None  # what is being compressed
        self._flusher: asyncio.Task[None] | None = None
        self._problem = ""

    def put(self, data: bytes) -> None:
        """Take `data`, to be written after all that was taken before. Raises `StorageError` if writing failed."""
        self._check()
        self._gathered += data
        self._taken += len(data)
        self._unwritten += len(data)
        if len(self._gathered) >= PIECE:
            self._start_flusher()

    async def wait_for_room(self) -> None:
        """Wait while too much of what was taken is not yet written. Raises `StorageError` if writing fails."""
        while self._unwritten > ROOM:
            await self._wait_for_flusher()

    async def sync(self) -> End:
        """Hand all that was taken until now to the operating system; where the file ends with that.

        Raises `StorageError` if writing fails.
        """
        piece = _Piece(self._gathered, ends_member=True)
        self._gathered = bytearray()
        self._pieces.append(piece)
        while piece.end is None:
            await self._wait_for_flusher()
        return piece.end

    async def complete(self) -> End:
        """The last `sync()`: with compression, a file of no bytes at all has a member, too, and so is a whole one."""
        if self._packing is not None and not self._taken:
            self._member = self._packing()
        return await self.sync()

    async def bring_to_disk(self) -> None:
        """Have what was written outlive a power failure. Raises `StorageError` if that fails."""
        try:
            await asyncio.to_thread(os.fsync, self._check().fileno())
        except OSError as error:  # nobody knows what is on the disk now
            self._problem = self._explain(error)
            raise StorageError(self._problem) from error

    async def close(self) -> None:
        """Close the file, without what was not written."""
        file, self._file = self._file, None
        if file is not None:
            await file.close()

    # The flusher.

    def _start_flusher(self) -> asyncio.Task[None]:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush(self._check()), name=f"write {self._name}")
        return self._flusher

    async def _wait_for_flusher(self) -> None:
        """Wait until it has nothing left to do. To be cancelled here does not cancel it."""
        self._check()
        await asyncio.wait((self._start_flusher(),))
        self._check()

    async def _flush(self, file: AsyncFileIO) -> None:
        """Write all there is. Whoever comes next learns by `_check()` if that failed."""
        try:
            while self._pieces or self._gathered:
                await self._write(self._next(), file)
        except OSError as error:
            self._problem = self._explain(error)
        except asyncio.CancelledError:  # as the loop ends: nobody knows how much was written
            self._problem = f"{self._name} cannot be written: it was interrupted"
            raise
        except Exception as error:  # nobody awaits this task
            self._problem = f"{self._name} cannot be written: {type(error).__name__}: {error}"

    def _next(self) -> _Piece:
        if self._pieces:
            return self._pieces.popleft()
        piece, self._gathered = _Piece(self._gathered), bytearray()
        return piece

    async def _write(self, piece: _Piece, file: AsyncFileIO) -> None:
        data = await asyncio.to_thread(self._packed, piece) if self._packing else piece.data
        with memoryview(data) as rest:
            start = 0
            while start < len(rest):
                written = await file.write(rest[start:])
                if written is None:  # a full pipe whose other side made it non-blocking
                    await asyncio.sleep(0.01)
                    continue
                start += written
                self.size += written
            self._crc = zlib.crc32(rest, self._crc)
        self._unwritten -= len(piece.data)
        piece.end = End(self.size, self._crc)

    def _packed(self, piece: _Piece) -> bytes:
        if self._member is None:
            if not piece.data or self._packing is None:
                return b""
            self._member = self._packing()
        data = self._member.compress(piece.data)
        if piece.ends_member:
            data += self._member.flush()
            self._member = None
        return data

    # What goes wrong.

    def _check(self) -> AsyncFileIO:
        """The open file. Raises `StorageError` if there is none, or writing it failed."""
        if self._problem:
            raise StorageError(self._problem)
        if self._file is None:
            raise StorageError(f"{self._name} is not open")
        return self._file

    def _explain(self, error: OSError) -> str:
        return f"{self._name} cannot be written: {error.strerror or error}"

    def __repr__(self) -> str:
        return f"<BackgroundWriter {self._name}: {self.size} bytes written, {self._unwritten} to be written>"
