"""Content codings undone: gzip, deflate, br and zstd, in bounded steps and to their very end.

RFC 9110, 8.4: a Content-Encoding lists codings in the order in which they were applied, so they are undone from
the last to the first; `x-gzip` is `gzip`. What real servers do is allowed for: `deflate` without its zlib wrapper,
bytes after the end of a stream, a plain body that is labelled as gzip, and words that are not codings (`none`, a
charset, `aws-chunked`), which mean nothing. A stream that stops before its end is a body that is not all there, however
well its beginning decodes.

No step gives more than the limit, so a bomb costs no more than an honest body. A gzip or zstd body may consist of
many streams; what is handed to each grows from a little, since the rest is copied after every one that ends. A stream
costs time even if it holds nothing, so many are allowed only if they hold something.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import brotli
import msgspec

from scraper.errors import Reason

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

MOST_CODINGS = 3
MOST_STREAMS = 10_000  # in one body, and one more for each
LEAST = 1024  # bytes that they hold together
FOREIGN = frozenset(  # codings that cannot be undone here: what else IANA has registered, and what is used without that
    {"aes128gcm", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"}
    | {"bzip2", "x-bzip2", "lz4", "lzma", "sdch", "snappy", "xz"}
)

_GZIP_START = b"\x1f\x8b"
_ZSTD_WINDOW = {int(DecompressionParameter.window_log_max): 23}  # 8 MB, the most that RFC 9659 lets a server ask for
FIRST = 4096  # bytes handed to the second stream of a body, and to each that comes after it, to begin with


class CodecError(Exception):
    """A body that cannot be decoded; `reason` is one of `errors.Reason`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Limits(msgspec.Struct, frozen=True):
    """What one step of decoding may give: `size` bytes, in `streams` streams and one more for each `LEAST` bytes."""

    size: int
    streams: int = MOST_STREAMS

    def check(self, size: int, streams: int = 0) -> None:
        """Raises `CodecError` if that is too much."""
        if size > self.size:
            raise CodecError(Reason.TOO_LARGE, f"more than {self.size} bytes when decompressed")
        if streams > self.streams + size // LEAST:
            raise CodecError(Reason.TOO_LARGE, f"more than {streams - 1} compressed streams, of {size} bytes together")


def decoded(body: bytes, content_encoding: str, limits: Limits) -> bytes:
    """`body` with its codings undone.

    Raises `CodecError`: TOO_LARGE if any step goes beyond `limits`, PARTIAL_BODY for a stream that ends early,
    BAD_ENCODING for a coding that cannot be undone, for too many, and for bytes that are not what they are said to be.
    """
    undo = _UNDO.get(content_encoding)
    if undo is not None:
        return undo(body, limits) if body else body
    for name in reversed(codings(content_encoding)):
        body = _UNDO[name](body, limits) if body else body
    return body


def codings(content_encoding: str) -> list[str]:
    """The codings of a body, in the order in which they were applied; words that are not codings are dropped.

    A coding may have a weight, `gzip;q=1.0`, as in Accept-Encoding. Raises `CodecError` for a coding that cannot be
    undone, and for too many.
    """
    names = [each.partition(";")[0].strip(" \t\"'") for each in content_encoding.lower().split(",")]
    for name in names:
        if name in FOREIGN:
            raise CodecError(Reason.BAD_ENCODING, f"coding {name!r} cannot be undone")
    names = [name for name in names if name in _UNDO]
    if len(names) > MOST_CODINGS:
        raise CodecError(Reason.BAD_ENCODING, f"{len(names)} codings, more than {MOST_CODINGS}")
    return names


class Stream(Protocol):
    """A decompressor of one stream, as zlib and zstd have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes | memoryview, max_length: int, /) -> bytes: ...


class Kind(msgspec.Struct, frozen=True):
    """A coding whose bodies may consist of many streams."""

    name: str
    new: Callable[[], Stream]
    error: type[Exception]
    is_start: Callable[[bytes], bool]


def _gunzip(body: bytes, limits: Limits) -> bytes:
    """Every member of a gzip stream (RFC 1952, 2.2)."""
    if not _GZIP_START.startswith(body[:2]):
        return body
    return _each(body, limits, GZIP)


def _is_gzip(beginning: bytes) -> bool:
    return beginning.startswith(_GZIP_START)


def _unzstd(body: bytes, limits: Limits) -> bytes:
    """Every frame of a Zstandard stream (RFC 8878)."""
    return _each(body, limits, ZSTD)


def _is_zstd(beginning: bytes) -> bool:
    """Whether a frame begins here, or one that is to be skipped (RFC 8878, 3.1)."""
    magic = int.from_bytes(beginning, "little")
    return magic == 0xFD2FB528 or 0x184D2A50 <= magic <= 0x184D2A5F


def _each(body: bytes, limits: Limits, kind: "Kind") -> bytes:
    """All the streams in `body`, one after the other; what comes after them and is none is ignored."""
    limit = limits.size
    try:
        stream = kind.new()
        first = stream.decompress(body, limit + 1)
        _check(len(first), limits, is_whole=stream.eof)
        at = len(body) - len(stream.unused_data)
        if at == len(body):
            return first
        parts, size, view, streams = [first], len(first), memoryview(body), 1
        while kind.is_start(body[at : at + 4]):
            stream, step = kind.new(), FIRST
            while not stream.eof and at < len(body) and size <= limit:
                part = stream.decompress(view[at : at + step], limit - size + 1)
                parts.append(part)
                size += len(part)
                at = min(at + step, len(body)) - len(stream.unused_data)
                step *= 4
            streams += 1
            _check(size, limits, streams, is_whole=stream.eof)
    except kind.error as error:
        raise CodecError(Reason.BAD_ENCODING, f"{kind.name}: {error}") from None
    return b"".join(parts)


def _inflate(body: bytes, limits: Limits) -> bytes:
    """A zlib stream (RFC 1950), or the bare deflate stream (RFC 1951) that some servers send instead."""
    stream = zlib.decompressobj()
    try:
        result = stream.decompress(body, limits.size + 1)
    except zlib.error:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            result = stream.decompress(body, limits.size + 1)
        except zlib.error as error:
            raise CodecError(Reason.BAD_ENCODING, f"deflate: {error}") from None
    _check(len(result), limits, is_whole=stream.eof)
    return result


def _unbrotli(body: bytes, limits: Limits) -> bytes:
    """A Brotli stream (RFC 7932)."""
    limit = limits.size
    stream = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    try:
        part = stream.process(body, output_buffer_limit=limit + 1)
        while True:
            size += len(part)
            parts.append(part)
            if size > limit or stream.is_finished() or (not part and stream.can_accept_more_data()):
                break
            part = stream.process(b"", output_buffer_limit=limit - size + 1)
    except brotli.error as error:
        raise CodecError(Reason.BAD_ENCODING, f"br: {error}") from None
    _check(size, limits, is_whole=stream.is_finished())
    return b"".join(parts)


def _check(size: int, limits: Limits, streams: int = 1, *, is_whole: bool) -> None:
    limits.check(size, streams)
    if not is_whole:
        raise CodecError(Reason.PARTIAL_BODY, "the compressed body ends early")


GZIP = Kind("gzip", lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), zlib.error, _is_gzip)
ZSTD = Kind("zstd", lambda: ZstdDecompressor(options=_ZSTD_WINDOW), ZstdError, _is_zstd)
_UNDO: Mapping[str, Callable[[bytes, Limits], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
