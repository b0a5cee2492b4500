"""What callbacks log and print in worker processes, however odd it is, comes out and fails no callback."""

import logging
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from scraper import Request
from scraper.process.crash_marks import marks_at
from scraper.workers.reports import print_told
from tests.flow.crawls import crawl
from tests.workers.odd_spiders import SETTINGS, LogsOnce, Talks


@pytest.mark.asyncio
async def test_odd_logs_and_prints(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A log record whose `extra` cannot be pickled is logged without it; bytes can be written, and odd letters."""
    for number in range(6):
        httpserver.expect_request(f"/{number}").respond_with_data("<p>", content_type="text/html")
    with caplog.at_level(logging.WARNING, "talks"):
        ended = await crawl(Talks(httpserver.url_for("").rstrip("/")), SETTINGS, seconds=120)
    assert len(ended.items) == 6
    assert ended.statistics.errors == 0
    assert [record.getMessage() for record in caplog.records if record.name == "talks"] == ["with more"] * 6
    printed = capfdbinary.readouterr().out
    assert printed.count(b"\xff\n") == 6
    assert printed.count(b"text http") == 6


def test_letters_that_the_output_does_not_have() -> None:
    """What standard output cannot encode is printed in escapes."""
    output = TextIOWrapper(below := BytesIO(), encoding="ascii")
    print_told("b\xe4h\n", output)
    output.flush()
    assert below.getvalue() == b"b\\xe4h\n"


def test_bytes_come_after_the_text_before_them() -> None:
    """Text and bytes are printed in their order."""
    output = TextIOWrapper(below := BytesIO(), encoding="utf-8")
    print_told("a", output)
    print_told(b"\xff", output)
    print_told("b", output)
    print_told(b"", output)
    assert below.getvalue() == b"a\xffb"


def test_a_closed_output_fails_nobody() -> None:
    """What is printed when standard output is closed is lost, as with a pipe that nobody reads."""
    output = TextIOWrapper(BytesIO())
    output.close()
    print_told("a", output)
    print_told(b"a", output)


@pytest.mark.asyncio
async def test_handlers_of_the_spiders_module(httpserver: HTTPServer, capfd: pytest.CaptureFixture[str]) -> None:
    """A handler that the spider's module adds to a logger handles each record once, in the crawl's own process."""
    for number in range(6):
        httpserver.expect_request(f"/{number}").respond_with_data("<p>", content_type="text/html")
    ended = await crawl(LogsOnce(httpserver.url_for("").rstrip("/")), SETTINGS, seconds=120)
    assert len(ended.items) == 6
    printed = capfd.readouterr().out
    assert printed.count("collected once") == 6
    assert printed.count("collected alone") == 6


def test_no_room_for_crash_marks(tmp_path: Path) -> None:
    """Where there can be no file with crash marks, a worker does without them."""
    marks = marks_at(tmp_path / "missing" / "0.marks")
    marks.end(marks.begin(Request("http://a.example/")))
    marks.close()
    assert not list(tmp_path.iterdir())
