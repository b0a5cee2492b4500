"""The reader of sitemaps: what it gives of good ones, of bad ones, and what it takes for that."""

import base64
import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.parsing.dates import moment
from scraper.parsing.sitemap import Entry, Sitemap, sitemaps_of_robots
from tests.examples import examples

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "cases" / "sitemaps.jsonl").read_text(encoding="utf-8").splitlines()
]
OTHER_HOST = {"sitemap-00070"}  # whether a sitemap may name another host's pages is for the crawl's limits to say
URL = "http://user:secret@a.example/sitemap.xml"

zipped = partial(gzip.compress, mtime=0)  # the same bytes whenever tests are collected

QUICK = 5.0  # seconds for what must not take minutes


def read(body: bytes | str) -> tuple[list[Entry], str]:
    """All entries of a sitemap, and its problem."""
    sitemap = Sitemap(body.encode() if isinstance(body, str) else body, URL)
    return list(sitemap), sitemap.problem


def locs(body: bytes | str) -> list[str]:
    """The URLs of a sitemap that has no problem."""
    entries, problem = read(body)
    assert problem == ""
    return [entry.loc for entry in entries]


def urlset(*urls: str) -> str:
    """A sitemap of `urls`."""
    return "<urlset>" + "".join(f"<url><loc>{url}</loc></url>" for url in urls) + "</urlset>"


# What other parsers agree on.


def _utc(when: datetime | None) -> str | None:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def _as_expected(entry: Entry, like: dict[str, Any]) -> dict[str, Any]:
    """`entry` in the words of a case's expectation."""
    if "loc" in like:
        known = {"loc": entry.loc, "changefreq": entry.changefreq, "alternate": list(entry.alternates)}
        found: dict[str, Any] = {name: known[name] for name in like if name in known}
        when = moment(like.get("lastmod", ""))
        return like | found | ({} if entry.lastmod == when else {"lastmod": entry.lastmod})
    found = {"url": entry.loc, "lastmod": _utc(entry.lastmod)}
    if "priority" in like:
        found["priority"] = 0.5 if entry.priority is None else entry.priority
        found["changefreq"] = entry.changefreq.upper() or None
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_cases_of_other_parsers(case: dict[str, Any]) -> None:
    """What Scrapy and crawler-commons read in a sitemap is read here."""
    body = case["body"]
    raw = base64.b64decode(body["$b64"]) if isinstance(body, dict) else body.encode()
    sitemap = Sitemap(raw, case.get("url", URL), content_type=case.get("content_type", ""))
    entries = list(sitemap)
    expected = case["expected"]
    if isinstance(expected, dict) and "raises" in expected:
        assert entries == []
        assert sitemap.problem
        return
    if isinstance(expected, dict):
        assert {entry.is_sitemap for entry in entries} == {expected["is_index"]}
        expected = expected.get("sitemaps") or expected["urls"]
    if case["id"] in OTHER_HOST:
        assert (len(entries), expected) == (3, [])
        return
    assert len(entries) == len(expected)
    assert [_as_expected(entry, like) for entry, like in zip(entries, expected, strict=True)] == expected


# Forms.


def test_an_entry_says_all_there_is() -> None:
    """An entry has its URL, date, frequency, priority and the same page in other languages."""
    entries, _ = read(
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml"><url>'
        "<loc>http://a.example/?a=1&amp;b=2</loc><lastmod>2026-01-31T12:00:00+02:00</lastmod>"
        "<changefreq>Daily</changefreq><priority>0.8</priority>"
        '<xhtml:link rel="alternate" hreflang="de" href="http://a.example/de"/></url></urlset>'
    )
    when = datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert entries == [Entry("http://a.example/?a=1&b=2", when, "daily", 0.8, ("http://a.example/de",))]


def test_images_and_videos_are_not_pages() -> None:
    """What other namespaces call loc is not the page's."""
    assert locs(
        '<urlset xmlns:image="urn:image"><url><image:loc>http://a.example/i.png</image:loc>'
        "<loc>http://a.example/</loc><image:image><image:loc>http://a.example/j.png</image:loc></image:image></url></urlset>"
    ) == ["http://a.example/"]


