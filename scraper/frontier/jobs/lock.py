"""One process at a time has a job: a lock (flock) that the system takes back when its owner dies, however it dies."""

import errno
import fcntl
import os
import time
import weakref
from pathlib import Path

from scraper.errors import StorageError

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # some network file systems
_PATIENCE, _PAUSE = 10, 0.02  # who only looks whether a job runs holds its lock for a moment

_held: "weakref.WeakSet[Lock]" = weakref.WeakSet()


class Lock:
    """The lock of a job, held from the moment it is made until `release()`.

    Raises `StorageError` if another process has it, and `OSError` if the file cannot be written.
    """

    def __init__(self, path: Path, name: str) -> None:
        while not self._take(path, name):
            os.close(self._descriptor)
        _held.add(self)

    def _take(self, path: Path, name: str) -> bool:
        """Lock the file; whether it is still the one at `path`, which its owner before may have removed."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if not _is_free(self._descriptor, patience=_PATIENCE):
                owner = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
                raise StorageError(f"job {name} is being crawled by process {owner or 'unknown'}")
            if os.fstat(self._descriptor).st_nlink == 0:
                return False
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(self._descriptor)
            raise
        return True

    def release(self) -> None:
        """Let others have it."""
        _held.discard(self)
        os.close(self._descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process has the lock `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _is_free(descriptor, patience=1)
    finally:
        os.close(descriptor)


def owner(path: Path) -> int | None:
    """The process that has the lock `path`; None if none has.

    Raises `StorageError` if it is not to be seen here: it may be one of another machine, or of another container.
    """
    if not is_locked(path):
        return None
    text = path.read_text("ascii", "replace").strip()
    if not text.isdecimal() or not _has_open(int(text), path):
        raise StorageError(f"job {path.parent} is being crawled by process {text or 'unknown'}, which is not seen here")
    return int(text)


def _has_open(process: int, path: Path) -> bool:
    """Whether a process has a file open, where the system tells."""
    descriptors = Path(f"/proc/{process}/fd")
    if not Path("/proc/self/fd").is_dir():
        return True
    try:
        return any(each.samefile(path) for each in descriptors.iterdir() if each.exists())
    except OSError:
        return False


def _is_free(descriptor: int, *, patience: int) -> bool:
    """Lock the file, if nobody else has within some tries."""
    for each in range(patience):
        if each:
            time.sleep(_PAUSE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return True
    return False


def _forget() -> None:
    """A forked child has what its parent has open, but the lock is none of its own."""
    for lock in list(_held):
        os.close(lock._descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget)
