"""Compression of a file in pieces that each end well: gzip members (RFC 1952, 2.2), Zstandard frames (RFC 8878, 3.1).

A file may consist of many of them one after the other, which every tool reads as one. So a file that is cut off
where one ended is a whole file, and goes on with another.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdCompressor
else:
    from backports.zstd import CompressionParameter, ZstdCompressor

_GZIP = 16 + zlib.MAX_WBITS


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


PACKINGS: Mapping[str, Packing] = {".gz": gzip, ".zst": zstd}
"""By the ending that says so."""


def packing_of(path: str) -> Packing | None:
    """How the file `path` is compressed; None if it is not."""
    return next((packing for ending, packing in PACKINGS.items() if path.endswith(ending)), None)
