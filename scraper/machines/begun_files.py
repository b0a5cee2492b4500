"""The data files that this machine has begun, so that none is left behind once another machine has the whole one.

What a collector opens is noted in the folder of its job, by path and inode. Once the crawl has ended elsewhere those
files are removed that are still the same ones, and that nobody is writing.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from scraper.engine.stages import Publishable
from scraper.protocols import Sink
from scraper.sinks.files import part

_COMPANIONS = ("-wal", "-shm")  # of a SQLite database


class BegunFiles:
    """Files that were begun and not published, noted at `path`. All of it blocks, for a moment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, sinks: Sequence[Sink]) -> None:
        """Files of `sinks`, which are open, were begun here."""
        known = self._known()
        for sink in sinks:
            if isinstance(sink, Publishable) and sink.path != sink.name:
                name = os.path.realpath(sink.path)
                with suppress(OSError):
                    known[name] = _inode(Path(name))
        with suppress(OSError):  # a file that is left is no harm
            self._path.write_bytes(msgspec.json.encode(known))

    def forget(self) -> None:
        """All of them are published, or are to stay as they are."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove those that are what they were, and that nobody is writing: another machine has what was in them."""
        for name, inode in self._known().items():
            with suppress(OSError), part.locked(name, create=False):
                if _inode(Path(name)) == inode:
                    for each in (name, *(name + end for end in _COMPANIONS)):
                        Path(each).unlink(missing_ok=True)
        self.forget()

    def _known(self) -> dict[str, tuple[int, int]]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, tuple[int, int]])
        except (OSError, msgspec.MsgspecError):
            return {}


def _inode(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
