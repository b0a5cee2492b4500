"""The file that a crawl appends to: how its content begins and ends, which a format has to know to go on after it."""

import os
from pathlib import Path

import msgspec

from scraper.errors import StorageError
from scraper.sinks.files.compression import DAMAGED, packing_of, unpacked

_AT_ONCE = 1024 * 1024


class Standing(msgspec.Struct, frozen=True):
    """The first bytes of a file's content, up to 1 MiB of them, and the last one; both without compression."""

    head: bytes = b""
    last: bytes = b""


def standing(path: str) -> Standing:
    """What there is at `path`: of no bytes if there is nothing. Blocks, and unpacks a compressed file to its end.

    Raises `StorageError` if the file cannot be read, or a compressed one is damaged.
    """
    file = Path(path)
    head = last = b""
    try:
        if not file.is_file():
            return Standing()
        with unpacked(file) as read:
            if packing_of(path) is None:
                head = read.read(_AT_ONCE)
                read.seek(-1 if head else 0, os.SEEK_END)
                return Standing(head, read.read(1))
            while piece := read.read(_AT_ONCE):
                head, last = head or piece, piece[-1:]
    except DAMAGED as error:
        told = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise StorageError(f"{path} cannot be appended to: it cannot be read to its end: {told}") from error
    return Standing(head, last)
