"""Which pages are being handled at this moment, in a file that outlives the process.

A crash in a library, or a page that takes all memory, ends the process before anything can be said of it. The next
one reads in this file which callbacks were running then. The file is mapped into memory: a mark costs less than a
microsecond, and the system keeps it however the process ends (though not through a loss of power).
"""

import hashlib
import mmap
import os
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

T = TypeVar("T")

PLACES = 32  # callbacks that may run at once; more have no mark
PLACE = 2 * 1024  # bytes of each

_HEAD = 4  # bytes that tell the length
_NOTHING = bytes(_HEAD)


class Request(Protocol):
    """What tells one request apart from others. The requests themselves stand above this room."""

    @property
    def url(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def body(self) -> Any: ...
    @property
    def form(self) -> Any: ...
    @property
    def files(self) -> Any: ...
    @property
    def body_file(self) -> Any: ...
    @property
    def session(self) -> Any: ...


def label(request: Request) -> str:
    """What tells a request apart from others, in a text that begins with its URL."""
    if request.method == "GET" and not (request.body or request.files or request.body_file or request.session):
        return request.url
    parts = (request.method, request.body, request.form, request.files, request.body_file, request.session)
    return f"{request.url} {_digest(repr(parts).encode())}"


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


class NoMarks:
    """No file, and no marks: nothing is resumed."""

    def begin(self, request: Request) -> int:
        """The page of `request` is being handled from now on; what to tell `end`."""
        return -1

    def end(self, place: int) -> None:
        """It is not any more."""

    def step(self, work: Awaitable[T], request: Request) -> Awaitable[T]:
        """`work`, which is marked while it runs, and not while it waits."""
        return work

    def close(self) -> None:
        """The process ends in order."""


NO_MARKS = NoMarks()


class CrashMarks(NoMarks):
    """Marks in the file `path`, which holds none at first. To be called from any thread.

    Raises `OSError` if the file cannot be made. It is there until `close`: a process that ends in order has no marks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        with open(path, "x+b", opener=_for_the_owner) as file:
            file.write(bytes(PLACES * PLACE))  # all of it: a hole that cannot be filled would end the process
            file.flush()
            self._memory = mmap.mmap(file.fileno(), 0)
        self._free = list(range(PLACES))

    def begin(self, request: Request) -> int:
        """The page of `request` is being handled from now on; what to tell `end`."""
        try:
            place = self._free.pop()
        except IndexError:
            return -1
        data = label(request).encode()
        if len(data) > PLACE - _HEAD:
            data = _digest(data).encode()
        start, memory = place * PLACE, self._memory
        memory[start + _HEAD : start + _HEAD + len(data)] = data
        memory[start : start + _HEAD] = len(data).to_bytes(_HEAD)
        return place

    def end(self, place: int) -> None:
        """It is not any more."""
        if place >= 0:
            start = place * PLACE
            self._memory[start : start + _HEAD] = _NOTHING
            self._free.append(place)

    def step(self, work: Awaitable[T], request: Request) -> Awaitable[T]:
        """`work`, which is marked while it runs, and not while it waits."""
        return _Step(self, work, request)

    def close(self) -> None:
        """Remove the file; a callback that still runs may mark what it likes."""
        self._path.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"<CrashMarks {PLACES - len(self._free)} callbacks running>"


class _Step(Generic[T]):
    """Awaits `work`, with a mark whenever it runs."""

    def __init__(self, marks: CrashMarks, work: Awaitable[T], request: Request) -> None:
        self._marks = marks
        self._work = work
        self._request = request

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._work.__await__()
        go_on: Callable[[], Any] = partial(next, steps)
        while True:
            place = self._marks.begin(self._request)
            try:
                awaited = go_on()
            except StopIteration as stop:
                outcome: T = stop.value
                return outcome
            finally:
                self._marks.end(place)
            try:
                value = yield awaited
            except BaseException as error:
                go_on = partial(steps.throw, error)
            else:
                go_on = partial(steps.send, value)


def marks_at(path: Path) -> NoMarks:
    """Marks in the file `path`; none where that cannot be made, as on a disk without room."""
    try:
        return CrashMarks(path)
    except OSError:
        return NO_MARKS


def marked(path: Path) -> list[str]:
    """The labels of what was being handled when the process ended; none if there is no such file. Raises `OSError`."""
    try:
        with path.open("rb") as file:
            return marked_in(file)
    except FileNotFoundError:
        return []


def marked_in(file: BinaryIO) -> list[str]:
    """The labels in a file of marks that is open."""
    found = []
    for place in range(PLACES):
        file.seek(place * PLACE)
        length = int.from_bytes(file.read(_HEAD))
        if 0 < length <= PLACE - _HEAD:
            found.append(file.read(length).decode(errors="replace"))
    return found
