"""Fields of items: where they come from, and how texts become values."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import AnyUrl, HttpUrl

from scraper import Item, ItemError, Response, css, jmespath, json_ld, xpath

URL = "https://shop.example/teas/"
PAGE = """<base href="/all/"><h1>Green tea</h1><p class=price>ab 1.234,56 €</p><p class=number>1 234</p>
<a href="1?x=y">one</a><a href="//cdn.example/2">two</a><time>12th March 2026</time>
<div class=offer><b>Shop A</b><i>5,50</i></div><div class=offer><b>Shop B</b><i>6,00</i></div>
<script type="application/ld+json">{"@type": "WebSite", "name": "shop"}</script>
<script type="application/ld+json">
{"@type": "Product", "name": "Tea", "offers": [{"price": "1,99"}, {"price": 2}], "gtin": 12}</script>"""
RESPONSE = Response(URL, body=PAGE)
JSON = Response(
    URL, body='{"teas": [{"name": "green", "price": "1.234,56 €"}, {"name": "black", "price": 2}], "none": null}'
)


def taken(annotation: Any, field: Any, page: Response = RESPONSE) -> Any:
    """The value of a field of this type."""
    kind = type("One", (Item,), {"__annotations__": {"field": annotation}, "field": field, "__module__": __name__})
    return kind.extract(page).field  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("annotation", "field", "expected"),
    [
        (Decimal, css(".price"), Decimal("1234.56")),
        (float, css(".price"), 1234.56),
        (int, css(".number"), 1234),
        (int | None, css(".number"), 1234),
        (list[Decimal], css("i"), [Decimal("5.50"), Decimal("6.00")]),
        (Decimal | str, css(".price"), "ab 1.234,56 €"),
        (str, xpath("//h1"), "Green tea"),
        (str, xpath("//h1/text()"), "Green tea"),
        (str, xpath("string(//h1)"), "Green tea"),
        (list[str], xpath("//a/@href"), ["1?x=y", "//cdn.example/2"]),
        (str, xpath("//a/@href", re=r"x=(\w)"), "y"),
        (str | None, xpath("//nothing"), None),
        (str, css("a", attr="href", join=True), "https://shop.example/all/1?x=y"),
        (list[str], xpath("//a/@href", join=True), ["https://shop.example/all/1?x=y", "https://cdn.example/2"]),
        (HttpUrl, css("a::attr(href)"), HttpUrl("https://shop.example/all/1?x=y")),
        (list[AnyUrl], css("a:nth-of-type(2)::attr(href)"), [AnyUrl("https://cdn.example/2")]),
        (date, css("time"), date(2026, 3, 12)),
        (datetime, css("time"), datetime(2026, 3, 12)),
        (str, css("h1", convert=str.upper), "GREEN TEA"),
        (list[int], css("i", convert=lambda text: int(text[0])), [5, 6]),
        (int, css("h1", convert=len, re=r"tea"), 3),
        (str, json_ld("name", "Product"), "Tea"),
        (str, json_ld("name"), "shop"),
        (Decimal, json_ld("offers[0].price"), Decimal("1.99")),
        (list[Decimal], json_ld("offers[].price"), [Decimal("1.99"), Decimal(2)]),
        (int, json_ld("gtin"), 12),
        (str | None, json_ld("color", "Product"), None),
        (str, css(".nothing", default="some"), "some"),
    ],
)
def test_fields(annotation: Any, field: Any, expected: Any) -> None:
    """A field is what its source finds, as a value of its type."""
    value = taken(annotation, field)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-12", datetime(2026, 3, 12)),
        ("2026-03-12T10:20:30+00:00", datetime(2026, 3, 12, 10, 20, 30, tzinfo=UTC)),
        ("Thu, 12 Mar 2026 10:20:30 +0000", datetime(2026, 3, 12, 10, 20, 30, tzinfo=UTC)),
        ("March 12, 2026", datetime(2026, 3, 12)), ("12 Mar 2026 10:20", datetime(2026, 3, 12, 10, 20)),
        ("12.3.2026", datetime(2026, 3, 12)), ("2026/03/12", datetime(2026, 3, 12)),
        ("March  1st, 2026", datetime(2026, 3, 1)),
    ],
)  # fmt: skip
def test_dates(text: str, moment: datetime) -> None:
    """Dates are read as pages write them, where there is one way to read them."""
    assert taken(datetime, css("time"), Response(URL, body=f"<time>{text}</time>")) == moment


@pytest.mark.parametrize("text", ["3/4/2026", "soon", "31 February 2026", "1" * 5000, "12 Mars 2026"])
def test_what_is_no_date(text: str) -> None:
    """What is no date, or can be read in two ways, is told with its value."""
    with pytest.raises(ItemError, match=r"^One\.field from 'time': Input should be a valid date"):
        taken(date, css("time"), Response(URL, body=f"<time>{text}</time>"))


def test_json() -> None:
    """A page of JSON gives values, which are converted as texts of pages are; null is nothing."""
    assert taken(str, jmespath("teas[0].name"), JSON) == "green"
    assert taken(list[Decimal], jmespath("teas[].price"), JSON) == [Decimal("1234.56"), Decimal(2)]
    assert taken(dict[str, Any], jmespath("teas[1]"), JSON) == {"name": "black", "price": 2}
    assert taken(str | None, jmespath("none"), JSON) is None


class Offer(Item):
    """An offer within a page."""

    shop: str = css("b")
    price: Decimal = xpath(".//i")


class Tea(Item):
    """A page."""

    name: str = css("h1")
    offers: list[Offer] = css(".offer")
    best: Offer = xpath("//div[@class='offer'][1]")


def test_items_in_items() -> None:
    """A field whose type is an item is taken from each element that its query finds."""
    tea = Tea.extract(RESPONSE)
    assert [(offer.shop, offer.price) for offer in tea.offers] == [
        ("Shop A", Decimal("5.50")),
        ("Shop B", Decimal("6.00")),
    ]
    assert tea.best == tea.offers[0]
    assert Offer.extract_all(RESPONSE, css=".offer") == Offer.extract_all(RESPONSE, xpath="//div") == tea.offers
    with pytest.raises(ValueError, match=r"^Offer.extract_all\(\) takes one of css and xpath"):
        Offer.extract_all(RESPONSE)


def test_addresses_are_those_of_the_page() -> None:
    """Within an element, too, an address is joined with that of its page."""

    class Link(Item):
        url: str = css("a::attr(href)", join=True)

    assert Link.extract_all(RESPONSE, css="a")[0].url == "https://shop.example/all/1?x=y"
    assert Link.extract(RESPONSE.css("a")[1]).url == "https://cdn.example/2"


def fails(text: str) -> Any:
    raise KeyError(text)


def refuses(text: str) -> Any:
    raise ValueError("no such tea")


@pytest.mark.parametrize(
    ("annotation", "field", "page", "problem"),
    [
        (str, css("h1", convert=fails), RESPONSE, r"One\.field from 'h1': KeyError: 'Green tea', got 'Green tea'"),
        (str, css("h1", convert=refuses), RESPONSE, r"One\.field from 'h1': no such tea, got 'Green tea'"),
        (str | None, xpath("//h9", required=True), RESPONSE, r"One\.field from '//h9': nothing found"),
        (list[str], css("h9", required=True), RESPONSE, r"One\.field from 'h9': nothing found"),
        (str, css("h9", required=True, default="x"), RESPONSE, r"One\.field from 'h9': nothing found"),
        (int, css("h1"), RESPONSE, r"One\.field from 'h1': Input should be a valid integer.*, got 'Green tea'"),
        (
            int,
            css(".price"),
            RESPONSE,
            r"One\.field from '\.price': Input should be a valid integer.*, got Decimal\('1234\.56'\)",
        ),
        (str, jmespath("a"), RESPONSE, r"One\.field from 'a': .* is not JSON: .*"),
    ],
)
def test_misfits(annotation: Any, field: Any, page: Response, problem: str) -> None:
    """A field that does not fit tells item, field, selector, value and page, in one line."""
    with pytest.raises(ItemError, match=rf"^{problem} in {URL}$") as error:
        taken(annotation, field, page)
    assert len(error.value.misfits) == 1


@pytest.mark.parametrize("field", [css("a["), xpath("//["), jmespath("a["), json_ld("a[")])
def test_broken_queries_are_the_spider_s_mistake(field: Any) -> None:
    """They are told as queries, and not as what is wrong with a page."""
    with pytest.raises(ValueError, match=r"is not understood|is not closed"):
        taken(str, field, JSON if "jmespath" in str(field.metadata) else RESPONSE)


def test_all_that_is_wrong_is_told_at_once() -> None:
    """A converter that fails does not hide the other fields."""

    class Two(Item):
        one: str = css("h1", convert=refuses)
        two: int = css("h1")

    with pytest.raises(ItemError) as error:
        Two.extract(RESPONSE)
    assert [misfit.field for misfit in error.value.misfits] == ["one", "two"]
