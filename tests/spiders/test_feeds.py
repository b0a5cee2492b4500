"""XMLFeedSpider, FeedSpider, CSVFeedSpider and JSONFeedSpider, in whole crawls of a local site."""

import gzip
import re
import sys
import time
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from scraper.errors import ScraperError, SettingsError, SpiderError
from scraper.events import Broke
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.markup import Selector
from scraper.parsing.feed import FeedError, entries
from scraper.spider import Spider
from scraper.spiders.feeds import CSVFeedSpider, FeedSpider, JSONFeedSpider, XMLFeedSpider
from tests.flow.crawls import Ended, crawl
from tests.flow.site import Servers

BOMB = b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><rss><item><title>&b;</title></item></rss>"
DEEP = b"<item>" + b"<a>" * 100_000
WIDE = b"<a><item/><item " + b"".join(b"a%d='' " % number for number in range(50_000)) + b"/></a>"


class Xml(XMLFeedSpider):
    name = "xml"

    def parse_node(self, response: Response, node: Selector) -> Any:
        return {"title": node.xpath("title/text()").get(), "id": node.attrib.get("id")}


class Feed(FeedSpider):
    name = "feed"


class Csv(CSVFeedSpider):
    name = "csv"

    def parse_row(self, response: Response, row: dict[str, str]) -> Any:
        return row


class Json(JSONFeedSpider):
    name = "json"

    def parse_item(self, response: Response, item: Any) -> Any:
        return {"value": item}


async def crawled(
    servers: Servers, kind: type[Spider], body: str | bytes, path: str = "/data", **attributes: Any
) -> Ended:
    """A crawl of one page that has this body."""
    raw = body.encode() if isinstance(body, str) else body
    site = servers.site({path: lambda _: web.Response(body=raw, content_type="application/octet-stream")})
    return await crawl(kind(start_urls=[site.url(path)], **attributes))


async def items_of(servers: Servers, kind: type[Spider], body: str | bytes, **attributes: Any) -> list[Any]:
    """The items of a page that has nothing wrong with it."""
    ended = await crawled(servers, kind, body, **attributes)
    assert ended.of(Broke) == []
    return ended.items


# XML.


async def test_a_node_for_each_element(servers: Servers) -> None:
    """parse_node is called for each itertag, with what is in it."""
    body = "<shop><item id='1'><title>Tea &amp; cake</title></item><item id='2'/></shop>"
    assert await items_of(servers, Xml, body) == [{"title": "Tea & cake", "id": "1"}, {"title": None, "id": "2"}]
    assert await items_of(servers, Xml, gzip.compress(body.encode()), itertag="shop") == [{"title": None, "id": None}]


async def test_namespaces_are_named_by_prefixes(servers: Servers) -> None:
    """itertag and queries call a namespace by the prefix that the spider gives it, whatever the document calls it."""

    class Prefixed(Xml):
        itertag = "m:item"
        namespaces = [("m", "urn:mine")]

        def parse_node(self, response: Response, node: Selector) -> Any:
            yield {"title": node.xpath("m:title/text()").get(), "css": node.css("m|title::text").get()}
            node.remove_namespaces()
            yield {"title": node.css("title::text").get(), "lang": node.attrib}

    body = "<a xmlns='urn:mine' xmlns:o='urn:other'><o:item/><item o:lang='en'><title>T</title></item></a>"
    assert await items_of(servers, Prefixed, body) == [
        {"title": "T", "css": "T"},
        {"title": "T", "lang": {"lang": "en"}},
    ]


async def test_a_node_is_asked_as_a_page_is(servers: Servers) -> None:
    """Nodes have css(), xpath(), re(), text and attrib, with parsel's meanings."""

    class Asking(Xml):
        def parse_node(self, response: Response, node: Selector) -> Any:
            assert node.css("b::text").getall() == ["one", "two"]
            assert node.css("p ::text").getall() == ["A ", "one", " B"]
            assert node.css("b::attr(c)").get() == "1"
            assert node.css("none::text").get("?") == "?"
            assert node.xpath("b[@c=$c]", c="1").get() == '<b c="1">two</b>'
            assert node.xpath("count(//b)").get() == "2.0"
            assert node.xpath("//b").css("b").re(r"(\w+)<") == ["one", "two"]
            assert node.css("p")[0].text == "A one B"
            assert node.css("p").xpath("b/@none").getall() == []
            return {"text": node.text}

    body = "<a><item><p>A <b>one</b> B</p> <b c='1'>two</b></item></a>"
    assert await items_of(servers, Asking, body) == [{"text": "A one B two"}]


