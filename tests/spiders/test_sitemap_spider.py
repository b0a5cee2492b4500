"""SitemapSpider, in whole crawls of a local site."""

import gzip
import re
from collections.abc import Iterable
from datetime import date, datetime
from itertools import islice
from typing import Any

import pytest

from scraper.errors import SpiderError
from scraper.events import Broke
from scraper.http.response import Response
from scraper.parsing.feed import FeedError
from scraper.parsing.sitemap import Entry
from scraper.spiders.sitemap import SitemapSpider
from tests.flow.crawls import Ended, crawl
from tests.flow.site import Servers, Site


class Pages(SitemapSpider):
    """Gives the path of each page, and the date its sitemap has of it."""

    name = "pages"

    def parse(self, response: Response) -> Any:
        return {"path": response.url.partition("/")[2].partition("/")[2].partition("/")[2], **response.meta}

    def parse_product(self, response: Response) -> Any:
        return {"product": response.url.rpartition("/")[2]}


def urlset(*urls: str) -> str:
    """A sitemap of `urls`, each with what stands behind a space as its lastmod."""
    rows = (url.partition(" ") for url in urls)
    return (
        f"<urlset>{''.join(f'<url><loc>{url}</loc><lastmod>{when}</lastmod></url>' for url, _, when in rows)}</urlset>"
    )


def index(*urls: str) -> str:
    """A sitemap of sitemaps."""
    return urlset(*urls).replace("url>", "sitemap>").replace("urlset", "sitemapindex")


def site(servers: Servers, **sitemaps: str | bytes) -> Site:
    """A site that has these sitemaps, `.` for `_` in their names, and an empty page everywhere else."""
    pages = {f"/{name.replace('_', '.')}": body for name, body in sitemaps.items()}
    return servers.site({"/robots.txt": 404, **pages}, otherwise="<title>A page</title>")


async def crawled(opened: Site, sitemap: str = "sitemap.xml", **attributes: Any) -> Ended:
    """A crawl of `opened` from one of its sitemaps on."""
    return await crawl(Pages(sitemap_urls=[opened.url(f"/{sitemap}")], **attributes))


def paths(ended: Ended) -> set[str]:
    """Which pages were crawled."""
    return {item["path"] for item in ended.items}


async def test_the_pages_of_a_sitemap_are_crawled(servers: Servers) -> None:
    """Each page of a sitemap is crawled, relative URLs too, with the date that the sitemap has."""
    opened = site(servers, sitemap_xml=urlset("/a 2026-01-31", "b"))
    ended = await crawled(opened)
    assert {item["path"]: item.get("lastmod") for item in ended.items} == {"a": "2026-01-31T00:00:00+00:00", "b": None}


async def test_robots_and_indexes_lead_to_sitemaps(servers: Servers) -> None:
    """A robots.txt names an index, which lists compressed, plain and text sitemaps: the pages of all are crawled."""
    opened = site(
        servers,
        index_xml=index("/one.xml.gz", "/two.xml", "/three.txt"),
        one_xml_gz=gzip.compress(urlset("/1").encode()),
        two_xml=urlset("/2"),
    )
    opened.pages["/three.txt"] = opened.url("/3\n") + opened.url("/4\n")
    opened.pages["/robots.txt"] = "User-agent: *\nDisallow: /4\nSitemap: /index.xml\n"
    ended = await crawled(opened, "robots.txt")
    assert paths(ended) == {"1", "2", "3"}
    assert ended.statistics.refused == {"robots": 1}


async def test_a_sitemap_is_read_once(servers: Servers) -> None:
    """An index that lists itself, and others that list it, is asked for once."""
    opened = site(
        servers, sitemap_xml=index("/sitemap.xml", "/other.xml"), other_xml=index("/sitemap.xml", "/leaf.xml")
    )
    opened.pages["/leaf.xml"] = urlset("/1")
    assert paths(await crawled(opened)) == {"1"}
    assert set(opened.paths.values()) == {1}


