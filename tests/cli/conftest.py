"""What the tests of the command share."""

import importlib
import logging
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer

from scraper.cli import main

SPIDER = """
from scraper import CrawlSpider, Item, LinkExtractor, Request, Rule, Spider, css


class Book(Item):
    title: str = css("h1")
    pages: int = css(".pages")


class Mark:
    def process(self, item):
        (FOLDER / "marks").write_text("here")
        return item


class Shop(Spider):
    name = "shop"
    shelf: str = "all"
    allowed_domains = ["localhost", "127.0.0.1"]
    custom_settings = {"network": {"headers": {"X-Shop": "yes"}}, "pipelines": {"require": ["title"]}}

    def start_requests(self):
        yield Request("URL", self.parse_list)

    def parse_list(self, response):
        yield {"title": f"shelf {self.shelf}"}
        yield {"title": " "}
        yield from response.follow_all(css="a", callback=self.parse_book)
        yield Request("http://elsewhere.example/")

    def parse_book(self, response, mark="none"):
        print("a book")
        yield {"title": "before", "mark": mark, "meta": response.meta.get("colour")}
        yield Book.extract(response)

    async def parse_later(self, response):
        page = await self.fetch(response.urljoin("/book/1"))
        yield {"title": page.css("h1::text").get()}

    def parse_badly(self, response):
        yield {"title": "first"}
        raise ValueError("no price")
"""
RULES = """
from scraper import CrawlSpider, LinkExtractor, Rule


class Ruled(CrawlSpider):
    name = "ruled"
    start_urls = ["URL"]
    rules = [Rule(LinkExtractor(allow="/book/"), callback="parse_book", cb_kwargs={"mark": "rule"}, follow=True)]

    def parse_start_url(self, response):
        yield {"start": response.url}

    def parse_book(self, response, mark):
        yield {"title": response.css("h1::text").get(), "mark": mark}
"""


@dataclass(frozen=True)
class Shop:
    """A folder with the spiders shop.py and rules.py, and the site that they are for."""

    folder: Path
    server: HTTPServer
    url: str

    def invoke(self, *arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=stdin)


@pytest.fixture
def shop(tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop of two books; the second one's number of pages is none."""
    serve = httpserver.expect_request
    serve("/robots.txt").respond_with_data("User-agent: *\nDisallow: /secret", content_type="text/plain")
    links = '<title>Café</title><a href="/book/1">1</a> <a href="/book/2">2</a>'
    serve("/").respond_with_data(links, content_type="text/html; charset=utf-8")
    for number, pages in ((1, "120"), (2, "many")):
        page = f'<h1>Book {number}</h1><p class="pages">{pages}</p><a href="/">all</a>'
        serve(f"/book/{number}").respond_with_data(page, content_type="text/html")
    serve("/moved").respond_with_data("", status=302, headers={"Location": "/book/1"})
    serve("/logo").respond_with_data(b"\x89PNG\r\n\x1a\n\0\0", content_type="image/png")
    serve("/gone").respond_with_data("it was here", status=410, content_type="text/plain")
    url = httpserver.url_for("/")
    text = SPIDER.replace("URL", url).replace("FOLDER", f"__import__('pathlib').Path({str(tmp_path)!r})")
    (tmp_path / "shop.py").write_text(text)
    (tmp_path / "rules.py").write_text(RULES.replace("URL", url))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("werkzeug"), "disabled", True)  # the server is in this process
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Shop(tmp_path, httpserver, url)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def nobody() -> Iterator[str]:
    """The URL of a port that refuses connections: it is bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def forgotten(tmp_path: Path) -> Iterator[None]:
    """What a test imports from its folder is forgotten after it."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        module = sys.modules[name]
        places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
        if any(place.startswith(str(tmp_path)) for place in places):
            del sys.modules[name]
    importlib.invalidate_caches()
