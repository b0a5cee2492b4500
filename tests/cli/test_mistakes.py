"""The mistakes that beginners make, each answered with the line and with what to write instead."""

import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.forks import Forks

PAGE = """<title>Blog</title><h1>The blog</h1>
<div class="post"><a href="/post/1">One</a></div><div class="post"><a href="/post/2">Two</a></div>"""
HEAD = "from scraper import CloseSpider, Item, Request, Spider, css\n\nclass S(Spider):\n    name = 's'\n"
START = "    start_urls = ['URL']\n    allowed_domains = ['localhost', '127.0.0.1']\n"

CALLBACKS = {
    # The body of parse(self, response), and what is said.
    "for link in response.css('a'):\n    response.follow(link)": "uses follow() and gives nothing: is a `yield`",
    "title = response.css('h2::text').get()": "the callbacks gave neither items nor requests",
    "yield None": "the callbacks gave neither items nor requests",
    "return 'The blog'": "did you mean a dict, as in `yield {'title': …}`?",
    "yield response.css('h1::text')": "add .get() or .getall(), and give a dict",
    "yield {'h': response.css('h1')}": "add .get() or .getall()",
    "yield {'h': response.css('.post[[').get()}": "a bracket that is not closed",
    "yield {'h': response.css('//article').get()}": "it looks like XPath: use xpath()",
    "yield {'h': response.css('.nope').attrib['href']}": "href: the selector matched nothing",
    "yield {'h': response.css('.nope::text').get().strip()}": "was something not found? get() gives None then",
    "yield response.follow('/post/1', lambda page: None)": "pass self.method or 'method'",
    "yield response.follow('/post/1', 'parse_pots')": "calls 'parse_pots', but S has no such method",
    "yield Request('/post/1')": "use response.follow() for a link of a page",
    "raise CloseSpider('Wrong password')": "the crawl was stopped before there was an item: Wrong password",
    "for number in range(9):\n    yield Request('http://elsewhere.example/%d' % number)": "most requests were refused",
}
CLASSES = {
    # The body of the class, and what is said before anything is sent.
    "start_urls = ['URL']\nallowed_domain = ['a']\ndef parse(self, response): ...": "did you mean allowed_domains?",
    "start_url = 'URL'\ndef parse(self, response): ...": "did you mean start_urls?",
    "start_urls = ['URL']\ncustom_setting = {}\ndef parse(self, response): ...": "did you mean custom_settings?",
    "start_urls = ['URL']\npipeline = []\ndef parse(self, response): ...": "did you mean pipelines?",
    "start_urls = 'URL'\ndef parse(self, response): ...": "start_urls is a list of URLs, not one text",
    "start_urls = ['127.0.0.1:8102/']\ndef parse(self, response): ...": "begin it with http:// or https://",
    "start_urls = ['URL']": "has no parse(self, response) method",
    "start_urls = ['URL']\ncustom_settings = {'limits': {'delya': 1}}\ndef parse(self, response): ...": "mean delay?",
    "start_urls = ['URL']\ncustom_settings = {'DOWNLOAD_DELAY': 1}\ndef parse(self, response): ...": "limits.delay?",
    "start_urls = ['URL']\nasync def parse(self, response):\n    yield from []": "write `for each in …: yield each`",
}


def indented(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.split("\n"))


@pytest.fixture
def url(httpserver: HTTPServer) -> str:
    """A small blog, of which every page is the same."""
    httpserver.expect_request("/robots.txt").respond_with_data("")
    httpserver.expect_request("/").respond_with_data(PAGE, content_type="text/html")
    for number in (1, 2):
        httpserver.expect_request(f"/post/{number}").respond_with_data(PAGE, content_type="text/html")
    return httpserver.url_for("/")


def crawled(source: str, url: str, folder: Path, forks: Forks, *options: str) -> tuple[int, str]:
    """The exit status of a crawl by a spider's source, and all that is said."""
    (folder / "s.py").write_text(source.replace("URL", url), encoding="utf-8")
    done = forks.run("crawl", "s.py", *options, cwd=folder)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("body", CALLBACKS)
def test_a_mistake_in_a_callback_is_answered(body: str, url: str, tmp_path: Path, forks: Forks) -> None:
    """What a callback does wrong is said with what to write instead, and nobody is asked to crawl again for it."""
    source = f"{HEAD}{START}    def parse(self, response):\n{indented(body, 8)}"
    _, said = crawled(source, url, tmp_path, forks)
    assert CALLBACKS[body] in said
    assert "log_level=DEBUG" not in said


@pytest.mark.parametrize("body", CLASSES)
def test_a_mistake_in_a_class_is_refused(body: str, url: str, tmp_path: Path, forks: Forks) -> None:
    """What is wrong with a spider's class is said in a line before anything is sent, and leaves no job."""
    status, said = crawled(f"{HEAD}{indented(body, 4)}", url, tmp_path, forks)
    assert (status, CLASSES[body] in said) == (2, True), said
    assert not (tmp_path / ".scraper").exists()


def test_an_error_in_a_callback_names_its_line(url: str, tmp_path: Path, forks: Forks) -> None:
    """A callback that gives a text, or that takes no response, is named with its own file and line."""
    for parameters, body, line in (("self, response", "return 'text'", 7), ("self", "return {}", 7)):
        source = f"{HEAD}{START}    def parse({parameters}):\n{indented(body, 8)}"
        _, said = crawled(source, url, tmp_path, forks, "--fresh")
        assert f"S.parse failed at s.py:{line}" in said
        assert "site-packages" not in said


