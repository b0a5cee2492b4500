"""One output file: bytes are gathered in memory, written behind the caller's back, and named when they are whole.

`put()` only appends to memory. When a good piece has gathered, a task of the destination's own — the flusher, of
which there is one at most — writes it through aiofiles, and ends when nothing is left. Whoever waits for it holds
nothing, and may be cancelled without harm to what is being written; `close()` waits for it too.

The file is called `NAME.part` until it is whole. It is locked (flock), which keeps a second crawl from writing the
same file; a `.part` that nobody has locked is what a dead crawl left, and is replaced. A finished file is brought
to the disk (fsync) and renamed while still locked. What is no ordinary file — standard output, a device, a
pipe — is written as it is.

A destination that is told where an earlier process came to goes on there: the `.part`, or the file that was already
given its name, must begin with exactly the bytes that were written until then (their CRC-32 is kept), and what
follows them is cut off. Nothing is cut before that was checked.

With compression every `sync()` ends a member, and what follows begins another, see `packing`: a file that is cut
off where a `sync()` ended is a whole one.
"""

import asyncio
import errno
import logging
import os
import stat
import zlib
from collections import deque
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import aiofiles
import aiofiles.os
from aiofiles.threadpool import wrap
from aiofiles.threadpool.binary import AsyncFileIO

from scraper.errors import StorageError
from scraper.protocols import Position
from scraper.sinks.files import part
from scraper.sinks.files.compression import Packer, Packing

PIECE = 128 * 1024
"""So many bytes are worth a write."""
ROOM = 1024 * 1024
"""So many bytes may be unwritten before callers wait."""

_STDOUT = 1

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Piece:
    """Bytes to be written; `end` is where the file ends with them, once they are."""

    data: bytearray
    ends_member: bool = False
    end: "End | None" = None


@dataclass(frozen=True, slots=True)
class End:
    """The size of a file, and the CRC-32 of what is in it."""

    bytes: int
    crc: int


