"""Redirects that stand in a page."""

import json
import time
from pathlib import Path

import pytest

from scraper import urls
from scraper.http.response import Response
from scraper.network.policies.meta_refresh import parse, refresh

CASES = json.loads((Path(__file__).parent / "cases/refresh.json").read_text())
HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(("body", "url", "expected"), CASES["rows"])
def test_where_a_page_leads(body: str, url: str, expected: list[object]) -> None:
    """The first refresh of a page counts, unless it stands in a script, a noscript or a comment."""
    seconds, target = expected
    found = refresh(Response(url, headers={"Content-Type": HTML}, body=body.encode()))
    assert found == ((seconds, urls.canonical(str(target))) if target is not None else None)


HERE = "http://a.example/dir/"
TAG = '<meta http-equiv="refresh" content="0; url=/there">'


def target(body: str) -> str | None:
    """Where a page leads by itself."""
    found = refresh(Response(HERE, headers={"Content-Type": HTML}, body=body))
    return found[1] if found is not None else None


@pytest.mark.parametrize(
    "before",
    [
        "<script>" + "x" * 3_000 + "</script>",
        "<script>" + "x" * 300_000 + "</script>",
        "<style>" + "a{}" * 3_000 + "</style>\n<link rel=stylesheet href=a.css>",
        "<script>'</head><body>' + \"<meta http-equiv=refresh>\"</SCRIPT >" + "<!--" + "-" * 3_000 + "-->",
        "<meta name=description content='" + "a > b = " * 400 + "'>",
        "<title>" + "Wait </head> " * 300 + "</title><noscript><p>" + "x" * 500 + "</noscript>",
        "<meta name=x content=it's><base target=_top><template><p></template>" + " " * 3_000,
    ],
    ids=["script", "long script", "style", "strings", "description", "title", "others"],
)
@pytest.mark.parametrize(
    "start", ["<!DOCTYPE html>\n<html lang=en><head>", "\ufeff<HTML>\n<HEAD>", "", "<?xml version='1'?>"]
)
def test_it_counts_anywhere_in_the_head(start: str, before: str) -> None:
    """A refresh counts however much stands before it in the head."""
    assert target(f"{start}{before}{TAG}</head><body><p>Wait</body></html>") == "http://a.example/there"
    assert target(f"{start}{before}{TAG.upper()}") == "http://a.example/THERE"
    assert target(f"{start}{before}</head>{TAG}") == "http://a.example/there"


@pytest.mark.parametrize(
    "page",
    [
        "<head><script>{fill}{tag}</script></head>",
        "<head><script>{fill}</script><noscript>{tag}</noscript></head>",
        "<head><!-- {fill}{tag} --></head>",
        "<head><title>{fill}{tag}</title></head>",
        "<head><template>{fill}{tag}</template></head>",
        "<head><script>{fill}</script></head><body>{tag}",
        "<head><script>{fill}</script><p>{tag}",
        "<head><script>{fill}</script>text{tag}",
        "<head><script>{fill}{tag}",
        "<head><meta content='{fill}{tag}",
    ],
)
def test_where_it_does_not_count(page: str) -> None:
    """A refresh in a script, a noscript, a comment, a title or, far down, in the body does not count."""
    assert target(page.format(fill="x" * 3_000, tag=TAG)) is None


def test_the_first_base_with_an_address_counts() -> None:
    """References start from the first `<base>` with an href, empty or not, wherever that stands in the head."""
    tag = "<script>" + "x" * 3_000 + "</script>" + TAG.replace("/there", "there")
    assert target(f"<base target=_top><base href=/one/><base href=/two/>{tag}") == "http://a.example/one/there"
    assert target(f"{tag}<base href=/one/>") == "http://a.example/one/there"
    assert target(f"<base href><base href=/two/>{tag}") == "http://a.example/dir/there"
    assert target(f"<noscript><base href=/one/></noscript><base href=/two/>{tag}") == "http://a.example/two/there"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0\u00a0;url=/next", None),
        ("\u00a00;url=/next", None),
        ("0\u2003url=/next", None),
        ("0\u000burl=/next", None),
        ("0 \t;\n url\f=\r /next ", (0.0, "/next")),
        ("0 url=/next", (0.0, "/next")),
        ("0;\u00a0url=/next", (0.0, "\u00a0url=/next")),
        ("0;url=/next\u00a0", (0.0, "/next\u00a0")),
        ("0;url= ", None),
    ],
)
def test_only_ascii_blanks_are_blanks(content: str, expected: tuple[float, str] | None) -> None:
    """Blanks in the content are those of ASCII (HTML, 4.2.5.3): a no-break space is not one of them."""
    assert parse(content) == expected


@pytest.mark.parametrize(
    "unit", ["<meta a>", "<meta http-equiv=refresh>", "<meta a=", "<!--", "<script>", "=", "<meta 'a'>", " ", "</head>"]
)
def test_no_head_takes_long(unit: str) -> None:
    """However a page is made, its head is read at once."""
    page = Response(HERE, headers={"Content-Type": HTML}, body=unit * 500_000 + "efresh")
    start = time.process_time()
    refresh(page)
    assert time.process_time() - start < 1


def test_base_and_encoding() -> None:
    """References are resolved against `<base>`, and their query is in the page's encoding."""
    body = '<base href="/dir/"><meta http-equiv=refresh content="0;url=p?\u00e4">'.encode("latin-1")
    found = refresh(Response("http://a.example/", headers={"Content-Type": "text/html; charset=latin-1"}, body=body))
    assert found == (0.0, "http://a.example/dir/p?%E4")


@pytest.mark.parametrize(
    ("before", "start"),
    [
        ("<base href=/x/>", "/x/"),
        ("<base href><base href=/x/>", "/b/"),
        ("<base target=_top><base href=/x/>", "/x/"),
        ("<noscript><base href=/x/></noscript>", "/b/"),
        ("<p><noscript><base href=/x/></noscript><base href=/y/>", "/y/"),
        ("<p><svg><base href=/x/></svg>", "/b/"),
    ],
)
def test_which_base_counts(before: str, start: str) -> None:
    """The `<base>` that the page's links start from counts, in the head and in what begins the body."""
    body = f'{before}<meta http-equiv=refresh content="0;url=there">'.encode()
    response = Response("http://a.example/b/", headers={"Content-Type": HTML}, body=body)
    assert refresh(response) == (0.0, f"http://a.example{start}there")
    assert response.urljoin("there") == f"http://a.example{start}there"


@pytest.mark.parametrize("content_type", ["text/plain", "application/json"])
def test_what_is_no_page(content_type: str) -> None:
    """Only HTML can lead anywhere."""
    body = b'<meta http-equiv="refresh" content="0; url=/other">'
    assert refresh(Response("http://a.example/", headers={"Content-Type": content_type}, body=body)) is None
    assert refresh(Response("http://a.example/", body=body)) is not None


@pytest.mark.parametrize("unit", [" ", "0", ".", ";", "url=", "'", "0;", ", "])
def test_no_content_takes_long(unit: str) -> None:
    """However long the content is, it is read at once."""
    start = time.process_time()
    parse(unit * 200_000)
    assert time.process_time() - start < 1
