"""A command that is refused leaves nothing: no job, no folder, no recording; and keeps no other from running."""

import gzip
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.forks import Forks

SPIDER = """
from contextlib import asynccontextmanager
from scraper import CSVFeedSpider, SitemapSpider, Spider

class Books(Spider):
    name = "books"
    start_urls = ["{url}"]
    page: int = 1
    {more}
    def parse(self, response):
        yield {{"title": response.css("h1::text").get()}}
"""
LIFESPAN = """
    @asynccontextmanager
    async def lifespan(self):
        raise ValueError("not today")
        yield
"""


@dataclass(frozen=True)
class Place:
    """A folder with the spider books.py, whose site has one page."""

    folder: Path
    url: str
    forks: Forks

    def write_spider(self, *changes: tuple[str, str], more: str = "", url: str = "") -> None:
        """Write books.py with some `more` lines in its class, and with the texts of `changes` replaced."""
        text = SPIDER.format(url=url or self.url, more=more)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.folder / "books.py").write_text(text)

    def run(self, *words: str) -> tuple[int, str]:
        """The exit status, and the last line that is said."""
        known = {name: value for name, value in os.environ.items() if not name.startswith(("SCRAPER_", "FORCE_"))}
        done = self.forks.run(*words, cwd=self.folder, env=known)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr.rstrip("\n").rpartition("\n")[2].removeprefix("scraper: error: ")

    def files(self) -> dict[str, bytes]:
        """What is in the folder."""
        found = {each: each.read_bytes() if each.is_file() else b"" for each in self.folder.rglob("*")}
        return {str(each.relative_to(self.folder)): found[each] for each in found if "__pycache__" not in str(each)}


@pytest.fixture
def place(tmp_path: Path, httpserver: HTTPServer, forks: Forks) -> Place:
    httpserver.expect_request("/robots.txt").respond_with_data("", status=404)
    httpserver.expect_request("/").respond_with_data("<h1>Book</h1>", content_type="text/html")
    made = Place(tmp_path, httpserver.url_for("/"), forks)
    made.write_spider()
    return made


PAGE = "page: int = 1\n"
UNPARSED = ("def parse(", "def parse_it(")
SPIDERS = {
    "start_urls is a list of URLs, not one text": [('["', '"'), ('"]', '"')],
    "start_urls is a list of URLs, not 5": [('["', '5 #["')],
    "has no start URL": [("start_urls", "other_urls")],
    "has no parse(self, response) method": [UNPARSED],
    "'books' has no parse(self, response) method": [UNPARSED, (PAGE, "parse = None\n")],
    "sitemap_urls is a list of URLs, not one text": [
        ("(Spider)", "(SitemapSpider)"),
        (PAGE, "sitemap_urls = '/a.xml'\n"),
    ],
    "sitemap_urls has 'a.xml', not an absolute URL": [
        ("(Spider)", "(SitemapSpider)"),
        (PAGE, "sitemap_urls = ['a.xml']\n"),
    ],
    "has no parse_row(self, response, row) method": [UNPARSED, ("(Spider)", "(CSVFeedSpider)")],
    "needs the argument shop": [(PAGE, "shop: str\n")],
    "cannot be made: ValueError: no": [(PAGE, "def __init__(self): raise ValueError('no')\n")],
    "Books.lifespan raised ValueError: not today": [(PAGE, LIFESPAN)],
    "is no host name": [(PAGE, "allowed_domains = ['a b']\n")],
    "is not a pipeline": [(PAGE, "pipelines = [5]\n")],
    "cannot be called with a request and a fetch": [(PAGE, "middlewares = [5]\n")],
    "[limits] dealy: unknown key": [(PAGE, "custom_settings = {'limits': {'dealy': 1}}\n")],
}
WORDS = {
    "its ending names no format": ["-o", "x.xlsx"],
    "is a folder": ["-o", "sub/"],
    "another sink writes this file already": ["-o", "a.csv", "-o", "./a.csv"],
    "{shelf} is not known": ["-o", "{shelf}.csv"],
    "expected a whole number": ["-a", "page=x"],
    "reads no such argument": ["-a", "pgae=1"],
    "[network] proxy: a proxy is written": ["-s", "network.proxy=gopher://p.example"],
    "[network] load_cookies": ["-s", "network.load_cookies=nowhere.txt"],
    "[network] ca_file": ["-s", "network.ca_file=books.py"],
    "[network] headers": ["-s", "network.headers={'a b'='c'}"],
    "[[network.auth]] #1": ["-s", "network.auth=[{origin='https://a.example', user='u', token='t'}]"],
    "[network] allow_addresses": ["-s", "network.allow_addresses=['a/b/c']"],
    "has no name by which a robots.txt could address it": ["-s", "network.user_agent=/1.0"],
}


@pytest.mark.parametrize("told", SPIDERS)
def test_a_spider_that_cannot_be_crawled_leaves_nothing(place: Place, httpserver: HTTPServer, told: str) -> None:
    """Mistakes of a spider are told with status 2 before anything is sent."""
    place.write_spider(*SPIDERS[told])
    before = place.files()
    status, line = place.run("crawl", "books.py")
    assert (status, told in line) == (2, True), line
    assert place.files() == before
    assert not httpserver.log


