"""A crawl with a cache: what it was good for is told."""

from pathlib import Path

from tests.flow.crawls import Follower, crawl
from tests.flow.site import Servers, links


async def test_the_cache_is_counted(servers: Servers, tmp_path: Path) -> None:
    """The second crawl asks for nothing but what is not kept, and its result says so."""
    site = servers.site({"/": links("/1", "/2"), "/robots.txt": "User-agent: *\nAllow: /"}, otherwise="page")
    settings = {"network": {"cache": {"mode": "always", "path": str(tmp_path / "cache.sqlite")}}}
    first = await crawl(Follower, settings, start_urls=[site.url()])
    asked = len(site.asked)
    second = await crawl(Follower, settings, start_urls=[site.url()])
    assert first.result.cached == {"hits": 0, "misses": asked, "revalidated": 0}
    assert second.result.cached == {"hits": asked, "misses": 0, "revalidated": 0}
    assert len(site.asked) == asked
    assert (await crawl(Follower, start_urls=[site.url()])).result.cached == {}
