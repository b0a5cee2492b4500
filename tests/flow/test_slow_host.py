"""A slow host costs the others nothing."""

import asyncio
import threading
import time

import pytest

from scraper import Response, Spider
from tests.flow.crawls import Follower, crawl
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


WORDS = [f"{number:02x}" for number in range(256)]
RULES = {
    "many": ([f"/*aab{number:x}" for number in range(24_000)], "a" * 8_000),
    "the same": (["/*aab"] * 31_000, "a" * 8_000),
    "pairs": ([f"/*{one}*{other}" for one in WORDS for other in WORDS if one < other][:25_000], "/".join(WORDS[::-1])),
}


@pytest.mark.parametrize("name", RULES)
async def test_a_robots_txt_that_takes_long_does_not_hold_up_other_hosts(servers: Servers, name: str) -> None:
    """However many wildcards a robots.txt has, and however long the links are, other hosts are crawled meanwhile."""
    rules, path = RULES[name]
    links = "".join(f"<a href='/{path}{number}'>x</a>" for number in range(20))
    robots = "User-agent: *\n" + "".join(f"Disallow: {rule}\n" for rule in rules)
    slow = servers.site({"/robots.txt": robots, "/": links}, otherwise="page")
    fast = servers.site(
        {f"/{page}": f"<a href='/{page + 1}'>next</a>" for page in range(100)} | {"/robots.txt": 404, "/100": "last"}
    )
    spider = Follower()
    spider.start_urls = [slow.url(), fast.url("/0")]
    started = time.process_time()
    ended = await crawl(spider, {"network": {"max_url": 9_000}}, seconds=50)
    assert time.process_time() - started < 10
    assert len(fast.paths) == 101
    assert ended.statistics.fetched + ended.statistics.refused.get("robots", 0) == 1 + 20 + 101
