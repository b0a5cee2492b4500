"""Exchanges as WARC 1.1: what is written is read again, secrets are not written, and what is damaged is refused."""

import gzip
import io
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from scraper import FetchError, Reason, Request, Response, SettingsError, StorageError
from scraper.crawling.recordings.folder import open_recording
from scraper.recording import warc
from scraper.recording.warc import MOST, Exchange, Writer, read

URL = "https://books.example/shelf?page=2"


def written(*exchanges: tuple[Request, Response | FetchError], secrets: bool = False) -> bytes:
    """A file of these exchanges."""
    file = io.BytesIO()
    writer = Writer(file, about={"description": "a test"}, secrets=secrets)
    for request, outcome in exchanges:
        writer.write(request, outcome)
    return file.getvalue()


def read_again(path: Path, *exchanges: tuple[Request, Response | FetchError], secrets: bool = False) -> list[Exchange]:
    path.write_bytes(written(*exchanges, secrets=secrets))
    return read(path)


def members(content: bytes) -> list[bytes]:
    """The members of a gzip file, each decompressed."""
    found = []
    while content:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        found.append(member.decompress(content))
        content = member.unused_data
    return found


TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x24F, exclude_categories=["C", "Z"]), max_size=20)
NAMES = st.sampled_from(["X-One", "x-two", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Content-Type"])


@given(
    status=st.integers(200, 599),
    headers=st.lists(st.tuples(NAMES, TEXT), max_size=6),
    body=st.binary(max_size=200),
    method=st.sampled_from(["GET", "POST", "PUT"]),
    content=st.binary(max_size=50),
    session=st.sampled_from(["", "one"]),
)
def test_an_exchange_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    status: int,
    headers: list[tuple[str, str]],
    body: bytes,
    method: str,
    content: bytes,
    session: str,
) -> None:
    """Method, URL, content, session, status, headers (repeated ones, those about compression) and body are the same."""
    request = Request(URL, method=method, body=content, session=session, headers={"X-Asked": "yes"})
    response = Response(URL, status=status, headers=CIMultiDict(headers), body=body)
    (found,) = read_again(tmp_path_factory.mktemp("warc") / "pages.warc.gz", (request, response))
    assert (found.request.url, found.request.method, found.request.body) == (URL, method, content)
    assert (found.request.session, found.request.headers["X-Asked"]) == (session, "yes")
    assert isinstance(found.outcome, Response)
    assert (found.outcome.status, found.outcome.body, found.outcome.url) == (status, body, URL)
    assert list(found.outcome.headers.items()) == headers


def test_bytes_in_headers_that_are_no_text_are_kept(tmp_path: Path) -> None:
    """A header that is not UTF-8 comes back as aiohttp hands it over, byte by byte."""
    location = b"/caf\xe9".decode("utf-8", "surrogateescape")
    response = Response(URL, status=302, headers={"Location": location})
    (found,) = read_again(tmp_path / "pages.warc.gz", (Request(URL), response))
    assert isinstance(found.outcome, Response)
    assert found.outcome.headers["Location"] == location


def test_a_request_without_an_answer_is_kept_with_its_reason(tmp_path: Path) -> None:
    """A FetchError comes back with its reason and detail."""
    error = FetchError(Reason.TIMEOUT, URL, "no whole answer\nwithin 30 s")
    (found,) = read_again(tmp_path / "pages.warc.gz", (Request(URL), error))
    assert isinstance(found.outcome, FetchError)
    assert (found.outcome.reason, found.outcome.detail) == ("timeout", "no whole answer within 30 s")


def test_every_record_is_a_member_of_its_own() -> None:
    """The file begins with a warcinfo record, and a record can be read without those before it."""
    records = members(written((Request(URL), Response(URL, body=b"one")), (Request(URL), Response(URL, body=b"two"))))
    kinds = [record.partition(b"WARC-Type: ")[2].split(b"\r\n")[0] for record in records]
    assert kinds == [b"warcinfo", b"request", b"response", b"request", b"response"]
    assert all(record.startswith(b"WARC/1.1\r\n") for record in records)
    assert b"description: a test\r\n" in records[0]


def test_other_tools_can_read_it() -> None:
    """warcio finds every digest right, the URL as the target, and an HTTP message whose length is that of its body."""
    from warcio.archiveiterator import ArchiveIterator

    headers = {"Content-Encoding": "gzip", "Content-Length": "20", "Content-Type": "text/html"}
    content = written((Request(URL, json={"q": 1}), Response(URL, headers=headers, body=b"<h1>decoded</h1>")))
    found = {}
    for record in ArchiveIterator(io.BytesIO(content), check_digests="raise"):
        found[record.rec_type] = record
        if record.rec_type in {"request", "response"}:
            assert record.rec_headers.get_header("WARC-Target-URI") == URL
            assert record.http_headers.get_header("Content-Length") == str(len(record.content_stream().read()))
    assert found["response"].http_headers.get_header("Content-Encoding") is None
    assert found["response"].http_headers.get_statuscode() == "200"
    assert found["request"].http_headers.get_header("Host") == "books.example"


LOGIN = Request(
    "https://me:hunter2@books.example/login",
    form={"user": "me", "password": "hunter2"},
    headers={"Authorization": "Bearer hunter2", "Cookie": "id=hunter2", "X-Api-Key": "hunter2"},
    cookies={"own": "hunter2"},
)


def test_secrets_are_not_written() -> None:
    """Neither credentials in the URL, nor cookies, nor authorization, nor a password in a form stand in the file."""
    headers = CIMultiDict([("Set-Cookie", "id=hunter2; Path=/"), ("Set-Cookie", "old=; Max-Age=0")])
    content = gzip.decompress(written((LOGIN, Response(LOGIN.url, headers=headers))))
    assert b"hunter2" not in content
    for kept in (b"user=me", b"Authorization: stripped", b"Set-Cookie: id=stripped; Path=/", b"old=; Max-Age=0"):
        assert kept in content
    data = Request(LOGIN.url, json={"user": "me", "deep": [{"client_secret": "hunter2"}]})
    assert b"hunter2" not in gzip.decompress(written((data, Response(LOGIN.url))))


def test_secrets_are_written_if_they_are_asked_for() -> None:
    """With `secrets` the exchange is what it was, but for credentials in the URL, which no WARC file has."""
    content = gzip.decompress(written((LOGIN, Response(LOGIN.url, headers={"Set-Cookie": "id=1"})), secrets=True))
    assert b"Authorization: Bearer hunter2" in content
    assert b"Set-Cookie: id=1" in content
    assert b"me:hunter2@" not in content


WHOLE = written((Request(URL), Response(URL, body=b"one" * 50)), (Request(URL), FetchError(Reason.RESET, URL)))


def refused(path: Path, content: bytes) -> str:
    """Why a file of this content is refused, in one line that names it."""
    path.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text.removeprefix(str(path))


@given(st.integers(1, len(WHOLE) - 1))
def test_a_file_that_was_cut_short_is_refused(tmp_path_factory: pytest.TempPathFactory, end: int) -> None:
    """Wherever a recording ends early, opening it fails, in one line that names the file."""
    folder = tmp_path_factory.mktemp("cut")
    (folder / "items.jsonl").write_text('{"spider":"books","exchanges":2}\n')
    (folder / "pages.warc.gz").write_bytes(WHOLE[:end])
    with pytest.raises(StorageError, match=r"pages\.warc\.gz: .*: record it again$") as caught:
        open_recording(folder, "books")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_recording_are_refused(tmp_path: Path) -> None:
    """What is no gzip file, no WARC file, or not what was written, is told apart, in one line each."""
    path = tmp_path / "pages.warc.gz"
    assert refused(path, b"<html>") == ": it is not a gzip file: record it again"
    assert refused(path, WHOLE[:-9]) == ": it is cut short or damaged: record it again"
    assert refused(path, gzip.compress(b"<html>")).startswith(": it is not a WARC file (")
    changed = gzip.compress(gzip.decompress(WHOLE).replace(b"oneone", b"twotwo", 1))
    assert refused(path, changed) == ": record 3 is not what was written: record it again"
    alone = b"".join(gzip.compress(each) for each in members(WHOLE) if b"WARC-Type: request" not in each)
    assert refused(path, alone).startswith(": it is not a WARC file (")
    path.unlink()
    with pytest.raises(StorageError, match="cannot be read: No such file"):
        read(path)


def one_record(kind: str, length: int | str, block: bytes) -> bytes:
    """A record as it is unpacked, of a length that may be a lie."""
    head = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <1>\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            one_record("request", -5, b"GET / HTTP/1.1"),
            ": it is not a WARC file (a record of -5 bytes): record it again",
        ),
        (one_record("request", "many", b""), ": it is not a WARC file (invalid literal"),
        (one_record("request", 50, b"GET / HTTP/1.1"), ": it is cut short or damaged: record it again"),
        (b"WARC/1.1\r\n\r\n", ": it is not a WARC file ('Content-Length'): record it again"),
        (b"x" * 3_000_000, ": it is not a WARC file (the head of a record does not end): record it again"),
        (b"WARC/1.1\r\n" + b"a: b\r\n" * 300_000, ": it is not a WARC file (the head of a record does not end)"),
    ],
)
def test_records_that_are_none(tmp_path: Path, content: bytes, why: str) -> None:
    """A record that is not what a record is, is told."""
    assert refused(tmp_path / "pages.warc.gz", gzip.compress(content)).startswith(why)


