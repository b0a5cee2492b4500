"""A document's characters, piece by piece: gzip undone, the encoding found, and no more than may be.

Sitemaps and feeds are often stored compressed (`sitemap.xml.gz`), which no header tells, so that the bytes
themselves are asked (RFC 1952, 2.3.1). Whatever a document expands to, one piece at a time is held.
"""

import codecs
import zlib
from collections.abc import Iterable, Iterator

from scraper.markup.document.encoding import PRESCAN, from_byte_order_mark, from_content_type, from_declaration

MOST = 50 * 1024 * 1024  # bytes of a document, decompressed (sitemaps.org)
STEP = 16 * 1024  # bytes handled at once
MARK = "\ufeff"  # a byte order mark as a character: it means nothing, wherever it stands
GZIP = b"\x1f\x8b"  # what its streams begin with (RFC 1952, 2.3.1)
LAYERS = 2  # of gzip: some servers compress what was compressed
MEMBERS = 10_000  # of a gzip stream, and one more for each
LEAST = 1024  # bytes that they hold together: each takes time, even if it holds nothing


class DocumentError(ValueError):
    """A document, or the rest of it, cannot be read; the text says why, in words that may follow its URL."""


def texts(body: bytes | Iterable[bytes], content_type: str = "", *, most: int = MOST) -> Iterator[str]:
    """The characters of `body` piece by piece. Bytes that mean nothing become U+FFFD.

    The encoding is what a byte order mark says, then the charset of `content_type`, then the XML declaration, else
    UTF-8 (RFC 7303, 3). Raises `DocumentError`, after what could be read was given, where gzip is cut short or broken,
    and at `most` bytes.
    """
    decoder: codecs.IncrementalDecoder | None = None
    for part in _beginning_whole(_up_to(most, _unpacked(_steps(body), most))):
        if decoder is None:
            decoder = codecs.getincrementaldecoder(_encoding(part, content_type))("replace")
        if text := decoder.decode(part):
            yield text.removeprefix(MARK)
    if decoder is not None and (text := decoder.decode(b"", final=True)):
        yield text


def _encoding(head: bytes, content_type: str) -> str:
    if mark := from_byte_order_mark(head):
        return mark
    if head.startswith(b"<\x00"):
        return "utf-16-le"
    if head.startswith(b"\x00<"):
        return "utf-16-be"
    return from_content_type(content_type) or from_declaration(head[:PRESCAN]) or "utf-8"


def _steps(body: bytes | Iterable[bytes]) -> Iterator[bytes]:
    """`body` in pieces that are small."""
    for part in (body,) if isinstance(body, bytes) else body:
        for start in range(0, len(part), STEP):
            yield part[start : start + STEP]


def _beginning_whole(parts: Iterator[bytes]) -> Iterator[bytes]:
    """`parts`, of which the first is long enough to find an encoding in; what came before an error is given first."""
    head, error = b"", None
    try:
        while len(head) < PRESCAN and (part := next(parts, None)) is not None:
            head += part
    except DocumentError as raised:
        error = raised
    if head:
        yield head
    if error is not None:
        raise error
    yield from parts


def _up_to(most: int, parts: Iterator[bytes]) -> Iterator[bytes]:
    left = most
    for part in parts:
        if len(part) > left:
            yield part[:left]
            raise DocumentError(f"it is larger than {most:,} bytes: the rest is not read")
        left -= len(part)
        yield part


def _unpacked(parts: Iterator[bytes], most: int, layers: int = LAYERS) -> Iterator[bytes]:
    """`parts` with their gzip undone, if they begin as gzip does."""
    head = b""
    while len(head) < len(GZIP) and (part := next(parts, None)) is not None:
        head += part
    rest = _after(head, parts)
    if layers and head.startswith(GZIP):
        yield from _unpacked(_up_to(most, _gunzip(rest)), most, layers - 1)
    else:
        yield from rest


def _after(head: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from parts


def _gunzip(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Every member of a gzip stream (RFC 1952, 2.2), in steps; what follows them and is none is ignored."""
    member, number, size = zlib.decompressobj(wbits=31), 1, 0
    try:
        for part in parts:
            data = part
            while data:
                if member.eof:
                    if not GZIP.startswith(data[:2]):
                        return
                    member, number = zlib.decompressobj(wbits=31), number + 1
                    if number > MEMBERS + size // LEAST:
                        raise DocumentError(f"its gzip has more than {number - 1:,} members, which hold {size:,} bytes")
                if plain := member.decompress(data, STEP):
                    size += len(plain)
                    yield plain
                data = member.unused_data if member.eof else member.unconsumed_tail
        while plain := member.decompress(b"", STEP):
            yield plain
    except zlib.error as error:
        raise DocumentError(f"its gzip is broken: {error}") from None
    if not member.eof:
        raise DocumentError("it is cut short: its gzip does not end")
