"""A JSON API: questions are POSTed, answers are read with `response.json()`, and no HTML is parsed.

scraper crawl bookshop_api                                   asks for a few words
scraper crawl bookshop_api -a words=winter,house             asks for others
scraper crawl bookshop_api -o - -a words=winter | head       on standard output
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from scraper import Failure, Request, Response, Spider
from scraper.testing import bookshop


@dataclass
class Offer:
    """A book as the API tells of it. (A dataclass is an item like any other.)"""

    word: str
    upc: str
    title: str
    author: str
    price: Decimal
    url: str
    stock: int = 0


class BookshopApiSpider(Spider):
    """Asks the shop's API for words, and for the stock of each book that it finds."""

    name = "bookshop_api"
    allowed_domains = ["127.0.0.1"]
    words: list[str] = ["harbour", "witness"]  # an argument: -a words=winter,house
    custom_settings = {
        "pipelines": {"unique": ["upc"]},  # two words may find one book
        "sinks": [{"path": "data/{spider}.jsonl"}],
    }

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open the shop for the length of the crawl; an API elsewhere needs no such thing."""
        async with bookshop.serve(port=self.state.get("port", 0)) as shop:
            self.state["port"] = shop.port  # a crawl that is resumed finds the shop where it was
            self.api = f"{shop.url}api"
            yield

    async def start(self) -> AsyncIterator[Request]:
        """One question a word. `json` encodes it, sets the Content-Type, and makes the request a POST."""
        for word in self.words:
            yield Request(
                f"{self.api}/search",
                self.parse_answer,
                json={"q": word},
                cb_kwargs={"word": word},
                errback=self.note_failure,
            )

    def parse_answer(self, response: Response, word: str) -> Iterator[Request]:
        """The books that a word finds: ask for the stock of each, and hand on what is known already."""
        for found in response.json()["results"]:
            offer = Offer(
                word=word,
                upc=found["upc"],
                title=found["title"],
                author=found["author"],
                price=Decimal(found["price"]),
                url=response.urljoin(found["url"]),
            )
            yield Request(f"{self.api}/stock/{offer.upc}", self.parse_stock, cb_kwargs={"offer": offer})

    def parse_stock(self, response: Response, offer: Offer) -> Iterator[Offer]:
        """How many copies there are."""
        offer.stock = response.json()["stock"]
        yield offer

    def note_failure(self, failure: Failure) -> None:
        """The API answers an empty question with 400: an errback is told."""
        self.logger.warning("no answer to %s: %s", failure.request.body.decode(), failure.error)
