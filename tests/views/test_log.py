"""What is logged, how often, and that a page cannot write there."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console

from scraper.errors import FetchError, StorageError
from scraper.events import (
    Blocked,
    Broke,
    Dropped,
    Failed,
    Fetched,
    Finished,
    Refused,
    Resumed,
    Retried,
    Started,
    Statistics,
)
from scraper.http.request import Request
from scraper.views.log import Log, configure

EVIL = "https://a.example/\x1b[2J\n12:00:00 ERROR   forged"


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    """Leave `logging` as it was found."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before, level
    logging.getLogger("asyncio").setLevel(logging.NOTSET)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """A log of the spider `books` that has started; caplog holds what is written afterwards."""
    caplog.set_level(logging.DEBUG)
    made = Log()
    made(Started("books"))
    caplog.clear()
    return made


def written(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    return [(record.name, record.levelname, record.getMessage()) for record in caplog.records]


def raised(kind: type[Exception] = ValueError) -> Exception:
    try:
        raise kind("no price")
    except kind as error:
        return error


def test_pages_make_no_events() -> None:
    """The log does not ask for `Fetched`, of which there is one a page."""
    assert Fetched not in Log().wants


def test_started(caplog: pytest.LogCaptureFixture) -> None:
    """The beginning of a crawl is told."""
    caplog.set_level(logging.INFO)
    Log()(Started("books"))
    assert written(caplog) == [("scraper", "INFO", "books: started")]


def test_a_spider_that_was_edited(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """A crawl that resumes with another source is one warning: which modules, what is kept, and how to start over."""
    log(Resumed("books", Statistics("books", discovered=3, waiting=1), edited=("books", "shop.records\x1b")))
    [_, (name, level, text)] = written(caplog)
    assert (name, level) == ("scraper", "WARNING")
    for part in ("changed since this crawl began (books, shop.records\\x1b)", "both shapes", "--fresh starts over"):
        assert part in text


def test_retried(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """A retry is one line: which, when, why, and the URL without its credentials."""
    log(Retried(Request("https://me:secret@a.example/x"), "http_503", 1.5, 2))
    assert written(caplog) == [("scraper", "INFO", "retry 2 in 1.5 s (http_503): https://a.example/x")]


def test_failed(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """A request that is given up is a warning with its reason."""
    request = Request("https://me:secret@a.example/")
    log(Failed(request, FetchError("tls_expired", "https://a.example/", "certificate\nexpired")))
    line = "failed (tls_expired): https://a.example/: certificate\\nexpired"
    assert written(caplog) == [("scraper", "WARNING", line)]


def test_refused(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """The first request refused for a reason is told at INFO, the others at DEBUG."""
    for reason in ("offsite", "offsite", "robots"):
        log(Refused(Request("https://b.example/"), reason))
    assert [(level, text) for _, level, text in written(caplog)] == [
        ("INFO", "refused (offsite): https://b.example/"),
        ("DEBUG", "refused (offsite): https://b.example/"),
        ("INFO", "refused (robots): https://b.example/"),
    ]


def test_dropped(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """The first item dropped for a reason is told at INFO, the others at DEBUG."""
    for title in ("A\n", "B"):
        log(Dropped({"title": title}, "no price"))
    assert [(level, text) for _, level, text in written(caplog)] == [
        ("INFO", "item dropped (no price): {'title': 'A\\n'}"),
        ("DEBUG", "item dropped (no price): {'title': 'B'}"),
    ]


def test_dropped_item_that_cannot_be_shown(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """An observer never raises, not even when an item's repr does."""

    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError

    log(Dropped(Shy(), "shy"))
    assert written(caplog) == [("scraper", "INFO", "item dropped (shy): one of Shy")]


def test_broke(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """A callback that raised is an error of the spider's logger, in one line; its traceback is told at DEBUG."""
    line = f"{Path.cwd() / 'spiders' / 'books.py'}:17"
    log(Broke("Books.parse", line, "https://me:secret@a.example/", raised()))
    error, traceback = caplog.records
    text = "Books.parse failed at spiders/books.py:17 on https://a.example/: ValueError: no price"
    assert (error.name, error.levelname, error.getMessage(), error.exc_info) == ("books", "ERROR", text, None)
    assert traceback.levelname == "DEBUG"
    assert traceback.exc_info is not None


def test_broke_without_line_and_url(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """What is not known is left out."""
    log(Broke("Books.closed", "", "", raised()))
    assert written(caplog)[0] == ("books", "ERROR", "Books.closed failed: ValueError: no price")


def test_broken_sink(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """A data file that cannot be written is not the spider's fault."""
    log(Broke("sink data/books.csv", "", "", StorageError("data/books.csv cannot be written: disk full")))
    text = "sink data/books.csv failed: data/books.csv cannot be written: disk full"
    assert written(caplog)[0] == ("scraper", "ERROR", text)


def test_broke_again_and_again(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """The same exception of the same line is told five times, then counted, and summed up at the end."""
    for number in range(100):
        log(Broke("Books.parse", "books.py:17", f"https://a.example/{number}", raised()))
    log(Broke("Books.parse", "books.py:17", "https://a.example/", raised(KeyError)))
    log(Finished("finished", Statistics("books", fetched=101)))
    errors = [text for _, level, text in written(caplog) if level == "ERROR"]
    assert len(errors) == 5 + 1 + 1
    assert errors[4].endswith("(further ones like this are only counted)")
    assert errors[-1] == "Books.parse failed at books.py:17: ValueError, 100 times in all"


def test_blocked(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """Who blocks the event loop is a warning with the line, told from another thread."""
    thread = Thread(target=log, args=(Blocked("books.py:9 in Books.parse", 1.25),))
    thread.start()
    thread.join()
    text = "nothing else could run for 1.2 s: the event loop was held up by books.py:9 in Books.parse"
    assert written(caplog) == [("scraper", "WARNING", text)]


def test_finished(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """The end is one line: why, how long, how much."""
    log(Finished("pages limit", Statistics("books", fetched=1, items=1200, seconds=97)))
    assert written(caplog) == [("scraper", "INFO", "books: pages limit after 1:37, 1 page, 1,200 items")]


def test_nothing_is_forged(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """Control characters and line ends of a page, a URL, a reason or a message are escaped wherever they stand."""
    request = Request("https://a.example/")
    for event in (
        Failed(request, FetchError(EVIL, EVIL, EVIL)),
        Refused(request, EVIL),
        Dropped(EVIL, EVIL),
        Retried(request, EVIL, 1.0, 1),
        Broke(EVIL, EVIL, EVIL, ValueError(EVIL)),
        Blocked(EVIL, 1.0),
        Finished(EVIL, Statistics(EVIL)),
    ):
        log(event)
    assert len(caplog.records) == 8
    assert all(record.getMessage().isprintable() for record in caplog.records)


# Where the lines go.


def console(**options: object) -> Console:
    return Console(file=io.StringIO(), width=80, **options)  # type: ignore[arg-type]


def text_of(made: Console) -> str:
    assert isinstance(made.file, io.StringIO)
    return made.file.getvalue()


def test_lines_of_a_file() -> None:
    """Where standard error is no terminal, a line is time, level and message, and neither coloured nor wrapped."""
    made = console()
    configure("INFO", made)
    logging.getLogger("scraper").warning("x" * 100)
    when, rest = text_of(made).split(" ", 1)
    assert when.count(":") == 2
    assert rest == f"WARNING {'x' * 100}\n"


def test_lines_of_a_terminal() -> None:
    """On a terminal levels have colours; what looks like markup is only text."""
    made = console(force_terminal=True)
    configure("INFO", made)
    logging.getLogger("scraper").error("[bold]no[/bold]")
    assert "\x1b[1;31mERROR" in text_of(made)
    assert "[bold]no[/bold]" in text_of(made)


def test_lines_of_spiders() -> None:
    """A spider's own lines bear its name, and line ends in them are indented so that they forge nothing."""
    made = console()
    configure("INFO", made)
    logging.getLogger("books").info("title: %s", "A\n12:00:00 ERROR   forged\x1b[2J")
    lines = text_of(made).splitlines()
    assert lines[0].endswith("INFO    books: title: A")
    assert lines[1] == "        12:00:00 ERROR   forged\\x1b[2J"


def test_level() -> None:
    """Nothing below the level is written, and nothing below WARNING of the libraries underneath."""
    made = console()
    configure("INFO", made)
    logging.getLogger("scraper").debug("no")
    logging.getLogger("asyncio").info("no")
    logging.getLogger("asyncio").warning("yes")
    assert text_of(made).count("\n") == 1


def test_configured_twice() -> None:
    """The last configuration holds, and lines are not doubled."""
    first, second = console(), console()
    configure("INFO", first)
    configure("WARNING", second)
    logging.getLogger("scraper").info("no")
    logging.getLogger("scraper").warning("once")
    assert text_of(first) == ""
    assert text_of(second).count("once") == 1
