"""The pytest plugin: its fixtures, in test runs of their own."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from scraper import Spider
from tests.recording.recorded import record

pytest_plugins = ["pytester"]

SPIDER = """
from scraper import Spider


class Books(Spider):
    name = "books"
    start_urls = ["https://books.example/"]
    shelf: str = "all"

    def parse(self, response):
        yield from response.follow_all(css="a", callback=self.parse_book)

    def parse_book(self, response):
        yield {"title": response.css("h1::text").get(), "shelf": self.shelf}

    async def parse_api(self, response):
        yield response.json()
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the spider `books`, whose tests have the plugin, and of others those that they need."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # loading them takes most of the time
    pytester.mkdir("spiders").joinpath("plugged.py").write_text(SPIDER)
    pytester.makefile(".toml", config="")
    pytester.makeini(
        "[pytest]\nfilterwarnings = error\npythonpath = .\nasyncio_default_fixture_loop_scope = function\n"
    )
    return pytester


def passes(project: pytest.Pytester, tests: str, number: int = 1) -> None:
    """All of these tests pass, in a process of their own."""
    project.makepyfile(test_books=tests)
    plugins = ("scraper.testing.plugin", "pytest_asyncio.plugin", "pytest_httpserver.pytest_plugin", "no:cacheprovider")
    result = project.runpytest_subprocess(*(f"-p{name}" for name in plugins), "-q")
    result.assert_outcomes(passed=number)


def test_pages_are_crawled(project: pytest.Pytester) -> None:
    """`crawl` answers a spider with pages by path or URL, JSON, responses, errors, or what a function gives."""
    passes(
        project,
        """
        import pytest
        from scraper import FetchError, Request, Response, SettingsError
        from spiders.plugged import Books

        SHELF = '<a href="/1">1</a><a href="/2?of=b">2</a><a href="/gone">gone</a><a href="https://b.example/">b</a>'

        def test_by_path_and_url(crawl):
            pages = {"/": SHELF, "/1": "<h1>Ä</h1>", "/2?of=b": b"<h1>Two</h1>", "https://b.example/": "<h1>B</h1>"}
            result = crawl(Books, pages, shelf="new")
            assert [each["title"] for each in result.items] == ["Ä", "B", "Two"]  # sites take turns
            assert {each["shelf"] for each in result.items} == {"new"}
            assert result.statistics.failed == {"http_404": 1}

        def test_the_same_order_each_time(crawl):
            pages = {"/": "".join(f'<a href="/{n}">' for n in range(50))} | {f"/{n}": f"<h1>{n}" for n in range(50)}
            assert [each["title"] for each in crawl(Books, pages).items] == [str(n) for n in range(50)]

        def test_a_function(crawl):
            async def page(request):
                if request.url.endswith("/1"):
                    return FetchError("timeout", request.url)
                return SHELF if request.url == "https://books.example/" else Response(request.url, body="<h1>x</h1>")

            result = crawl(Books, page, settings={"network": {"retries": 2, "backoff": 60.0}})
            assert (len(result.items), result.statistics.retries) == (3, 2)
            assert result.statistics.failed == {"timeout": 1}

        def test_json_and_robots(crawl):
            class Api(Books):
                def parse(self, response):
                    yield response.json()

            pages = {"/": {"title": "A"}, "/robots.txt": "User-agent: *\\nDisallow: /"}
            assert crawl(Api, pages).items == [{"title": "A"}]
            assert crawl(Api, pages, settings={"limits": {"robots": True}}).statistics.refused == {"robots": 1}

        async def waited(crawl):
            return crawl(Books, {"/": '<a href="/1">', "/1": "<h1>A"}).items

        def test_within_a_loop(crawl):
            import asyncio
            assert asyncio.run(waited(crawl)) == [{"title": "A", "shelf": "all"}]

        def test_no_answer(crawl):
            assert crawl(Books, {"/": 7}).statistics.failed == {"middleware": 1}
        """,
        6,
    )


