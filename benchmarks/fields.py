"""Name the fields of a product page once, and read them by selectolax's calls or by parsel's.

An item has its URL and 30 fields, which take 61 CSS queries on a page with 8 rows of specification and 3
reviews. Queried elements hold one text and nothing else, so all engines must give the same strings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

Item = dict[str, Any]

TEXTS = {
    "title": "h1.title",
    "subtitle": ".subtitle",
    "brand": ".brand",
    "price": ".price",
    "old_price": ".old-price",
    "discount": ".discount",
    "review_count": ".review-count",
    "stock": ".stock-text",
    "sku": ".facts .sku",
    "ean": ".facts .ean",
    "delivery": ".facts .delivery",
    "returns": ".facts .returns",
    "warranty": ".facts .warranty",
    "origin": ".facts .origin",
    "colour": ".facts .colour",
    "since": ".facts .since",
    "seller": ".seller-box .seller",
    "seller_rating": ".seller-box .seller-rating",
    "summary": ".about .summary",
}
ATTRIBUTES = {
    "description": ('meta[name="description"]', "content"),
    "canonical": ('link[rel="canonical"]', "href"),
    "image": ('meta[property="og:image"]', "content"),
    "currency": ('meta[itemprop="priceCurrency"]', "content"),
    "rating": (".stars", "data-rating"),
}
TEXT_LISTS = {
    "breadcrumbs": ".breadcrumbs a",
    "paragraphs": ".about p.para",
    "tags": ".tags .tag",
}
ATTRIBUTE_LISTS = {
    "images": (".gallery img", "src"),
}
ROWS = {
    "specs": ("table.specs tr", {"name": "th", "value": "td"}),
    "reviews": (
        ".reviews .review",
        {
            "title": ".review-title",
            "author": ".review-author",
            "date": ".review-date",
            "stars": ".review-stars",
            "body": ".review-body",
        },
    ),
}


def is_product(url: str) -> bool:
    """Whether the page at `url` has an item."""
    return "/product/" in url


def read_lexbor(url: str, page: LexborHTMLParser) -> Item:
    """The item by selectolax's own calls: a product page has every field, or the benchmark is wrong."""
    first: Callable[[str], Any] = page.css_first
    every: Callable[[str], list[Any]] = page.css
    item: Item = {"url": url}
    for name, query in TEXTS.items():
        item[name] = first(query).text()
    for name, (query, attribute) in ATTRIBUTES.items():
        item[name] = first(query).attrs[attribute]
    for name, query in TEXT_LISTS.items():
        item[name] = [node.text() for node in every(query)]
    for name, (query, attribute) in ATTRIBUTE_LISTS.items():
        item[name] = [node.attrs[attribute] for node in every(query)]
    for name, (query, columns) in ROWS.items():
        item[name] = [{key: row.css_first(column).text() for key, column in columns.items()} for row in every(query)]
    return item


class Queried(Protocol):
    """What can be asked: a response or a selector."""

    def css(self, query: str, /) -> Any: ...


def with_text(queries: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{query}::text" for name, query in queries.items()}


def with_attribute(queries: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {name: f"{query}::attr({attribute})" for name, (query, attribute) in queries.items()}


FIRST = with_text(TEXTS) | with_attribute(ATTRIBUTES)
EVERY = with_text(TEXT_LISTS) | with_attribute(ATTRIBUTE_LISTS)
TABLES = {name: (query, with_text(columns)) for name, (query, columns) in ROWS.items()}


def read_parsel(url: str, page: Queried) -> Item:
    """The same item by parsel's names, from a response or a selector."""
    item: Item = {"url": url}
    for name, query in FIRST.items():
        item[name] = page.css(query).get()
    for name, query in EVERY.items():
        item[name] = page.css(query).getall()
    for name, (query, columns) in TABLES.items():
        item[name] = [{key: row.css(column).get() for key, column in columns.items()} for row in page.css(query)]
    return item
