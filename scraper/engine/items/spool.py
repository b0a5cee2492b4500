"""A file beside the job in which the items of a page wait until the page is done, if they are too many for memory.

The file has no name, or loses it as soon as it is open (`tempfile.TemporaryFile`): the system takes its room back
however the process ends, and nobody else reads it. What it holds is for this process alone, so it is pickled.
"""

import pickle
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from scraper.errors import StorageError


class Batch(NamedTuple):
    """Items that the pipelines have kept, those that they have dropped, and of these the rejected; with the reasons."""

    kept: list[Any]
    dropped: list[tuple[Any, str]]
    rejected: Sequence[tuple[Any, str]] = ()


class Spool:
    """Batches in a file in `folder`, to be read once, in order. For one thread at a time.

    Items of a class that cannot be pickled, or comes out as another one, stay in memory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._parts: deque[int | Batch] = deque()  # the length in the file, or what is not in there
        self._fits: dict[type, bool] = {}
        self._is_read = False
        self.bytes = 0
        self.kept = 0

    def put(self, batch: Batch) -> None:
        """Add `batch`. Raises `StorageError` if the file cannot be written."""
        self.kept += len(batch.kept)
        data = self._pickled(batch)
        if data is None:
            self._parts.append(batch)
            return
        try:
            if self._file is None:
                self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115 -- closed by `close()`
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            told = error.strerror or error
            raise StorageError(f"{self._folder}: the items of a page cannot wait there: {told}") from error
        self._parts.append(len(data))
        self.bytes += len(data)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be taken."""
        return not self._parts

    def take(self) -> Batch:
        """The next batch; nothing is put any more. Raises `StorageError` if the file cannot be read."""
        part = self._parts.popleft()
        if isinstance(part, Batch):
            return part
        assert self._file is not None
        try:
            if not self._is_read:
                self._file.seek(0)
                self._is_read = True
            return Batch(*pickle.loads(self._file.read(part)))  # noqa: S301 -- this process wrote it
        except Exception as error:  # an item's own code may raise anything
            told = f"{type(error).__name__}: {error}"
            raise StorageError(f"{self._folder}: the items of a page cannot be read back: {told}") from error

    def close(self) -> None:
        """Give the room back."""
        self._parts.clear()
        if self._file is not None:
            with suppress(OSError):  # what a full disk did not take
                self._file.close()

    def _pickled(self, batch: Batch) -> bytes | None:
        """The bytes of `batch`; None if they cannot be had, or would not be the same items again."""
        try:
            items = [*batch.kept, *(item for item, _ in batch.dropped)]
            if all(self._can_hold(each) for each in items):
                return pickle.dumps(tuple(batch), pickle.HIGHEST_PROTOCOL)
        except Exception:  # an item's own code may raise anything
            return None
        return None

    def _can_hold(self, item: Any) -> bool:
        """Whether items of this class come back as such, as the first one shows."""
        kind = type(item)
        if kind not in self._fits:
            self._fits[kind] = type(pickle.loads(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))) is kind  # noqa: S301 -- our own bytes
        return self._fits[kind]

    def __repr__(self) -> str:
        return f"<Spool in {self._folder}: {self.kept} items, {self.bytes} bytes>"
