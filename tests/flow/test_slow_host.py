"""A slow host costs the others nothing."""

import asyncio
import threading

from scraper import Response, Spider
from tests.flow.crawls import crawl
from tests.flow.site import Asked, Servers

HOSTS, PAGES = 20, 30


class PagesSpider(Spider):
    """Tells when the last page of a fast host came."""

    name = "pages"
    slow = ""
    left = HOSTS * PAGES
    done: threading.Event

    def parse(self, response: Response) -> None:
        self.left -= not response.url.startswith(self.slow)
        if not self.left:
            self.done.set()


async def test_a_slow_host_does_not_idle_the_others(servers: Servers) -> None:
    """Twenty hosts are finished beside one with more pages than there are workers, which answers when they are."""
    done = threading.Event()
    in_time: list[bool] = []

    async def held(_: Asked) -> str:
        in_time.append(await asyncio.to_thread(done.wait, 15))
        return "page"

    hosts = [servers.site(otherwise="page", latency=0.01) for _ in range(HOSTS)]
    slow = servers.site({"/robots.txt": ""}, otherwise=held)
    spider = PagesSpider()
    spider.done, spider.slow = done, slow.root
    spider.start_urls = [slow.url(f"/{page}") for page in range(40)]
    spider.start_urls += [host.url(f"/{page}") for page in range(PAGES) for host in hosts]
    ended = await crawl(spider, {"engine": {"concurrency": 32}, "limits": {"per_host": 8}}, seconds=40)
    assert ended.statistics.fetched == len(spider.start_urls)
    assert in_time == [True] * 40, "the fast hosts waited for the slow one"
    assert slow.most_in_flight == 8
    assert all(host.most_in_flight <= 8 for host in hosts)
