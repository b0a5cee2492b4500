"""Compression of a file in pieces that each end well: gzip members (RFC 1952, 2.2), Zstandard frames (RFC 8878, 3.1),
and streams of xz (the .xz file format, 2).

A file may consist of many of them one after the other, which every tool reads as one. So a file that is cut off
where one ended is a whole file, and goes on with another.
"""

import gzip as gzip_files
import lzma
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

if sys.version_info >= (3, 14):
    from compression import zstd as zstd_files
    from compression.zstd import CompressionParameter, ZstdCompressor, ZstdError
else:
    from backports import zstd as zstd_files
    from backports.zstd import CompressionParameter, ZstdCompressor, ZstdError

_GZIP = 16 + zlib.MAX_WBITS
_XZ_PRESET = 3  # of 9: those above take three times the memory for a twentieth less


class Packer(Protocol):
    """One member, or frame, under way."""

    def compress(self, data: bytes | bytearray, /) -> bytes: ...
    def flush(self) -> bytes:
        """What ends it."""
        ...


Packing: TypeAlias = Callable[[], Packer]
"""Begins a member."""


def gzip() -> Packer:
    """A gzip member."""
    return zlib.compressobj(wbits=_GZIP)


def zstd() -> Packer:
    """A Zstandard frame, with a checksum."""
    return ZstdCompressor(options={CompressionParameter.checksum_flag: 1})


def xz() -> Packer:
    """An xz stream, with a checksum; it takes some 30 MB of memory while it is under way."""
    return lzma.LZMACompressor(preset=_XZ_PRESET)


PACKINGS: Mapping[str, Packing] = {".gz": gzip, ".zst": zstd, ".xz": xz}
"""By the ending that says so."""


def packing_of(path: str) -> Packing | None:
    """How the file `path` is compressed; None if it is not."""
    return next((packing for ending, packing in PACKINGS.items() if path.endswith(ending)), None)


DAMAGED = (OSError, EOFError, zlib.error, ZstdError, lzma.LZMAError)
"""What reading a file that `unpacked()` has opened may raise."""


def unpacked(file: Path) -> BinaryIO:
    """`file`, open to read what is in it, decompressed as its ending says. Raises `OSError`."""
    match file.suffix:
        case ".gz":
            return gzip_files.open(file, "rb")  # type: ignore[return-value]
        case ".zst":
            return zstd_files.open(file, "rb")  # type: ignore[return-value]
        case ".xz":
            return lzma.open(file, "rb")  # type: ignore[return-value]
    return file.open("rb")
