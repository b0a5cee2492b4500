"""What an answer says that it is: its Content-Type, read as browsers read it.

The header may come in several lines, or with several types joined by commas. The last type that is valid counts, and
keeps the charset of an equal type before it (Fetch, 3.5, *extract a MIME type*). Where no type is valid or says
anything, the body decides (MIME Sniffing, 7.1).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

HTML = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
UNKNOWN = frozenset({"", "application/octet-stream", "application/unknown", "binary/octet-stream", "unknown/unknown"})

_SPACE = "\t\n\r "
_VALUE = re.compile(r'(?:[^",]+|"(?:[^"\\]|\\.)*"?)+', re.DOTALL)
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_ESSENCE = re.compile(rf"[{_SPACE}]*({_WORD}/{_WORD})[{_SPACE}]*(?:;|\Z)")
_PARAMETER = re.compile(rf";[{_SPACE}]*([^;=]*)(?:=(?:\"((?:[^\"\\]|\\.)*)[^;]*|([^;]*)))?", re.DOTALL)
_LOOKS_LIKE_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]*(?:<\?xml[^>]*>[\t\n\f\r ]*)?"
    rb"<(?:!--|(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\t\n\f\r />])",
    re.IGNORECASE,
)


class MimeType(NamedTuple):
    """A type such as `text/html`, in lower case and empty if there is none, and the label of its charset."""

    essence: str
    charset: str | None


def content_type(headers: Mapping[str, str]) -> str:
    """All Content-Type lines of an answer, joined by commas; "" if there are none."""
    try:
        lines: list[str] = headers.getall("Content-Type", ())  # type: ignore[attr-defined]
    except AttributeError:  # a plain mapping has one line of each name
        return headers.get("Content-Type", "")
    return lines[0] if len(lines) == 1 else ", ".join(lines)


@lru_cache(maxsize=1024)
def mime_type(header: str) -> MimeType:
    """The type that a Content-Type header names. A charset counts even where no type is valid."""
    essence, before, charset = "", None, None
    for value in _VALUE.findall(header):
        found = _ESSENCE.match(value)
        if found is None or found[1] == "*/*":
            continue
        named = _charset(value)
        if found[1].lower() != essence:
            essence, before = found[1].lower(), named
        charset = named or before
    return MimeType(essence, charset if essence else _charset(header))


def _charset(value: str) -> str | None:
    """The first charset of a type that is not empty (MIME Sniffing, 4.4)."""
    for name, quoted, bare in _PARAMETER.findall(value):
        if name.lower() == "charset" and (label := re.sub(r"\\(.)", r"\1", quoted) or bare.rstrip(_SPACE)):
            return label
    return None


def is_html(header: str, body: bytes) -> bool:
    """Whether an answer is HTML: by its Content-Type header, by its body if that says nothing; yes if there is none."""
    essence, _ = mime_type(header)
    return essence in HTML or not header or (essence in UNKNOWN and _LOOKS_LIKE_HTML.match(body) is not None)