async def test_html_is_asked_by_selectors(servers: Servers) -> None:
    """With the iterator html, nodes are what itertag finds in the page as a CSS selector."""

    class Html(Xml):
        def parse_node(self, response: Response, node: Any) -> Any:
            return {"text": node.css("::text").get()}

    body = "<ul><li>one<li>two</ul>"
    assert await items_of(servers, Html, body, iterator="html", itertag="li") == [{"text": "one"}, {"text": "two"}]


@pytest.mark.parametrize(
    ("body", "why", "count"),
    [
        (b"", "it is empty", 0),
        (b"<!DOCTYPE html><title>Moved</title>", "it is an HTML page", 0),
        (b"<a><item/><item><title>half", "it is cut short", 1),
        (b"<a><item/></b>", "its XML is broken", 1),
        (bytes(range(256)), "it is not XML", 0),
        (BOMB, "refused", 0),
        (DEEP, "nested more than 200 deep", 0),
        (WIDE, "its <item> has more than 1,000 attributes", 1),
        (b"<a><item>" + b"x" * 17_000_000, "more than 16,777,216 characters", 0),
    ],
    ids=lambda each: each.decode("latin-1")[:12] if isinstance(each, bytes) else None,
)
async def test_broken_xml_is_an_error_of_its_page(servers: Servers, body: bytes, why: str, count: int) -> None:
    """Nodes before the damage are given; then the page's error names it and says why."""
    ended = await crawled(servers, Xml, body)
    assert len(ended.items) == count
    (broke,) = ended.of(Broke)
    assert isinstance(broke.error, FeedError)
    assert why in str(broke.error)
    assert "/data was not read to its end" in str(broke.error)
    assert ended.result.exit_status == 1


@pytest.mark.usefixtures("no_garbage")
async def test_nodes_are_found_in_linear_time(servers: Servers) -> None:
    """Half a megabyte of tags that begin like itertag, and never end, take no time (CVE-2024-1892)."""
    began = time.process_time()
    await crawled(servers, Xml, b"<a>" + b"<item " * 60_000)
    await crawled(servers, Xml, b"<a>" + b"</item><ite" * 60_000)
    await crawled(servers, Xml, b"<a>" + b"<!-- <item>" * 60_000)
    assert time.process_time() - began < 3


