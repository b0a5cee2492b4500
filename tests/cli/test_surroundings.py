"""What surrounds the command: streams that are closed or full, a folder that is gone, Ctrl-C at its first and last."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

SPIDER = """
import atexit, os, signal, sys
from scraper import Spider

class Books(Spider):
    name = "books"
    start_urls = ["{url}"]

    def parse(self, response):
        print("a page")
        yield {{"title": response.css("h1::text").get()}}
"""
FULL = Path("/dev/full")
STREAMS = {"0": "<&-", "1": ">&-", "2": "2>&-"}
CLOSED = list(chain.from_iterable(combinations(STREAMS, number) for number in (1, 2, 3)))


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Place:
    """A folder with the spider books.py, whose site has one page."""

    folder: Path
    url: str

    def write_spider(self, more: str = "") -> None:
        (self.folder / "books.py").write_text(SPIDER.format(url=self.url) + more)

    def run(self, command: str, *, before: str = "", folder: str = ".", **environment: str) -> Ended:
        """Run `scraper` and the words and redirections of `command` in a shell."""
        known = {name: value for name, value in os.environ.items() if not name.startswith(("SCRAPER_", "FORCE_"))}
        done = subprocess.run(
            ["/bin/sh", "-c", f"{before} {shlex.quote(sys.executable)} -m scraper {command}"],
            cwd=self.folder / folder,
            env=known | environment,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def items(self) -> int:
        """How many items there are, in a file that is whole."""
        file = self.folder / "data" / "books.jsonl"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def place(tmp_path: Path, httpserver: HTTPServer) -> Place:
    httpserver.expect_request("/robots.txt").respond_with_data("", status=404)
    httpserver.expect_request("/").respond_with_data("<h1>Book</h1>", content_type="text/html")
    made = Place(tmp_path, httpserver.url_for("/"))
    made.write_spider()
    return made


# Streams.


@pytest.mark.parametrize("closed", CLOSED, ids="".join)
def test_streams_that_are_closed(place: Place, closed: tuple[str, ...]) -> None:
    """A crawl is whole whichever of the standard streams it was started without, and says so on those it has."""
    run = place.run("crawl books.py " + " ".join(STREAMS[each] for each in closed))
    assert (run.status, place.items()) == (0, 1)
    assert ("a page" in run.out) is ("1" not in closed)
    assert ("books  finished after" in run.err) is ("2" not in closed)
    assert "Traceback" not in run.err


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_processes_that_parse_have_their_streams(place: Place, executor: str) -> None:
    """Processes that are started by one without streams have the null device in place of them, too.

    Standard output is theirs: it is how they are talked to.
    """
    place.write_spider(
        "    def parse(self, response):\n        yield {'devices': [os.fstat(each).st_rdev for each in (0, 1, 2)]}"
    )
    run = place.run(f"crawl books.py -s parsing.executor={executor} <&- >&- 2>&-")
    assert (run.status, place.items()) == (0, 1)
    (item,) = map(json.loads, (place.folder / "data" / "books.jsonl").read_text().splitlines())
    assert item["devices"][::2] == [Path(os.devnull).stat().st_rdev] * 2


def test_items_need_an_output(place: Place, httpserver: HTTPServer) -> None:
    """Items for a standard output that is closed are refused before anything is sent, and nothing is left."""
    run = place.run("crawl books.py -o - >&-")
    assert (run.status, run.err) == (2, "scraper: error: [[sinks]] path '-': standard output is closed\n")
    assert not httpserver.log


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["crawl books.py --json", "settings", "fetch {url}", "--help"])
def test_an_output_that_is_full(place: Place, command: str, unbuffered: str) -> None:
    """What cannot be written is told in one line, with exit status 1; the crawl is whole."""
    run = place.run(command.format(url=place.url) + " >/dev/full", PYTHONUNBUFFERED=unbuffered)
    told = "scraper: error: standard output cannot be written: No space left on device\n"
    assert (run.status, run.err.removeprefix("a page\n")) == (1, told)
    assert place.items() == ("crawl" in command)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_a_spider_prints_is_dispensable(place: Place, unbuffered: str) -> None:
    """A callback does not fail because nobody can take what it prints; that is told, where there is a reason."""
    run = place.run("crawl books.py >/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (run.status, place.items()) == (0, 1)
    assert "scraper: warning: what the spider printed cannot be written: No space left on device\n" in run.err
    run = place.run("crawl books.py --fresh 2>/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (run.status, place.items(), run.out) == (0, 1, "a page\n")
    run = place.run("crawl books.py --fresh --json 2>/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (run.status, json.loads(run.out)["items"]) == (0, 1)
    run = place.run("list 2>/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (run.status, run.out, run.err) == (2, "", "")


def test_without_an_environment(place: Place) -> None:
    """As cron starts it: no variables, nothing to read from, and a reader of what is said."""
    for before in ("env -i", "env -i setsid", "exec nohup"):
        run = place.run("crawl books.py --fresh </dev/null", before=before)
        assert (run.status, place.items()) == (0, 1)
        assert "Traceback" not in run.err


# Folders.


@pytest.mark.parametrize("command", ["list", "crawl", "crawl ../books.py", "crawl {folder}/books.py"])
def test_a_folder_that_is_gone(place: Place, command: str) -> None:
    """Where the working folder was removed that is said in one line."""
    (place.folder / "gone").mkdir()
    run = place.run(command.format(folder=place.folder), before="rmdir ../gone;", folder="gone")
    assert run.status == 2
    assert run.err.count("\n") == 1
    assert run.err.startswith("scraper: error: ")
    assert "Traceback" not in run.err


# Ctrl-C.

INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"


def test_an_interruption_while_modules_are_imported(place: Place) -> None:
    """Ctrl-C while the command is loaded is one line and status 130, wherever an exception would be lost or told."""
    place.write_spider(f"class Deleted:\n    def __del__(self):\n        {INTERRUPT}\nDeleted()\n")
    run = place.run("crawl books.py")
    assert (run.status, run.out, run.err) == (130, "", "scraper: interrupted\n")


def test_an_interruption_at_the_end(place: Place) -> None:
    """Ctrl-C while the interpreter ends changes nothing about the exit status, and is not told with a traceback."""
    place.write_spider(f"atexit.register(lambda: {INTERRUPT})\n")
    run = place.run("crawl books.py")
    assert (run.status, place.items()) == (0, 1)
    assert "Traceback" not in run.err
    place.write_spider(f"atexit.register(lambda: {INTERRUPT})\nraise SystemError('here')\n")
    run = place.run("crawl books.py")
    assert run.status == 2
    assert run.err.count("\n") == 1


def test_an_interruption_that_is_ignored(place: Place) -> None:
    """Whoever starts it with Ctrl-C ignored is not interrupted while it is loaded."""
    place.write_spider(INTERRUPT)
    run = place.run("crawl books.py", before="trap '' INT;")
    assert (run.status, place.items()) == (0, 1)