@pytest.mark.parametrize(
    "body",
    [
        "\n \t<?xml version='1.0'?>" + urlset("http://a.example/"),
        "\ufeff" + urlset("http://a.example/"),
        urlset("http://a.example/").encode("utf-16"),
        urlset("http://a.example/").encode("utf-16-le"),
        urlset("<![CDATA[http://a.example/]]>"),
        urlset("http://a.example/").replace("url>", "x:url>").replace("loc>", "x:loc>"),
        urlset("http://a.example/").replace("urlset", "URLSET"),
        urlset("http://a.example/") + "<script>junk</p>",
        zipped(zipped(urlset("http://a.example/").encode())),
        zipped(urlset("http://a.example/").encode()) + b"\0" * 512,
        zipped(b"<urlset><url><loc>http://a.") + zipped(b"example/</loc></url></urlset>"),
        "\x0c".join(["<urlset>", "<url><loc>http://a.example/</loc></url></urlset>"]),
        '<!DOCTYPE urlset SYSTEM "http://127.0.0.1:1/sitemap.dtd">' + urlset("http://a.example/"),
        "\ufeffhttp://a.example/\r\n\r\n# no URL\r\n",
        "# marks in the middle\n\ufeffhttp://a.example/\ufeff \n",
        "Warning: no such file\n<?xml version='1.0'?>" + urlset("http://a.example/"),
        "<br />\n<b>Warning</b>: no such file<br />\n<?xml version='1.0'?>" + urlset("http://a.example/"),
        "<rss><channel><link>http://a.example/feed</link><item><link>http://a.example/</link></item></channel></rss>",
        "<rss><channel><item><guid>http://a.example/</guid></item></channel></rss>",
        '<feed xmlns="http://www.w3.org/2005/Atom"><link href="http://a.example/feed"/><entry>'
        '<link rel="edit" href="http://a.example/edit"/><link href="http://a.example/"/></entry></feed>',
    ],
)
def test_what_is_wrong_but_plain_is_let_pass(body: bytes | str) -> None:
    """Marks, prefixes, junk after the end, double gzip, feeds: the one URL is found, and nothing is told."""
    assert locs(body) == ["http://a.example/"]


@pytest.mark.parametrize(
    "middle",
    [
        "<url><loc>http://a.example/?a=1&b=2</loc></url>",
        "<url><loc>http://a.example/?a=1&b=2</url>",
        "<url><loc>http://a.example/?a=1&amp;b=2</loc></url> & <!-- a -- b -->",
        "<url><LOC x=1>\ufeffhttp://a.example/?a=1&b=2</loc></url></sitemap>",
        "<url><loc><![CDATA[http://a.example/?a=1&b=2]]></loc><lastmod>2026 & more</url>",
        "<url><loc>http://a.example/?a=1&b=2</loc><x:y></url></urlset>",
    ],
)
def test_broken_xml_loses_nothing(middle: str) -> None:
    """A mistake in one entry costs nothing of it, of those before it and of those behind; `flaw` says what it is."""
    start = "<urlset><url><loc>http://a.example/1</loc></url>"
    sitemap = Sitemap(f"{start}{middle}<url><loc>http://a.example/3</loc></url></urlset>".encode(), URL)
    assert [entry.loc for entry in sitemap] == ["http://a.example/1", "http://a.example/?a=1&b=2", "http://a.example/3"]
    assert sitemap.problem == ""
    assert "line 1, column" in sitemap.flaw


@pytest.mark.parametrize(
    ("body", "is_sitemap", "has_problem"),
    [
        ("<urlset/>", True, False),
        ("<sitemapindex></sitemapindex>", True, False),
        ("<rss><channel/></rss>", True, False),
        ("<urlset><url><loc>http://a.exam", True, True),
        ("<urlset>&</urlset>", True, True),
        ("http://a.example/\n", True, False),
        ("", False, True),
        ("\n", False, True),
        ("not found", False, True),
        ("<!doctype html><p>x", False, True),
        ("<html><p>x</html>", False, True),
        ("<error>none</error>", False, True),
        (b"\x1f\x8bx", False, True),
    ],
)
def test_an_empty_sitemap_is_a_sitemap(body: str | bytes, is_sitemap: bool, has_problem: bool) -> None:
    """`is_sitemap` tells a sitemap, though it lists nothing or breaks off, from what is something else."""
    sitemap = Sitemap(body.encode() if isinstance(body, str) else body, URL)
    list(sitemap)
    assert (sitemap.is_sitemap, bool(sitemap.problem)) == (is_sitemap, has_problem)


def test_feeds_have_bases() -> None:
    """The link of a feed's entry starts from its xml:base."""
    feed = '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/b/"><entry><link href="c"/></entry></feed>'
    assert [entry.loc for entry in Sitemap(feed.encode(), URL)] == ["http://user:secret@a.example/b/c"]