async def test_nodes_need_lxml(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without lxml a crawl ends before anything is sent, and one line names the extra."""
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(SettingsError, match=re.escape("pip install 'scraper[xpath]'")):
        await crawled(servers, Xml, "<a/>")


# RSS and Atom.

RSS = """\
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"><channel>
<title>Channel</title><link>http://a.example/</link><atom:link rel="self" href="/feed"/>
<item><media:title>Not this</media:title><title>One &amp; only</title><link>/1</link>
<guid isPermaLink="false">id1</guid>
<pubDate>Mon, 04 May 2026 10:20:30 GMT</pubDate><atom:updated>2026-05-05</atom:updated><dc:creator>Ann</dc:creator>
<description>&lt;p&gt;Short&lt;/p&gt;</description><content:encoded><![CDATA[<p>Long</p>]]></content:encoded>
<enclosure url="/1.mp3" type="audio/mpeg" length="7"/></item>
<item><guid>http://a.example/2</guid></item></channel></rss>"""

ATOM = """\
<feed xmlns="http://www.w3.org/2005/Atom"><title>Feed</title><id>f</id><entry><title>One</title><id>urn:1</id>
<link rel="edit" href="/edit"/><link href="/1"/><link rel="enclosure" href="/1.mp3" type="audio/mpeg" length="7"/>
<published>2026-05-04T10:20:30Z</published><updated>2026-05-05T00:00:00Z</updated>
<author><name>Ann</name><email>ann@a.example</email></author><author><name>Bob</name></author>
<summary>Short</summary><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Long<br/></p></div></content>
</entry></feed>"""


async def test_rss_and_atom_have_the_same_fields(servers: Servers) -> None:
    """Each entry is an item with the names that both formats share; links are whole, dates have zones."""
    rss = await items_of(servers, Feed, RSS)
    base = rss[0]["link"].removesuffix("/1")
    expected = {
        "id": "id1",
        "title": "One & only",
        "link": f"{base}/1",
        "published": datetime(2026, 5, 4, 10, 20, 30, tzinfo=UTC),
        "updated": datetime(2026, 5, 5, tzinfo=UTC),
        "summary": "<p>Short</p>",
        "content": "<p>Long</p>",
        "author": "Ann",
        "enclosures": [{"url": f"{base}/1.mp3", "type": "audio/mpeg", "length": "7"}],
    }
    assert rss[0] == expected
    assert (rss[1]["id"], rss[1]["link"], rss[1]["published"]) == ("http://a.example/2", "http://a.example/2", None)
    (atom,) = await items_of(servers, Feed, ATOM)
    base = atom["link"].removesuffix("/1")
    differs = {"id": "urn:1", "title": "One", "summary": "Short", "content": "<p>Long<br></p>", "author": "Ann, Bob"}
    enclosure = {**expected["enclosures"][0], "url": f"{base}/1.mp3"}
    assert atom == expected | differs | {"link": f"{base}/1", "enclosures": [enclosure]}


HTML = (
    "&lt;p id='x'>&lt;a href='a b?c&amp;amp;d' title='href=no'&gt;A&lt;/a&gt; &lt;img src=b.png\n srcset='c.png, "
    "/d.png 2x'&gt; &lt;a href='#note'&gt;&lt;a href='mailto:e@f'&gt; &amp;lt;a href='g'&amp;gt; href='h'"
)
BASES = f"""\
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://blog.example/notes/"><title xml:base="/other/">Notes</title>
<entry><id>1</id><link href="first"/><link rel="enclosure" href="1.mp3"/><link rel="enclosure" xml:base="/files/"
 href="2.mp3"/><content type="html">{HTML}</content></entry>
<entry xml:base="2026/"><id>2</id><link href="/second"/><summary xml:base="may/" type="html">&lt;a href="a"></summary>
<content type="xhtml" xml:base="june/"><div xmlns="http://www.w3.org/1999/xhtml"><a href="b">B</a>
<p xml:base="../july/"><img src="c" alt="d"/></p></div></content></entry>
<entry xml:base="http://elsewhere.example/x"><id>3</id><link href="third"/></entry></feed>"""


def test_references_start_from_the_base_of_their_element() -> None:
    """xml:base of the feed, an entry and its parts counts for links, enclosures and HTML, each from the outer one."""
    first, second, third = entries(BASES.encode(), "http://feeds.example/feed.xml")
    assert first["link"] == "http://blog.example/notes/first"
    assert [each["url"] for each in first["enclosures"]] == [
        "http://blog.example/notes/1.mp3",
        "http://blog.example/files/2.mp3",
    ]
    assert first["content"] == (
        """<p id='x'><a href="http://blog.example/notes/a%20b?c&amp;d" title='href=no'>A</a> """
        """<img src="http://blog.example/notes/b.png"\n srcset="http://blog.example/notes/c.png, """
        """http://blog.example/d.png 2x"> <a href='#note'><a href='mailto:e@f'> &lt;a href='g'&gt; href='h'"""
    )
    assert second["link"] == "http://blog.example/second"
    assert second["summary"] == '<a href="http://blog.example/notes/2026/may/a">'
    assert second["content"] == (
        '<a href="http://blog.example/notes/2026/june/b">B</a>\n'
        '<p><img src="http://blog.example/notes/2026/july/c" alt="d"></p>'
    )
    assert third["link"] == "http://elsewhere.example/third"


def test_references_start_from_the_feed() -> None:
    """Without xml:base, they start from the feed's address; without an address, they stay as they are."""
    rss = b"<rss><item><link>a</link><description>&lt;img src='b'></description><enclosure url='c'/></item></rss>"
    (entry,) = entries(rss, "http://a.example/x/feed")
    assert (entry["link"], entry["id"]) == ("http://a.example/x/a", "http://a.example/x/a")
    assert entry["summary"] == '<img src="http://a.example/x/b">'
    assert entry["enclosures"][0]["url"] == "http://a.example/x/c"
    (entry,) = entries(rss)
    assert (entry["link"], entry["summary"], entry["enclosures"][0]["url"]) == ("a", "<img src='b'>", "c")
    (entry,) = entries(rss.replace(b"<rss>", b"<rss xml:base='http://b.example/'>"))
    assert (entry["link"], entry["summary"]) == ("http://b.example/a", '<img src="http://b.example/b">')


async def test_broken_feeds_lose_nothing(servers: Servers) -> None:
    """A bare ampersand, an entity of HTML or a wrong tag costs neither its entry nor the others, of feeds and nodes."""
    body = "<rss><item><title>R&D &nbsp; <b>x</title></item><item><title>2</i></title></item><item id='3'/></rss>"
    assert [each["title"] for each in await items_of(servers, Feed, body)] == ["R&D \u00a0 x", "2", ""]
    nodes = await items_of(servers, Xml, body)
    assert [each["title"] for each in nodes] == ["R&D \u00a0 ", "2", None]


async def test_a_node_has_the_base_of_its_place(servers: Servers) -> None:
    """A node carries the xml:base of what is around it in the document, resolved."""

    class Based(Xml):
        def parse_node(self, response: Response, node: Selector) -> Any:
            return {"base": node.xpath("@xml:base").get(), "lxml": node.root.base}

    body = "<a xml:base='x/'><b xml:base='y/'><item xml:base='z'/><item/></b><item/></a>"
    ended = await crawled(servers, Based, body)
    assert [each["base"].partition("/x/")[2] for each in ended.items] == ["y/z", "y/", ""]
    assert [each["lxml"] for each in ended.items] == [each["base"] for each in ended.items]


async def test_entries_lead_on(servers: Servers) -> None:
    """parse_entry may give requests, whose callbacks are the spider's."""
    site = servers.site({"/feed": RSS.replace("http://a.example/2", "/2"), "/1": "<h1>One</h1>"})

    class Following(Feed):
        def parse_entry(self, response: Response, entry: dict[str, Any]) -> Any:
            if entry["link"]:
                yield Request(entry["link"], self.parse_page, cb_kwargs={"title": entry["title"]})

        def parse_page(self, response: Response, title: str) -> Any:
            return {"title": title, "h1": response.css("h1::text").get()}

    ended = await crawl(Following(start_urls=[site.url("/feed")]))
    assert ended.items == [{"title": "One & only", "h1": "One"}]


@pytest.mark.parametrize(
    ("body", "why", "count"),
    [
        (b"", "it is empty", 0),
        (b"<html><body>", "it is neither RSS nor Atom, but <html>", 0),
        (b"{}", "it is not XML", 0),
        (RSS.encode()[:-40], "it is cut short", 1),
        (BOMB, "refused", 0),
    ],
    ids=range(5),
)
async def test_a_broken_feed_is_an_error_of_its_page(servers: Servers, body: bytes, why: str, count: int) -> None:
    """Entries before the damage are items; then the page's error names it and says why."""
    ended = await crawled(servers, Feed, body)
    assert len(ended.items) == count
    (broke,) = ended.of(Broke)
    assert why in str(broke.error)
    assert "/data was not read to its end" in str(broke.error)


def test_a_feed_has_no_password_in_its_errors() -> None:
    """The error of a feed names its URL without what is secret in it."""
    with pytest.raises(FeedError, match=re.escape("the feed http://a.example/feed was")) as raised:
        list(entries(b"", "http://user:secret@a.example/feed"))
    assert isinstance(raised.value, ScraperError)


# CSV.


async def test_a_dict_for_each_row(servers: Servers) -> None:
    """parse_row is called for each row, by the names of the first one or those the spider gives."""
    body = '\ufeffname,price\r\n"Tea, green",1\r\n\r\n"two\nlines",2\r\n'
    rows = [{"name": "Tea, green", "price": "1"}, {"name": "two\nlines", "price": "2"}]
    assert await items_of(servers, Csv, body) == rows
    assert await items_of(servers, Csv, "a;'b;c'\n", delimiter=";", quotechar="'", headers=["x", "y"]) == [
        {"x": "a", "y": "b;c"}
    ]


async def test_ragged_rows_are_told_by_line(servers: Servers) -> None:
    """Rows with more or fewer fields are left out; the page's error names their lines, the first few of them."""
    ended = await crawled(servers, Csv, "a,b\n1,2\n3\n'4,5,6\n7,8\n" + "9\n" * 10)
    assert ended.items == [{"a": "1", "b": "2"}, {"a": "7", "b": "8"}]
    (broke,) = ended.of(Broke)
    assert "line 3: 1 fields, not 2; line 4: 3 fields, not 2; line 6: 1 fields" in str(broke.error)
    assert str(broke.error).endswith("; and 7 more")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it is empty"),
        (b"<!doctype html><p>404</p>", "it is an HTML page"),
        (b'a,b\n"' + b"x" * 1_000_000, "line 2: field larger than field limit"),
    ],
    ids=["empty", "html", "quote"],
)
async def test_what_is_no_table_is_an_error_of_its_page(servers: Servers, body: bytes, why: str) -> None:
    """Nothing is given, and the page's error says why."""
    ended = await crawled(servers, Csv, body)
    assert ended.items == []
    (broke,) = ended.of(Broke)
    assert why in str(broke.error)


