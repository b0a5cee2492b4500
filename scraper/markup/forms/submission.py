"""How a form's data is written for a server: in the URL, or as a body of one of three types (HTML, 4.10.22).

A multipart body has a boundary that is made of its content, so that the same form is the same request each time, and
no content can have the boundary in it but by a collision of SHA-256.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import quote_plus

import msgspec

from scraper.markup.document.encoding_labels import codec_of
from scraper.markup.forms.entry_list import Entry, File

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
PLAIN = "text/plain"

_NAMES = {
    "big5hkscs": "Big5",
    "cp932": "Shift_JIS",
    "cp949": "EUC-KR",
    "euc_jp": "EUC-JP",
    "gb18030": "gb18030",
    "mac-cyrillic": "x-mac-cyrillic",
    "mac-roman": "macintosh",
}


class Submission(msgspec.Struct, frozen=True):
    """What is to be sent: where to, how, and with what content. A GET has all of it in its URL."""

    url: str
    method: str
    body: bytes = b""
    content_type: str = ""


def submission_of(url: str, method: str, enctype: str, entries: Sequence[Entry], codec: str) -> Submission:
    """`entries` as they are sent to the canonical URL `url`, in the Python codec `codec`.

    Files make a POST multipart whatever its enctype is: nothing else has room for what is in them.
    """
    entries = [(_lines(name), value if isinstance(value, File) else _lines(value)) for name, value in entries]
    if method == "GET":
        page, hash_, fragment = url.partition("#")
        return Submission(f"{page.partition('?')[0]}?{_urlencoded(entries, codec)}{hash_}{fragment}", method)
    if enctype == MULTIPART or any(isinstance(value, File) and value.name for _, value in entries):
        return Submission(url, method, *_multipart(entries, codec))
    if enctype == PLAIN:
        text = "".join(f"{name}={_plain(value)}\r\n" for name, value in entries)
        return Submission(url, method, text.encode(codec, "xmlcharrefreplace"), PLAIN)
    return Submission(url, method, _urlencoded(entries, codec).encode(), URLENCODED)


def _lines(text: str) -> str:
    """`text` with its line breaks as forms send them (HTML, 4.10.22.5)."""
    return re.sub("\r\n|\r|\n", "\r\n", text)


def _plain(value: str | File) -> str:
    return value.name if isinstance(value, File) else value


def _urlencoded(entries: Sequence[Entry], codec: str) -> str:
    """URL, 5.2; what the codec lacks becomes a character reference."""
    return "&".join(f"{_quoted(name, codec)}={_quoted(_plain(value), codec)}" for name, value in entries)


def _quoted(text: str, codec: str) -> str:
    return quote_plus(text.encode(codec, "xmlcharrefreplace"), safe="*").replace("~", "%7E")


def _multipart(entries: Sequence[Entry], codec: str) -> tuple[bytes, str]:
    """RFC 7578, with names as the standard escapes them."""
    parts = [_part(name, value, codec) for name, value in entries]
    digest = sha256(b"".join(b"%d:%s" % (len(part), part) for part in parts)).hexdigest()
    boundary = f"----form-{digest[:40]}"
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    return body, f"{MULTIPART}; boundary={boundary}"


def _part(name: str, value: str | File, codec: str) -> bytes:
    head = f'Content-Disposition: form-data; name="{_escaped(name)}"'
    if isinstance(value, File):
        head += f'; filename="{_escaped(value.name)}"\r\nContent-Type: {value.content_type}'
    content = value.content if isinstance(value, File) else value.encode(codec, "xmlcharrefreplace")
    return head.encode(codec, "xmlcharrefreplace") + b"\r\n\r\n" + content


def _escaped(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def form_codec(accepted: str | None, codec: str) -> str:
    """The Python codec a form is sent in: the first of its `accept-charset` that there is, or else its page's.

    UTF-8 takes the place of UTF-16, and of a list that names nothing (HTML, 4.10.22.5; Encoding, 4.3).
    """
    if accepted is not None:
        known = (found for label in accepted.split() if (found := codec_of(label)) is not None)
        codec = next(known, "utf-8")
    return "utf-8" if codec.startswith("utf") else codec


def encoding_name(codec: str) -> str:
    """The name that the Encoding standard has for a Python codec."""
    if codec.startswith("cp") and codec not in _NAMES:
        return f"windows-{codec[2:]}"
    return _NAMES.get(codec, codec.upper().replace("ISO8859", "ISO-8859").replace("ISO2022_JP", "ISO-2022-JP"))
