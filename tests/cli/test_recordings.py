"""The commands `scraper record`, `replay` and `check`: what they leave, say and return."""

import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.forks import Forks

SPIDER = """
from scraper import Spider


class {kind}(Spider):
    name = "{name}"
    start_urls = ["{url}"]
    shelf: str = "all"

    def parse(self, response):
        yield from response.follow_all(css="a", callback=self.parse_book)

    def parse_book(self, response):
        '''A book.

        @url {url}2
        @returns items 1 1
        @scrapes title
        '''
        yield {{"title": response.css("h1::text").get(), "shelf": self.shelf}}
"""


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Project:
    """A folder with config.toml and the spider `books`, of a shop that has books 1, 2 and 3."""

    folder: Path
    url: str
    forks: Forks

    def write(self, name: str = "books", old: str = "", new: str = "") -> None:
        text = SPIDER.format(kind=name.capitalize(), name=name, url=self.url)
        assert old in text
        (self.folder / "spiders").mkdir(exist_ok=True)
        (self.folder / "spiders" / f"{name}.py").write_text(text.replace(old, new))

    def run(self, *arguments: str) -> Ended:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SCRAPER_", "FORCE_"))}
        done = self.forks.run(*arguments, cwd=self.folder, env=environment | {"COLUMNS": "100"})
        return Ended(done.returncode, done.stdout, done.stderr)

    def error(self, *arguments: str) -> tuple[int, str]:
        """The exit status and the last line, which is the only one about an error."""
        done = self.run(*arguments)
        assert done.out == ""
        return done.status, done.err.splitlines()[-1].removeprefix("scraper: error: ")

    @property
    def recording(self) -> Path:
        return self.folder / "recordings" / "books"


@pytest.fixture
def project(tmp_path: Path, httpserver: HTTPServer, forks: Forks) -> Project:
    links = "".join(f'<a href="/{number}">{number}</a>' for number in (1, 2, 3))
    httpserver.expect_request("/robots.txt").respond_with_data("", status=404)
    httpserver.expect_request("/").respond_with_data(links, content_type="text/html")
    for number in (1, 2, 3):
        page = f"<h1>Book {number}</h1><p>No. {number}</p>"
        headers = {"Set-Cookie": "id=crumb", "Content-Type": "text/html"}
        httpserver.expect_request(f"/{number}").respond_with_data(page, headers=headers)
    (tmp_path / "config.toml").write_text('[[sinks]]\npath = "data/books.jsonl"\n')
    made = Project(tmp_path, httpserver.url_for("/"), forks)
    made.write()
    return made


def test_a_crawl_is_recorded_replayed_and_checked(project: Project, httpserver: HTTPServer) -> None:
    """Once recorded, a spider runs without its site, and without writing to configured sinks.

    How a changed spider differs is told by page, item and field, with exit status 1, until it is accepted.
    """
    done = project.run("record", "books")
    assert done.status == 0, done.err
    assert "recordings/books is ready: 4 pages, 3 items" in done.err
    assert sorted(each.name for each in project.folder.iterdir()) == ["config.toml", "recordings", "spiders"]
    assert sorted(each.name for each in project.recording.iterdir()) == ["items.jsonl", "pages.warc.gz"]
    httpserver.clear()  # type: ignore[no-untyped-call]

    done = project.run("replay", "books")
    assert (done.status, [json.loads(line) for line in done.out.splitlines()]) == (
        0,
        [{"title": f"Book {number}", "shelf": "all"} for number in (1, 2, 3)],
    )
    assert project.run("replay", "books", "-o", "out.csv").status == 0
    assert (project.folder / "out.csv").read_text().count("Book") == 3
    assert not (project.folder / "data").exists()

    done = project.run("check")
    assert done.status == 0, done.err
    assert done.out.splitlines() == ["recordings/books  as accepted", f"books.parse_book  {project.url}2  holds"]

    assert not httpserver.log

    project.write(old='"title": response.css("h1::text")', new='"name": response.css("p::text")')
    done = project.run("check", "books")
    assert done.status == 1
    assert done.out.splitlines()[:4] == [
        "recordings/books  6 differences on 3 pages",
        f"  {project.url}1  parse_book",
        '    item 1  title  "Book 1" → (missing)',
        '    item 1  name  (missing) → "No. 1"',
    ]
    assert done.out.splitlines()[-2:] == [
        f"books.parse_book  {project.url}2  broken",
        "    @scrapes title: an item has no title",
    ]
    done = project.run("check", "--accept")
    assert (done.status, "recordings/books  accepted" in done.out) == (1, True)  # the contract is still broken
    done = project.run("check")
    assert "recordings/books  as accepted" in done.out


