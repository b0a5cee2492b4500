"""Bodies as servers may send them: they are read as far as they can be, and bounded."""

import gzip
import random
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import brotli
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scraper.errors import FetchError, Reason
from scraper.http.form import FormError
from scraper.markup.document.encoding import decode
from scraper.markup.selectors.css_parser import SelectorError
from scraper.network.body.content_coding import CodecError, Limits, decoded
from scraper.network.body.streamed_coding import Unpacker
from scraper.parsing.feed import FeedError, entries
from scraper.parsing.sitemap import Sitemap
from tests.fuzz.drawn import bodies, headers, problem_of, response, texts

LIMIT = 1 << 20
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "deflate, gzip": lambda body: gzip.compress(zlib.compress(body)),
}
PAGES = bodies(
    "<p>", "</p>", "<div>", "<table>", "<tr>", "<td colspan=", "<td rowspan=9>", "2", ">", "<form>",
    "<form action='?'>",
    "<input name=a>", "<select name=b>", "<option>", "<textarea>", "</textarea>", "<script type='application/ld+json'>",
    '{"@type": "Product"}', "[", "</script>", "<!--", "-->", "<svg>", "<![CDATA[", "]]>", "&amp;", "&#0;", "&#x110000;",
    "<div itemscope itemtype=x itemref=y id=y>", "<span itemprop=p>", "\x00", "<template>", "text", " ",
    "<meta charset=utf-16>", "<meta property='og:title' content='t'>",
)  # fmt: skip
QUERIES = texts(
    "a", "*", "#b", ".c", "[d]", "[d=e]", "[d~='e' i]", ":not(", ":has(", ":is(", ")", "(", "::text", "::attr(x)",
    ":nth-child(",
    "2n+1", "of", ":contains(", ":has-text(", "'", '"', "/x/i", ">", "+", "~", ",", " ", "|", "\\", "\\0", "é", "::",
    ":",
)  # fmt: skip
XML = bodies(
    "<?xml version='1.0'?>", "<urlset>", "<url>", "<loc>", "http://a.example/", "</loc>", "</url>", "</urlset>",
    "<sitemapindex>",
    "<sitemap>", "<rss>", "<channel>", "<item>", "<title>", "</title>", "<link>", "</item>", "<feed>", "<entry>",
    "</entry>",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>", "&a;", "&amp;", "<![CDATA[", "]]>", "<lastmod>", "2026-01-01", "</lastmod>",
    "<priority>",
    "<!--", "-->", "<?x ?>", "\n", "\ufeff", "<x xmlns='y'>", "<pubDate>", "Mon, 01 Jan 2026 00:00:00 +9999",
)  # fmt: skip


@given(st.sampled_from(sorted(PACK)), st.binary(max_size=3000), st.integers(0, 2**32))
def test_whole_streams_in_any_pieces(coding: str, body: bytes, seed: int) -> None:
    """What was packed comes out again, whole or by pieces."""
    packed = PACK[coding](body * 3)
    assert decoded(packed, coding, Limits(LIMIT)) == body * 3
    lots, unpacker, found, place = random.Random(seed), Unpacker(coding, LIMIT), b"", 0
    while place < len(packed):
        step = lots.randint(1, 400)
        found += b"".join(unpacker.feed(packed[place : place + step]))
        place += step
    unpacker.end()
    assert found == body * 3


@given(st.sampled_from(sorted(PACK)), st.binary(min_size=1, max_size=500), st.data())
def test_broken_streams(coding: str, body: bytes, data: st.DataObject) -> None:
    """A stream that is cut is no whole one; what was changed raises the one error, or is the same both ways."""
    packed = PACK[coding](body)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(CodecError) as error:
        decoded(packed[:cut], coding, Limits(LIMIT))
    assert error.value.reason in {Reason.PARTIAL_BODY, Reason.BAD_ENCODING}
    place = data.draw(st.integers(0, len(packed) - 1))
    changed = packed[:place] + data.draw(st.binary(max_size=4)) + packed[place + 1 :]
    outcomes = []
    for unpack in (lambda: decoded(changed, coding, Limits(LIMIT)), lambda: _by_pieces(changed, coding)):
        try:
            outcomes.append(unpack())
            assert len(outcomes[-1]) <= LIMIT
        except CodecError:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]


