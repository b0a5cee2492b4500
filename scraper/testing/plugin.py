"""The pytest plugin: three fixtures for the tests of spiders. It is there in every run, and loads nothing before use.

    def test_the_shelf_is_read(replay):
        assert len(replay("books").items) == 20

`docs/testing.md` tells more.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scraper.crawling.result import Result
    from scraper.http.response import Response
    from scraper.spider import Spider
    from scraper.testing.local import Pages


@pytest.fixture
def replay(pytestconfig: pytest.Config) -> "Callable[..., Result]":
    """`replay("books")`: the `Result` of the spider's crawl of what was recorded, with its items.

    The spider is the one that was recorded, as config.toml in pytest's root folder finds it; or a class is given, in
    place of the name or besides it: `replay("books-new", Books)`. Further arguments by name are the spider's.
    """

    def replay(recording: "str | type[Spider]", spider: "type[Spider] | None" = None, /, **arguments: Any) -> "Result":
        from scraper.testing.recorded import replayed

        return replayed(pytestconfig.rootpath, recording, spider, arguments)

    return replay


@pytest.fixture
def response_from(request: pytest.FixtureRequest) -> "Callable[..., Response]":
    """`response_from("shelf.html", url="https://books.example/")`: a `Response` of a file beside the test.

    Its Content-Type is told by the file's ending. Further arguments are those of `Response`.
    """
    folder: Path = request.path.parent

    def response_from(name: str, *, url: str = "https://example.com/", **fields: Any) -> "Response":
        from scraper.testing.local import response_of

        return response_of(folder / name, url, fields)

    return response_from


@pytest.fixture
def crawl() -> "Callable[..., Result]":
    """`crawl(Books, {"/": "<h1>Books</h1>"})`: the `Result` of a crawl of these pages, with its items.

    Pages are given by URL or path, or by a function of the request; without any, the crawl goes over the network, to
    a server of the test's own. Nothing is waited for, and robots.txt is not asked for unless `settings` say so.
    Further arguments by name are the spider's.
    """

    def crawl(
        spider: "Spider | type[Spider]",
        pages: "Pages | None" = None,
        /,
        *,
        settings: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> "Result":
        from scraper.testing.local import crawled

        return crawled(spider, pages, settings, arguments)

    return crawl
