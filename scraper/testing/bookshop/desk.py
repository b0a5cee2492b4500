"""Answers the shop's visitors: which path gets which bytes, and which one misbehaves."""

import asyncio
import gzip
import json
from collections import Counter
from functools import cache
from html import escape
from typing import Any

from aiohttp import web

from scraper.testing.bookshop import pages
from scraper.testing.bookshop.catalogue import Book, Catalogue, catalogue
from scraper.testing.bookshop.covers import cover

ROBOTS = """\
User-agent: *
Disallow: /admin/
Disallow: /cart/

Sitemap: {origin}/sitemap.xml
"""

CYRILLIC = """\
<!DOCTYPE html>
<html lang="ru">
<head><meta charset="windows-1251"><title>Русский гость</title></head>
<body><h1>Русский гость</h1>
<p>Здравствуйте! Эта страница записана в кодировке windows-1251.</p>
<p><a href="/">Домой</a></p></body>
</html>
"""


@cache
def printed() -> dict[str, bytes]:
    """Every ordinary page as it is sent, by path: a crawl should not wait for the shop to write HTML."""
    return {path: text.encode() for path, text in pages.pages(catalogue())}


class Desk:
    """The handlers. It reads how often each path was asked for, and remembers nothing itself."""

    def __init__(self, stock: Catalogue, requests: Counter[str], *, slow: float) -> None:
        self._stock = stock
        self._requests = requests
        self._slow = slow
        self._books = {book.upc: book for book in stock.books}

    def routes(self) -> list[web.RouteDef]:
        """All paths of the shop; the first that fits answers."""
        return [
            web.get("/robots.txt", self.robots),
            web.get("/sitemap.xml", self.sitemap),
            web.get("/covers/{upc}.svg", self.cover),
            web.get("/search", self.search),
            web.get("/api/stock/{upc}", self.stock),
            web.post("/api/search", self.find),
            web.get("/books/latest", self.latest),
            web.get("/corners/slow", self.slow),
            web.get("/corners/flaky", self.flaky),
            web.get("/corners/compressed", self.compressed),
            web.get("/corners/cyrillic", self.cyrillic),
            web.get("/cart/{rest:.*}", self.closed),
            web.get("/admin/{rest:.*}", self.closed),
            web.get("/{path:.*}", self.page),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """An ordinary page, or 404."""
        body = printed().get(request.path)
        if body is None:
            return _page(pages.note("Not here", f"There is no {request.path} in this shop."), status=404)
        return web.Response(body=body, content_type="text/html", charset="utf-8")

    async def cover(self, request: web.Request) -> web.Response:
        """The picture of a book, or 404."""
        book = self._books.get(request.match_info["upc"])
        if book is None:
            return _page(pages.note("Not here", "No book has this cover."), status=404)
        return web.Response(text=cover(book), content_type="image/svg+xml")

    async def robots(self, request: web.Request) -> web.Response:
        """What robots may not read, and where the sitemap is."""
        return web.Response(text=ROBOTS.format(origin=request.url.origin()))

    async def sitemap(self, request: web.Request) -> web.Response:
        """Every ordinary page; a book with the date it was published."""
        dates = {book.path: f"<lastmod>{book.published}</lastmod>" for book in self._stock.books}
        urls = "\n".join(
            f"<url><loc>{request.url.origin()}{escape(path)}</loc>{dates.get(path, '')}</url>" for path in printed()
        )
        return web.Response(
            text='<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n',
            content_type="application/xml",
        )

    async def search(self, request: web.Request) -> web.Response:
        """The search form's answer, for people."""
        return _page(pages.search(self._stock, request.query.get("q", "").strip()))

    async def stock(self, request: web.Request) -> web.Response:
        """How many copies of a book there are, as JSON; 404 for an unknown UPC."""
        book = self._books.get(request.match_info["upc"])
        if book is None:
            return web.json_response({"error": "no book has this UPC"}, status=404)
        return web.json_response({"upc": book.upc, "stock": book.stock})

    async def find(self, request: web.Request) -> web.Response:
        """The books that `{"q": …}` finds, as JSON; 400 for any other question."""
        try:
            question = json.loads(await request.read())
        except ValueError:
            question = None
        match question:
            case {"q": str(query)} if query.strip():
                results = [_summary(book) for book in self._stock.search(query.strip())]
                return web.json_response({"q": query, "count": len(results), "results": results})
            case _:
                return web.json_response({"error": 'expected {"q": "some words"}'}, status=400)

    async def latest(self, _: web.Request) -> web.Response:
        """302 to the book published last."""
        return web.Response(status=302, headers={"Location": self._stock.latest.path})

    async def slow(self, _: web.Request) -> web.Response:
        """A page, after a while."""
        await asyncio.sleep(self._slow)
        return _page(pages.note("The slow clerk", "Thank you for waiting."))

    async def flaky(self, request: web.Request) -> web.Response:
        """503 to the first who asks, a page to all others."""
        if self._requests[request.path] == 1:
            page = _page(pages.note("The door is stuck", "Please try again in a second."), status=503)
            page.headers["Retry-After"] = "1"
            return page
        return _page(pages.note("The flaky door", "It only needed a second push."))

    async def compressed(self, _: web.Request) -> web.Response:
        """A page in gzip, whatever the visitor accepts."""
        text = pages.note("The tight parcel", "Unpacked, this page is a few times larger.")
        return web.Response(
            body=gzip.compress(text.encode(), mtime=0),
            headers={"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"},
        )

    async def cyrillic(self, _: web.Request) -> web.Response:
        """A page in windows-1251 whose header does not say so."""
        return web.Response(body=CYRILLIC.encode("windows-1251"), headers={"Content-Type": "text/html"})

    async def closed(self, _: web.Request) -> web.Response:
        """What robots.txt forbids: a person sees a page, a polite crawler never asks."""
        return _page(pages.note("Staff and customers only", "A crawler that reads this has ignored robots.txt."))


def _page(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")


def _summary(book: Book) -> dict[str, Any]:
    return {
        "title": book.title,
        "author": book.author,
        "upc": book.upc,
        "price": f"{book.price:.2f}",
        "url": book.path,
    }
