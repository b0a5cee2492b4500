"""A slow host costs the others nothing."""

import time

from scraper import Response, Spider
from tests.flow.crawls import crawl
from tests.flow.site import Servers

HOSTS, PAGES = 20, 30


class PagesSpider(Spider):
    """Notes when the last page of a fast host came."""

    name = "pages"
    slow = ""
    last = 0.0

    def parse(self, response: Response) -> None:
        if not self.slow or not response.url.startswith(self.slow):
            self.last = time.monotonic()


async def seconds(servers: Servers, *, with_slow: bool) -> float:
    """How long twenty hosts that answer in 10 ms take, beside one that answers in 2 s or alone."""
    hosts = [servers.site(otherwise="page", latency=0.01) for _ in range(HOSTS)]
    slow = servers.site(otherwise="page", latency=2.0)
    spider = PagesSpider()
    spider.start_urls = [host.url(f"/{page}") for page in range(PAGES) for host in hosts]
    if with_slow:
        spider.slow = slow.root
        spider.start_urls = [slow.url(f"/{page}") for page in range(8)] + spider.start_urls
    began = time.monotonic()
    ended = await crawl(spider, {"engine": {"concurrency": 32}, "limits": {"per_host": 8}})
    assert ended.statistics.fetched == len(spider.start_urls)
    assert all(host.most_in_flight <= 8 for host in [*hosts, slow])
    return spider.last - began


async def test_a_slow_host_does_not_idle_the_others(servers: Servers) -> None:
    """Twenty hosts that answer in 10 ms are finished beside one that takes 2 s as if they were alone."""
    await seconds(servers, with_slow=False)
    alone = min([await seconds(servers, with_slow=False) for _ in range(2)])
    beside = min([await seconds(servers, with_slow=True) for _ in range(2)])
    assert beside < alone + 1.0, "they waited for an answer of the slow one"
