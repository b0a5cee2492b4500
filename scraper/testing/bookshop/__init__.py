"""A small bookshop on 127.0.0.1: a whole web site to crawl, with no internet and the truth at hand.

    async with bookshop.serve() as shop:
        ...                             # crawl shop.url, compare with shop.books, look at shop.requests

To look at it in a browser: `python -m scraper.testing.bookshop`.
"""

from scraper.testing.bookshop.catalogue import Author, Book, Catalogue, Category, catalogue
from scraper.testing.bookshop.site import Shop, serve

__all__ = ["Author", "Book", "Catalogue", "Category", "Shop", "catalogue", "serve"]