async def test_sitemaps_end_somewhere(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    """Indexes that lead to ever more indexes are followed to a depth, and a number, and what is left is told."""
    opened = site(servers)
    opened.otherwise = lambda asked: index(f"{asked.path}/{len(asked.path)}.xml")
    await crawled(opened)
    assert sum(opened.paths.values()) == 5
    assert "is more than sitemap_max_depth = 4 deep" in caplog.text
    opened.otherwise = lambda asked: index(*(f"{asked.path}{number}" for number in range(10)))
    opened.asked.clear()
    await crawled(opened, sitemap_max_count=25)
    assert sum(opened.paths.values()) == 25
    assert caplog.text.count("there are more than sitemap_max_count = 25") == 1


async def test_rules_say_which_callback(servers: Servers) -> None:
    """The first rule whose expression is found in a URL has its callback; pages that none is for are not asked for."""
    opened = site(servers, sitemap_xml=urlset("/product/1", "/about", "/news"))

    class Products(Pages):
        sitemap_rules = [("/product/", "parse_product"), (re.compile("/a.out$"), Pages.parse)]

    ended = await crawl(Products(sitemap_urls=[opened.url("/sitemap.xml")]))
    assert sorted(map(str, ended.items)) == ["{'path': 'about'}", "{'product': '1'}"]
    assert "/news" not in opened.paths


async def test_only_some_sitemaps_are_followed(servers: Servers) -> None:
    """Sitemaps that an index lists are read if an expression of sitemap_follow is found in their URLs; others are."""
    opened = site(servers, sitemap_xml=index("/news.xml", "/shop.xml"), news_xml=urlset("/n"), shop_xml=urlset("/s"))
    opened.pages["/robots.txt"] = "Sitemap: /sitemap.xml\nSitemap: /new.xml\n"
    opened.pages["/new.xml"] = urlset("/new")
    assert paths(await crawled(opened, sitemap_follow=["shop"])) == {"s"}
    assert paths(await crawled(opened, "robots.txt", sitemap_follow=["shop"])) == {"s", "new"}
    assert "/news.xml" not in opened.paths


async def test_other_languages_are_crawled_if_asked_for(servers: Servers) -> None:
    """The alternates of a page are crawled with sitemap_alternate_links, and not without."""
    link = '<xhtml:link rel="alternate" hreflang="de" href="/de"/>'
    opened = site(servers, sitemap_xml=urlset("/en").replace("</url>", f"{link}</url>"))
    assert paths(await crawled(opened)) == {"en"}
    assert paths(await crawled(opened, sitemap_alternate_links=True)) == {"en", "de"}


@pytest.mark.parametrize("since", ["2026-01-01", date(2026, 1, 1), datetime(2026, 1, 1)])
async def test_what_is_older_is_left_out(servers: Servers, since: object) -> None:
    """With sitemap_since, pages and sitemaps that say they are older are not asked for."""
    opened = site(servers, sitemap_xml=index("/old.xml 2025-12-31", "/new.xml 2026-02-01"), old_xml=urlset("/old"))
    opened.pages["/new.xml"] = urlset("/1 2025-12-31", "/2 2026-01-01", "/3")
    assert paths(await crawled(opened, sitemap_since=since)) == {"2", "3"}
    assert "/old.xml" not in opened.paths


async def test_entries_are_filtered(servers: Servers) -> None:
    """sitemap_filter() has the last word on what a sitemap says."""
    opened = site(servers, sitemap_xml=index("/leaf.xml"), leaf_xml=urlset("/1 2026-01-01", "/2"))

    class Dated(Pages):
        def sitemap_filter(self, entries: Iterable[Entry]) -> Iterable[Entry]:
            return (entry for entry in entries if entry.is_sitemap or entry.lastmod)

    assert paths(await crawl(Dated(sitemap_urls=[opened.url("/sitemap.xml")]))) == {"1"}


async def test_pages_pass_the_limits(servers: Servers) -> None:
    """Sitemaps and pages of other hosts, and what is no web page at all, are refused as any are."""
    opened = site(servers, sitemap_xml=index("http://other.example/s.xml", "/leaf.xml"))
    opened.pages["/leaf.xml"] = urlset(
        "/1", "http://other.example/", "file:///etc/passwd", "http://127.0.0.2:1/", "http://"
    )
    ended = await crawled(opened, allowed_domains=["127.0.0.1"])
    assert paths(ended) == {"1"}
    assert ended.statistics.refused == {"offsite": 3, "scheme_not_allowed": 1, "invalid_url": 1}


async def test_broken_xml_loses_no_page(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    """A sitemap with a bare ampersand, the commonest mistake, is crawled as a whole."""
    caplog.set_level("INFO")
    opened = site(servers, sitemap_xml=urlset("/first", "/second?a=1&b=2", "/third"))
    assert paths(await crawled(opened)) == {"first", "second?a=1&b=2", "third"}
    (line,) = [each for each in caplog.records if "is broken XML" in each.getMessage()]
    assert opened.url("/sitemap.xml is broken XML (not well-formed") in line.getMessage()
    assert line.levelname == "INFO"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<!DOCTYPE html><title>Soft 404</title>", "it is an HTML page"),
        (b"", "it is empty"),
        (gzip.compress(b"<urlset>" + b" " * 60_000_000, 1), "the rest is not read"),
        ("<urlset><url><loc>/1</loc></url><url><loc>/2", "it is cut short"),
        ("<!DOCTYPE urlset [<!ENTITY a 'b'>]><urlset><url><loc>&a;</loc></url></urlset>", "refused"),
    ],
)
async def test_a_broken_sitemap_is_an_error(servers: Servers, body: str | bytes, why: str) -> None:
    """An error names the sitemap and says what is wrong with it; what could be read of it is crawled."""
    opened = site(servers, sitemap_xml=body)
    ended = await crawled(opened)
    assert paths(ended) == ({"1"} if b"/1" in (body if isinstance(body, bytes) else body.encode()) else set())
    (broke,) = ended.of(Broke)
    assert isinstance(broke.error, FeedError)
    assert opened.url("/sitemap.xml was not read to its end") in str(broke.error)
    assert why in str(broke.error)
    assert ended.statistics.errors == 1


