"""The name of a file or folder made of a value that a page wrote: one name, in its folder, and no other value's.

Characters that a name cannot have, or that would lead elsewhere, are percent-encoded as in URLs (RFC 3986, 2.1), and so
is `%` itself; so different texts have different names. A leading `_` is encoded, too, which leaves `_none` and `_empty`
for what is not there. A name that is too long is cut, and ends in `~` and a digest of the whole text: `~` is encoded
elsewhere.
"""

import hashlib
import re
from typing import Any

from scraper.sinks.formats.values import cell

NONE = "_none"
"""For an item that lacks the field, or has None there."""
EMPTY = "_empty"
"""For an empty text."""

MOST = 100
"""Bytes of a name at most: there has to be room for what stands around it, up to the 255 that file systems take."""

_PLAIN = re.compile(r"[A-Za-z0-9][\w-]{0,31}", re.ASCII)
_UNSAFE = frozenset('%~/\\:*?"<>|{}')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?![^. ])", re.IGNORECASE)  # names of Windows


def name_of(value: Any) -> str:
    """The name for `value`, told apart by its text in a CSV cell."""
    written = value if isinstance(value, str) else cell(value)
    if written is None:
        return NONE
    text = str(written)
    if _PLAIN.fullmatch(text) and not _RESERVED.match(text):
        return text
    return _cut(_encoded(text)) if text else EMPTY


def _encoded(text: str) -> str:
    parts = [each if each.isprintable() and each not in _UNSAFE else _percent(each) for each in text]
    if text[0] in "._ -" or _RESERVED.match(text):
        parts[0] = _percent(text[0])
    if text[-1] in ". ":
        parts[-1] = _percent(text[-1])
    return "".join(parts)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _cut(name: str) -> str:
    data = name.encode()
    if len(data) <= MOST:
        return name
    digest = hashlib.blake2b(data, digest_size=10).hexdigest()
    return f"{data[: MOST - len(digest) - 1].decode(errors='ignore')}~{digest}"
