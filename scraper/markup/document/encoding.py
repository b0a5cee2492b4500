"""Which characters a page's bytes are, by the HTML standard's order.

A byte order mark wins, then the charset of the Content-Type header, then what the page declares in its head
(`encoding_prescan`), then UTF-8 if the bytes are UTF-8, give or take a few broken ones, then a guess by
charset-normalizer, and at last windows-1252 (HTML, 13.2.3.2), as for a page that says nothing and is ASCII. Labels mean
what the Encoding standard says they mean (`encoding_labels`). Text never fails to decode: bytes that mean nothing
become U+FFFD.
"""

import codecs
import re

from scraper.markup.document.content_type import mime_type
from scraper.markup.document.encoding_labels import codec_of
from scraper.markup.document.encoding_prescan import declared_encoding

FALLBACK = "cp1252"
PRESCAN = 1024  # bytes in which a declaration must stand
LATE_PRESCAN = 65_536  # bytes in which a parser would still find one, and start over with it

TOO_FEW = 8  # bytes beyond ASCII for a guess
SAMPLE = 8192  # bytes that a guess looks at

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_USUAL = re.compile(
    rb"""[\t\n\f\r ]*+(?:<!doctype html>[\t\n\f\r ]*+)?+(?:<html(?: [a-z-]++="[^"<>]*+")*+>[\t\n\f\r ]*+)?+"""
    rb"""<head>[\t\n\f\r ]*+<meta charset=(?:"utf-8"|utf-8(?=[\t\n\f\r />]))[\t\n\f\r ]*+/?>""",
    re.IGNORECASE,
)
"""How most documents begin, and what the prescan would say of them at six times the cost."""

_LIKE_ASCII = frozenset({"utf-8", "cp1252"})
_BODY = re.compile(rb"<body[\s>]", re.IGNORECASE)

# What charset-normalizer may guess: the encodings that pages are written in.
_GUESSABLE = (
    "cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp874 cp866 koi8_r iso8859_2 iso8859_5 iso8859_7 "
    "gb18030 big5 cp932 euc_jp iso2022_jp cp949"
)


def from_content_type(header: str) -> str | None:
    """The charset that a Content-Type header names, as a Python codec."""
    label = mime_type(header).charset
    return codec_of(label) if label else None


def from_byte_order_mark(body: bytes) -> str | None:
    """The encoding of a byte order mark."""
    return next((name for mark, name in _BYTE_ORDER_MARKS if body.startswith(mark)), None)


def from_declaration(body: bytes) -> str | None:
    """What a page or an XML document declares about itself.

    It should be in the first 1,024 bytes; if it is not, a `<meta>` further down, before the body, counts as well.
    """
    if _USUAL.match(body, 0, PRESCAN):
        return "utf-8"
    head = body[:PRESCAN]
    if (b"charset" in head.lower() or b"<?xml" in head) and (name := declared_encoding(head)):
        return name
    head = body[:LATE_PRESCAN]
    start = _BODY.search(head)
    if start is not None:
        head = head[: start.start()]
    return declared_encoding(head) if len(head) > PRESCAN and b"charset" in head[PRESCAN - 7 :].lower() else None


def decode(body: bytes, content_type: str = "", hint: str | None = None) -> tuple[str, str]:
    """`body` as text, and the Python codec it was read with. Never raises.

    `hint` is the encoding a user has named; it comes right after a byte order mark.
    """
    mark = from_byte_order_mark(body)
    if mark:
        return codecs.decode(body, mark, "replace").removeprefix("\ufeff"), mark
    named = (codec_of(hint) if hint else None) or from_content_type(content_type) or from_declaration(body)
    if named:
        return _read(body, named), named
    try:
        return body.decode("utf-8"), FALLBACK if body.isascii() and _is_page(content_type) else "utf-8"
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace")
    if _is_mostly_right(text):
        return text, "utf-8"
    guess = _guess(body)
    return _read(body, guess), guess


def as_utf8(body: bytes, text: str, codec: str) -> str | bytes:
    """What a parser of UTF-8 is given, as Lexbor is: `text`, or `body`, which `codec` read, if that is the same."""
    if body.isascii() and codec in _LIKE_ASCII:
        return body
    is_same = codec == "utf-8" and "\ufffd" not in text and not body.startswith(codecs.BOM_UTF8)
    return body if is_same else text


def _is_page(content_type: str) -> bool:
    """Whether a browser would show it as a page, rather than as data, which is UTF-8."""
    return mime_type(content_type).essence in {"", "text/html", "text/plain", "application/xhtml+xml"}


def _is_mostly_right(text: str) -> bool:
    """Whether `text`, read as UTF-8, is it: most characters beyond ASCII are whole, or all but a cut last one."""
    broken = text.count("\ufffd")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore")) - broken
    return beyond_ascii > broken or (beyond_ascii == broken == 1 and text.endswith("\ufffd"))


def _guess(body: bytes) -> str:
    if sum(byte > 0x7F for byte in body[:SAMPLE]) < TOO_FEW and len(body) <= SAMPLE:
        return FALLBACK
    from charset_normalizer import from_bytes

    best = from_bytes(body[:SAMPLE], cp_isolation=_GUESSABLE.split()).best()
    return (codec_of(best.encoding) if best else None) or FALLBACK


def _read(body: bytes, codec: str) -> str:
    return codecs.decode(body, codec, _EURO if codec == "gb18030" else "replace")


def _euro_or_replacement(error: UnicodeError) -> tuple[str | bytes, int]:
    """In GB18030 as browsers read it, a lone byte 80 is the euro sign (Encoding, 10.2.1)."""
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        return "€", error.start + 1
    return codecs.replace_errors(error)


_EURO = "scraper.euro"
codecs.register_error(_EURO, _euro_or_replacement)
