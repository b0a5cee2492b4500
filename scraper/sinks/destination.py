"""One output file: bytes are gathered in memory, written behind the caller's back, and named when they are whole.

`put()` only appends to memory. When a good piece has gathered, a task of the destination's own — the flusher, of
which there is one at most — writes it through aiofiles, and ends when nothing is left. Whoever waits for it holds
nothing, and may be cancelled without harm to what is being written; `close()` waits for it too.

The file is called `NAME.part` until it is whole. It is locked (flock), which keeps a second crawl from writing the
same file; a `.part` that nobody has locked is what a dead crawl left, and is replaced. A finished file is brought
to the disk (fsync) and renamed while still locked. What is no ordinary file — standard output, a device, a
pipe — is written as it is.

With compression every `sync()` ends a gzip member, and what follows begins another (RFC 1952, 2.2): a file that is
cut off where a `sync()` ended is a whole gzip file.
"""

import asyncio
import errno
import fcntl
import logging
import os
import stat
import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import aiofiles
import aiofiles.os
from aiofiles.threadpool.binary import AsyncFileIO

from scraper.errors import StorageError

PIECE = 128 * 1024
"""So many bytes are worth a write."""
ROOM = 1024 * 1024
"""So many bytes may be unwritten before callers wait."""

_STDOUT = 1
_GZIP = 16 + zlib.MAX_WBITS
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # some network file systems

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Piece:
    """Bytes to be written; `end` is the size of the file after them, once they are."""

    data: bytearray
    ends_member: bool = False
    end: int | None = None


class Destination:
    """Where the bytes of one sink go: the file `path`, or standard output if that is '-'.

    `bytes` is how many were written so far, after compression.
    """

    def __init__(self, path: str, *, compress: bool = False) -> None:
        self.path = path
        self.place = path  # where the bytes are now
        self.bytes = 0
        self._compress = compress
        self._target = os.path.realpath(path)
        self._part: str | None = None
        self._file: AsyncFileIO | None = None
        self._gathered = bytearray()
        self._pieces: deque[_Piece] = deque()  # cut off by `sync()`: to be written before what is gathered
        self._taken = 0
        self._unwritten = 0
        self._member: zlib._Compress | None = None  # the gzip member under way
        self._flusher: asyncio.Task[None] | None = None
        self._problem = ""

    # Beginning and end.

    async def open(self) -> None:
        """Begin the file. Raises `StorageError` if it cannot be written, or is being written by another crawl."""
        try:
            if self.path == "-":
                self._file = await aiofiles.open(_STDOUT, "wb", buffering=0, closefd=False)
            elif await _is_special(self._target):
                self._file = await aiofiles.open(self._target, "wb", buffering=0)
            else:
                await aiofiles.os.makedirs(Path(self._target).parent, exist_ok=True)
                self._file = await self._open_part(f"{self._target}.part")
                self.place = self._part = f"{self.path}.part"
        except OSError as error:
            raise StorageError(self._explain(error)) from error

    async def _open_part(self, part: str) -> AsyncFileIO:
        """The file `part`, empty, and nobody else's."""
        while True:
            file = await aiofiles.open(part, "ab", buffering=0)
            try:
                _lock(file.fileno())
                if await _has_name(file, part):  # whoever had it locked may just have finished it
                    await file.truncate(0)
                    return file
            except BlockingIOError:
                await file.close()
                raise StorageError(f"{self.path} cannot be written: another crawl is writing it") from None
            except BaseException:
                await file.close()
                raise
            await file.close()

    async def finish(self) -> None:
        """Write what is left, close the file and give it its final name. Raises `StorageError` if that fails."""
        if self._compress and not self._taken:
            self._member = zlib.compressobj(wbits=_GZIP)  # no bytes at all are no gzip file
        await self.sync()
        file, self._file = self._check(), None
        try:
            if self._part is not None:
                await asyncio.to_thread(os.fsync, file.fileno())
                await aiofiles.os.replace(f"{self._target}.part", self._target)
                self._part = None
                self.place = self.path
        except OSError as error:
            raise StorageError(self._explain(error)) from error
        finally:
            await file.close()

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

    async def sync(self) -> int:
        """Hand all that was taken until now to the operating system; the size of the file with that.

        Raises `StorageError` if writing fails.
        """
        piece = _Piece(self._gathered, ends_member=True)
        self._gathered = bytearray()
        self._pieces.append(piece)
        while piece.end is None:
            await self._wait_for_flusher()
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
        data = await asyncio.to_thread(self._compressed, piece) if self._compress else piece.data
        with memoryview(data) as rest:
            start = 0
            while start < len(rest):
                written = await file.write(rest[start:])
                if written is None:  # a full pipe whose other side made it non-blocking
                    await asyncio.sleep(0.01)
                    continue
                start += written
                self.bytes += written
        self._unwritten -= len(piece.data)
        piece.end = self.bytes

    def _compressed(self, piece: _Piece) -> bytes:
        if self._member is None:
            if not piece.data:
                return b""
            self._member = zlib.compressobj(wbits=_GZIP)
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
        """The operating system's error in one line that names the file, and the folder if that is to blame."""
        reason = error.strerror or str(error)
        if error.filename is not None and str(error.filename) not in (self._target, f"{self._target}.part"):
            reason = f"{error.filename}: {reason}"
        return f"{self._name} cannot be written: {reason}"

    def __repr__(self) -> str:
        return f"<Destination {self._name}: {self.bytes} bytes written, {self._unwritten} to be written>"


def _lock(descriptor: int) -> None:
    """Lock a file for ourselves. Raises `BlockingIOError` if another crawl has it locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


async def _is_special(path: str) -> bool:
    """Whether there is something at `path` that is no ordinary file. Raises `OSError` if it is a folder."""
    try:
        mode = (await aiofiles.os.stat(path)).st_mode
    except (FileNotFoundError, NotADirectoryError):  # making its folder will tell
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    return not stat.S_ISREG(mode)


async def _has_name(file: AsyncFileIO, path: str) -> bool:
    """Whether the open `file` is still the one that is called `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), await aiofiles.os.stat(path))
    except FileNotFoundError:
        return False
