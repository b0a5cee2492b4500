"""Exchanges as WARC 1.1 (ISO 28500:2017), by warcio (extra `warc`): each record is a gzip member of its own.

Every exchange is a `request` record and, concurrent to it, a `response`, or a `metadata` record that tells why there
was none. A body is kept as the spider saw it, decoded. The headers that would contradict that (how it was compressed
and framed on the wire) are kept under names of their own, and have their names back when they are read.

A file that was cut short, or changed, is refused: warcio passes over a broken end, so the end of the compression and
each record's length and digest are looked at here.
"""

import base64
import gzip
import hashlib
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cache
from http.client import responses
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

from multidict import CIMultiDict

from scraper.errors import FetchError, SettingsError, StorageError
from scraper.http.headers import own_headers
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.recording.redaction import stripped, stripped_headers, stripped_text
from scraper.urls import without_credentials
from scraper.version import __version__

VERSION = "WARC/1.1"
SPECIFICATION = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"

_ON_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_ORIGINAL = "X-Orig-"
_SESSION = "WARC-Cookie-Session"
_REASON, _DETAIL = "fetch-error", "fetch-error-detail"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, without its secrets, and what came of it."""

    request: Request
    outcome: Response | FetchError


# Written.


class Writer:
    """Writes exchanges to `file`, in the order they are given; with `secrets`, as they were.

    `about` is what the file's first record tells: see `warcinfo` in the standard. `secret_headers` are names, in lower
    case, of headers that are secret beside those that are so by their name.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        about: Mapping[str, str],
        secrets: bool = False,
        secret_headers: Collection[str] = (),
    ) -> None:
        self._writer = _library().writer(file, gzip=True, warc_version=VERSION)
        self._secrets = secrets
        self._secret_headers = secret_headers
        self.number = 0
        tells = {"software": f"scraper/{__version__}", "format": "WARC File Format 1.1", "conformsTo": SPECIFICATION}
        self._writer.write_record(self._writer.create_warcinfo_record("", {**tells, **about}))

    def write(self, request: Request, outcome: Response | FetchError) -> None:
        """Write an exchange."""
        kept = request if self._secrets else stripped(request, self._secret_headers)
        session = {_SESSION: kept.session} if kept.session else {}
        asked = self._record(kept.url, "request", _asked(kept), kept.body, session)
        self._writer.write_record(asked)
        about = {"WARC-Concurrent-To": asked.rec_headers.get_header("WARC-Record-ID")}
        if isinstance(outcome, Response):
            answered = self._record(kept.url, "response", self._answered(outcome), outcome.body, about)
        else:
            detail = " ".join(outcome.detail.split())
            detail = detail if self._secrets else stripped_text(detail)
            fields = f"{_REASON}: {outcome.reason}\r\n{_DETAIL}: {detail}\r\n"
            answered = self._record(kept.url, "metadata", None, fields.encode(), about)
        self._writer.write_record(answered)
        self.number += 1

    def _answered(self, answer: Response) -> "list[str]":
        headers = answer.headers
        pairs = headers.items() if self._secrets else stripped_headers(headers, self._secret_headers)
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}"]
        lines += [f"{_ORIGINAL if name.lower() in _ON_THE_WIRE else ''}{name}: {value}" for name, value in pairs]
        return [*lines, f"Content-Length: {len(answer.body)}"]

    def _record(self, url: str, kind: str, head: list[str] | None, body: Any, about: Mapping[str, str]) -> Any:
        """A record of `kind`: an HTTP message of `head` and `body`, or `body` alone."""
        return self._writer.create_warc_record(
            without_credentials(url),
            kind,
            payload=BytesIO(body),
            length=len(body),
            warc_headers_dict=dict(about),
            http_headers=_library().head(head) if head is not None else None,
        )