def test_a_forgotten_await_is_named(url: str, tmp_path: Path, forks: Forks) -> None:
    """A coroutine that nobody awaits is an error at its line, which asks for the `await`."""
    source = (
        f"{HEAD}{START}    async def parse(self, response):\n        yield {{'h': self.fetch('URLpost/1').css('h1')}}\n"
    )
    _, said = crawled(source, url, tmp_path, forks)
    assert "S.parse failed at s.py:8" in said
    assert "is `await` missing?" in said


def test_an_argument_may_have_any_name(url: str, tmp_path: Path, forks: Forks) -> None:
    """An attribute that is like one of ours is no mistake if it has a type, or if the class uses it."""
    body = "start_urls = ['URL']\nstart_url: str = ''\nallowed_domain = 'a'\ndef parse(self, response):\n"
    body += "    yield {'domain': self.allowed_domain}"
    status, said = crawled(f"{HEAD}{indented(body, 4)}", url, tmp_path, forks)
    assert status == 0, said


def test_a_callback_that_may_give_something_is_not_suspected(url: str, tmp_path: Path, forks: Forks) -> None:
    """A callback that returns a request on some pages is not said to miss a `yield` on the others."""
    body = "if response.css('.never'):\n    return response.follow('/post/1')"
    _, said = crawled(f"{HEAD}{START}    def parse(self, response):\n{indented(body, 8)}", url, tmp_path, forks)
    assert "uses follow" not in said


def test_a_url_is_no_spider(tmp_path: Path, forks: Forks) -> None:
    """A URL that is given to `crawl` is answered with the commands for URLs, in a folder without a project, too."""
    done = forks.run("crawl", "http://127.0.0.1:1/", cwd=tmp_path)
    assert done.returncode == 2
    assert "is a URL, not a spider: 'scraper fetch URL'" in done.stderr


def test_a_windows_path_is_refused(tmp_path: Path, forks: Forks) -> None:
    """A path with backslashes is refused, with the path that is meant, rather than made a file of that name."""
    done = forks.run("crawl", "s.py", "-o", r"C:\data\x.csv", cwd=tmp_path)
    assert done.returncode == 2
    if sys.platform != "win32":
        (tmp_path / "s.py").write_text(f"{HEAD}    start_urls = ['http://127.0.0.1:1/']\n")
        done = forks.run("crawl", "s.py", "-o", r"C:\data\x.csv", cwd=tmp_path)
        assert "a path is written with /, as in C:/data/x.csv" in done.stderr


def project(folder: Path, url: str) -> None:
    """A project with one spider."""
    (folder / "spiders").mkdir()
    (folder / "config.toml").write_text("[[sinks]]\npath = 'data/{spider}.jsonl'\n")
    source = f"{HEAD}{START}    def parse(self, response):\n        yield {{'h': response.css('h1::text').get()}}\n"
    (folder / "spiders" / "s.py").write_text(source.replace("URL", url))


def test_a_project_is_found_from_its_folders(url: str, tmp_path: Path, forks: Forks) -> None:
    """`config.toml` is found from a folder below it; data files and jobs are those of the project's folder."""
    project(tmp_path, url)
    done = forks.run("crawl", "s", cwd=tmp_path / "spiders")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "s.jsonl").read_text() == '{"h":"The blog"}\n'
    assert [each.name for each in (tmp_path / "spiders").iterdir() if each.suffix != ".py"] in ([], ["__pycache__"])
    done = forks.run("jobs", cwd=tmp_path / "spiders")
    assert done.stdout.split()[:1] == forks.run("jobs", cwd=tmp_path).stdout.split()[:1]


def test_a_default_data_file_is_in_the_project(url: str, tmp_path: Path, forks: Forks) -> None:
    """Without sinks, a crawl from a folder below writes to the project's data/; `-o` is relative to the folder."""
    project(tmp_path, url)
    (tmp_path / "config.toml").write_text("crawl = ['s']\n")
    assert forks.run("crawl", cwd=tmp_path / "spiders").returncode == 0
    assert (tmp_path / "data" / "s.jsonl").exists()
    assert forks.run("crawl", "-o", "here.csv", cwd=tmp_path / "spiders").returncode == 0
    assert (tmp_path / "spiders" / "here.csv").exists()


def test_a_spider_that_imports_another_is_told_how(tmp_path: Path, forks: Forks) -> None:
    """`from b import B` in a folder of spiders is answered with the import that works."""
    project(tmp_path, "http://127.0.0.1:1/")
    (tmp_path / "spiders" / "a.py").write_text("from b import B\n")
    (tmp_path / "spiders" / "b.py").write_text("B = 1\n")
    done = forks.run("list", cwd=tmp_path)
    assert done.returncode == 2
    assert "spiders/a.py:1: cannot be imported" in done.stderr
    assert "write `from spiders.b import …`" in done.stderr


def test_a_closed_port_is_named(url: str, nobody: str, tmp_path: Path, forks: Forks) -> None:
    """A host at which nothing listens is named with the question whether a server is running."""
    source = f"{HEAD}{START}    def parse(self, response):\n        yield {{}}\n"
    _, said = crawled(source, nobody, tmp_path, forks, "-s", "network.retries=0", "-s", "limits.park_after=1")
    assert "is a server listening there?" in said


def test_more_failed_requests_are_counted(url: str, tmp_path: Path, forks: Forks) -> None:
    """`jobs show` says how many failed requests it does not show, and how to see them."""
    body = (
        "    def parse(self, response):\n        for n in range(9):\n            yield response.follow(f'/none/{n}')\n"
    )
    crawled(f"{HEAD}{START}{body}", url, tmp_path, forks)
    done = forks.run("jobs", "show", "s", "--limit", "4", cwd=tmp_path)
    assert "  5 more: --limit 9 shows all" in done.stdout
