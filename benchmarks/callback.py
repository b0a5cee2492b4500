"""The callback of product pages alone: parsed, its links followed, its item read and written, with no network around.

    python benchmarks/callback.py follow 200         # by hand_fast, follow_all, follow or request: 200 pages

Prints nothing: `instructions.py --parts` counts what it executes.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import orjson
from ada_url import join_url
from multidict import CIMultiDict
from selectolax.lexbor import LexborHTMLParser

from catalogue import Shop, product_path
from fields import read_lexbor
from pages import product_page
from scraper import Request, Response
from scraper.parsing import callbacks
from scraper.sinks.formats.values import json_lines, json_object
from shop_spider import FollowSpider, RequestSpider, ShopSpider

PRODUCTS = 40
SPIDERS = {"follow_all": ShopSpider, "follow": FollowSpider, "request": RequestSpider}


def by_hand(url: str, body: bytes) -> None:
    """As `hand_fast.py` reads a page."""
    page = LexborHTMLParser(body)
    {join_url(url, link.attrs["href"] or "") for link in page.tags("a")}
    orjson.dumps(read_lexbor(url, page))


def by_spider(name: str) -> Callable[[str, bytes], None]:
    """As our own parse thread reads a page."""
    spider, headers = SPIDERS[name](), CIMultiDict({"Content-Type": "text/html"})

    def read(url: str, body: bytes) -> None:
        response = Response(url, headers=headers, body=body, request=Request(url))
        results, _ = callbacks.run(spider, "parse", response, {}, most=sys.maxsize)
        json_lines([json_object(item) for item in results.items])

    return read


def main(name: str, number: str) -> None:
    shop = Shop(products=PRODUCTS, port=8900)
    pages = [(shop.url + product_path(each)[1:], product_page(shop, each).encode()) for each in range(PRODUCTS)]
    read = by_hand if name == "hand_fast" else by_spider(name)
    gc.disable()
    for each in range(int(number)):
        read(*pages[each % PRODUCTS])


if __name__ == "__main__":
    main(*sys.argv[1:])
