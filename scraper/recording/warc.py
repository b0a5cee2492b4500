"""Exchanges as WARC 1.1 (ISO 28500:2017), by warcio (extra `warc`): each record is a gzip member of its own.

Every exchange is a `request` record and, concurrent to it, a `response`, or a `metadata` record that tells why there
was none. A body is kept as the spider saw it, decoded. The headers that would contradict that (how it was compressed
and framed on the wire) are kept under names of their own, and have their names back when they are read.

A file that was cut short, or changed, is refused, and so is one that unpacks to more than a recording may hold: it may
be in somebody else's repository. What is read is unpacked record by record, and held once.
"""

import base64
import gzip
import hashlib
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http.client import responses
from io import BytesIO
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

MOST = 512 * 1024 * 1024  # bytes of a recording's records, unpacked
LONGEST_HEAD = 1024 * 1024  # bytes
FEWER = "record fewer pages (--pages)"

_ABOUT = 2 * 1024  # bytes, about, of a record's own headers and of line ends
_END = b"\r\n\r\n"  # of a record
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
        self._left = MOST
        tells = {"software": f"scraper/{__version__}", "format": "WARC File Format 1.1", "conformsTo": SPECIFICATION}
        self._writer.write_record(self._writer.create_warcinfo_record("", {**tells, **about}))

    def write(self, request: Request, outcome: Response | FetchError) -> None:
        """Write an exchange. Raises `StorageError` if the file would hold more than can be read."""
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
        self._left -= len(body) + sum(map(len, (url, *about.values(), *(head or ())))) + _ABOUT
        if self._left < 0:
            raise StorageError(f"a recording has room for {MOST >> 20} MiB: {FEWER}")
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

    return _Library(WARCWriter, Head)


class _Library(NamedTuple):
    writer: Any
    head: Any


def require() -> None:
    """Raises `SettingsError` if the library is not installed."""
    _library()


# Read.


def read(path: Path) -> list[Exchange]:
    """The exchanges in the file at `path`, in their order.

    Raises `StorageError`, in one line, for a file that cannot be read, is no WARC file, is not whole, or unpacks to
    more than `MOST` bytes.
    """
    try:
        with gzip.open(path) as file:
            return list(_exchanges(_records(file, path), path))
    except StorageError:
        raise
    except MemoryError:
        raise StorageError(f"{path}: there is not enough memory to read it") from None
    except (EOFError, zlib.error):
        raise _damaged(path, "it is cut short or damaged") from None
    except gzip.BadGzipFile as error:
        is_gzip = "Not a gzipped" not in str(error)
        raise _damaged(path, "it is cut short or damaged" if is_gzip else "it is not a gzip file") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # whatever bytes that are no WARC file lead to
        raise _damaged(path, f"it is not a WARC file ({' '.join(str(error).split())[:80]})") from None


class _Record(NamedTuple):
    headers: CIMultiDict[str]
    block: bytes


def _records(file: gzip.GzipFile, path: Path) -> Iterator[_Record]:
    """The records that are unpacked from `file`, one after the other."""
    left = MOST
    while line := file.readline(LONGEST_HEAD):
        head = bytearray()
        while line.strip():
            head += line
            if len(head) >= LONGEST_HEAD:
                raise ValueError("the head of a record does not end")
            line = file.readline(LONGEST_HEAD)
        version, headers = _head(bytes(head))
        if not version.startswith("WARC/1."):
            raise ValueError(f"a record begins with {version!r:.40}")
        size = int(headers["Content-Length"])
        if size < 0:
            raise ValueError(f"a record of {size} bytes")
        left -= len(head) + size
        if left < 0:
            raise StorageError(f"{path}: it unpacks to more than {MOST >> 20} MiB: {FEWER}")
        block = file.read(size)
        if file.read(len(_END)) != _END:
            raise EOFError
        yield _Record(headers, block)


def _exchanges(records: Iterable[_Record], path: Path) -> Iterator[Exchange]:
    asked: dict[str, Request] = {}
    for number, (headers, block) in enumerate(records, start=1):
        if not _is_whole(block, headers):
            raise _damaged(path, f"record {number} is not what was written")
        match headers["WARC-Type"]:
            case "request":
                request = _request(block, headers["WARC-Target-URI"], headers.get(_SESSION, ""))
                asked[headers["WARC-Record-ID"]] = request
            case "response":
                request = asked.pop(headers["WARC-Concurrent-To"])
                yield Exchange(request, _response(block, request))
            case "metadata":
                request = asked.pop(headers["WARC-Concurrent-To"])
                yield Exchange(request, _failure(block, request))


def _is_whole(block: bytes, headers: CIMultiDict[str]) -> bool:
    """Whether a record's block has the digest (SHA-1 in base 32) that its headers tell, if they do."""
    found = f"sha1:{base64.b32encode(hashlib.sha1(block, usedforsecurity=False).digest()).decode()}"
    return headers.get("WARC-Block-Digest", found) == found


def _head(head: bytes) -> tuple[str, CIMultiDict[str]]:
    """The first line and the headers at the beginning of a record, or of an HTTP message."""
    first, *lines = head.decode("utf-8", "surrogateescape").removesuffix("\r\n").split("\r\n")
    return first, CIMultiDict((name, value) for name, _, value in (line.partition(": ") for line in lines))


def _parsed(block: bytes) -> tuple[str, CIMultiDict[str], bytes]:
    """The first line, the headers and the body of an HTTP message."""
    head, _, body = block.partition(b"\r\n\r\n")
    return *_head(head), body


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
    return StorageError(f"{path}: {problem}: record it again")