def test_a_server_is_crawled(project: pytest.Pytester) -> None:
    """Without pages `crawl` goes over the network, to pytest-httpserver for example, and waits for nothing."""
    passes(
        project,
        """
        import time
        from spiders.plugged import Books

        def test_server(crawl, httpserver):
            httpserver.expect_request("/").respond_with_data('<a href="/1">', content_type="text/html")
            httpserver.expect_oneshot_request("/1").respond_with_data("", status=503, headers={"Retry-After": "60"})
            httpserver.expect_oneshot_request("/1").respond_with_data("<h1>A</h1>", content_type="text/html")
            begun = time.monotonic()
            result = crawl(Books, start_urls=[httpserver.url_for("/")])
            assert result.items == [{"title": "A", "shelf": "all"}]
            assert time.monotonic() - begun < 30
        """,
    )


def test_a_response_is_made_from_a_file(project: pytest.Pytester) -> None:
    """`response_from` reads a file beside the test; its ending tells what it is, and fields can be given."""
    project.makefile(".html", shelf='<h1>Ä</h1><a href="/1">1</a>')
    project.makefile(".json", answer='{"stock": 3}')
    passes(
        project,
        """
        import pytest
        from scraper import Request
        from spiders.plugged import Books

        def test_file(response_from):
            response = response_from("shelf.html", url="https://books.example/shelf")
            assert response.css("h1::text").get() == "Ä"
            assert [each.url for each in Books().parse(response)] == ["https://books.example/1"]
            assert response_from("answer.json").json() == {"stock": 3}
            assert response_from("answer.json").headers["Content-Type"] == "application/json"
            request = Request("https://a.example/", meta={"n": 1})
            assert response_from("shelf.html", status=404, request=request).meta == {"n": 1}
            with pytest.raises(FileNotFoundError, match="nothing.html"):
                response_from("nothing.html")
        """,
    )


def recorded_spider(url: str) -> type[Spider]:
    """The project's spider, as it is when it is recorded."""
    namespace: dict[str, type[Spider]] = {}
    exec(SPIDER.replace("https://books.example/", url), namespace)  # the text that is the project's file
    return namespace["Books"]


async def test_a_recording_is_replayed(project: pytest.Pytester, httpserver: HTTPServer) -> None:
    """`replay` finds spider and recording by name, from the root of the run; what is missing is told in one line."""
    httpserver.expect_request("/").respond_with_data('<a href="/1">', content_type="text/html")
    httpserver.expect_request("/1").respond_with_data("<h1>A</h1>", content_type="text/html")
    httpserver.expect_request("/robots.txt").respond_with_data("")
    url = httpserver.url_for("/")
    await record(recorded_spider(url), Path("recordings/books"))
    Path("spiders/plugged.py").write_text(SPIDER.replace("https://books.example/", url))
    httpserver.clear()  # type: ignore[no-untyped-call]
    passes(
        project,
        """
        import pytest
        from scraper import SettingsError, StorageError
        from spiders.plugged import Books

        def test_replay(replay):
            assert replay("books").items == [{"title": "A", "shelf": "all"}]
            assert replay(Books, shelf="new").items == [{"title": "A", "shelf": "new"}]

            class Changed(Books):
                def parse_book(self, response):
                    yield response.follow("/2")

            result = replay("books", Changed)
            assert result.problems == ("1 request(s) without an answer in the recording: record it again",)

        def test_missing(replay):
            with pytest.raises(SettingsError, match="no recording .*other"):
                replay("other", Books)
        """,
        2,
    )
    assert not httpserver.log


def test_the_plugin_is_there_and_loads_nothing() -> None:
    """pytest finds the plugin where the package is installed; runs that do not use it are not slowed down."""
    tables = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert tables["project"]["entry-points"]["pytest11"] == {
        "scraper.testing.plugin": "scraper.testing.plugin"  # the same name, or `-p` would load it twice
    }
    code = "import sys, pytest; old = set(sys.modules); import scraper.testing.plugin; print(*{*sys.modules} - old)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"scraper", "scraper.testing", "scraper.testing.plugin", "scraper.version"}