@pytest.mark.parametrize("told", WORDS)
def test_a_command_that_cannot_be_obeyed_leaves_nothing(place: Place, httpserver: HTTPServer, told: str) -> None:
    """So are mistakes of the command line and of settings."""
    (place.folder / "sub").mkdir()
    before = place.files()
    status, line = place.run("crawl", "books.py", *WORDS[told])
    assert (status, told in line) == (2, True), line
    assert place.files() == before
    assert not httpserver.log


def test_the_corrected_command_is_the_first(place: Place) -> None:
    """Once the mistake is mended the crawl begins, whatever else is different about it."""
    place.write_spider(UNPARSED)
    assert place.run("crawl", "books.py", "-o", "a.csv")[0] == 2
    place.write_spider()
    assert place.run("crawl", "books.py", "-o", "b.csv", "-a", "page=2")[0] == 0
    assert "Book" in (place.folder / "b.csv").read_text()


@pytest.mark.parametrize("words", [["-o", "x.xlsx"], ["-s", "network.load_cookies=nowhere.txt"]])
def test_a_job_is_not_thrown_away_by_a_command_that_is_refused(place: Place, words: list[str]) -> None:
    """Though it was to start over: what an earlier crawl left is there as it was."""
    assert place.run("crawl", "books.py", "-o", "b.csv")[0] == 0
    before = place.files()
    assert place.run("crawl", "books.py", "--fresh", *words)[0] == 2
    assert place.files() == before


def test_a_job_in_which_nothing_was_discovered_is_in_nobodys_way(place: Place) -> None:
    """If the process dies before its crawl has begun, another crawl takes the job, and there is nothing to close."""
    place.write_spider(more=LIFESPAN.replace('raise ValueError("not today")', "__import__('os').kill(0, 9)"))
    done = subprocess.run(
        [sys.executable, "-m", "scraper", "crawl", "books.py"], cwd=place.folder, check=False, start_new_session=True
    )
    assert done.returncode == -9
    assert (place.folder / ".scraper/jobs/books/frontier.sqlite").exists()
    status, line = place.run("crawl", "books.py", "--finish")
    assert (status, line) == (1, "job .scraper/jobs/books was never begun: nothing is left to be closed")
    place.write_spider()
    assert place.run("crawl", "books.py", "-o", "b.csv", "-a", "page=2")[0] == 0
    assert "Book" in (place.folder / "b.csv").read_text()


def test_all_spiders_are_looked_at_before_the_first_is_crawled(place: Place, httpserver: HTTPServer) -> None:
    """Where the second of two spiders is refused, the first has sent nothing either."""
    place.write_spider(('"books"', '"films"'), more="pipelines = [5]\n")
    (place.folder / "books.py").rename(place.folder / "films.py")
    place.write_spider()
    before = place.files()
    assert place.run("crawl", "books.py", "films.py")[0] == 2
    assert place.files() == before
    assert not httpserver.log


def test_a_file_that_cannot_be_opened_leaves_no_job(place: Place) -> None:
    """Where a data file cannot be opened there is no job either, and the corrected command is the first."""
    (place.folder / "file").write_text("")
    before = place.files()
    assert place.run("crawl", "books.py", "-o", "file/b.csv")[0] == 1
    assert place.files() == before
    (place.folder / "job").mkdir()
    assert place.run("crawl", "books.py", "-o", "file/b.csv", "--job", "job")[0] == 1
    assert place.files() == {**before, "job": b""}


@pytest.mark.parametrize(
    ("words", "changes", "url", "status"),
    [
        ([], [("start_urls", "other_urls")], "", 2),
        ([], [(PAGE, LIFESPAN)], "", 2),
        (["-a", "page=x"], [], "", 2),
        ([], [UNPARSED], "", 2),
        ([], [], "http://127.0.0.1:1/", 1),
    ],
)
def test_a_recording_that_is_refused_leaves_nothing(
    place: Place, words: list[str], changes: list[tuple[str, str]], url: str, status: int
) -> None:
    """Nor is there an empty recording; one that was there is kept."""
    place.write_spider(*changes, url=url)
    before = place.files()
    assert place.run("record", "books.py", "-s", "network.retries=0", *words)[0] == status
    assert place.files() == before
    place.write_spider()
    assert place.run("record", "books.py")[0] == 0
    place.write_spider(*changes, url=url)
    before = place.files()
    assert place.run("record", "books.py", "-s", "network.retries=0", *words)[0] == status
    assert place.files() == before
    assert b"<h1>Book</h1>" in gzip.decompress((place.folder / "recordings/books/pages.warc.gz").read_bytes())


def test_without_the_library_no_recording_is_begun(place: Place) -> None:
    """A missing extra is told before there is a folder."""
    place.write_spider(("from scraper", "import sys\nsys.modules['warcio.archiveiterator'] = None\nfrom scraper"))
    before = place.files()
    status, line = place.run("record", "books.py")
    assert (status, line) == (2, "recordings need the library warcio: pip install 'scraper[warc]'")
    assert place.files() == before