def test_a_recording_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    """A small file in somebody's repository takes neither memory nor time, whatever it says of itself."""
    path = tmp_path / "pages.warc.gz"
    packer = zlib.compressobj(wbits=31)
    with path.open("wb") as file:
        file.write(packer.compress(one_record("response", MOST, b"").removesuffix(b"\r\n\r\n")))
        for _ in range(64):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())
    told = ": it unpacks to more than 512 MiB: record fewer pages (--pages)"
    tracemalloc.start()
    try:
        assert refused(path, path.read_bytes()) == told
        many = gzip.compress(one_record("warcinfo", 1 << 20, bytes(1 << 20)))
        assert refused(path, many * 600) == told
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_head_of_many_lines_takes_no_time(tmp_path: Path) -> None:
    """Time grows with the length of a record's head, and not with its square."""
    head = gzip.compress(b"WARC/1.1\r\n" + b"a\n" * 600_000)
    begun = time.process_time()
    assert refused(tmp_path / "pages.warc.gz", head).startswith(
        ": it is not a WARC file (the head of a record does not"
    )
    assert time.process_time() - begun < 3


def test_a_recording_is_held_once(tmp_path: Path) -> None:
    """Reading takes as much memory as the bodies, and no more than one of them besides."""
    bodies = [bytes([number]) * (2 << 20) for number in range(8)]
    path = tmp_path / "pages.warc.gz"
    path.write_bytes(written(*((Request(URL), Response(URL, body=body)) for body in bodies)))
    tracemalloc.start()
    try:
        found = read(path)
        assert tracemalloc.get_traced_memory()[1] < (8 + 3) * (2 << 20)
    finally:
        tracemalloc.stop()
    assert [each.outcome.body for each in found if isinstance(each.outcome, Response)] == bodies


def test_what_could_not_be_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording that would be too large fails as it is made, and says what to do."""
    monkeypatch.setattr(warc, "MOST", 1 << 20)
    body = bytes(400_000)
    with pytest.raises(StorageError, match=r"^a recording has room for 1 MiB: record fewer pages \(--pages\)$"):
        written(*[(Request(URL), Response(URL, body=body))] * 3)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has not installed warcio is told how to."""
    warc._library.cache_clear()
    monkeypatch.setitem(sys.modules, "warcio.warcwriter", None)
    with pytest.raises(SettingsError, match=r"pip install 'scraper\[warc\]'"):
        written()
