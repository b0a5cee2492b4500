"""Content codings undone piece by piece, for bodies that are too large for memory.

What is allowed for is what `content_coding` allows for.

Each coding is a stage that turns pieces into pieces of at most `PIECE` bytes. A stage gives a piece when it is asked
for one, and holds no more than what it was fed, so a bomb costs no more memory than an honest body.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import brotli

from scraper.errors import Reason
from scraper.network.body.content_coding import GZIP, ZSTD, CodecError, Kind, Stream, codings

PIECE = 64 * 1024  # bytes
LONGEST_START = 4  # bytes by which a stream is known


class _Stage(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` decodes to. To be exhausted before more is fed."""
        ...

    def end(self) -> None:
        """Nothing more comes. Raises `CodecError` if that is too early."""
        ...


class Unpacker:
    """Undoes the codings of a Content-Encoding. Raises `CodecError` if one cannot be undone, or there are too many."""

    def __init__(self, content_encoding: str) -> None:
        self._stages: list[_Stage] = [_stage(name) for name in reversed(codings(content_encoding))]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data`, the next bytes of the body, decodes to. To be exhausted before more is fed."""
        pieces: Iterator[bytes] = iter((data,))
        for stage in self._stages:
            pieces = _through(stage, pieces)
        return pieces

    def end(self) -> None:
        """The body is over. Raises `CodecError` if it lacks its end."""
        for stage in self._stages:
            stage.end()


def _through(stage: _Stage, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from stage.feed(piece)


def _stage(name: str) -> _Stage:
    match name:
        case "gzip" | "x-gzip":
            return _Streams(GZIP, may_be_plain=True)
        case "zstd":
            return _Streams(ZSTD)
        case "deflate":
            return _Deflate()
        case _:
            return _Brotli()


class _Streams:
    """A coding whose bodies may consist of many streams. What comes after the last of them is ignored."""

    def __init__(self, kind: Kind, *, may_be_plain: bool = False) -> None:
        self._kind = kind
        self._may_be_plain = may_be_plain
        self._start = b""  # as long as it is too short to tell what begins here
        self._stream: Stream | None = None
        self._is_first = True
        self._is_plain = False
        self._is_over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._is_over:
            if self._is_plain:
                yield data
                return
            if self._stream is None:
                data = self._begin(data)
                continue
            try:
                while piece := self._stream.decompress(data, PIECE):
                    yield piece
                    data = getattr(self._stream, "unconsumed_tail", b"")  # zlib hands it back; zstd keeps it
                    if self._stream.eof:
                        break
            except self._kind.error as error:
                raise CodecError(Reason.BAD_ENCODING, f"{self._kind.name}: {error}") from None
            data = b""
            if self._stream.eof:
                data, self._stream = self._stream.unused_data, None

    def _begin(self, data: bytes) -> bytes:
        """See what begins with `data`; as much of it as there is to go on with."""
        self._start += data
        if len(self._start) < LONGEST_START:
            return b""
        data, self._start = self._start, b""
        if self._kind.is_start(data[:LONGEST_START]):
            self._stream = self._kind.new()
        elif not self._is_first:
            self._is_over = True
        elif self._may_be_plain:
            self._is_plain = True
        else:
            raise CodecError(Reason.BAD_ENCODING, f"the body is no {self._kind.name}")
        self._is_first = False
        return data

    def end(self) -> None:
        _check_end(is_whole=self._stream is None and not (self._is_first and self._start))


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