async def test_an_empty_sitemap_is_no_error(servers: Servers) -> None:
    """A sitemap that lists nothing is one, and a `sitemap_filter` need not look at all entries."""

    class First(Pages):
        def sitemap_filter(self, entries: Iterable[Entry]) -> Iterable[Entry]:
            return islice(entries, 1)

    opened = site(servers, sitemap_xml="<urlset/>", other_xml="<urlset><url><loc>/1</loc></url><url><loc>/2")
    assert (await crawled(opened)).statistics.errors == 0
    ended = await crawl(First(sitemap_urls=[opened.url("/other.xml")]))
    assert (paths(ended), ended.statistics.errors) == ({"1"}, 0)


async def test_a_robots_txt_without_sitemaps_is_an_error(servers: Servers) -> None:
    """A robots.txt that is to name the sitemaps, and names none, is an error and no success."""
    opened = site(servers)
    opened.pages["/robots.txt"] = "User-agent: *\nAllow: /\n"
    ended = await crawled(opened, "robots.txt")
    assert (paths(ended), ended.statistics.errors) == (set(), 1)
    assert [str(broke.error) for broke in ended.of(Broke)] == [opened.url("/robots.txt names no sitemap")]


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"sitemap_urls": []}, "it has no sitemap_urls"),
        ({"sitemap_urls": "http://a.example/"}, "not one text"),
        ({"sitemap_rules": [("(", "parse")]}, "is not a regular expression"),
        ({"sitemap_rules": ["parse"]}, "is a list of pairs"),
        ({"sitemap_rules": [("", "parse_pages")]}, "it has no method 'parse_pages'"),
        ({"sitemap_follow": ["*"]}, "is not a regular expression"),
        ({"sitemap_follow": "shop"}, "not one text"),
        ({"sitemap_since": "yesterday"}, "is a date like 2026-01-31, not 'yesterday'"),
    ],
)
async def test_what_is_wrong_with_a_spider_is_told_before_it_begins(attributes: dict[str, Any], text: str) -> None:
    """An attribute that means nothing ends the crawl before anything is sent, in a line that names the spider."""
    with pytest.raises(SpiderError, match=re.escape(text)) as raised:
        await crawl(Pages(**{"sitemap_urls": ["http://127.0.0.1:1/"], **attributes}))
    assert "'pages'" in str(raised.value)


async def test_an_entry_without_a_scheme(servers: Servers) -> None:
    """An entry whose scheme is missing is refused, and costs none of those after it."""
    opened = site(servers, sitemap_xml=urlset("localhost:8000/x", "/a"))
    ended = await crawled(opened)
    assert paths(ended) == {"a"}
    assert (ended.statistics.errors, ended.statistics.refused) == (0, {"invalid_url": 1})
