"""Crawl the shop with our own framework, as a newcomer would write the spider: once for each way to follow links."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from fields import Item, is_product, read_parsel
from scraper import Request, Response, Spider

Results = Iterator[Request | Item]


class ShopSpider(Spider):
    """Reads every product, and follows every link of a page at once, by `follow_all`."""

    name = "shop"
    url: str = ""  # where the shop is: -a url=http://127.0.0.1:8900/

    async def start(self) -> AsyncIterator[Request]:
        yield Request(self.url)

    def parse(self, response: Response) -> Results:
        yield from response.follow_all(css="a", callback=self.parse)
        yield from self.read(response)

    def read(self, response: Response) -> Iterator[Item]:
        if is_product(response.url):
            yield read_parsel(response.url, response)


class FollowSpider(ShopSpider):
    """Follows link by link, by `follow`, as most spiders are written."""

    name = "shop_follow"

    def parse(self, response: Response) -> Results:
        for href in response.css("a::attr(href)").getall():
            yield response.follow(href, self.parse)
        yield from self.read(response)


class RequestSpider(ShopSpider):
    """Makes each request itself, of a joined URL."""

    name = "shop_request"

    def parse(self, response: Response) -> Results:
        for href in response.css("a::attr(href)").getall():
            yield Request(response.urljoin(href), self.parse)
        yield from self.read(response)


class AsyncSpider(ShopSpider):
    """The same by `follow_all` from an `async def` callback, which runs on the event loop."""

    name = "shop_async"

    async def parse(self, response: Response) -> AsyncIterator[Request | Item]:  # type: ignore[override]
        for request in response.follow_all(css="a", callback=self.parse):
            yield request
        for item in self.read(response):
            yield item


class AsyncFollowSpider(ShopSpider):
    """The same by `follow` from an `async def` callback."""

    name = "shop_async_follow"

    async def parse(self, response: Response) -> AsyncIterator[Request | Item]:  # type: ignore[override]
        for href in response.css("a::attr(href)").getall():
            yield response.follow(href, self.parse)
        for item in self.read(response):
            yield item