def test_a_spider_has_several_recordings(project: Project) -> None:
    """A recording has a name, the arguments it was made with, and the fields that are not to be compared."""
    options = ("-a", "shelf=new", "--name", "books-new", "--ignore", "shelf", "--pages", "2")
    assert project.run("record", "books", *options).status == 0
    assert project.run("record", "books").status == 0
    items = (project.folder / "recordings" / "books-new" / "items.jsonl").read_text().splitlines()
    assert json.loads(items[0]) | {"left_out": 0, "unasked": 0} == {
        "spider": "books",
        "form": 2,
        "exchanges": 3,
        "arguments": ["shelf=new"],
        "ignored": ["shelf"],
        "left_out": 0,
        "unasked": 0,
    }
    (item,) = [json.loads(line) for line in project.run("replay", "books", "--name", "books-new").out.splitlines()]
    assert item["shelf"] == "new"
    assert '"shelf":"old"' in project.run("replay", "books", "--name", "books-new", "-a", "shelf=old").out
    project.write(old="self.shelf}", new='"other"}')
    done = project.run("check")
    assert done.status == 1
    assert "recordings/books  3 differences on 3 pages" in done.out
    assert "recordings/books-new  as accepted" in done.out


def test_secrets_are_kept_if_asked_for_only(project: Project) -> None:
    """An argument that is secret by its name is not kept, nor is a cookie, unless --keep-secrets says so."""
    project.write(old='shelf: str = "all"', new='shelf: str = "all"\n    password: str = ""')
    assert project.run("record", "books", "-a", "password=hunter2").status == 0
    assert b"hunter2" not in (project.recording / "items.jsonl").read_bytes()
    assert b"crumb" not in gzip.decompress((project.recording / "pages.warc.gz").read_bytes())
    assert project.run("record", "books", "--keep-secrets").status == 0
    assert b"crumb" in gzip.decompress((project.recording / "pages.warc.gz").read_bytes())


def test_a_secret_argument_has_a_stand_in(project: Project) -> None:
    """A replay gives the spider `stripped` for a secret, or nothing where that does not fit; what it needs is told."""
    declared = 'shelf: str = "all"'
    project.write(old=declared, new=f"{declared}\n    token: str\n    pin_token: int = 0")
    options = ("-a", "token=hunter2", "-a", "pin_token=421421", "-a", "shelf=http://me:hunter2@a.example/?jwt=hunter2")
    assert project.run("record", "books", *options).status == 0
    items = (project.recording / "items.jsonl").read_text()
    assert "hunter2" not in items
    assert "421421" not in items
    kept = json.loads(items.splitlines()[0])["arguments"]
    assert kept == ["token=stripped", "shelf=http://a.example/?jwt=stripped"]
    assert '"shelf":"http://a.example/?jwt=stripped"' in items
    assert project.run("check").status == 0
    project.write(old=declared, new=f"{declared}\n    pin_token: int")
    assert project.error("record", "books", "-a", "pin_token=421421") == (
        2,
        "-a pin_token: a recording keeps no secrets, and its replays need this one: "
        'write pin_token = "${PIN_TOKEN}" in [spiders.books] of config.toml instead',
    )
    assert (project.recording / "items.jsonl").read_text() == items


