"""Content codings undone: gzip, deflate, br and zstd, in bounded steps and to their very end.

RFC 9110, 8.4: a Content-Encoding lists codings in the order in which they were applied, so they are undone from
the last to the first; `x-gzip` is `gzip`. What real servers do is allowed for: `deflate` without its zlib wrapper,
bytes after the end of a gzip stream, and a plain body that is labelled as gzip. A stream that stops before its
end is a body that is not all there, however well its beginning decodes.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Any

import brotli

from scraper.errors import Reason

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

MOST_CODINGS = 3

_GZIP_MAGIC = b"\x1f\x8b"


class CodecError(Exception):
    """A body that cannot be decoded; `reason` is one of `errors.Reason`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def decoded(body: bytes, content_encoding: str, limit: int) -> bytes:
    """`body` with its codings undone.

    Raises `CodecError`: TOO_LARGE if any step gives more than `limit` bytes, PARTIAL_BODY for a stream that ends
    early, BAD_ENCODING for a coding that is not known and for bytes that are not what their coding says.
    """
    codings = [name for each in content_encoding.lower().split(",") if (name := each.strip()) not in ("", "identity")]
    if len(codings) > MOST_CODINGS:
        raise CodecError(Reason.BAD_ENCODING, f"{len(codings)} codings, more than {MOST_CODINGS}")
    for name in reversed(codings):
        undo = _UNDO.get(name)
        if undo is None:
            raise CodecError(Reason.BAD_ENCODING, f"unknown coding {name!r:.40}")
        if body:
            body = undo(body, limit)
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    """Every member of a gzip stream (RFC 1952, 2.2)."""
    if not body.startswith(_GZIP_MAGIC):
        return body
    parts: list[bytes] = []
    size = 0
    while body.startswith(_GZIP_MAGIC):
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            part = member.decompress(body, limit - size + 1)
        except zlib.error as error:
            if parts:
                break  # what follows a whole member is junk
            raise CodecError(Reason.BAD_ENCODING, f"gzip: {error}") from None
        size += len(part)
        parts.append(part)
        _check(size, limit, is_whole=member.eof)
        if not part and len(parts) > 1_000:
            raise CodecError(Reason.BAD_ENCODING, "gzip: a flood of empty members")
        body = member.unused_data
    return b"".join(parts)


def _inflate(body: bytes, limit: int) -> bytes:
    """A zlib stream (RFC 1950), or the bare deflate stream (RFC 1951) that some servers send instead."""
    stream = zlib.decompressobj()
    try:
        result = stream.decompress(body, limit + 1)
    except zlib.error:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            result = stream.decompress(body, limit + 1)
        except zlib.error as error:
            raise CodecError(Reason.BAD_ENCODING, f"deflate: {error}") from None
    _check(len(result), limit, is_whole=stream.eof)
    return result


def _unbrotli(body: bytes, limit: int) -> bytes:
    """A Brotli stream (RFC 7932)."""
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
    _check(size, limit, is_whole=stream.is_finished())
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    """Every frame of a Zstandard stream (RFC 8878)."""
    parts: list[bytes] = []
    size = 0
    while body:
        frame = ZstdDecompressor()
        try:
            part = frame.decompress(body, limit - size + 1)
        except ZstdError as error:
            if parts:
                break
            raise CodecError(Reason.BAD_ENCODING, f"zstd: {error}") from None
        size += len(part)
        parts.append(part)
        _check(size, limit, is_whole=frame.eof)
        body = frame.unused_data
    return b"".join(parts)


def _check(size: int, limit: int, *, is_whole: bool) -> None:
    if size > limit:
        raise CodecError(Reason.TOO_LARGE, f"more than {limit} bytes when decompressed")
    if not is_whole:
        raise CodecError(Reason.PARTIAL_BODY, "the compressed body ends early")


_UNDO: dict[str, Callable[[Any, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