# JSON.


async def test_an_item_for_each_element(servers: Servers) -> None:
    """parse_item is called for each element of the array, or of the one at itempath; another document is one item."""
    assert await items_of(servers, Json, "[1, null]") == [{"value": 1}, {"value": None}]
    assert await items_of(servers, Json, '{"a": 1}') == [{"value": {"a": 1}}]
    assert await items_of(servers, Json, '{"a": {"b": [{"c": 1}, {"c": 2}]}}', itempath="a.b[].c") == [
        {"value": 1},
        {"value": 2},
    ]


@pytest.mark.parametrize("path", ["/data", "/data.jsonl"])
async def test_json_lines(servers: Servers, path: str) -> None:
    """Each line is an item, whether the name says that these are JSON Lines or only the lines themselves."""
    assert await items_of(servers, Json, '{"a": 1}\r\n\n{"a": 2}\n', path=path) == [
        {"value": {"a": 1}},
        {"value": {"a": 2}},
    ]


async def test_bad_lines_of_json_are_told(servers: Servers) -> None:
    """Lines that are no JSON are left out, and the page's error names them."""
    ended = await crawled(servers, Json, '{"a": 1}\n{"a": \n{"a": 3}\n')
    assert ended.items == [{"value": {"a": 1}}, {"value": {"a": 3}}]
    (broke,) = ended.of(Broke)
    assert "/data was not read to its end: line 2: it is not JSON" in str(broke.error)


