"""Crawl the shop with Scrapy, as its tutorial would write the spider."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import CrawlerProcess

from fields import Item, is_product, read_parsel


class ShopSpider(Spider):
    """Follows every link, and reads every product."""

    name = "shop"
    url = ""

    async def start(self) -> AsyncIterator[Any]:
        yield Request(self.url)

    def parse(self, response: Any, **_: Any) -> Iterator[Request | Item]:
        yield from response.follow_all(css="a", callback=self.parse)
        if is_product(response.url):
            yield read_parsel(response.url, response)


def main(url: str, path: str) -> None:
    process = CrawlerProcess(
        {
            "CONCURRENT_REQUESTS": 32,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 32,
            "DOWNLOAD_DELAY": 0,
            "ROBOTSTXT_OBEY": True,
            "LOG_LEVEL": "WARNING",
            "FEEDS": {path: {"format": "jsonlines", "encoding": "utf-8", "overwrite": True}},
        }
    )
    crawler = process.create_crawler(ShopSpider)
    process.crawl(crawler, url=url)
    process.start()
    assert crawler.stats is not None
    count = crawler.stats.get_value
    robots = count("robotstxt/response_count", 0)
    print(json.dumps({"pages": count("response_received_count", 0) - robots, "items": count("item_scraped_count", 0)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
