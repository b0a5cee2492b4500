"""An asynchronous web-scraping framework: Scrapy's words, asyncio's ways, and nothing lost.

    from scraper import Spider

    class BooksSpider(Spider):
        name = "books"
        start_urls = ["https://books.example/"]

        def parse(self, response):
            yield {"title": response.css("h1::text").get()}
            yield from response.follow_all(css=".next a")

`docs/design.md` tells how it works, `scraper.protocols` what its parts promise each other.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scraper.version import __version__ as __version__

if TYPE_CHECKING:
    from scraper.crawling import Crawl
    from scraper.errors import (
        CloseSpider,
        DropItem,
        FetchError,
        IgnoreRequest,
        Reason,
        ScraperError,
        SettingsError,
        SpiderError,
        StorageError,
    )
    from scraper.form import Form, FormError
    from scraper.item import Item, ItemError
    from scraper.kinds.feeds import CSVFeedSpider, FeedSpider, JSONFeedSpider, XMLFeedSpider
    from scraper.kinds.rules import CrawlSpider, Rule
    from scraper.kinds.sitemap import SitemapSpider
    from scraper.markup.canonical import canonicalize_url
    from scraper.markup.entries import File
    from scraper.markup.links import Link, LinkExtractor
    from scraper.markup.query import SelectorError
    from scraper.markup.selectors import Selector, SelectorList
    from scraper.parsing.feed import FeedError
    from scraper.record import Field
    from scraper.request import FormRequest, JsonRequest, Request
    from scraper.response import Response
    from scraper.results import Result
    from scraper.running import crawl, run, stream
    from scraper.settings import Settings
    from scraper.sources import css, jmespath, json_ld, xpath
    from scraper.spider import Failure, Spider


_HOMES = {
    "scraper.crawling": ("Crawl",),
    "scraper.results": ("Result",),
    "scraper.errors": (
        "CloseSpider",
        "DropItem",
        "FetchError",
        "IgnoreRequest",
        "Reason",
        "ScraperError",
        "SettingsError",
        "SpiderError",
        "StorageError",
    ),
    "scraper.form": ("Form", "FormError"),
    "scraper.item": ("Item", "ItemError"),
    "scraper.sources": ("css", "jmespath", "json_ld", "xpath"),
    "scraper.kinds.rules": ("CrawlSpider", "Rule"),
    "scraper.markup.canonical": ("canonicalize_url",),
    "scraper.markup.entries": ("File",),
    "scraper.markup.links": ("Link", "LinkExtractor"),
    "scraper.kinds.feeds": ("CSVFeedSpider", "FeedSpider", "JSONFeedSpider", "XMLFeedSpider"),
    "scraper.kinds.sitemap": ("SitemapSpider",),
    "scraper.markup.query": ("SelectorError",),
    "scraper.markup.selectors": ("Selector", "SelectorList"),
    "scraper.parsing.feed": ("FeedError",),
    "scraper.record": ("Field",),
    "scraper.request": ("FormRequest", "JsonRequest", "Request"),
    "scraper.response": ("Response",),
    "scraper.running": ("crawl", "run", "stream"),
    "scraper.settings": ("Settings",),
    "scraper.spider": ("Failure", "Spider"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CSVFeedSpider",
    "CloseSpider",
    "Crawl",
    "CrawlSpider",
    "DropItem",
    "Failure",
    "FeedError",
    "FeedSpider",
    "FetchError",
    "Field",
    "File",
    "Form",
    "FormError",
    "FormRequest",
    "IgnoreRequest",
    "Item",
    "ItemError",
    "JSONFeedSpider",
    "JsonRequest",
    "Link",
    "LinkExtractor",
    "Reason",
    "Request",
    "Response",
    "Result",
    "Rule",
    "ScraperError",
    "Selector",
    "SelectorError",
    "SelectorList",
    "Settings",
    "SettingsError",
    "SitemapSpider",
    "Spider",
    "SpiderError",
    "StorageError",
    "XMLFeedSpider",
    "canonicalize_url",
    "crawl",
    "css",
    "jmespath",
    "json_ld",
    "run",
    "stream",
    "xpath",
]


def __getattr__(name: str) -> Any:
    """The public names, loaded when they are first used: a mistyped option should not wait for aiohttp."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'scraper' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