@pytest.mark.parametrize(
    ("body", "itempath", "why"),
    [
        (b"", "", "it is empty"),
        (b"<html><p>404", "", "it is an HTML page"),
        (b"no such page", "", "it is not JSON"),
        (b"[" * 1_000_000, "", "it is not JSON"),
        (b'{"a": [1', "", "it is not JSON"),
        (b'{"a": 1}', "b.c", "nothing is at the itempath 'b.c'"),
    ],
    ids=range(6),
)
async def test_what_is_no_json_is_an_error_of_its_page(servers: Servers, body: bytes, itempath: str, why: str) -> None:
    """Nothing is given, and the page's error says why."""
    ended = await crawled(servers, Json, body, itempath=itempath)
    assert ended.items == []
    (broke,) = ended.of(Broke)
    assert why in str(broke.error)


# All of them.


async def test_compressed_files_are_read(servers: Servers) -> None:
    """A table or JSON that is stored as gzip, which no header tells, is read as if it were not."""
    assert await items_of(servers, Csv, gzip.compress("a\né\n".encode())) == [{"a": "é"}]
    assert await items_of(servers, Json, gzip.compress(b"[1]")) == [{"value": 1}]
    ended = await crawled(servers, Json, gzip.compress(b" " * 60_000_000, 1))
    (broke,) = ended.of(Broke)
    assert "larger than 52,428,800 bytes" in str(broke.error)


