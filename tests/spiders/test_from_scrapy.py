"""Spiders that were written for Scrapy crawl with their import lines changed, and nothing else."""

import json
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from tests.flow.crawls import Ended, crawl
from tests.flow.site import Asked, Servers, Site, redirect
from tests.spiders import scrapy_spiders as spiders

QUOTES = {
    1: [("Less is more.", "Mies van der Rohe", ["design", "style"]), ("Know thyself.", "Thales", ["wisdom"])],
    2: [("All is flux.", "Heraclitus", ["wisdom"])],
}
PRODUCTS = {1: ("green tea", "4.50", ["tea", "green"]), 2: ("black tea", "3.20", ["tea"]), 3: ("teapot", "", [])}


@pytest.fixture
def site(servers: Servers) -> Site:
    """Quotes in pages, their authors, a login, a shop with a sitemap, and feeds."""
    pages: dict[str, Any] = {f"/page/{number}/": quotes_page(number) for number in QUOTES}
    pages |= {f"/author/{each}": author_page(each) for each in ("mies-van-der-rohe", "thales", "heraclitus")}
    pages |= {f"/product/{number}": product_page(number) for number in PRODUCTS}
    pages |= {
        "/tag/wisdom/": quotes_page(2),
        "/api/quotes?page=1": {"quotes": [{"text": "one"}, {"text": "two"}], "has_next": True},
        "/api/quotes?page=2": {"quotes": [{"text": "three"}], "has_next": False},
        "/login": login,
        "/welcome": lambda asked: f'<p class="welcome">{asked.headers.get("Cookie", "nobody")}</p>',
        "/shop": "<a href=/category/tea>tea</a> <a href=/category/hidden>hidden</a> <a href=/product/3>advertised</a>",
        "/category/tea": "<ul class=products>"
        + "".join(f"<li><a href=/product/{number}>{PRODUCTS[number][0]}</a>" for number in PRODUCTS)
        + "</ul>",
        "/feed.xml": xml("<items><item id='1'><name>tea</name></item><item id='2'><name>pot</name></item></items>"),
        "/feed.csv": lambda _: web.Response(text="1;'tea; green'\n2;pot\n", content_type="text/csv"),
        "/broken": 500,
        "/visit": visits(),
        "/echo": echo,
    }
    site = servers.site(pages)
    pages["/robots.txt"] = lambda _: web.Response(text=f"User-agent: *\nDisallow:\nSitemap: {site.url('/map.xml')}\n")
    listed = "".join(f"<url><loc>{site.url(path)}</loc></url>" for path in ("/product/1", "/category/tea", "/shop"))
    pages["/map.xml"] = xml(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>')
    return site


def quotes_page(number: int) -> str:
    """A page of quotes, with links to their authors and to the next page."""
    quotes = "".join(
        f'<div class="quote"><span class="text">{text}</span><span>by <small class="author">{author}</small>'
        f'<a href="/author/{author.lower().replace(" ", "-")}">(about)</a></span>'
        f'<div class="tags">{"".join(f"<a class=tag href=/tag/{tag}/>{tag}</a>" for tag in tags)}</div></div>'
        for text, author, tags in QUOTES[number]
    )
    following = f'<li class="next"><a href="/page/{number + 1}/">Next</a></li>' if number + 1 in QUOTES else ""
    return f'<html><body>{quotes}<ul class="pager">{following}</ul></body></html>'


def author_page(slug: str) -> str:
    """A page about an author."""
    return (
        f'<h3 class="author-title">{slug} </h3><span class="author-born-date"> long ago</span>'
        '<div class="author-description">\n wrote little</div>'
    )


def product_page(number: int) -> str:
    """A product; one of them has no price."""
    name, price, tags = PRODUCTS[number]
    return f'<h1> {name} </h1><p class="price">{price and f"£{price}"}</p><ul class="tags">' + "".join(
        f"<li>{tag}</li>" for tag in tags
    )


def login(asked: Asked) -> Any:
    """A form with a token, which is wanted back."""
    if asked.method == "GET":
        return '<form method="post"><input type="hidden" name="csrf" value="t0k"><input name="username"><input name="password" type="password"><input type="submit" value="Log in"></form>'  # noqa: E501
    given = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    if given == {"csrf": "t0k", "username": "john", "password": "secret"}:
        return redirect("/welcome", **{"Set-Cookie": "session=john"})(asked)
    return f"authentication failed: {given}"


def visits() -> Any:
    """A page that gives each visitor a number, in a cookie, and knows it again."""
    numbers = count()

    def visit(asked: Asked) -> Any:
        cookie = asked.headers.get("Cookie")
        if cookie is not None:
            return cookie
        return web.Response(text="new", headers={"Set-Cookie": f"visitor={next(numbers)}"})

    return visit


def echo(asked: Asked) -> dict[str, Any]:
    """What was sent."""
    body = asked.body.decode()
    sent = json.loads(body) if "json" in asked.headers.get("Content-Type", "") else parse_qs(body) or body
    return {"method": asked.method, "sent": sent, "token": asked.headers.get("X-Token", "")}


def xml(text: str) -> Any:
    """A page of XML."""
    return lambda _: web.Response(text=text, content_type="application/xml")


async def crawled(spider: Any, site: Site, **arguments: Any) -> Ended:
    """A crawl of the site, in which nothing went wrong."""
    ended = await crawl(spider, {"network": {"retries": 0, "backoff": 0.0}}, site=site.root, **arguments)
    assert ended.statistics.errors == 0, ended.events
    return ended


def in_order(items: list[Any]) -> list[Any]:
    """Items in an order that does not hang on which page came first."""
    return sorted(items, key=str)


ALL_QUOTES = [
    {"text": text, "author": author, "tags": tags} for quotes in QUOTES.values() for text, author, tags in quotes
]


async def test_pages_are_saved(site: Site) -> None:
    """The tutorial's first spider writes files, and gives no item."""
    ended = await crawled(spiders.SavePages, site)
    assert ended.items == []
    assert [Path(f"quotes-{number}.html").read_text() for number in QUOTES] == list(map(quotes_page, QUOTES))


async def test_quotes_by_css(site: Site) -> None:
    """Items of all pages, each once."""
    assert in_order((await crawled(spiders.Quotes, site)).items) == in_order(ALL_QUOTES)


async def test_quotes_by_xpath(site: Site) -> None:
    """XPath with variables, regular expressions, and parsel's older names."""
    items = (await crawled(spiders.ByXPath, site)).items
    initials = [item.pop("initials") for item in sorted(items, key=lambda item: item["author"])]
    assert initials == [["H"], ["M", "v", "d", "R"], ["T"]]
    assert in_order(items) == in_order(ALL_QUOTES)


async def test_authors(site: Site) -> None:
    """Every author once, though two pages lead there."""
    items = (await crawled(spiders.Authors, site)).items
    assert [item["name"] for item in in_order(items)] == ["heraclitus", "mies-van-der-rohe", "thales"]
    assert {item["bio"] for item in items} == {"wrote little"}
    assert {item["death"] for item in items} == {""}


@pytest.mark.parametrize(
    ("arguments", "authors"), [({"tag": "wisdom"}, ["Heraclitus"]), ({}, ["Mies van der Rohe", "Thales"])]
)
async def test_an_argument(site: Site, arguments: dict[str, str], authors: list[str]) -> None:
    """An argument that no attribute declares is there by `getattr`."""
    items = (await crawled(spiders.Tagged, site, **arguments)).items
    assert [item["author"] for item in items] == authors


async def test_an_api(site: Site) -> None:
    """JSON, and keyword arguments of callbacks."""
    items = (await crawled(spiders.Scrolling, site)).items
    assert items == [{"quote": "one", "page": 1}, {"quote": "two", "page": 1}, {"quote": "three", "page": 2}]


async def test_a_login(site: Site) -> None:
    """The form's token is sent back, the redirect is followed, and the cookie kept."""
    assert (await crawled(spiders.LogIn, site)).items == [{"welcome": "session=john", "agent": "-"}]


async def test_items_and_loaders(site: Site) -> None:
    """Items with `Field()`, filled by keys and by an `ItemLoader`."""
    items = in_order((await crawled(spiders.Loaded, site)).items)
    assert [dict(item) for item in items] == [
        {"name": "Black Tea", "price": "3.20", "tags": "tea"},
        {"name": "green tea", "price": "4.50"},
    ]


async def test_rules(site: Site) -> None:
    """Links by their URLs and places, with their texts."""
    ended = await crawled(spiders.Rules, site)
    assert in_order(ended.items) == [
        {"name": "black tea", "link_text": "black tea", "price": ["3.20"]},
        {"name": "green tea", "link_text": "green tea", "price": ["4.50"]},
        {"name": "teapot", "link_text": "teapot", "price": []},
    ]
    assert "/category/hidden" not in site.paths


async def test_a_pipeline(site: Site) -> None:
    """A pipeline with an adapter, its own beginning and end, and items that it drops."""
    spider = spiders.Taxed(site=site.root)
    ended = await crawled(spider, site)
    assert sorted(item["price"] for item in ended.items) == [3.84, 5.4]
    assert ended.statistics.drops == {"Missing price": 1}
    assert sorted(spider.sold) == ["black tea", "green tea"]


async def test_feeds(site: Site) -> None:
    """XML node by node, CSV row by row."""
    assert (await crawled(spiders.Nodes, site)).items == [{"id": "1", "name": "tea"}, {"id": "2", "name": "pot"}]
    assert (await crawled(spiders.Rows, site)).items == [{"id": "1", "name": "tea; green"}, {"id": "2", "name": "pot"}]


async def test_a_sitemap(site: Site) -> None:
    """The sitemap that robots.txt names, and a callback for each kind of page."""
    items = (await crawled(spiders.Mapped, site)).items
    assert in_order(items) == [{"category": "tea"}, {"product": "green tea"}]


async def test_errbacks(site: Site) -> None:
    """An errback tells an error status, by a `FetchError` in place of `HttpError`."""
    items = (await crawled(spiders.Errbacks, site)).items
    assert in_order(items) == [
        {"failed": "/broken", "status": 500},
        {"failed": "/missing", "status": 404},
        {"ok": "/page/1/", "status": 200},
    ]


async def test_cookie_jars(site: Site) -> None:
    """A visitor for each `cookiejar`."""
    items = (await crawled(spiders.Jars, site)).items
    assert {item["jar"] for item in items} == {0, 1, 2}
    assert {item["visitor"] for item in items} == {"visitor=0", "visitor=1", "visitor=2"}


async def test_what_is_sent(site: Site) -> None:
    """Forms, JSON and bodies."""
    items = (await crawled(spiders.Posting, site)).items
    assert in_order(items) == in_order(
        [
            {"method": "POST", "sent": {"name": ["John Doe"], "age": ["27"]}, "token": ""},
            {"method": "POST", "sent": {"name": "John", "ages": [27]}, "token": ""},
            {"method": "PUT", "sent": "plain", "token": "t"},
        ]
    )


async def test_closing(site: Site) -> None:
    """`CloseSpider` gives the reason of the end."""
    ended = await crawl(spiders.Closing, site=site.root)
    assert ended.result.reason == "bandwidth_exceeded"
