"""Content codings undone piece by piece, for bodies that are too large for memory: see `content_coding`.

Each coding is a stage that turns pieces into pieces of at most `PIECE` bytes. A stage gives a piece when it is asked
for one, and holds no more than what it was fed, so a bomb costs no more memory than an honest body.

What comes of a few bytes may take seconds to unpack, even if nothing comes of them in the end. So a stage gives an
empty piece whenever it has done some work, and whoever asks may have it go on later, or elsewhere.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import brotli

from scraper.errors import Reason
from scraper.network.body.content_coding import FIRST, GZIP, ZSTD, CodecError, Kind, Limits, Stream, codings

PIECE = 64 * 1024  # bytes
LONGEST_START = 4  # bytes by which a stream is known


class _Stage(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` decodes to, and empty pieces. To be exhausted before more is fed."""
        ...

    def end(self) -> None:
        """Nothing more comes. Raises `CodecError` if that is too early."""
        ...


class Unpacker:
    """Undoes the codings of a Content-Encoding, none of which may give more than `most` bytes.

    Raises `CodecError` if one is not known, or there are too many.
    """

    def __init__(self, content_encoding: str, most: int) -> None:
        limits = Limits(most)
        self._stages = [_Limited(_stage(name, limits), limits) for name in reversed(codings(content_encoding))]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data`, the next bytes of the body, decodes to, and empty pieces. To be exhausted before more is fed."""
        pieces: Iterator[bytes] = iter((data,))
        for stage in self._stages:
            pieces = stage.through(pieces)
        return pieces

    def end(self) -> None:
        """The body is over. Raises `CodecError` if it lacks its end."""
        for stage in self._stages:
            stage.end()


class _Limited:
    """A stage that may give no more than `limits` say."""

    def __init__(self, stage: _Stage, limits: Limits) -> None:
        self._stage = stage
        self._limits = limits
        self._size = 0
        self.end = stage.end

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """What `pieces` decode to, and empty pieces."""
        for piece in pieces:
            if piece:
                for part in self._stage.feed(piece):
                    self._size += len(part)
                    self._limits.check(self._size)
                    yield part
            yield b""


def _stage(name: str, limits: Limits) -> _Stage:
    match name:
        case "gzip" | "x-gzip":
            return _Streams(GZIP, limits, may_be_plain=True)
        case "zstd":
            return _Streams(ZSTD, limits)
        case "deflate":
            return _Deflate()
        case _:
            return _Brotli()


class _Streams:
    """A coding whose bodies may consist of many streams. What comes after the last of them is ignored."""

    def __init__(self, kind: Kind, limits: Limits, *, may_be_plain: bool = False) -> None:
        self._kind = kind
        self._limits = limits
        self._may_be_plain = may_be_plain
        self._start = b""  # as long as it is too short to tell what begins here
        self._stream: Stream | None = None
        self._number = 0
        self._size = 0
        self._is_plain = False
        self._is_over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._start:
            data, self._start = self._start + data, b""
        at, step = 0, len(data)  # what comes after a stream is copied when that ends, so the next gets little at first
        while at < len(data) and not self._is_over:
            if self._stream is None and not self._is_plain:
                if len(data) - at < LONGEST_START:
                    self._start = data[at:]
                    return
                self._begin(data[at : at + LONGEST_START])
                continue
            part = data[at : at + step]
            at += len(part)
            if self._stream is None:
                yield part
                continue
            for piece in self._pieces(self._stream, part):
                self._size += len(piece)
                yield piece
            step *= 4
            if self._stream.eof:
                at, step = at - len(self._stream.unused_data), FIRST
                self._stream = None
                self._limits.check(self._size, self._number)
                yield b""

    def _pieces(self, stream: Stream, data: bytes) -> Iterator[bytes]:
        try:
            while piece := stream.decompress(data, PIECE):
                yield piece
                data = getattr(stream, "unconsumed_tail", b"")  # zlib hands it back; zstd keeps it
                if stream.eof:
                    return
        except self._kind.error as error:
            raise CodecError(Reason.BAD_ENCODING, f"{self._kind.name}: {error}") from None

    def _begin(self, start: bytes) -> None:
        """See what begins with `start`."""
        if self._kind.is_start(start):
            self._stream = self._kind.new()
            self._number += 1
        elif self._number:
            self._is_over = True
        elif self._may_be_plain:
            self._is_plain = True
        else:
            raise CodecError(Reason.BAD_ENCODING, f"the body is no {self._kind.name}")

    def end(self) -> None:
        _check_end(is_whole=self._stream is None and not (self._start and not self._number))


class _Deflate:
    """A zlib stream, or a bare deflate stream; the first bytes tell which (RFC 1950, 2.2)."""

    def __init__(self) -> None:
        self._start = b""
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            data = self._start = self._start + data
            if len(data) < 2:
                return
            is_wrapped = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if is_wrapped else -zlib.MAX_WBITS)
        try:
            while not self._stream.eof and (piece := self._stream.decompress(data, PIECE)):
                yield piece
                data = self._stream.unconsumed_tail
        except zlib.error as error:
            raise CodecError(Reason.BAD_ENCODING, f"deflate: {error}") from None

    def end(self) -> None:
        _check_end(is_whole=self._stream.eof if self._stream is not None else not self._start)


class _Brotli:
    """A Brotli stream; nothing may come after it."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._is_empty = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._is_empty = self._is_empty and not data
        try:
            piece = self._stream.process(data, output_buffer_limit=PIECE)
            while piece or not (self._stream.is_finished() or self._stream.can_accept_more_data()):
                yield piece
                piece = self._stream.process(b"", output_buffer_limit=PIECE)
        except brotli.error as error:
            raise CodecError(Reason.BAD_ENCODING, f"br: {error}") from None

    def end(self) -> None:
        _check_end(is_whole=self._is_empty or self._stream.is_finished())


def _check_end(*, is_whole: bool) -> None:
    if not is_whole:
        raise CodecError(Reason.PARTIAL_BODY, "the compressed body ends early")
