"""The command `scraper crawl` in a process of its own, against a real server: what it writes, says and returns."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.forks import Fork, Forks

SPIDER = """
from scraper import Request, Spider


class BooksSpider(Spider):
    name = "books"
    start_urls = ["{url}"]
    shelf: str = "all"

    def parse(self, response):
        yield from response.follow_all(css="a", callback=self.parse_book)

    def parse_book(self, response):
        {body}
        yield {{"title": response.css("h1::text").get(), "shelf": self.shelf}}
"""


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Desk:
    """A folder to run commands in, and the address of a shop that has books 1, 2 and 3."""

    folder: Path
    url: str
    forks: Forks

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def write_spider(self, *, url: str = "", body: str = "pass", name: str = "books") -> None:
        text = SPIDER.format(url=url or self.url, body=body).replace('"books"', f'"{name}"')
        self.write(f"{name}.py", text)

    def start(self, *arguments: str) -> Fork:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SCRAPER_", "FORCE_"))}
        return self.forks.start("crawl", *arguments, cwd=self.folder, env=environment | {"COLUMNS": "100"})

    def crawl(self, *arguments: str) -> Ended:
        return ended(self.start(*arguments))

    def items(self, path: str = "data/books.jsonl") -> list[dict[str, str]]:
        return [json.loads(line) for line in (self.folder / path).read_text().splitlines()]


def ended(process: Fork) -> Ended:
    out, err = process.communicate()
    return Ended(process.wait(), out, err)


TITLES = ["Book 1", "Book 2", "Book 3"]


@pytest.fixture
def desk(tmp_path: Path, httpserver: HTTPServer, forks: Forks) -> Desk:
    """A desk with the spider `books.py`."""
    links = "".join(f'<a href="/{number}">{number}</a>' for number in (1, 2, 3))
    httpserver.expect_request("/robots.txt").respond_with_data("", status=404)
    httpserver.expect_request("/").respond_with_data(links, content_type="text/html")
    for number in (1, 2, 3):
        page = f"<h1>Book {number}</h1>"
        httpserver.expect_request(f"/{number}").respond_with_data(page, content_type="text/html")
    made = Desk(tmp_path, httpserver.url_for("/"), forks)
    made.write_spider()
    return made


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections: it is bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


# What a crawl leaves.


def test_crawl_of_a_file(desk: Desk) -> None:
    """A spider file needs no config.toml; items go to data/SPIDER.jsonl, the summary to standard error."""
    run = desk.crawl("books.py", "-s", "parsing.executor=inline")
    assert run.status == 0
    assert sorted(item["title"] for item in desk.items()) == TITLES
    assert "books  finished after" in run.err
    assert "data/books.jsonl  3 items" in run.err
    assert "discovered 4 = fetched 4 + refused 0 + failed 0 + waiting 0" in run.err
    assert not list(desk.folder.glob("**/*.part"))


def test_crawl_of_what_is_configured(desk: Desk) -> None:
    """Without a name the spiders of config.toml are crawled, and its sinks written."""
    (desk.folder / "spiders").mkdir()
    (desk.folder / "books.py").rename(desk.folder / "spiders" / "books.py")
    desk.write("config.toml", 'crawl = ["books"]\n[[sinks]]\npath = "out/{spider}.jsonl"\n')
    assert desk.crawl().status == 0
    assert len(desk.items("out/books.jsonl")) == 3
    assert not (desk.folder / "data").exists()


def test_outputs(desk: Desk) -> None:
    """Each -o is a data file, and takes the place of the configured ones."""
    desk.write("config.toml", '[[sinks]]\npath = "configured.jsonl"\n')
    run = desk.crawl("books.py", "-o", "a.jsonl", "-o", "sub/b.csv")
    assert run.status == 0
    assert len(desk.items("a.jsonl")) == 3
    assert len((desk.folder / "sub/b.csv").read_text().splitlines()) == 4
    assert not (desk.folder / "configured.jsonl").exists()


def test_output_to_standard_output(desk: Desk) -> None:
    """-o - puts the items, and nothing else, on standard output: what the spider prints goes to standard error."""
    desk.write_spider(body="print('reading')")
    run = desk.crawl("books.py", "-o", "-")
    assert run.status == 0
    assert sorted(json.loads(line)["title"] for line in run.out.splitlines()) == TITLES
    assert run.err.count("reading\n") == 3
    assert not (desk.folder / "data").exists()


def test_argument(desk: Desk) -> None:
    """-a sets an attribute of the spider, also in the paths of data files."""
    assert desk.crawl("books.py", "-a", "shelf=travel", "-o", "{shelf}.jsonl").status == 0
    assert {item["shelf"] for item in desk.items("travel.jsonl")} == {"travel"}


def test_setting(desk: Desk) -> None:
    """-s sets a key of a table for this crawl."""
    run = desk.crawl("books.py", "--json", "-s", "engine.stop_after.pages=1", "-s", "engine.concurrency=1")
    assert run.status == 0
    told = json.loads(run.out)
    assert told["finished"] == "pages limit"
    assert told["waiting"] == 3


def test_json(desk: Desk) -> None:
    """--json puts one JSON object on standard output; when all is well, people are told nothing."""
    run = desk.crawl("books.py", "--json")
    assert (run.status, run.err) == (0, "")
    assert run.out.count("\n") == 1
    told = json.loads(run.out)
    size = (desk.folder / "data/books.jsonl").stat().st_size
    assert told["sinks"] == [{"path": "data/books.jsonl", "items": 3, "bytes": size}]
    assert (told["spider"], told["finished"], told["pages"], told["items"]) == ("books", "finished", 4, 3)
    assert told["problems"] == []


def test_json_stays_clean(desk: Desk) -> None:
    """With --json what a spider prints goes to standard error."""
    desk.write_spider(body="print('reading')")
    run = desk.crawl("books.py", "--json")
    assert json.loads(run.out)["items"] == 3
    assert run.err == "reading\n" * 3


def test_several_spiders(desk: Desk) -> None:
    """Several spiders are crawled one after the other; the exit status is the worst, and --json tells of each."""
    desk.write_spider(name="broken", body="raise ValueError('no price')")
    run = desk.crawl("books.py", "broken.py", "--json")
    assert run.status == 1
    told = json.loads(run.out)["spiders"]
    assert [(each["spider"], each["items"], each["errors"]) for each in told] == [("books", 3, 0), ("broken", 0, 3)]


def test_progress_without_a_terminal(desk: Desk) -> None:
    """Where standard error is no terminal, progress is a plain line every [views] interval seconds."""
    desk.write_spider(body="import time; time.sleep(0.3)")
    run = desk.crawl("books.py", "-s", "views.interval=0.2")
    assert "elapsed" in run.err
    assert "\x1b" not in run.err
    assert "elapsed" not in desk.crawl("books.py", "-s", "views.interval=0.2", "-s", "views.progress=false").err


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_terminal(desk: Desk, variables: dict[str, str]) -> None:
    """On a terminal progress is live, then gone; NO_COLOR takes the colours away, and nothing else."""
    desk.write_spider(body="import time; time.sleep(0.3)")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "scraper", "crawl", "books.py"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"} | variables
    process = subprocess.Popen(command, cwd=desk.folder, env=environment, stdin=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # Linux says EIO once nobody has the other side open
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    assert "pages/s" in text
    assert text.rindex("\x1b[?25h") < text.rindex("discovered")
    assert ("\x1b[32m" in text or "\x1b[1;32m" in text) == (not variables)


# What goes wrong.


def test_callback_that_fails(desk: Desk) -> None:
    """A callback that raises costs its page, not the crawl: the error is told with its line, the exit status is 1."""
    desk.write_spider(body="assert '1' not in response.url.rsplit('/')[-1], 'no\\x1b[2Jprice'")
    run = desk.crawl("books.py")
    assert run.status == 1
    assert len(desk.items()) == 2
    line = f"BooksSpider.parse_book failed at books.py:14 on {desk.url}1: AssertionError: no\\x1b[2Jprice"
    assert line in run.err
    assert "problem" in run.err
    assert "Traceback" not in run.err
    assert "Traceback" in desk.crawl("books.py", "-s", "views.log_level=DEBUG").err


def test_port_that_is_closed(desk: Desk, closed_port: int) -> None:
    """Where every start URL fails, the exit status is 1, and the reason is counted: here, refused."""
    desk.write_spider(url=f"http://127.0.0.1:{closed_port}/")
    run = desk.crawl("books.py", "--json", "-s", "network.retries=0", "-s", "limits.robots=false")
    told = json.loads(run.out)
    assert (run.status, told["failed"]) == (1, {"refused": 1})
    assert "every start URL failed" in told["problems"][0]
    assert "failed (refused)" in run.err


def test_name_that_does_not_resolve(desk: Desk) -> None:
    """A host that does not exist is a failure of its own kind."""
    desk.write_spider(url="http://no-such-host.invalid/")
    run = desk.crawl("books.py", "--json", "-s", "network.retries=0", "-s", "limits.robots=false")
    assert (run.status, json.loads(run.out)["failed"]) == (1, {"dns_not_found": 1})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nosuch.py"], "nosuch.py"),
        (["books.py", "-s", "limits.dealy=1"], "delay"),
        (["books.py", "-s", "limits.delay=soon"], "limits.delay=soon"),
        (["books.py", "-c", "nosuch.toml"], "nosuch.toml"),
        (["books.py", "-a", "shelv=x"], "shelf"),
        (["books.py", "-a", "shelf"], "NAME=VALUE"),
        (["books.py", "-o", "books.doc"], "books.doc"),
        (["books.py", "-o", ""], "-o"),
        (["books.py", "-o", "{shop}.csv"], "{shop}"),
        (["books.py", "-o", "-", "--json"], "standard output"),
        (["books.py", "more.py", "-o", "all.csv"], "{spider}"),
        (["unnamed.py"], "name"),
        ([], "config.toml"),
    ],
)
def test_wrong_usage(desk: Desk, httpserver: HTTPServer, arguments: list[str], told: str) -> None:
    """What is wrong with the command is told in one line, before anything is sent; the exit status is 2."""
    desk.write_spider(name="more")
    desk.write("unnamed.py", "from scraper import Spider\n\n\nclass Nameless(Spider):\n    pass\n")
    run = desk.crawl(*arguments)
    assert (run.status, run.out) == (2, "")
    assert run.err.startswith("scraper: error: ")
    assert run.err.count("\n") == 1
    assert told in run.err
    assert httpserver.log == []


def test_unknown_option(desk: Desk) -> None:
    """An option that does not exist is wrong usage."""
    run = desk.crawl("books.py", "--nonsense")
    assert (run.status, run.out) == (2, "")
    assert "--nonsense" in run.err


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_file_that_cannot_be_written(desk: Desk, httpserver: HTTPServer, options: list[str]) -> None:
    """A data file that cannot be opened is named in one line, before anything is sent; the exit status is 1."""
    desk.write("file", "")
    run = desk.crawl("books.py", "-o", "file/books.csv", *options)
    assert run.status == 1
    assert run.err.startswith("scraper: error: file/books.csv")
    assert run.err.count("\n") == 1
    assert httpserver.log == []
    if options:
        assert json.loads(run.out)["finished"] == "storage failed"


# Being interrupted.


ENDLESS = 'yield response.follow(response.css("a").attrib["href"], callback=self.parse_book)'


@pytest.fixture
def endless(httpserver: HTTPServer, desk: Desk) -> Desk:
    """A desk whose spider goes from page to page, each of which leads to another, without end."""

    def page(request: Request) -> Response:
        number = int(request.path.rpartition("/")[2])
        return Response(f'<h1>Book</h1><a href="/endless/{number + 1}">next</a>', content_type="text/html")

    httpserver.expect_request(re.compile("/endless/")).respond_with_handler(page)
    desk.write_spider(url=f"{desk.url}endless/1", body=ENDLESS)
    return desk


def wait_for(server: HTTPServer, *, pages: int) -> None:
    """Wait until so many pages were asked for."""
    deadline = time.monotonic() + 20
    while len(server.log) < pages:
        assert time.monotonic() < deadline, f"{len(server.log)} pages were asked for"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_once(endless: Desk, httpserver: HTTPServer, number: signal.Signals) -> None:
    """Each of these signals ends the crawl in good order: status 130, whole items in the .part, and a summary."""
    process = endless.start("books.py", "-s", "limits.delay=0.01", "--fresh")
    wait_for(httpserver, pages=10)
    process.send_signal(number)
    run = ended(process)
    assert run.status == 130
    assert "scraper crawl books.py -s limits.delay=0.01  resumes; edits of the spider apply to" in run.err
    assert "books: stopping when the requests in flight are done" in run.err
    assert "books  interrupted after" in run.err
    assert "Traceback" not in run.err
    assert len(endless.items("data/books.jsonl.part")) >= 5
    assert not (endless.folder / "data/books.jsonl").exists()


@pytest.mark.parametrize("again", ["", "--fresh"])
def test_the_command_after_an_interruption(endless: Desk, httpserver: HTTPServer, again: str) -> None:
    """The same command resumes an interrupted crawl, warning of an edited spider; `--fresh` leaves nothing of it."""
    process = endless.start("books.py", "-s", "limits.delay=0.01")
    wait_for(httpserver, pages=10)
    process.send_signal(signal.SIGINT)
    assert ended(process).status == 130
    endless.write_spider(url=f"{endless.url}1", body="pass")
    run = endless.crawl("books.py", "-s", "engine.stop_after.pages=1", *again.split())
    assert run.status == 0
    assert ("books: resumed" in run.err) == (not again)
    assert ("WARNING books: the spider's source has changed since this crawl began (books)" in run.err) == (not again)
    assert bool(endless.items()) == (not again)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupted_by_a_terminal(endless: Desk, httpserver: HTTPServer, number: signal.Signals) -> None:
    """A terminal signals all processes of a crawl, and those that parse finish what they are at."""
    endless.write_spider(url=f"{endless.url}endless/1", body=f"import time; time.sleep(0.5); {ENDLESS}")
    process = endless.start("books.py", "-s", "parsing.executor=process")
    wait_for(httpserver, pages=4)
    time.sleep(0.2)  # for the answer to come to the callback
    os.killpg(process.pid, number)
    run = ended(process)
    assert run.status == 130
    assert "Traceback" not in run.err
    assert "resource_tracker" not in run.err
    assert len(endless.items("data/books.jsonl.part")) >= 2


def test_without_a_terminal(desk: Desk, httpserver: HTTPServer) -> None:
    """Under nohup a crawl goes on when its terminal is closed; it needs nobody who reads what it says."""
    nohup = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    arguments = ["-m", "scraper", "crawl", "books.py", "-s", "limits.delay=0.3"]
    here, there = os.openpty()
    process = subprocess.Popen([sys.executable, "-c", nohup, sys.executable, *arguments], cwd=desk.folder, stderr=there)
    os.close(there)
    wait_for(httpserver, pages=3)
    os.close(here)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=50) == 0
    assert sorted(item["title"] for item in desk.items()) == TITLES


def test_interrupted_with_json(endless: Desk, httpserver: HTTPServer) -> None:
    """An interrupted crawl is told as JSON too, and no further spider is begun."""
    endless.write_spider(name="second")
    process = endless.start("books.py", "second.py", "--json", "-s", "limits.delay=0.01")
    wait_for(httpserver, pages=10)
    process.send_signal(signal.SIGINT)
    run = ended(process)
    told = json.loads(run.out)
    assert (run.status, told["spider"], told["finished"]) == (130, "books", "interrupted")


def test_interrupted_twice(desk: Desk, httpserver: HTTPServer) -> None:
    """A second signal ends the process at once, even while a callback does not return; nothing is left in disorder."""
    desk.write_spider(body="import time; time.sleep(45)")
    process = desk.start("books.py")
    wait_for(httpserver, pages=5)
    time.sleep(0.3)  # for the answers to come to the callback
    process.send_signal(signal.SIGINT)
    while "to stop at once" not in process.told():
        time.sleep(0.01)
    since = time.monotonic()
    process.send_signal(signal.SIGINT)
    run = ended(process)
    assert time.monotonic() - since < 20
    assert run.status == 130
    assert run.err.endswith("scraper: interrupted\n")
    assert "Traceback" not in run.err