async def test_hooks_before_and_after(servers: Servers) -> None:
    """adapt_response sees the page before it is read, process_results what each record gave."""

    class Hooked(Csv):
        def adapt_response(self, response: Response) -> Response:
            return response.replace(body=response.body.replace(b"|", b","))

        def process_results(self, response: Response, results: Iterable[Any]) -> Iterable[Any]:
            return [{**each, "url": response.url[-5:]} for each in results]

    assert await items_of(servers, Hooked, "a|b\n1|2\n") == [{"a": "1", "b": "2", "url": "/data"}]


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (XMLFeedSpider, "parse_node(self, response, node)"),
        (CSVFeedSpider, "parse_row(self, response, row)"),
        (JSONFeedSpider, "parse_item(self, response, item)"),
    ],
)
async def test_the_method_that_is_missing_is_named(servers: Servers, kind: type[Spider], method: str) -> None:
    """A spider without the method that its kind calls is refused, before anything is sent, with a line that names it.

    One with requests of its own may not need it.
    """
    site = servers.site({}, otherwise="<item/>")
    with pytest.raises(SpiderError, match=rf"^spider 'bare' has no {re.escape(method)} method$"):
        await crawl(kind(name="bare", start_urls=[site.url("/data")]))
    assert not site.asked

    class Own(kind):  # type: ignore[misc, valid-type]
        async def start(self) -> AsyncIterator[Request]:
            yield Request(site.url("/"), self.parse_page)

        def parse_page(self, response: Response) -> Any:
            return {"url": response.url}

    assert (await crawl(Own(name="own"))).items == [{"url": site.url("/")}]


async def test_what_was_given_before_an_error_is_kept(servers: Servers) -> None:
    """A method that raises ends its page; what it gave before, for this record and for others, is kept."""

    class Failing(Csv):
        def parse_row(self, response: Response, row: dict[str, str]) -> Any:
            yield row
            yield {"b": int(row["a"])}

    ended = await crawled(servers, Failing, "a\n1\nx\n3\n")
    assert ended.items == [{"a": "1"}, {"b": 1}, {"a": "x"}]
    (broke,) = ended.of(Broke)
    assert isinstance(broke.error, ValueError)


async def test_methods_for_records_are_plain(servers: Servers) -> None:
    """A method that is `async def` is an error, and says so."""

    class Waiting(Csv):
        async def parse_row(self, response: Response, row: dict[str, str]) -> Any:  # type: ignore[override]
            return row

    ended = await crawled(servers, Waiting, "a\n1\n")
    (broke,) = ended.of(Broke)
    assert "are plain, not async" in str(broke.error)


@pytest.mark.parametrize(
    ("kind", "attributes", "text"),
    [
        (Xml, {"iterator": "lines"}, "iterator is iternodes, xml or html, not 'lines'"),
        (Xml, {"itertag": "m:item"}, "namespaces has no prefix 'm'"),
        (Csv, {"delimiter": "||"}, "delimiter"),
        (Json, {"itempath": "a..b"}, "is not understood"),
        (Feed, {"start_urls": []}, "has no start URL"),
    ],
)
async def test_what_is_wrong_with_a_spider_is_told_before_it_begins(
    kind: type[Spider], attributes: dict[str, Any], text: str
) -> None:
    """An attribute that means nothing ends the crawl before anything is sent."""
    with pytest.raises((ScraperError, ValueError), match=re.escape(text)):
        await crawl(kind(**{"start_urls": ["http://127.0.0.1:1/"], **attributes}))
