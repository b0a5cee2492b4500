"""Pages that nobody would write: they take no long time, and are read or an error that names them."""

from collections.abc import Callable
from contextlib import suppress
from time import process_time
from typing import Any

import pytest

from scraper import Item, Response, css
from scraper.markup import Selector, SelectorError
from scraper.markup.document.sandbox import TooComplexError

URL = "http://user:secret@a.example/b"
DEEP = "<div>" + "<span>" * 30_000 + "x<b>y"
WIDE = "<div>" + "<span>x<b>y</b>z</span>" * 6_000


@pytest.mark.parametrize(
    "body", [b"", b"\0", bytes(range(256)) * 400, b"<" * 100_000, b"&#" * 50_000, b"\xff\xfe<\0p\0>"]
)
def test_bodies_that_are_no_pages(body: bytes) -> None:
    """An empty page has nothing, and a binary one what can be made of it."""
    response = Response(URL, body=body)
    assert response.css("x::text, x::attr(y)").getall() == []
    assert response.css("x").get() is None
    assert response.xpath("//x").getall() == []
    assert (response.json_ld(), response.microdata(), response.css("x").table()) == ([], [], [])
    assert response.metadata().canonical == ""
    assert isinstance(response.selector.text, str)
    assert response.css("x").number() is None


ASK: list[Callable[[Selector], Any]] = [
    lambda page: page.css("span::text").getall(),
    lambda page: page.css("span ::text").get(),
    lambda page: page.css("div ::text").getall(),
    lambda page: page.css("*::text").getall(),
    lambda page: page.css("span::text, b, b::attr(x)").getall(),
    lambda page: len(page.css(":lang(en)")),
    lambda page: len(page.css("span:not(b ~ b:contains('y'))")),
    lambda page: len(page.css("span:contains('x') b")),
    lambda page: len(page.css("span:has(> b:contains('y'))")),
    lambda page: len(page.css(":has-text('X')")),
    lambda page: page.text,
    lambda page: page.css("b")[-1].css("span ~ b::text, span b").getall(),
    lambda page: page.xpath("//b/text()").getall(),
    lambda page: page.number(),
    lambda page: page.json_ld(),
]


@pytest.mark.parametrize("html", [DEEP, WIDE], ids=["deep", "wide"])
@pytest.mark.usefixtures("no_garbage")
def test_large_trees(html: str) -> None:
    """A page 30,000 elements deep, or one with 12,000 in a row, is asked in time that grows with its size alone."""
    page = Selector(text=html)
    for ask in ASK:
        begun = process_time()
        with suppress(TooComplexError):  # by XPath, of the deep one
            ask(page)
        assert process_time() - begun < 1


@pytest.mark.parametrize(
    "html",
    [
        "<form>" + "<fieldset disabled>" * 3_000 + "<input name=x>" * 30_000,
        "<form><fieldset disabled>" + "<p><input name=x>" * 30_000,
        "<table>" * 300 + "<tr><form></form>" + "<td><input name=x value=y>" * 20_000,
    ],
    ids=["deep", "wide", "tables"],
)
def test_large_forms(html: str) -> None:
    """A form of thousands of controls, in thousands of others, is read in time that grows with its size alone."""
    page = Response(URL, body=html)
    page.vet()
    begun = process_time()
    page.form().submit()
    assert process_time() - begun < 5


class Nested(Item):
    """What stands first in each of many elements that stand in each other."""

    title: str = css("b")
    text: str = css("b::text")
    link: str = css("a::attr(href)")


def test_parts_in_parts() -> None:
    """Links and items of thousands of elements in each other are found in time that grows with the page alone."""
    page = Response(URL, body="".join(f"<div><a href={number}>x</a><b>{number}</b>" for number in range(8_000)))
    page.vet()
    begun = process_time()
    assert len(page.links(restrict_css="div")) == 8_000
    items = Nested.extract_all(page, css="div")
    assert [item.title for item in items] == [item.text for item in items] == [item.link for item in items]
    assert [int(item.link) for item in items] == list(range(8_000))
    assert process_time() - begun < 5


@pytest.mark.parametrize("srcset", ["a 1x," * 100_000, "a, " * 150_000, "," * 250_000, "a " + "(" * 250_000])
def test_large_srcsets(srcset: str) -> None:
    """Very many candidates of an image are read one after the other."""
    page = Response(URL, body=f"<img srcset='{srcset}'>")
    page.vet()
    begun = process_time()
    page.links(tags="img", attrs="srcset", unique=False)
    assert process_time() - begun < 2.5


def test_deep_tables() -> None:
    """A table may be in a table in a table, without end."""
    rows = Selector(text="<table><tr><td>" * 20_000 + "5").table()
    assert rows == [{"column 1": "5"}]


@pytest.mark.parametrize("text", ["", "nope", "{", "[" * 100_000, "{'a': 1}", "\0", "1" * 5000, "\ud800"])
def test_what_is_no_json(text: str) -> None:
    """A script that is no JSON is an error that names its element and its page, without the page's password."""
    response = Response(URL, body=f"<script>{text}</script>".encode("utf-8", "replace"))
    expected = r"^what is in <script> in http://a\.example/b is not JSON: "
    assert response.css("script").jmespath("a").getall() == []
    for read in (response.css("script").json, response.css("script")[0].json):
        with pytest.raises(ValueError, match=expected):
            read()
    with pytest.raises(ValueError, match=r"^what is in <script> is not JSON: "):
        Selector(text="<script>nope</script>").css("script::text").json()


def test_where_nothing_was_found_there_is_no_json() -> None:
    """What is not in the page is None, as it is to `get()`."""
    page = Selector(text="<p>")
    assert (page.css("script").json(), page.css("script").jmespath("a").get()) == (None, None)


@pytest.mark.parametrize("query", [5, None, b"a", ("a",)])
def test_queries_that_are_no_text(query: Any) -> None:
    """A query that is no text is a `SelectorError`."""
    with pytest.raises(SelectorError, match="a CSS selector is a text, not "):
        Selector(text="<p>").css(query)


def test_regular_expressions_that_are_none() -> None:
    """A regular expression that is not understood is a `SelectorError` that names it."""
    with pytest.raises(SelectorError, match=r"the regular expression '\(' is not understood: missing \)"):
        Selector(text="<p>x").css("p").re("(")


@pytest.mark.parametrize(
    "query",
    [
        "[" * 10**5,
        "'" * 10**5,
        "\\" * (10**5 + 1),
        "/*" * 10**5,
        ":not(" * 10**4,
        "::attr(" + " " * 10**5,
        "a " * 10**4 + ">",
    ],
)
def test_selectors_that_are_too_much(query: str) -> None:
    """A selector without end is an error, soon, and of one short line."""
    begun = process_time()
    with pytest.raises(SelectorError, match=r"^the CSS selector .{300}… ") as raised:
        Selector(text="<p>").css(query)
    assert len(str(raised.value)) < 1000
    assert process_time() - begun < 5
