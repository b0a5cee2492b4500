"""Crawls of the spiders that do what spiders should not."""

from scraper import Spider
from tests.flow.crawls import Ended, crawl
from tests.workers.odd_spiders import SETTINGS

LONG = 120.0  # seconds: new interpreters start slowly where others compute


async def crawled(spider: Spider) -> Ended:
    """Crawl it in worker processes."""
    return await crawl(spider, SETTINGS, seconds=LONG)
