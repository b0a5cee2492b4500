"""One output file: opened and locked as `NAME.part`, written in the background, and published when it is whole.

The file is called `NAME.part` until then. It is locked (flock), which keeps a second crawl from writing the same file;
a `.part` that nobody has locked is what a dead crawl left, and is replaced. A file that is complete is on the disk
(fsync), and is renamed while still locked. What is no ordinary file — standard output, a device, a pipe — is written as
it is, and neither renamed nor locked.

A destination may be opened at the position that an earlier process reached. Then the `.part`, or the file that was
already published, must begin with exactly the bytes that were written until then (their CRC-32 is kept), and what
follows them is cut off. Nothing is cut before that was checked.
"""

import asyncio
import errno
import logging
import os
import stat
from io import FileIO
from pathlib import Path

import aiofiles
import aiofiles.os
from aiofiles.threadpool import wrap
from aiofiles.threadpool.binary import AsyncFileIO

from scraper.errors import StorageError
from scraper.process import disk
from scraper.protocols import Position
from scraper.sinks.files import part
from scraper.sinks.files.background_writer import BackgroundWriter, End
from scraper.sinks.files.compression import Packing

_STDOUT = 1

logger = logging.getLogger(__name__)


class Destination:
    """Where the bytes of one sink go: the file `path`, or standard output if that is '-'.

    It is opened, filled by `put()`, then `complete()` and at last published; `place` is where the bytes are now. If it
    is `durable`, they are on the disk after `sync()`, and not only with the operating system. `is_exact` says, once it
    is open, whether the file can be cut back: standard output, a device and a pipe cannot.
    """

    def __init__(self, path: str, *, packing: Packing | None = None, durable: bool = False) -> None:
        self.path = path
        self.place = path
        self.is_exact = path != "-"
        self._name = "standard output" if path == "-" else path
        self._packing = packing
        self._durable = durable
        self._on_disk = 0
        self._target = os.path.realpath(path)
        self._part: str | None = None
        self._writer: BackgroundWriter | None = None
        self._size = 0  # once it is closed
        self._is_complete = False

    @property
    def size(self) -> int:
        """How many bytes are in the file, after compression by `packing`."""
        return self._writer.size if self._writer is not None else self._size

    # Opened.

    async def open(self, position: Position | None = None, *, extends: bool = False, is_known: bool = False) -> None:
        """Begin the file, or resume it at `position`. One that `extends` begins with all that is at the path now.

        What this process has written, and closed, `is_known`, and need not be read again.

        Raises `StorageError` if it cannot be written, or is being written by another crawl, and `Misfit` if what
        `position` tells of is not there.
        """
        try:
            file, end = await self._open(position, extends=extends, is_known=is_known)
        except BlockingIOError:
            raise part.FileInUse(self.path) from None
        except OSError as error:
            raise StorageError(self._explain(error)) from error
        self._writer = BackgroundWriter(file, self._name, packing=self._packing, end=end)

    async def _open(self, position: Position | None, *, extends: bool, is_known: bool) -> tuple[AsyncFileIO, End]:
        """The file, and where it ends."""
        end = End(position.bytes, position.crc) if position is not None else End()
        if self.path == "-":
            return await aiofiles.open(_STDOUT, "wb", buffering=0, closefd=False), end
        if await _is_special(self._target):
            self.is_exact = False
            return await aiofiles.open(self._target, "wb", buffering=0), end
        opened, end = await self._open_part(position, extends=extends, is_known=is_known)
        file: AsyncFileIO = wrap(opened)
        self.place = self._part = f"{self.path}.part"
        return file, end

    async def _open_part(self, position: Position | None, *, extends: bool, is_known: bool) -> tuple[FileIO, End]:
        """The part, as it was at `position` or else as it begins, nobody else's; and where it ends."""
        work = asyncio.to_thread(self._opened, position, extends=extends, is_known=is_known)
        opening = asyncio.create_task(work, name=f"open {self.path}")
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:  # the thread goes on
            opening.add_done_callback(_close)
            raise

    def _opened(self, position: Position | None, *, extends: bool, is_known: bool) -> tuple[FileIO, End]:
        part.make_folders(Path(self._target).parent, durable=self._durable)
        if position is not None:
            file = (part.reopen if is_known else part.resume)(self._target, position)
            end = End(position.bytes, position.crc)
        elif extends:
            file, size, crc = part.extend(self._target)
            end = End(size, crc)
        else:
            file, end = part.begin(self._target), End()
        if self._durable:
            disk.sync(Path(self._target).parent)
        return file, end

    # Filled.

    def put(self, data: bytes) -> None:
        """Take `data`, to be written after all that was taken before. Raises `StorageError` if writing failed."""
        self._check().put(data)

    async def wait_for_room(self) -> None:
        """Wait while too much of what was taken is not yet written. Raises `StorageError` if writing fails."""
        await self._check().wait_for_room()

    async def sync(self) -> End:
        """Hand all that was taken until now to the operating system, or the disk; where the file ends with that.

        Raises `StorageError` if writing fails.
        """
        writer = self._check()
        end = await writer.sync()
        if self._durable and self._part is not None and end.bytes > self._on_disk:
            await writer.bring_to_disk()
            self._on_disk = end.bytes
        return end

    # Ended.

    async def complete(self) -> None:
        """Write what is left: the `.part` is whole then, and on the disk. Raises `StorageError` if that fails."""
        writer = self._check()
        await writer.complete()
        if self._part is not None:
            await writer.bring_to_disk()
        self._is_complete = True

    async def rest(self) -> None:
        """Close the file, which may be complete, and leave it as it is: it is opened again at its end, or published.

        Raises `StorageError` if writing fails.
        """
        writer = self._check()
        try:
            await self.sync()
        finally:
            self._writer, self._size = None, writer.size
            await writer.close()

    async def publish(self, made: str = "") -> None:
        """Close the file, which is complete, and give it its final name; or give that to `made`, made of the file.

        Raises `StorageError` if that fails.
        """
        writer = self._completed()
        try:
            if self._part is not None:
                self._size = await asyncio.to_thread(part.publish, self._target, made=made, durable=self._durable)
                self._part = None
                self.place = self.path
        except OSError as error:
            raise StorageError(self._explain(error)) from error
        finally:
            if writer is not None:
                await writer.close()

    async def withhold(self, made: str = "") -> None:
        """Close the file, which is complete, and leave it as the `.part`; or `made`, made of the file, in its place.

        Raises `StorageError` if that fails. What is no ordinary file was published as it was written.
        """
        writer = self._completed()
        try:
            if made and self._part is not None:
                self._size = await asyncio.to_thread(part.withhold, self._target, made)
            self._part = None
        except OSError as error:
            raise StorageError(self._explain(error)) from error
        finally:
            if writer is not None:
                await writer.close()

    def _completed(self) -> BackgroundWriter | None:
        """What wrote the file, which is complete, to be closed; None if it is closed already.

        Raises `StorageError` if the file is not complete, or has ended.
        """
        if not self._is_complete or self._part is None:
            self._check()
        if not self._is_complete:
            raise StorageError(f"{self._name} is not complete")
        writer, self._writer = self._writer, None
        if writer is not None:
            self._size = writer.size
        return writer

    async def close(self) -> None:
        """Close the file. If it is not published, what was taken is written, and the `.part` keeps its name."""
        if self._writer is not None:
            try:
                await self.sync()
            except StorageError as error:
                logger.error("%s", error)
            finally:
                writer, self._writer = self._writer, None
                self._size = writer.size
                await writer.close()
        if self._part is not None:
            logger.warning("%s is not finished: what there is of it is %s", self.path, self._part)
            self._part = None

    # What goes wrong.

    def _check(self) -> BackgroundWriter:
        """What writes the open file. Raises `StorageError` if there is none."""
        if self._writer is None:
            raise StorageError(f"{self._name} is not open")
        return self._writer

    def _explain(self, error: OSError) -> str:
        return f"{self._name} cannot be written: {part.reason(error, self._target)}"

    def __repr__(self) -> str:
        return f"<Destination {self._name}: {self._writer or f'{self.size} bytes'}>"


def _close(opening: asyncio.Task[tuple[FileIO, End]]) -> None:
    """Close a file whose opening was cancelled before it was open."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].close()


async def _is_special(path: str) -> bool:
    """Whether there is something at `path` that is no ordinary file. Raises `OSError` if it is a folder."""
    try:
        mode = (await aiofiles.os.stat(path)).st_mode
    except (FileNotFoundError, NotADirectoryError):  # making its folder will tell
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    return not stat.S_ISREG(mode)
