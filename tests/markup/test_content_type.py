"""What Content-Type headers say."""

from time import process_time

import pytest
from multidict import CIMultiDict

from scraper.http.response import Response
from scraper.markup.document.content_type import content_type, is_html, mime_type

CYRILLIC = "тест"


@pytest.mark.parametrize(
    ("header", "essence", "charset"),
    [
        ("text/html", "text/html", None),
        (" Text/HTML ; Charset=GBK", "text/html", "GBK"),
        ("text/html, text/html", "text/html", None),
        ("text/html;charset=gbk, text/html", "text/html", "gbk"),
        ("text/html, text/html;charset=gbk", "text/html", "gbk"),
        ("text/html;charset=gbk,text/html;charset=big5", "text/html", "big5"),
        ("text/html;charset=gbk,text/html;charset=big5,text/html", "text/html", "gbk"),
        ("text/html;charset=gbk, text/plain", "text/plain", None),
        ("text/html;charset=gbk, text/plain, text/html", "text/html", None),
        ("text/plain;charset=gbk, text/html;charset=big5", "text/html", "big5"),
        ("text/html;charset=gbk, */*", "text/html", "gbk"),
        ("text/html;charset=gbk, html", "text/html", "gbk"),
        ("text/html;charset=gbk, ,", "text/html", "gbk"),
        ('text/html;x=",text/plain;";charset=gbk', "text/html", "gbk"),
        ('text/html;charset="g\\bk"', "text/html", "gbk"),
        ('text/html;charset="gbk, text/plain', "text/html", "gbk, text/plain"),
        ("text/html;charset=;charset=gbk", "text/html", "gbk"),
        ("html", "", None),
        ("html;charset=gbk", "", "gbk"),
        (";charset=gbk", "", "gbk"),
        ("*/*", "", None),
        ("text/", "", None),
        ("/html", "", None),
        ("text html", "", None),
        ("text/html charset=gbk", "", None),
        ("", "", None),
    ],
)
def test_the_last_valid_type_counts(header: str, essence: str, charset: str | None) -> None:
    """The last valid type counts, with the charset of an equal type before it (Fetch, 3.5)."""
    assert mime_type(header) == (essence, charset)


@pytest.mark.parametrize(
    "lines",
    [
        ["text/html; charset=windows-1251, text/html"],
        ["text/html; charset=windows-1251,text/html; charset=windows-1251"],
        ["text/html", "text/html; charset=windows-1251"],
        ["text/html; charset=windows-1251", "text/html"],
    ],
)
def test_a_type_that_is_sent_twice_keeps_its_charset(lines: list[str]) -> None:
    """A page whose type came twice, in one line or in two, is read in the charset that it names."""
    headers = CIMultiDict(("Content-Type", line) for line in lines)
    page = Response("http://a.example/", headers=headers, body=CYRILLIC.encode("cp1251"))
    assert (page.text, page.encoding) == (CYRILLIC, "cp1251")


def test_a_page_of_ascii_is_a_page_though_its_type_is_sent_twice() -> None:
    """A page that says nothing of its charset and is ASCII is windows-1252, whatever its type is written like."""
    for header in ("text/html", "text/html, text/html", "html", "*/*", ""):
        assert Response("http://a.example/", headers={"Content-Type": header}, body=b"a").encoding == "cp1252"
    assert Response("http://a.example/", headers={"Content-Type": "text/html, text/css"}, body=b"a").encoding == "utf-8"


def test_headers_of_all_kinds() -> None:
    """Headers with many lines of a name are joined by commas, others have one; without any there is no type."""
    assert content_type({"Content-Type": "a/b"}) == "a/b"
    assert content_type(CIMultiDict([("content-type", "a/b"), ("X", "y"), ("Content-type", "c/d")])) == "a/b, c/d"
    assert content_type({}) == content_type(CIMultiDict()) == ""


PAGE = b"<!doctype html><html><body><a href=/found>Found</a></body></html>"


@pytest.mark.parametrize(
    "header",
    ["html", "*/*", "application/octet-stream", "binary/octet-stream", "unknown/unknown", "text", "text/html;"],
)
@pytest.mark.parametrize(
    "page",
    [PAGE, b"\xef\xbb\xbf \n" + PAGE, b"<!-- x -->" + PAGE, b'<?xml version="1.0"?>\n<html>', b"<A href=x>y</A>"],
)
def test_the_body_decides_where_the_type_says_nothing(header: str, page: bytes) -> None:
    """With a type that is none, or means anything, a page is HTML if it begins like it (MIME Sniffing, 7.1)."""
    assert is_html(header, page)
    for other in (b"", b"plain <html>", b"\x89PNG\r\n\x1a\n<html>", b"%PDF-1.7", b"<rss>", b"<abc>", b"<?xml?><feed>"):
        assert is_html(header, other) is (header == "text/html;")


@pytest.mark.parametrize("header", ["text/plain", "application/json", "image/png", "text/html, application/pdf"])
def test_a_type_that_says_something_is_believed(header: str) -> None:
    """A page of another type is no HTML, whatever it begins with; one of HTML's types, or of none, is."""
    assert not is_html(header, PAGE)
    for said in ("text/html", "application/xhtml+xml; charset=utf-8", "TEXT/HTML,text/html", ""):
        assert is_html(said, b"anything")


@pytest.mark.parametrize("unit", [" ", ",", '"', '\\"', ";", "text/html,", "a/", ";charset=", '";'])
def test_no_header_takes_long(unit: str) -> None:
    """However long a header is, it is read at once."""
    started = process_time()
    mime_type("text/html" + unit * 30_000)
    mime_type(unit * 30_000 + "x")
    assert process_time() - started < 1
