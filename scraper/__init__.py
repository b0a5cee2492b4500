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

from scraper.version import __version__ as __version__

TYPE_CHECKING = False  # as in `typing`, which the command cannot wait for before it hears Ctrl-C
if TYPE_CHECKING:
    from scraper.crawling.crawl import Crawl
    from scraper.crawling.result import Result
    from scraper.crawling.run import crawl, run, stream
    from scraper.errors import (
        CloseSpider,
        CrawlStopped,
        DropItem,
        FetchError,
        IgnoreRequest,
        Reason,
        ScraperError,
        SettingsError,
        SpiderError,
        StorageError,
    )
    from scraper.http.form import Form, FormError
    from scraper.http.form_request import FormRequest
    from scraper.http.json_request import JsonRequest
    from scraper.http.request import Request
    from scraper.http.response import Response
    from scraper.items.declaration import Field
    from scraper.items.fields import css, jmespath, json_ld, xpath
    from scraper.items.item import Item, ItemError
    from scraper.markup.forms.entry_list import File
    from scraper.markup.links.canonicalize import canonicalize_url
    from scraper.markup.links.link_extractor import Link, LinkExtractor
    from scraper.markup.selectors.query import SelectorError
    from scraper.markup.selectors.selector import Selector, SelectorList
    from scraper.parsing.feed import FeedError
    from scraper.settings.schema import Settings
    from scraper.spider import Failure, Spider
    from scraper.spiders.feeds import CSVFeedSpider, FeedSpider, JSONFeedSpider, XMLFeedSpider
    from scraper.spiders.rules import CrawlSpider, Rule
    from scraper.spiders.sitemap import SitemapSpider


_HOMES = {
    "scraper.crawling.crawl": ("Crawl",),
    "scraper.crawling.result": ("Result",),
    "scraper.errors": (
        "CloseSpider",
        "CrawlStopped",
        "DropItem",
        "FetchError",
        "IgnoreRequest",
        "Reason",
        "ScraperError",
        "SettingsError",
        "SpiderError",
        "StorageError",
    ),
    "scraper.http.form": ("Form", "FormError"),
    "scraper.items.item": ("Item", "ItemError"),
    "scraper.items.fields": ("css", "jmespath", "json_ld", "xpath"),
    "scraper.spiders.rules": ("CrawlSpider", "Rule"),
    "scraper.markup.links.canonicalize": ("canonicalize_url",),
    "scraper.markup.forms.entry_list": ("File",),
    "scraper.markup.links.link_extractor": ("Link", "LinkExtractor"),
    "scraper.spiders.feeds": ("CSVFeedSpider", "FeedSpider", "JSONFeedSpider", "XMLFeedSpider"),
    "scraper.spiders.sitemap": ("SitemapSpider",),
    "scraper.markup.selectors.query": ("SelectorError",),
    "scraper.markup.selectors.selector": ("Selector", "SelectorList"),
    "scraper.parsing.feed": ("FeedError",),
    "scraper.http.form_request": ("FormRequest",),
    "scraper.http.json_request": ("JsonRequest",),
    "scraper.http.request": ("Request",),
    "scraper.items.declaration": ("Field",),
    "scraper.http.response": ("Response",),
    "scraper.crawling.run": ("crawl", "run", "stream"),
    "scraper.settings.schema": ("Settings",),
    "scraper.spider": ("Failure", "Spider"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CSVFeedSpider",
    "CloseSpider",
    "Crawl",
    "CrawlSpider",
    "CrawlStopped",
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


def __getattr__(name: str) -> object:
    """The public names, loaded when they are first used: a mistyped option should not wait for aiohttp."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'scraper' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
