"""The shop that ships with the framework, from its front door to the last book."""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from scraper import Failure, Item, Response, Spider, css
from scraper.testing import bookshop
from scraper.testing.bookshop import Shop
from tests.flow.crawls import Ended, crawl


class Book(Item):
    title: str = css("h1")
    author: str = css(".author")
    category: str = css(".breadcrumbs li:nth-child(2)")
    upc: str = css(".upc")
    price: Decimal = css(".price", re=r"[\d.]+")
    rating: int = css(".rating", attr="value")
    stock: int = css(".availability", re=r"\d+")
    published: date = css(".facts time", attr="datetime")
    description: str = css(".description")


class BooksSpider(Spider):
    """Follows every link there is, and reads the books and the corners."""

    name = "books"

    def __init__(self) -> None:
        super().__init__()
        self.corners: dict[str, str | None] = {}
        self.failures: list[Failure] = []

    def parse(self, response: Response) -> Iterator[Any]:
        if response.css("article.product"):
            yield Book.extract(response)
        if "/corners/" in response.url:
            self.corners[response.url.rpartition("/")[2]] = response.css("h1::text").get()
        yield from response.follow_all(css="a", errback="failed")

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)


async def crawled(folder: Path) -> tuple[Ended, BooksSpider, Shop]:
    async with bookshop.serve(slow=0.2) as shop:
        spider = BooksSpider()
        spider.start_urls = [shop.url]
        paths = [str(folder / name) for name in ("books.jsonl", "books.json", "books.csv", "books.jsonl.gz")]
        settings = {"sinks": [{"path": path} for path in paths]}
        return await crawl(spider, settings, seconds=40), spider, shop


async def test_every_book_in_every_file(tmp_path: Path) -> None:
    """All books of the shop stand, value for value and each once, in all kinds of files at once."""
    ended, _, shop = await crawled(tmp_path)
    truth = sorted((_as_text(asdict(book)) for book in shop.books), key=lambda book: book["upc"])
    latest = max(shop.books, key=lambda book: (book.published, book.upc))

    lines = (tmp_path / "books.jsonl").read_text().splitlines()
    packed = gzip.decompress((tmp_path / "books.jsonl.gz").read_bytes()).decode().splitlines()
    with (tmp_path / "books.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = json.loads((tmp_path / "books.json").read_text())
    for items in ([json.loads(line) for line in lines], [json.loads(line) for line in packed], whole, rows):
        # /books/latest leads to a book that has an address of its own, so this one is met twice
        assert [item["upc"] for item in items].count(latest.upc) == 2
        met = {item["upc"]: _as_text(item) for item in items}
        assert sorted(met.values(), key=lambda book: book["upc"]) == truth
        assert len(items) == len(truth) + 1 == 241
    assert not list(tmp_path.glob("*.part"))
    assert {(each.items, Path(each.path).stat().st_size == each.bytes) for each in ended.result.sinks} == {(241, True)}


async def test_the_odd_corners(tmp_path: Path) -> None:
    """What robots.txt forbids is not asked for; a flaky page is retried, a missing one counted, a Russian one read."""
    ended, spider, shop = await crawled(tmp_path)
    assert not [path for path in shop.requests if path.startswith(("/admin", "/cart"))]
    assert shop.requests["/robots.txt"] == 1
    assert shop.arrivals[0][1] == "/robots.txt"
    assert ended.statistics.refused == {"robots": 242}  # the office, the cart, and 240 ways into it
    assert ended.statistics.failed == {"http_404": 1}
    assert shop.requests["/corners/flaky"] == 2
    assert ended.statistics.retries == 1
    assert ended.statistics.redirects == 1
    assert spider.corners == {
        "slow": "The slow clerk",
        "flaky": "The flaky door",
        "compressed": "The tight parcel",
        "cyrillic": "Русский гость",
    }
    assert {failure.error.reason: failure.request.url for failure in spider.failures if failure.response} == {
        "http_404": f"{shop.url}corners/missing"
    }
    assert ended.result.exit_status == 0
    once = {path for path in shop.requests if path not in ("/corners/flaky", bookshop.catalogue().latest.path)}
    assert {shop.requests[path] for path in once} == {1}


def _as_text(book: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in book.items()}