class Destination:
    """Where the bytes of one sink go: the file `path`, or standard output if that is '-'.

    `bytes` is how many were written so far, after compression by `packing`. If it is `durable`, they are on the disk
    after `sync()`, and not only with the operating system. `is_exact` says, once it is open, whether the file can
    be cut back: standard output, a device and a pipe cannot.
    """

    def __init__(self, path: str, *, packing: Packing | None = None, durable: bool = False) -> None:
        self.path = path
        self.place = path  # where the bytes are now
        self.bytes = 0
        self.is_exact = path != "-"
        self._packing = packing
        self._durable = durable
        self._crc = 0
        self._on_disk = 0
        self._target = os.path.realpath(path)
        self._part: str | None = None
        self._file: AsyncFileIO | None = None
        self._gathered = bytearray()
        self._pieces: deque[_Piece] = deque()  # cut off by `sync()`: to be written before what is gathered
        self._taken = 0
        self._unwritten = 0
        self._member: Packer | None = None  # what is being compressed
        self._flusher: asyncio.Task[None] | None = None
        self._problem = ""

    # Beginning and end.

    async def open(self, position: Position | None = None) -> None:
        """Begin the file, or go on at `position`.

        Raises `StorageError` if it cannot be written, or is being written by another crawl, and `Misfit` if what
        `position` tells of is not there.
        """
        try:
            if self.path == "-":
                self._file = await aiofiles.open(_STDOUT, "wb", buffering=0, closefd=False)
            elif await _is_special(self._target):
                self.is_exact = False
                self._file = await aiofiles.open(self._target, "wb", buffering=0)
            else:
                self._file = wrap(await self._open_part(position))
                self.place = self._part = f"{self.path}.part"
        except BlockingIOError:
            raise StorageError(f"{self.path} cannot be written: another crawl is writing it") from None
        except OSError as error:
            raise StorageError(self._explain(error)) from error
        if position is not None:
            self.bytes, self._crc, self._taken = position.bytes, position.crc, position.bytes

    async def _open_part(self, position: Position | None) -> FileIO:
        """The part, as it was at `position` or else empty, and nobody else's."""
        opening = asyncio.create_task(asyncio.to_thread(self._opened, position), name=f"open {self.path}")
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:  # the thread goes on
            opening.add_done_callback(_close)
            raise

    def _opened(self, position: Position | None) -> FileIO:
        part.make_folders(Path(self._target).parent, durable=self._durable)
        file = part.begin(self._target) if position is None else part.go_on(self._target, position)
        if self._durable:
            part.sync_folder(Path(self._target).parent)
        return file

    async def complete(self) -> None:
        """Write what is left, and bring it to the disk. Raises `StorageError` if that fails."""
        if self._packing is not None and not self._taken:
            self._member = self._packing()  # no bytes at all are no compressed file
        await self.sync()
        if self._part is not None:
            await self._bring_to_disk()

    async def _bring_to_disk(self) -> None:
        try:
            await asyncio.to_thread(os.fsync, self._check().fileno())
        except OSError as error:  # nobody knows what is on the disk now
            self._problem = self._explain(error)
            raise StorageError(self._problem) from error

    async def finish(self, made: str = "") -> None:
        """Write what is left, close the file and give it its final name; or give that to `made`, made of the file.

        Raises `StorageError` if that fails.
        """
        await self.complete()
        file, self._file = self._check(), None
        try:
            if self._part is not None:
                await asyncio.to_thread(self._name_it, made)
                self._part = None
                self.place = self.path
        except OSError as error:
            raise StorageError(self._explain(error)) from error
        finally:
            await file.close()

    def _name_it(self, made: str) -> None:
        name = f"{self._target}.part"
        os.replace(made or name, self._target)  # noqa: PTH105 -- of two paths that are text
        if made:
            Path(name).unlink()
            self.bytes = Path(self._target).stat().st_size
        if self._durable:
            part.sync_folder(Path(self._target).parent)

    async def close(self) -> None:
        """Close the file. If it is not finished, what was taken is written, and the `.part` keeps its name."""
        if self._file is not None:
            try:
                await self.sync()
            except StorageError as error:
                logger.error("%s", error)
            finally:
                file, self._file = self._file, None
                await file.close()
        if self._part is not None:
            logger.warning("%s is not finished: what there is of it is %s", self.path, self._part)
            self._part = None

    # Bytes.

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
        """Hand all that was taken until now to the operating system, or the disk; where the file ends with that.

        Raises `StorageError` if writing fails.
        """
        piece = _Piece(self._gathered, ends_member=True)
        self._gathered = bytearray()
        self._pieces.append(piece)
        while piece.end is None:
            await self._wait_for_flusher()
        if self._durable and self._part is not None and piece.end.bytes > self._on_disk:
            await self._bring_to_disk()
            self._on_disk = piece.end.bytes
        return piece.end

    # The flusher.

    def _start_flusher(self) -> asyncio.Task[None]:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush(self._check()), name=f"write {self.path}")
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
                self.bytes += written
            self._crc = zlib.crc32(rest, self._crc)
        self._unwritten -= len(piece.data)
        piece.end = End(self.bytes, self._crc)

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

    @property
    def _name(self) -> str:
        return "standard output" if self.path == "-" else self.path

    def _check(self) -> AsyncFileIO:
        """The open file. Raises `StorageError` if there is none, or writing it failed."""
        if self._problem:
            raise StorageError(self._problem)
        if self._file is None:
            raise StorageError(f"{self._name} is not open")
        return self._file

    def _explain(self, error: OSError) -> str:
        return f"{self._name} cannot be written: {part.reason(error, self._target)}"

    def __repr__(self) -> str:
        return f"<Destination {self._name}: {self.bytes} bytes written, {self._unwritten} to be written>"


def _close(opening: asyncio.Task[FileIO]) -> None:
    """Close what was opened after nobody wanted it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def _is_special(path: str) -> bool:
    """Whether there is something at `path` that is no ordinary file. Raises `OSError` if it is a folder."""
    try:
        mode = (await aiofiles.os.stat(path)).st_mode
    except (FileNotFoundError, NotADirectoryError):  # making its folder will tell
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    return not stat.S_ISREG(mode)