def _asked(request: Request) -> list[str]:
    parts = urlsplit(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {name: value for name, value in own_headers(request.headers).items() if name.lower() not in _ON_THE_WIRE}
    if not any(name.lower() == "host" for name in headers):
        headers = {"Host": parts.netloc.rpartition("@")[2], **headers}
    if request.body:
        headers["Content-Length"] = str(len(request.body))
    return [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]


@cache
def _library() -> "_Library":
    """What is used of warcio. Raises `SettingsError` if it is not installed."""
    try:
        from warcio.archiveiterator import ArchiveIterator
        from warcio.statusandheaders import StatusAndHeaders
        from warcio.warcwriter import WARCWriter
    except ImportError:
        raise SettingsError("recordings need the library warcio: pip install 'scraper[warc]'") from None

    class Head(StatusAndHeaders):  # type: ignore[misc]
        """The lines before the body of a message, as they are: warcio's own has nothing but ASCII."""

        def __init__(self, lines: list[str]) -> None:
            super().__init__(lines[0], [])
            self._lines = lines

        def to_ascii_bytes(self, header_filter: object = None) -> bytes:
            return "".join(f"{line}\r\n" for line in [*self._lines, ""]).encode("utf-8", "surrogateescape")

    return _Library(ArchiveIterator, WARCWriter, Head)


class _Library(NamedTuple):
    records: Any
    writer: Any
    head: Any


def require() -> None:
    """Raises `SettingsError` if the library is not installed."""
    _library()


# Read.


def read(path: Path) -> list[Exchange]:
    """The exchanges in the file at `path`, in their order.

    Raises `StorageError`, in one line, for a file that cannot be read, is no WARC file, or is not whole.
    """
    records = _library().records
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error):
        raise _damaged(path, "it is cut short or damaged") from None
    except gzip.BadGzipFile:
        raise _damaged(path, "it is no gzip file") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None
    try:
        with redirect_stderr(StringIO()):  # where warcio tells what is told below
            return list(_exchanges(records(BytesIO(content), no_record_parse=True), path))
    except StorageError:
        raise
    except Exception as error:  # whatever a library makes of bytes that are no WARC file
        raise _damaged(path, f"it is no WARC file ({' '.join(str(error).split())[:80]})") from None


def _exchanges(records: Any, path: Path) -> Iterator[Exchange]:
    asked: dict[str, Request] = {}
    for number, record in enumerate(records, start=1):
        block, headers = record.content_stream().read(), record.rec_headers
        if not _is_whole(block, headers):
            raise _damaged(path, f"record {number} is not what was written")
        match record.rec_type:
            case "request":
                session = headers.get_header(_SESSION) or ""
                request = _request(block, headers.get_header("WARC-Target-URI"), session)
                asked[headers.get_header("WARC-Record-ID")] = request
            case "response":
                request = asked.pop(headers.get_header("WARC-Concurrent-To"))
                yield Exchange(request, _response(block, request))
            case "metadata":
                request = asked.pop(headers.get_header("WARC-Concurrent-To"))
                yield Exchange(request, _failure(block, request))


def _is_whole(block: bytes, headers: Any) -> bool:
    """Whether a record's length and digest (SHA-1 in base 32) are what its headers say."""
    digest = headers.get_header("WARC-Block-Digest")
    found = f"sha1:{base64.b32encode(hashlib.sha1(block, usedforsecurity=False).digest()).decode()}"
    return str(len(block)) == headers.get_header("Content-Length") and digest in {None, found}


def _parsed(block: bytes) -> tuple[str, CIMultiDict[str], bytes]:
    """The first line, the headers and the body of an HTTP message."""
    head, _, body = block.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    return first, CIMultiDict((name, value) for name, _, value in (line.partition(": ") for line in lines)), body


def _request(block: bytes, url: str, session: str) -> Request:
    first, headers, body = _parsed(block)
    return Request(url, method=first.partition(" ")[0], headers=dict(headers), body=body, session=session)


def _response(block: bytes, request: Request) -> Response:
    first, written, body = _parsed(block)
    written.popall("Content-Length")
    headers = CIMultiDict((name.removeprefix(_ORIGINAL), value) for name, value in written.items())
    return Response(request.url, status=int(first.split(" ")[1]), headers=headers, body=body, request=request)


def _failure(block: bytes, request: Request) -> FetchError:
    fields = dict(line.split(": ", 1) for line in block.decode().split("\r\n") if line)
    return FetchError(fields[_REASON], request.url, fields.get(_DETAIL, ""))


def _damaged(path: Path, problem: str) -> StorageError:
    return StorageError(f"{path}: {problem}: record it anew")