def test_an_encoding_is_what_the_document_declares() -> None:
    """A URL in another encoding is read as its author wrote it; the entities of HTML are known."""
    declared = '<?xml version="1.0" encoding="gb2312"?>' + urlset("http://a.example/中")
    assert locs(declared.encode("gb2312")) == ["http://a.example/中"]
    assert locs(urlset("http://a.example/caf&eacute;")) == ["http://a.example/café"]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-05", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-04", datetime(2026, 5, 4, tzinfo=UTC)),
        ("2026-05-04T10:20Z", datetime(2026, 5, 4, 10, 20, tzinfo=UTC)),
        ("2026-05-04T10:20:30.5-01:00", datetime(2026, 5, 4, 11, 20, 30, 500_000, tzinfo=UTC)),
        ("2026-05-04 10:20:30", datetime(2026, 5, 4, 10, 20, 30, tzinfo=UTC)),
        ("Mon, 04 May 2026 10:20:30 GMT", datetime(2026, 5, 4, 10, 20, 30, tzinfo=UTC)),
        *((text, None) for text in ("", "yesterday", "2026-13-01", "0000-01-01", "9" * 10_000, "2026-05-04T25:00Z")),
        ("2026-05-04T10:20:30+99:00", None),
    ],
)
def test_dates(text: str, when: datetime | None) -> None:
    """lastmod is a W3C date, or one as mail has it; what is neither is none."""
    assert moment(text) == when


def test_robots_name_sitemaps() -> None:
    """A robots.txt names sitemaps in any place and case, each once."""
    body = b"\xef\xbb\xbfSitemap: http://a.example/1.xml\rUser-agent: *\nsitemap:/2.xml # two\nSITEMAP: http://a.example/1.xml\nSitemap:\n"
    assert sitemaps_of_robots(body) == ["http://a.example/1.xml", "/2.xml"]


# What is broken.


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "it is empty"),
        (" \n" * 100, "it is empty"),
        (zipped(b""), "it is empty"),
        ("<!DOCTYPE html><html><body>404</body></html>", "it is an HTML page"),
        ("<html><body><p>404</body></html>", "it is an HTML page"),
        ("<catalogue><book/></catalogue>", "it is not a sitemap, but <catalogue>"),
        ('{"error": "no such page"}', "it is neither XML nor a list of URLs"),
        (bytes(range(256)) * 100, "it is neither XML nor a list of URLs"),
        ("<urlset><url>", "it is cut short"),
        (b"\x1f\x8b\x08 no gzip at all", "its gzip is broken"),
    ],
)
def test_what_is_no_sitemap_is_told_in_one_line(body: bytes | str, why: str) -> None:
    """Nothing is given, and the problem names the URL, without its password, and says why."""
    entries, problem = read(body)
    assert entries == []
    assert problem.startswith("the sitemap http://a.example/sitemap.xml was not read to its end: ")
    assert why in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    "rest",
    [
        "<url><loc>http://a.example/cut",
        "<url><loc>http://a.example/cut</loc",
        "<url>http://a.example/cut",
        "<url><loc>http://a.example/?a=1&b=cut",
        "& <url><loc>http://a.example/cut</loc",
        "<url><loc>" + "<a>" * 100_000,
    ],
)
def test_what_stood_before_the_damage_holds(rest: str) -> None:
    """Whole entries are given; of a broken one, nothing that may be half a URL."""
    entries, problem = read("<urlset><url><loc>http://a.example/1</loc></url>" + rest)
    assert [entry.loc for entry in entries] == ["http://a.example/1"]
    assert problem


def test_a_gzip_that_is_cut_short_gives_what_there_is() -> None:
    """Half of a compressed sitemap has its first URLs."""
    whole = zipped(urlset(*(f"http://a.example/{number * 7919 % 10_007}" for number in range(5000))).encode())
    entries, problem = read(whole[: len(whole) // 2])
    assert len(entries) > 1000
    assert "it is cut short" in problem


# What is hostile.

BOMB = '<!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(9)
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB + "]>" + urlset("&j;"),
        '<!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + urlset("&x;"),
        '<!DOCTYPE urlset [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]>' + urlset("x"),
        f'<!DOCTYPE urlset [<!ENTITY a "{"a" * 100_000}">]>' + urlset("&a;" * 10_000),
    ],
    ids=["billion laughs", "file", "parameter", "quadratic"],
)
def test_declared_entities_are_refused(body: str) -> None:
    """A document that declares entities is not read: nothing is expanded, no file opened, nothing asked for."""
    began = time.thread_time()
    entries, problem = read(body)
    assert entries == []
    assert "refused" in problem
    assert time.thread_time() - began < 1


