"""A spider as Scrapy's tutorial has them: dicts for items, `::text` in the selectors, a pipeline, settings of its own.

scraper crawl authors                       runs it
scraper crawl authors -a born_after=1900    keeps the later ones
scraper crawl authors -o authors.csv        writes a table
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from scraper import DropItem, Request, Response, Spider
from scraper.testing import bookshop


class Prices:
    """Pipeline: replaces the list of an author's prices by how many there are and what they come to."""

    def process(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the item; raising `DropItem` drops it, counted under that reason."""
        prices = item.pop("prices")
        if not prices:
            raise DropItem("no books")
        return {**item, "books": len(prices), "all_books_cost": round(sum(prices), 2)}


class AuthorsSpider(Spider):
    """Reads the list of authors, and a page for each of them."""

    name = "authors"
    allowed_domains = ["127.0.0.1"]
    born_after: int = 0  # an argument: -a born_after=1900
    pipelines = [Prices()]
    custom_settings = {
        "limits": {"per_host": 4},
        "sinks": [{"path": "data/{spider}.csv", "fields": ["name", "born", "books", "all_books_cost"]}],
    }

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open the shop for the length of the crawl."""
        async with bookshop.serve(port=self.state.get("port", 0)) as shop:
            self.state["port"] = shop.port  # a crawl that is resumed finds the shop where it was
            self.start_urls = [f"{shop.url}authors"]
            yield

    def parse(self, response: Response) -> Iterator[Request]:
        """The list: follow every author."""
        yield from response.follow_all(css=".authors a", callback=self.parse_author)

    def parse_author(self, response: Response) -> Iterator[dict[str, Any]]:
        """An author: who, since when, and at which prices."""
        born = int(response.css(".biography::text").re_first(r"Born in (\d+)", "0"))
        if born > self.born_after:
            yield {
                "name": response.css("h1::text").get(),
                "born": born,
                "prices": [float(price) for price in response.css(".price::text").re(r"[\d.]+")],
                "url": response.url,
            }

    def closed(self, reason: str) -> None:
        """Called once, after the last page."""
        self.logger.info("the authors are read: %s", reason)
