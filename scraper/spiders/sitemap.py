"""A spider that is led by sitemaps, rather than by links."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any

from scraper import urls
from scraper.errors import SpiderError
from scraper.http.request import Request, method_name
from scraper.http.response import Response
from scraper.markup.document.content_type import content_type
from scraper.parsing.dates import moment
from scraper.parsing.feed import FeedError
from scraper.parsing.sitemap import Entry, Sitemap, sitemaps_of_robots
from scraper.spider import Spider

Pattern = str | re.Pattern[str]


class SitemapSpider(Spider):
    """Crawls the pages that the sitemaps of a site list.

    `sitemap_urls` are sitemaps of any form, compressed or not, or robots.txt files that name some. What a page is
    made of is said by `sitemap_rules`, pairs of a regular expression and a callback: the first whose expression is
    found in the URL holds, and a page that none is found in is not asked for. `sitemap_follow` are expressions for
    the sitemaps that an index lists, not for those that `sitemap_urls` or a robots.txt name. With
    `sitemap_alternate_links`, a page's other languages are crawled, too.

    With `sitemap_since`, a date, pages and sitemaps that say they are older are left out; those that say nothing
    are not. For more, `sitemap_filter()` is given the entries. A request made of an entry with a date has it as
    `meta["lastmod"]`, in ISO form.

    Each sitemap is read once, `sitemap_max_depth` of them deep (an index of sitemaps is 1 deep) and
    `sitemap_max_count` at most. Pages pass the limits as any others do: `allowed_domains`, robots.txt, `max_depth`,
    where each sitemap on the way is a step. What is not a sitemap, or breaks off, is an error of that page, a
    `FeedError`, after what could be read of it; so is a robots.txt that names no sitemap.
    """

    sitemap_urls: Iterable[str] = ()
    sitemap_rules: Iterable[tuple[Pattern, Any]] = (("", "parse"),)
    sitemap_follow: Iterable[Pattern] = ("",)
    sitemap_alternate_links: bool = False
    sitemap_since: datetime | date | str | None = None
    sitemap_max_depth: int = 4
    sitemap_max_count: int = 10_000

    _count = 0

    def check_start(self) -> None:
        """Raises `SpiderError` if there is no sitemap, or an attribute that is not understood."""
        if type(self).start is not SitemapSpider.start:
            super().check_start()
        elif not self.sitemap_urls:
            raise self._wrong('it has no sitemap_urls: give it some, ["https://…/robots.txt"] for example')
        else:
            self._check_urls("sitemap_urls", self.sitemap_urls)
        _ = self._rules, self._followed, self._since

    async def start(self) -> AsyncIterator[Any]:
        """A request for each of `sitemap_urls`."""
        for url in self.sitemap_urls:
            if self._takes_one_more(url):
                yield Request(url, self._parse_sitemap)

    def sitemap_filter(self, entries: Iterable[Entry]) -> Iterable[Entry]:
        """Those of a sitemap's `entries` that are to be crawled, changed perhaps; here, all of them."""
        return entries

    def _parse_sitemap(self, response: Response, level: int = 0) -> Iterator[Request]:
        if response.url.endswith("/robots.txt"):
            named = sitemaps_of_robots(response.body)
            for url in named:
                yield from self._nested(response, Entry(url, is_sitemap=True), level)
            if not named:
                raise FeedError(f"{urls.without_credentials(response.url)} names no sitemap")
            return
        sitemap = Sitemap(response.body, response.url, content_type=content_type(response.headers))
        for entry in self.sitemap_filter(sitemap):
            if self._is_recent(entry):
                yield from (
                    self._listed(response, entry, level + 1) if entry.is_sitemap else self._pages(response, entry)
                )
        if sitemap.problem:
            raise FeedError(sitemap.problem)
        if sitemap.flaw:
            shown = urls.without_credentials(response.url)
            self.logger.info("the sitemap %s is broken XML (%s), but was read to its end", shown, sitemap.flaw)

    def _listed(self, response: Response, entry: Entry, level: int) -> Iterator[Request]:
        """A sitemap that an index lists, if it is to be followed."""
        url = urls.join(response.url, entry.loc) or entry.loc
        if any(pattern.search(url) for pattern in self._followed):
            yield from self._nested(response, entry, level)

    def _nested(self, response: Response, entry: Entry, level: int) -> Iterator[Request]:
        url = urls.join(response.url, entry.loc) or entry.loc
        if level > self.sitemap_max_depth:
            shown = urls.without_credentials(url)
            self.logger.warning(
                "the sitemap %s is more than sitemap_max_depth = %d deep", shown, self.sitemap_max_depth
            )
        elif self._takes_one_more(url):
            yield self._request(response, url, self._parse_sitemap, entry, cb_kwargs={"level": level})

    def _takes_one_more(self, url: str) -> bool:
        """Whether the sitemap at `url` is to be asked for; the first that is too many is reported."""
        self._count += 1
        if self._count == self.sitemap_max_count + 1:
            shown = urls.without_credentials(url)
            self.logger.warning(
                "from %s on no sitemap is read: there are more than sitemap_max_count = %d",
                shown,
                self.sitemap_max_count,
            )
        return self._count <= self.sitemap_max_count

    def _pages(self, response: Response, entry: Entry) -> Iterator[Request]:
        for loc in (entry.loc, *(entry.alternates if self.sitemap_alternate_links else ())):
            url = urls.join(response.url, loc) or loc
            callback = next((callback for pattern, callback in self._rules if pattern.search(url)), None)
            if callback is not None:
                yield self._request(response, url, callback, entry)

    def _request(self, response: Response, url: str, callback: Any, entry: Entry, **fields: Any) -> Request:
        asked = response.request
        if entry.lastmod is not None:
            fields["meta"] = {"lastmod": entry.lastmod.isoformat()}
        model = Request(response.url, callback, depth=asked.depth + 1, session=asked.session, **fields)
        return model.at(url)

    def _is_recent(self, entry: Entry) -> bool:
        return self._since is None or entry.lastmod is None or entry.lastmod >= self._since

    # What the attributes mean.

    @cached_property
    def _rules(self) -> list[tuple[re.Pattern[str], str]]:
        try:
            pairs = [(pattern, callback) for pattern, callback in self.sitemap_rules]
        except (TypeError, ValueError):
            raise self._wrong("sitemap_rules is a list of pairs (regular expression, callback)") from None
        return [(self._compiled(pattern, "sitemap_rules"), self._callback(callback)) for pattern, callback in pairs]

    @cached_property
    def _followed(self) -> list[re.Pattern[str]]:
        if isinstance(self.sitemap_follow, str):
            raise self._wrong("sitemap_follow is a list of regular expressions, not one text")
        return [self._compiled(pattern, "sitemap_follow") for pattern in self.sitemap_follow]

    @cached_property
    def _since(self) -> datetime | None:
        match self.sitemap_since:
            case None | "":
                return None
            case str() as text if (found := moment(text)) is not None:
                return found
            case datetime() as found:
                return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
            case date() as day:
                return datetime.combine(day, time(), UTC)
        raise self._wrong(f"sitemap_since is a date like 2026-01-31, not {self.sitemap_since!r}")

    def _compiled(self, pattern: Pattern, place: str) -> re.Pattern[str]:
        try:
            return re.compile(pattern)
        except (re.error, TypeError) as error:
            raise self._wrong(f"{place}: {pattern!r} is not a regular expression: {error}") from None

    def _callback(self, callback: Any) -> str:
        """The name of a method, which is given by its name, bound, or as the function in the class's body."""
        name = callback if isinstance(callback, str) else getattr(callback, "__name__", "")
        method = getattr(self, name, None) if name else None
        if isinstance(callback, str) and not callable(method):
            raise self._wrong(f"sitemap_rules: it has no method {callback!r}")
        return name if callable(method) else method_name(callback)

    def _wrong(self, text: str) -> SpiderError:
        return SpiderError(f"spider {self.name!r}: {text}")