def _by_pieces(packed: bytes, coding: str) -> bytes:
    unpacker, found = Unpacker(coding, LIMIT), b""
    for place in range(0, len(packed), 7):
        found += b"".join(unpacker.feed(packed[place : place + 7]))
        if len(found) > LIMIT:
            raise CodecError(Reason.TOO_LARGE, "")
    unpacker.end()
    return found


@given(st.binary(max_size=500), st.one_of(headers, texts("gzip", ",", "br", " ", "identity", "x-gzip", "zstd", ";q=1")))
@example(b"", "gzip")
def test_any_bytes_of_any_coding(body: bytes, coding: str) -> None:
    """They are decoded, or raise the one error."""
    with suppress(CodecError):
        assert len(decoded(body, coding, Limits(10_000))) <= 10_000


@given(
    st.one_of(
        st.binary(max_size=200), bodies("<meta charset=", "utf-7", "koi8-r", "'", ">", "é", "\ufeff", "<?xml encoding=")
    ),
    st.one_of(
        headers, texts("text/html", ";", "charset=", "utf-8", "idna", "base64", "hex", "rot13", "utf-16", '"', "\\")
    ),
    st.one_of(st.none(), texts("utf-8", "punycode", "zip", "undefined", "unicode_escape", "\0")),
)
def test_text_never_raises(body: bytes, content_type: str, hint: str | None) -> None:
    """Any bytes are a text, whatever is said of them, that can be written as UTF-8."""
    text, codec = decode(body, content_type, hint)
    assert text.encode(errors="strict") is not None
    assert isinstance(b"".decode(codec), str)


@given(PAGES)
def test_pages(body: bytes) -> None:
    """Whatever is read of a page is there or not, and raises what is documented."""
    page = response(body, ("Content-Type", "text/html"))
    for read in (
        lambda: page.css("*").getall(),
        lambda: page.css("*::text, *::attr(id)").getall(),
        lambda: [each.text for each in page.css("*")],
        lambda: [each.table() for each in page.css("table")],
        lambda: [each.number() for each in page.css("td, p")],
        page.json_ld,
        page.microdata,
        page.metadata,
        lambda: page.xpath("//*[position() < 5]").getall(),
        page.form,
        lambda: page.form().submit(),
        page.json,
        lambda: list(page.follow_all(css="a")),
    ):
        assert "\n" not in problem_of(read, FormError, ValueError)


@given(QUERIES)
def test_selectors(query: str) -> None:
    """A query is answered, or refused by the one error; never is it something else."""
    page = response(b"<a id=b class=c d=e>text<p>x</p></a>" * 3, ("Content-Type", "text/html"))
    assert "\n" not in problem_of(lambda: page.css(query).getall(), SelectorError)


@given(
    texts(
        "//",
        "a",
        "*",
        "[",
        "]",
        "(",
        ")",
        "1",
        "text()",
        "@x",
        "|",
        "::",
        "ancestor",
        "'",
        '"',
        "$v",
        "re:test(",
        ",",
        " ",
        "\0",
    )
)
def test_xpath(query: str) -> None:
    """An XPath expression is answered, or refused by the one error."""
    page = response(b"<a id=b class=c d=e>text<p>x</p></a>" * 3, ("Content-Type", "text/html"))
    assert "\n" not in problem_of(lambda: page.xpath(query).getall(), SelectorError)


@given(XML, headers)
@example(b"\x1f\x8b", "")
def test_sitemaps_and_feeds(body: bytes, content_type: str) -> None:
    """Documents are read to their end or to where they break, which is told."""
    sitemap = Sitemap(body, "https://a.example/sitemap.xml", content_type=content_type)
    assert all(entry.loc for entry in sitemap)
    assert "\n" not in sitemap.problem
    read = partial(list, entries(body, "https://a.example/feed", content_type))
    assert "\n" not in problem_of(read, FeedError)
    page = response(body, ("Content-Type", content_type))
    assert "\n" not in problem_of(lambda: page.xml().xpath("//*/text()").getall(), ValueError)


def test_a_page_too_complex_is_told_of() -> None:
    """The one error of pages that are not parsed."""
    with pytest.raises(FetchError, match=Reason.PARSE_TOO_COMPLEX):
        _ = response(b"<div>" * 200_000, ("Content-Type", "text/html")).selector
