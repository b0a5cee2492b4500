"""Heads of answers that llhttp refuses and browsers read: repeated lengths, and lines that are no headers.

* Content-Length lines that are equal count as one (RFC 9110, 8.6). Different ones stay an error: nobody can tell where
  such an answer ends.
* A line without a colon is dropped, and so is one with a name that no header can have, with a blank in it say.

Only a head that was refused is looked at again, so all others cost nothing.
"""

import re
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

_STATUS = re.compile(rb"HTTP/\d\.\d \d{3}[ \r\n]")
_END = re.compile(rb"\n\r?\n")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token (RFC 9110, 5.6.2)


class HeadParser:
    """aiohttp's `parser` until it has read the head of an answer. What it raises is kept as `error`."""

    def __init__(self, parser: Any) -> None:
        self.parser = parser
        self.error: HttpProcessingError | None = None

    def feed_data(self, data: bytes) -> Any:
        """What the parser makes of `data`: nothing, once it has refused something."""
        if self.error is None:
            try:
                return self.parser.feed_data(data)
            except HttpProcessingError as error:
                self.error = error
        return (), False, b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parser, name)


def may_be_head(heard: bytes, limit: int) -> bool:
    """Whether `heard` is the beginning of an answer's head, which is not whole yet, and no longer than `limit`."""
    return len(heard) <= limit and _STATUS.match(heard) is not None and _END.search(heard) is None


def mended(heard: bytes) -> bytes:
    """`heard`, which begins with the head of an answer, as browsers read it."""
    end = _END.search(heard)
    if end is None or _STATUS.match(heard) is None:
        return heard
    status, *fields = _unfolded(heard[: end.start()])
    named = [(name.rstrip(b" \t"), value) for name, colon, value in (each.partition(b":") for each in fields) if colon]
    lengths = {each.strip() for name, value in named if _is_length(name) for each in value.split(b",")}
    kept = [name + b":" + value for name, value in named if _NAME.fullmatch(name) and not _is_length(name)]
    kept += [b"Content-Length: %b\r" % each for each in lengths]
    return b"\n".join([status, *kept]) + heard[end.start() :]


def _unfolded(head: bytes) -> list[bytes]:
    """The lines of a head, each with those that are folded into it (RFC 9112, 5.2)."""
    lines: list[bytes] = []
    for line in head.split(b"\n"):
        if line.startswith((b" ", b"\t")) and lines:
            lines[-1] += b"\n" + line
        else:
            lines.append(line)
    return lines


def _is_length(name: bytes) -> bool:
    return name.lower() == b"content-length"