def test_a_new_request_is_told(project: Project) -> None:
    """A replay that asks for what was not recorded says so in one line, and its exit status is 1."""
    assert project.run("record", "books").status == 0
    project.write(old='css="a"', new='urls=["/9"]')
    done = project.run("replay", "books")
    assert done.status == 1
    assert f"failed (not_recorded): {project.url}9: the recording has no answer to it" in done.err
    done = project.run("check")
    assert done.status == 1
    assert f"  not recorded  {project.url}9" in done.out


def test_a_recording_that_fails_leaves_the_old_one(project: Project, httpserver: HTTPServer) -> None:
    """Where no page can be had, what was recorded before is kept, and nothing half done is left."""
    assert project.run("record", "books").status == 0
    before = {each.name: each.read_bytes() for each in project.recording.iterdir()}
    httpserver.clear()  # type: ignore[no-untyped-call]
    status, line = project.error("record", "books", "-s", "network.retries=0", "-s", "limits.robots=false")
    assert (status, line) == (1, "no page was fetched, so nothing is recorded: recordings/books is as it was")
    assert {each.name: each.read_bytes() for each in project.recording.iterdir()} == before


def test_what_depends_on_chance_is_told_when_it_is_recorded(project: Project) -> None:
    """If a replay does not give as many items as the crawl did, the command says why."""
    project.write(
        old="        yield {",
        new="        from scraper.recording.origin import recorded_origin\n"
        "        if not recorded_origin.get():\n            yield {'live': 1}\n        yield {",
    )
    done = project.run("record", "books")
    assert done.status == 0
    assert "warning: the crawl gave 6 items, its replay 3 items: the spider depends on more than the" in done.err


def test_mistakes_are_told_in_one_line(project: Project) -> None:
    """A recording that is missing, of another spider, damaged or of nobody is told with what to do."""
    project.write("films")
    assert project.error("replay", "books") == (
        2,
        "no recording recordings/books: make one with 'scraper record books'",
    )
    assert project.run("check", "films").status == 0  # a contract whose page is nowhere
    project.write("films", old="@url", new="at")
    assert project.error("check", "films") == (
        2,
        "nothing to check: make a recording with 'scraper record SPIDER', or write contracts",
    )
    assert project.run("record", "books").status == 0
    assert project.error("replay", "films") == (
        2,
        "no recording recordings/films (known: books): make one with 'scraper record films'",
    )
    assert project.error("replay", "films", "--name", "books") == (
        2,
        "recordings/books is a recording of the spider 'books', not of 'films'",
    )
    pages, items = project.recording / "pages.warc.gz", project.recording / "items.jsonl"
    whole = pages.read_bytes()
    for content, problem in (
        (whole[:-1], "it is cut short or damaged"),
        (b"<html>", "it is not a gzip file"),
        (gzip.compress(b""), "0 exchanges where items.jsonl tells of 5"),
    ):
        pages.write_bytes(content)
        assert project.error("check") == (1, f"recordings/books/pages.warc.gz: {problem}: record it again")
    pages.write_bytes(whole)
    kept = items.read_bytes()
    items.write_bytes(kept[:-20])
    status, line = project.error("replay", "books")
    assert (status, line.startswith("recordings/books/items.jsonl:5: not what was written (")) == (1, True)
    items.write_bytes(kept.replace(b'"spider":"books"', b'"spider":"gone"'))
    assert project.error("check") == (
        2,
        "recordings/books is a recording of the spider 'gone', which does not exist",
    )


def test_contracts_ask_the_site_only_when_told_to(project: Project, httpserver: HTTPServer) -> None:
    """Without a recording of its page a contract is not checked, and said so; with --live the site is asked."""
    done = project.run("check")
    assert done.status == 0
    assert "not checked: its page is in no recording (--live asks the site)" in done.out
    assert not httpserver.log
    done = project.run("check", "--live")
    assert (done.status, done.out.splitlines()) == (0, [f"books.parse_book  {project.url}2  holds"])
    assert [request.path for request, _ in httpserver.log] == ["/robots.txt", "/2"]