HOSTILE = {
    "deep": lambda: b"<urlset>" + b"<a>" * 100_000,
    "zeros": lambda: zipped(b"\0" * 100_000_000, 1),
    "one text": lambda: zipped(b"<urlset><url><loc>" + b"x" * 60_000_000, 1),
    "white space": lambda: zipped(b"<urlset>" + b" " * 60_000_000, 1),
    "members": lambda: zipped(b"x") * 20_000,
    "empty members": lambda: zipped(zipped(b"") * 2_000_000, 1),
    "zeros between": lambda: zipped(zipped(b"\0" * 10_000_000, 1) * 7, 1),
    "one tag": lambda: b"<urlset " + b"x" * 20_000_000,
    "a comment": lambda: b"<urlset><!--" + b"x" * 20_000_000,
    "names": lambda: b"<urlset>" + b"".join(b"<a%d/>" % number for number in range(200_000)),
    "prefixes": lambda: b"<urlset>" + b"".join(b'<a xmlns:p%d="u">' % number for number in range(200)) * 100,
    "alternates": lambda: b"<urlset><url>" + b'<link rel="alternate" href="http://a.example/"/>' * 200_000,
    "no line": lambda: b"http://a.example/" + b"x" * 20_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_sitemaps_cost_little(name: str) -> None:
    """What would expand, nest or go on for ever is given up: in seconds, with a few megabytes, and told."""
    body = HOSTILE[name]()
    began = time.thread_time()
    tracemalloc.start()
    try:
        entries, problem = read(body)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()
    assert time.thread_time() - began < QUICK * 3  # tracing is slow
    assert entries == []
    assert problem


def test_more_than_50_mb_are_not_read() -> None:
    """Reading ends at the size that the protocol allows; what stood before is given."""
    page = b"<url><loc>http://a.example/</loc></url>" + b" " * 1_000_000
    entries, problem = read(zipped(b"<urlset>" + page * 60 + b"</urlset>", 1))
    assert len(entries) == 53
    assert "larger than 52,428,800 bytes" in problem


def test_the_largest_sitemap_takes_little_memory() -> None:
    """50,000 URLs of 50 MB are read, and the last 5,000 of them take less than 100 kB: nothing adds up."""

    def pieces() -> Iterator[bytes]:
        yield b"<urlset>"
        for number in range(50_000):
            yield b"<url><loc>http://a.example/%d/%s</loc><lastmod>2026-01-01</lastmod></url>" % (number, b"x" * 950)
        yield b"</urlset>"

    sitemap = Sitemap(pieces(), URL)
    entries = iter(sitemap)
    assert sum(1 for _ in islice(entries, 45_000)) == 45_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in entries) == 5_000
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert sitemap.problem == ""


PIECES = (
    *("<urlset>", "<sitemapindex>", "<rss>", "<feed>", "<url>", "</url>", "<loc>", "</loc>", "<entry>", "<item>"),
    *("<link href='x'/>", "http://a.example/", "&amp;", "&x;", "&", "<![CDATA[", "]]>", "<!--", "-->", "\n", "é", "\0"),
    *("<!DOCTYPE x [", "<!ENTITY a 'b'>", "]>", "<a:b xmlns='c'", " xmlns:a='{}'", ">", "/>", "<?x"),
)


@settings(max_examples=examples(300), deadline=None)
@given(
    st.lists(st.sampled_from(PIECES)).map(lambda parts: "".join(parts).encode())
    | st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: urlset(text).encode(errors="replace"))
    | st.binary(max_size=100).map(gzip.compress)
    | st.tuples(st.just(zipped(urlset("http://a.example/").encode())), st.integers(0, 60)).map(
        lambda pair: pair[0][: pair[1]]
    ),
    st.integers(1, 50),
)
def test_any_bytes_are_read(body: bytes, size: int) -> None:
    """Whatever the bytes, entries or a problem come of it and no exception; how they are cut changes nothing."""
    sitemap = Sitemap([body[at : at + size] for at in range(0, len(body), size)], URL)
    entries = list(sitemap)
    assert all(entry.loc and (entry.lastmod is None or entry.lastmod.tzinfo) for entry in entries)
    assert "\n" not in sitemap.problem
    assert (entries, bool(sitemap.problem)) == (read(body)[0], bool(read(body)[1]))


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.text("abcäé/?=.-_~0123456789&<>'\"", min_size=1, max_size=30), min_size=1, max_size=20))
def test_what_is_written_is_read(paths: list[str]) -> None:
    """The URLs of a sitemap that is written as it should be come out as they went in."""
    from xml.sax.saxutils import escape

    urls = [f"http://a.example/{path}" for path in paths]
    assert locs(urlset(*map(escape, urls))) == urls
