"""References in HTML that leaves its page are made absolute."""

import time

import pytest

from scraper.markup.links.absolute import absolute_html


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href=b>", '<a href="http://a.example/x/b">'),
        ("<A HREF = ' /b '>", '<A HREF = "http://a.example/b">'),
        ('<img alt="src=no" src="b.png?c=1&amp;d"/>', '<img alt="src=no" src="http://a.example/x/b.png?c=1&amp;d"/>'),
        ("<img srcset='b 1x, /c,d 2x'>", '<img srcset="http://a.example/x/b 1x, http://a.example/c,d 2x">'),
        ("<img srcset='http://b.example/ 1x, c 2x'>", '<img srcset="http://b.example/ 1x, http://a.example/x/c 2x">'),
        ("<a href='http://b.example/'><img src\n=c>", "<a href='http://b.example/'><img src\n=\"http://a.example/x/c\">"),
        *((same, same) for same in ("<a href='https://b.example/'>", "<p>srcset=b", "<a href = '#b'>")),
        ("<video poster=b><object data='c'></object>", '<video poster="http://a.example/x/b"><object data="http://a.example/x/c"></object>'),
        ("<a href='//b.example'>", '<a href="http://b.example/">'),
        *((same, same) for same in ("<a href='HTTP://B'>", "<a href='#b'>", "<a href=''>", "<a href>", "<a href='")),
        *((same, same) for same in ("<a href='mailto:b'>", "<a b=href=b>", "<a data-href='b'>", "<p>href='b'", "")),
        ("<a href='http://[b'>", "<a href='http://[b'>"),
    ],
)  # fmt: skip
def test_references_are_resolved(html: str, expected: str) -> None:
    """What attributes of tags refer to becomes absolute; whatever else there is stays as it is written."""
    assert absolute_html(html, "http://a.example/x/y") == expected
    assert absolute_html(html, "") == html


@pytest.mark.parametrize(
    "html", ["<a " + "b" * 10**6, "<a href=" * 10**5, "<a href='" * 10**5 + ">", "<a " + "href " * 10**5 + ">"]
)
def test_long_html(html: str) -> None:
    """It takes a time that grows with the size alone."""
    begun = time.process_time()
    absolute_html(html, "http://a.example/")
    assert time.process_time() - begun < 3
