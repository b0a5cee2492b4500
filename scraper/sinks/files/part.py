"""The file that a crawl grows, NAME.part: found again, locked, cut back, and published as NAME when it is whole.

Everything here blocks, and is called in a thread. Files are read in pieces, whatever their size.

A part is what will be the data file, so it has the mode of one (0666 less the umask); what a crawl must keep to
itself is not written to a data file.
"""

import errno
import fcntl
import os
import stat
import zlib
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

from scraper.errors import StorageError
from scraper.process import disk
from scraper.protocols import Position

_AT_ONCE = 1024 * 1024
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # some network file systems


class FileInUse(StorageError):  # noqa: N818 -- says what it is
    """A data file that another crawl is writing now; it may soon be free."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} cannot be written: another crawl is writing it"


class Misfit(StorageError):  # noqa: N818 -- says what is the matter
    """What a file held at a position is not there as it was; nothing has been changed."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path} cannot be continued: {self.reason}; --fresh starts over"


def begin(target: str) -> FileIO:
    """`target`'s part, empty and locked. Raises `BlockingIOError` if another crawl has it locked, or `OSError`."""
    file = locked(f"{target}.part")
    file.truncate(0)
    return file


def extend(target: str) -> tuple[FileIO, int, int]:
    """`target`'s part, locked, with all that is in the file `target`, if there is one; its size and its CRC-32.

    Raises `BlockingIOError` if another crawl has it locked, or `OSError`.
    """
    file = begin(target)
    try:
        return (file, *copy(target, file, Path(target).stat().st_size))
    except FileNotFoundError:
        return file, 0, 0
    except BaseException:
        file.close()
        raise


def reopen(target: str, position: Position) -> FileIO:
    """`target`'s part, locked, which this process has written up to `position` and closed since.

    Raises `Misfit` if it is not as long as that, `BlockingIOError` if another crawl has it locked, or `OSError`.
    """
    file = locked(f"{target}.part", create=False)
    size = os.fstat(file.fileno()).st_size
    if size != position.bytes:
        file.close()
        raise Misfit(position.path, f"its .part has {size:,} bytes, and {position.bytes:,} were written")
    return file


def resume(target: str, position: Position) -> FileIO:
    """`target`'s part, locked, as it was at `position`.

    If `target` was given its name since then, its beginning is copied. Raises `Misfit` if neither file begins as it
    should, `BlockingIOError` if another crawl has it locked, or `OSError`; nothing is changed then.
    """
    if not position.bytes:
        return begin(target)
    name = f"{target}.part"
    file: FileIO | None = None
    try:
        with suppress(FileNotFoundError):
            file = locked(name, create=False)
        source = _holder(position, (name, target))
        file = file or locked(name)
        if source == target:
            copy(target, file, position.bytes)
        file.truncate(position.bytes)
    except BaseException:
        if file is not None:
            file.close()
        raise
    return file


def publish(target: str, *, made: str = "", durable: bool) -> int:
    """Give `target`'s part, which is whole, its final name; or give that to `made`, of which the part was the source.

    A file that has the name is replaced. Returns the size in bytes. Raises `OSError`.
    """
    name = f"{target}.part"
    os.replace(made or name, target)  # noqa: PTH105 -- of two paths that are text
    if made:
        Path(name).unlink()
    if durable:
        disk.sync(Path(target).parent)
    return Path(target).stat().st_size


def withhold(target: str, made: str) -> int:
    """Put `made` in the place of `target`'s part, which was its source. Returns the size in bytes. Raises `OSError`."""
    name = f"{target}.part"
    os.replace(made, name)  # noqa: PTH105 -- of two paths that are text
    return Path(name).stat().st_size


def locked(name: str, *, create: bool = True) -> FileIO:
    """The file of this very name, which nobody else has: not a link that somebody put there, nor anything else."""
    flags = os.O_APPEND | os.O_WRONLY | (os.O_CREAT if create else 0)
    while True:
        file = FileIO(os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666), "ab")
        try:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, f"{Path(name).name} is no ordinary file")
            _lock(file.fileno())
            if _has_name(file, name):  # whoever had it locked may just have finished it
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _has_name(file: FileIO, name: str) -> bool:
    """Whether the open `file` is still the one that is called `name`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), Path(name).stat())
    except FileNotFoundError:
        return False


def _holder(position: Position, names: Sequence[str]) -> str:
    """The first of the files that begins with what was written up to `position`. Raises `Misfit` if none does."""
    reasons = []
    for name in names:
        try:
            reason = _difference(Path(name), position)
        except FileNotFoundError:
            continue
        if not reason:
            return name
        reasons.append(reason)
    raise Misfit(position.path, reasons[0] if reasons else f"neither it nor {Path(names[0]).name} is there")


def _difference(file: Path, position: Position) -> str:
    """How `file` differs from what was written up to `position`, in words; nothing if it begins with that."""
    with file.open("rb") as read:
        size = os.fstat(read.fileno()).st_size
        if size < position.bytes:
            return f"{file.name} has {size:,} bytes, fewer than the {position.bytes:,} that were written"
        left, crc = position.bytes, 0
        while left and (piece := read.read(min(left, _AT_ONCE))):
            crc = zlib.crc32(piece, crc)
            left -= len(piece)
    if left or crc != position.crc:
        return f"the first {position.bytes:,} bytes of {file.name} are not those that were written"
    return ""


def copy(source: str, target: FileIO, size: int) -> tuple[int, int]:
    """Make the first `size` bytes of the file `source` all that is in `target`; their number, and their CRC-32."""
    copied = crc = 0
    target.truncate(0)
    with Path(source).open("rb") as read:
        while size and (piece := read.read(min(size, _AT_ONCE))):
            rest = memoryview(piece)
            while rest:
                rest = rest[target.write(rest) :]
            size -= len(piece)
            copied += len(piece)
            crc = zlib.crc32(piece, crc)
    return copied, crc


def require_ordinary(target: str) -> None:
    """Raise `OSError` if there is something at `target` that is no ordinary file."""
    with suppress(FileNotFoundError, NotADirectoryError):  # making its folder will tell
        mode = Path(target).stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")


def make_folders(folder: Path, *, durable: bool) -> None:
    """Make `folder` and those it is in, as far as they are missing."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()] if durable else []
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        disk.sync(each.parent)


def reason(error: OSError, target: str) -> str:
    """Why `target` cannot be written, in the operating system's words; names the folder if that is to blame."""
    told = error.strerror or str(error)
    if error.filename is not None and str(error.filename) not in (target, f"{target}.part"):
        return f"{error.filename}: {told}"
    return told
