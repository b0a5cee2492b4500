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


def test_base_and_encoding() -> None:
    """References are resolved against `<base>`, and their query is in the page's encoding."""
    body = '<base href="/dir/"><meta http-equiv=refresh content="0;url=p?\u00e4">'.encode("latin-1")
    found = refresh(Response("http://a.example/", headers={"Content-Type": "text/html; charset=latin-1"}, body=body))
    assert found == (0.0, "http://a.example/dir/p?%E4")


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
