"""What was accepted as right: the items and requests that a spider made of each recorded page, as JSON Lines.

The first line tells of the recording, each other one of a page. Both are made to be read in a review. A byte order
mark, line ends of Windows and empty lines, as editors and version control leave them, make no difference.
"""

import os
from codecs import BOM_UTF8
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from scraper.errors import StorageError

START = "start"
"""What is called in place of a page's callback where a spider's `start()` gave items."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What there is to know of a recording: whose it is, with which arguments, and how it is to be compared.

    `exchanges` is how many its WARC file has. `ignored` are fields of items that differ each time. Of the requests
    that no page gave, those of `left_out` were not asked for since the recording ended before. Those of `unasked`
    came to their end without the network: a limit refused them, or a middleware had the answer. `form` tells what
    requests are called in it: see `request_labels`.
    """

    spider: str
    form: int = 1
    exchanges: int = 0
    arguments: list[str] = []
    ignored: list[str] = []
    left_out: list[str] = []
    unasked: list[str] = []


class Page(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What `callback` made of a page: items after the pipelines, and requests by the callback they are for.

    `page` is the label of its request, see `labels`; `error` is what its callback raised, or a pipeline on its items.
    """

    page: str
    callback: str
    items: list[dict[str, Any]] = []
    requests: dict[str, list[str]] = {}
    error: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a recording's items.jsonl holds."""

    header: Header
    pages: tuple[Page, ...]

    def known(self) -> set[str]:
        """The labels of all requests that were made when this was accepted."""
        made = (labels for page in self.pages for labels in page.requests.values())
        return {*self.header.left_out, *(label for labels in made for label in labels)}


def load(path: Path) -> Accepted:
    """What is accepted in the file at `path`. Raises `StorageError`, naming the line, if it cannot be read."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None
    if not lines:
        raise StorageError(f"{path} is empty: record it again")
    header, *pages = (_read(path, number, line) for number, line in enumerate(lines, start=1) if number == 1 or line)
    return Accepted(header, tuple(pages))


def load_header(path: Path) -> Header:
    """The first line of the file at `path`. Raises as `load` does."""
    try:
        with path.open("rb") as file:
            header: Header = _read(path, 1, file.readline())
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None
    return header


def _read(path: Path, number: int, line: bytes) -> Any:
    try:
        return msgspec.json.decode(line.removeprefix(BOM_UTF8), type=Header if number == 1 else Page)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StorageError(f"{path}:{number}: not what was written ({error}): record it again") from None


def save(path: Path, accepted: Accepted) -> None:
    """Write `accepted` to `path`, which is the old file or the new one at any moment. Raises `StorageError`."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(msgspec.json.Encoder().encode_lines([accepted.header, *accepted.pages]))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written: {error.strerror}") from None
