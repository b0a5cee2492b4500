"""What a file is called: the name that a server gives it, and a name that is safe to write it under.

A server's name is text from the network. Taken as a path it may lead out of the folder, replace what is there already,
hide itself, open a device, or look like a file of another kind; so no more of it is kept than a name.
"""

import re
import unicodedata
from urllib.parse import unquote, unquote_to_bytes

LONGEST = 240  # bytes in UTF-8: file systems take 255, and some room is left for an ending
UNNAMED = "unnamed"

_STRING = r'"(?:[^"\\]|\\.)*"'
_QUOTED = re.compile(_STRING, re.DOTALL)
_PARAM = re.compile(rf";([^=;]*)(?:=[ \t]*({_STRING}(?=[ \t]*(?:;|$))|[^;]*))?", re.DOTALL)
_EXTENDED = re.compile(r"(utf-?8|iso-8859-1)'[^']*'((?:[\w!#$&+.^`|~-]|%[0-9a-f]{2})*)", re.IGNORECASE | re.ASCII)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)[ ]*(?:\.|$)", re.IGNORECASE)
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control characters, those that turn the text around, and halves of one


def filename(url: str, disposition: str = "") -> str:
    """The `safe` name of what is at a canonical URL: as its Content-Disposition says, or by the end of the path."""
    path = url.partition("?")[0].partition("#")[0]
    return safe(disposition_filename(disposition) or unquote(path.rpartition("/")[2]))


def disposition_filename(header: str) -> str | None:
    """The file name in a Content-Disposition (RFC 6266); None if there is none. It may be anything: see `safe`.

    `filename*` (RFC 8187), in UTF-8 or ISO-8859-1, goes before `filename`, and the first of each counts. A name that
    is not quoted goes on to the next semicolon, as browsers have it.
    """
    params: dict[str, str] = {}
    for name, value in _PARAM.findall(header):
        params.setdefault(name.strip(" \t").lower(), value.strip(" \t"))
    return _extended(params.get("filename*", "")) or _decoded(_unquoted(params.get("filename", ""))) or None


def _unquoted(value: str) -> str:
    """A quoted string without its quotes; "" for one that does not end as it should."""
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if _QUOTED.fullmatch(value) else ""


def _decoded(value: str) -> str:
    """Bytes that were no UTF-8, which aiohttp leaves as surrogates, are ISO-8859-1."""
    return re.sub("[\udc80-\udcff]", lambda byte: chr(ord(byte[0]) - 0xDC00), value)


def _extended(value: str) -> str:
    """A value as RFC 8187 writes it, decoded; "" if it is none."""
    found = _EXTENDED.fullmatch(value)
    try:
        return unquote_to_bytes(found[2]).decode(found[1]) if found else ""
    except UnicodeDecodeError:
        return ""


def safe(name: str) -> str:
    """`name` as that of a file in whatever folder, on every system: never a path, never "", 240 bytes at most.

    Of a path the last part is kept. What is invisible is left out, what is not allowed in names becomes `_`, and dots
    at either end go: the file is not hidden. A device's name (`CON`, `nul.txt`) begins with `_`. A name that is too
    long keeps its ending. "unnamed" stands for a name of which nothing is left.
    """
    parts = [part for part in re.split(r"[/\\]", name) if part.strip(" .")]
    visible = "".join(letter for letter in (parts or [""])[-1] if unicodedata.category(letter) not in _INVISIBLE)
    name = re.sub(r'[<>:"|?*]', "_", visible).strip(" .") or UNNAMED
    if _DEVICE.match(name):
        name = f"_{name}"
    if len(name.encode()) <= LONGEST:
        return name
    stem, dot, ending = name.rpartition(".")
    end = f".{ending}".encode() if dot and len(ending) <= 10 else b""
    return ((stem if end else name).encode()[: LONGEST - len(end)] + end).decode(errors="ignore").rstrip(" .")
