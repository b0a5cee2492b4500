"""The spider to read first: it crawls the bookshop that ships with `scraper`, so it needs no internet.

scraper crawl                           runs it, because config.toml names it
scraper crawl bookshop -a live=Music    the same, asking the shop's API about another category
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal

from scraper import Failure, Item, Request, Response, Spider, css
from scraper.testing import bookshop


class Book(Item):
    """What we want to know of a book: each field's type, and where on the page it is found."""

    title: str = css("h1")
    author: str = css(".author")
    category: str = css(".breadcrumbs li:nth-child(2)")
    upc: str = css(".upc")
    price: Decimal = css(".price", re=r"[\d.]+")  # £51.77 → Decimal("51.77")
    rating: int = css(".rating", attr="value")
    stock: int = css(".availability", re=r"\d+")
    published: date = css(".facts time", attr="datetime")
    description: str = css(".description")


class BookshopSpider(Spider):
    """Reads every book of the shop, and looks into its odd corners."""

    name = "bookshop"
    allowed_domains = ["127.0.0.1"]
    live: str = "Seafaring"  # an argument: the category whose stock is asked of the API

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open the shop before the first request, and close it after the last."""
        async with bookshop.serve(port=self.state.get("port", 0)) as shop:
            self.state["port"] = shop.port  # a crawl that is resumed finds the shop where it was
            self.shop = shop
            yield

    async def start(self) -> AsyncIterator[Request]:
        """Begin at the front door. (With a fixed address, `start_urls = [...]` would do.)"""
        yield Request(self.shop.url)

    def parse(self, response: Response) -> Iterator[Request]:
        """The home page: follow every category, and the odd corners."""
        yield from response.follow_all(css=".categories a", callback=self.parse_category)
        yield from response.follow_all(css=".corners a", callback=self.parse_corner, errback=self.note_failure)

    def parse_category(self, response: Response) -> Iterator[Request]:
        """One page of a category: follow its books, and its next page."""
        is_live = response.css("h1::text").get() == self.live
        callback = self.parse_live_book if is_live else self.parse_book
        yield from response.follow_all(css=".book h3 a", callback=callback)
        yield from response.follow_all(css="a[rel=next]", callback=self.parse_category)

    def parse_book(self, response: Response) -> Iterator[Book]:
        """One book."""
        yield Book.extract(response)

    async def parse_live_book(self, response: Response) -> AsyncIterator[Book]:
        """One book, with the stock of this moment: an `async def` callback may await."""
        upc = response.css(".upc::text").get()
        answer = await self.fetch(response.urljoin(f"/api/stock/{upc}"))
        yield Book.extract(response, stock=answer.json()["stock"])

    def parse_corner(self, response: Response) -> None:
        """A slow, flaky, compressed, redirected or Russian page: the framework has seen to all that."""
        self.logger.info("%s: %s", response.url, response.css("h1::text").get())

    def note_failure(self, failure: Failure) -> None:
        """One corner leads nowhere (404): an errback gets what `parse_corner` cannot."""
        self.logger.info("nothing there: %s", failure.error)
