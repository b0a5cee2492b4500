"""Crawl the shop with our own framework, as a newcomer would write the spider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from fields import Item, is_product, read_parsel
from scraper import Request, Response, Spider


class ShopSpider(Spider):
    """Follows every link, and reads every product."""

    name = "shop"
    url: str = ""  # where the shop is: -a url=http://127.0.0.1:8900/

    async def start(self) -> AsyncIterator[Request]:
        yield Request(self.url)

    def parse(self, response: Response) -> Iterator[Request | Item]:
        yield from response.follow_all(css="a", callback=self.parse)
        if is_product(response.url):
            yield read_parsel(response.url, response)
