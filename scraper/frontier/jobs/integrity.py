"""Is a file the one of a job, and whole? It is looked at without being changed."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from scraper.errors import StorageError
from scraper.events import Statistics
from scraper.frontier.database import APPLICATION, VERSION, Store
from scraper.frontier.jobs.description import Description
from scraper.frontier.order import Order
from scraper.frontier.serialization.checkpoints import value

FILE = "frontier.sqlite"
UNFINISHED, FINISHED = "unfinished", "finished"

_HEADER = 100  # bytes (https://sqlite.org/fileformat.html, 1.3)
_MAGIC = b"SQLite format 3\0"


class Examined(msgspec.Struct, frozen=True):
    """What the file of a job says of itself. `state` is 'unfinished' or 'finished', `reason` for what it finished.

    A crawl `has_begun` once it has discovered a request or given an item.
    """

    description: Description
    order: Order
    state: str
    reason: str
    has_begun: bool


def examined(path: Path, *, whole: bool = True) -> Examined:
    """What the file `path` is, after a check of all of it, or, if not `whole`, of what it says of itself alone.

    Raises `StorageError`, in one line that says what to do, if it is no file of a job, damaged, or made by a newer
    version.
    """
    with explained(path):
        _check_header(path)
    with damage_told(path), closing(Store(path, is_read_only=True)) as store:
        if whole:
            _check_pages(store)
        return _examined(store)


def _examined(store: Store) -> Examined:
    meta = store.meta()
    state, reason = value(store, meta, "state", tuple[str, str])
    added = value(store, meta, "added", int) if "added" in meta else 0
    items = value(store, meta, "statistics", Statistics).items if "statistics" in meta else 0
    return Examined(
        description=value(store, meta, "description", Description),
        order=value(store, meta, "order", Order),
        state=state,
        reason=reason,
        has_begun=added > 0 or items > 0,
    )


def _check_header(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        header = os.read(descriptor, _HEADER) if is_file else b""
    finally:
        os.close(descriptor)
    if len(header) < _HEADER or not header.startswith(_MAGIC) or int.from_bytes(header[68:72]) != APPLICATION:
        raise _refusal(path, "is not a file of this program")
    version = int.from_bytes(header[60:64])
    if version > VERSION:
        raise _refusal(path, "was made by a newer version of scraper", "use that one, or ")


def _check_pages(store: Store) -> None:
    (outcome,) = next(store.query("PRAGMA quick_check(1)"))
    if outcome != "ok":
        raise StorageError(" ".join(str(outcome).split()))
    store.check_types()


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Say of whatever is the matter with the file `path` that it is damaged, and what to do."""
    try:
        yield
    except StorageError as error:
        reason = str(error).removeprefix(f"{path}: ").removeprefix(f"{path} ")
        raise _refusal(path, f"is damaged ({reason})") from None


def _refusal(path: Path, what: str, or_else: str = "") -> StorageError:
    return StorageError(f"{path} {what}: {or_else}move it away or delete it")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise the errors of the system and of SQLite as `StorageError`, in one line that names the file or folder."""
    try:
        yield
    except OSError as error:
        culprit = error.filename if isinstance(error.filename, str) else path
        raise StorageError(f"{culprit} cannot be used: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be used: {error}") from error
