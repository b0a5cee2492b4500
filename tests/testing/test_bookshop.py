"""The bookshop is a deterministic site, whole and honest about what it sells and who came in."""

import asyncio
import gzip
import hashlib
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

import aiohttp
import pytest
from selectolax.lexbor import LexborHTMLParser

from scraper.testing import bookshop

NAMESPACE = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@pytest.fixture
async def shop() -> AsyncIterator[bookshop.Shop]:
    async with bookshop.serve(slow=0.3) as shop:
        yield shop


@pytest.fixture
async def client(shop: bookshop.Shop) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shop.url) as session:
        yield session


async def read(client: aiohttp.ClientSession, path: str) -> LexborHTMLParser:
    async with client.get(path) as response:
        assert response.status == 200, path
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        return LexborHTMLParser(await response.text())


async def sitemap(client: aiohttp.ClientSession) -> list[str]:
    async with client.get("/sitemap.xml") as response:
        assert response.content_type == "application/xml"
        tree = ElementTree.fromstring(await response.read())
    return [loc.text or "" for loc in tree.iterfind("s:url/s:loc", NAMESPACE)]


def first(page: LexborHTMLParser, css: str) -> str:
    node = page.css_first(css)
    assert node is not None, css
    return node.text(strip=True)


def attribute(page: LexborHTMLParser, css: str, name: str) -> str:
    node = page.css_first(css)
    assert node is not None, css
    return node.attributes[name] or ""


def hrefs(page: LexborHTMLParser, css: str) -> list[str]:
    return [node.attributes["href"] or "" for node in page.css(css)]


# The truth


def test_the_catalogue_has_240_books_by_60_authors_in_12_categories() -> None:
    """The shop sells 240 books by 60 authors on 12 shelves; no author and no shelf is without a book."""
    stock = bookshop.catalogue()
    assert (len(stock.books), len(stock.authors), len(stock.categories)) == (240, 60, 12)
    assert {book.author for book in stock.books} == {author.name for author in stock.authors}
    assert {book.category for book in stock.books} == {category.name for category in stock.categories}


def test_every_book_has_its_own_path_and_upc() -> None:
    """No two books share a title, a path or a UPC."""
    books = bookshop.catalogue().books
    for values in (
        [book.title for book in books],
        [book.path for book in books],
        [book.upc for book in books],
    ):
        assert len(set(values)) == len(books)


def test_the_catalogue_is_varied() -> None:
    """Every rating occurs, some books are out of stock, and some names need escaping or are not ASCII."""
    books = bookshop.catalogue().books
    assert {book.rating for book in books} == {1, 2, 3, 4, 5}
    assert 0 < sum(book.stock == 0 for book in books) < 40
    assert any("&" in book.title for book in books)
    assert any("'" in book.title for book in books)
    assert any("<i>" in book.description for book in books)
    assert not all(book.author.isascii() for book in books)


async def test_the_catalogue_is_the_same_in_every_process() -> None:
    """Another interpreter with another hash seed has the very same books."""
    code = (
        "import hashlib; from scraper.testing import bookshop;"
        "print(hashlib.sha256(repr(bookshop.catalogue()).encode()).hexdigest())"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "12345"},
    )
    output, _ = await process.communicate()
    assert output.decode().strip() == hashlib.sha256(repr(bookshop.catalogue()).encode()).hexdigest()


def test_another_seed_gives_another_catalogue() -> None:
    """The books follow from the seed."""
    assert bookshop.catalogue(1).books != bookshop.catalogue(2).books


# The pages


async def test_a_product_page_shows_the_book(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """Each of the 240 product pages shows exactly what the catalogue says of the book."""
    for book in shop.books:
        page = await read(client, book.path)
        price = re.fullmatch(r"£(\d+\.\d\d)", first(page, ".price"))
        stock = re.fullmatch(r"(In stock|Out of stock) \((\d+) available\)", first(page, ".availability"))
        assert price is not None
        assert stock is not None
        assert (stock[1] == "In stock") == (book.stock > 0)
        shown = bookshop.Book(
            title=first(page, "h1"),
            author=first(page, ".author"),
            category=first(page, ".breadcrumbs li:nth-child(2)"),
            upc=first(page, ".upc"),
            price=Decimal(price[1]),
            rating=int(attribute(page, ".rating", "value")),
            stock=int(stock[2]),
            published=date.fromisoformat(attribute(page, ".facts time", "datetime")),
            description=first(page, ".description"),
        )
        assert shown == book


async def test_a_product_page_leads_on(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """A product page links its category, its author, four related books of the shelf, and its cover."""
    book = shop.books[0]
    page = await read(client, book.path)
    assert hrefs(page, ".breadcrumbs a") == ["/", "/categories/travel"]
    author = await read(client, attribute(page, ".author", "href"))
    assert first(author, "h1") == book.author
    assert book.path in hrefs(author, ".book h3 a")
    related = hrefs(page, ".related h3 a")
    assert len(set(related)) == 4
    assert set(related) < {other.path for other in shop.books if other.category == book.category} - {book.path}
    assert attribute(page, "img.cover", "src") == book.cover


async def test_every_book_has_a_cover(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """A cover is a small SVG of its own; an unknown cover is 404."""
    covers = set()
    for book in shop.books:
        async with client.get(book.cover) as response:
            assert (response.status, response.content_type) == (200, "image/svg+xml")
            body = await response.read()
            assert ElementTree.fromstring(body).tag == "{http://www.w3.org/2000/svg}svg"
            assert len(body) < 2000
            covers.add(body)
    assert len(covers) == len(shop.books)
    async with client.get("/covers/0.svg") as response:
        assert response.status == 404


async def test_categories_and_next_links_reach_every_book(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """From the home page, 12 categories and their next pages list every book exactly once, on 35 pages."""
    home = await read(client, "/")
    waiting = hrefs(home, ".categories a")
    assert len(waiting) == 12
    seen: list[str] = []
    listed: Counter[str] = Counter()
    while waiting:
        seen.append(waiting.pop())
        page = await read(client, seen[-1])
        assert 1 <= len(hrefs(page, ".book h3 a")) <= 8
        listed.update(hrefs(page, ".book h3 a"))
        waiting += hrefs(page, "a[rel=next]")
    assert len(seen) == 35
    assert listed == Counter(book.path for book in shop.books)


async def test_every_link_of_every_page_answers(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """Following all links from the home page finds the 338 pages of the sitemap; one link only is broken."""
    pages, broken = set(), set()
    seen, waiting = {"/"}, ["/"]
    while waiting:
        path = waiting.pop()
        async with client.get(path, allow_redirects=False) as response:
            if response.status == 404:
                broken.add(path)
                continue
            pages.add(path)
            tree = LexborHTMLParser(await response.read())
        for href in hrefs(tree, "a"):
            if href not in seen and not href.startswith(("/cart/", "/admin/", "/corners/slow")):
                seen.add(href)
                waiting.append(href)
    listed = {loc.removeprefix(shop.url.rstrip("/")) for loc in await sitemap(client)}
    assert len(listed) == 338
    assert broken == {"/corners/missing"}
    assert pages - listed == {"/books/latest", "/corners/flaky", "/corners/compressed", "/corners/cyrillic"}
    assert listed <= pages


async def test_the_search_form_finds_books(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """The form in the banner leads to a page of results, and shows a strange query as text."""
    page = await read(client, "/")
    assert attribute(page, "form.search", "action") == "/search"
    assert attribute(page, "form.search input", "name") == "q"
    found = await read(client, f"/search?q={shop.books[5].title.upper().replace('&', '%26')}")
    assert shop.books[5].path in hrefs(found, ".book h3 a")
    odd = await read(client, "/search?q=<script>")
    assert odd.css_first("h1 script") is None
    assert hrefs(odd, ".book h3 a") == []


# For crawlers


async def test_robots_txt_closes_what_pages_link_to(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """/cart/ and /admin/ are disallowed, linked from every product page, and answer whoever asks."""
    async with client.get("/robots.txt") as response:
        assert response.content_type == "text/plain"
        lines = (await response.text()).splitlines()
    assert lines[:3] == ["User-agent: *", "Disallow: /admin/", "Disallow: /cart/"]
    assert lines[-1] == f"Sitemap: {shop.url}sitemap.xml"
    links = hrefs(await read(client, shop.books[3].path), "a")
    for path in ("/cart/", "/admin/", f"/cart/add?upc={shop.books[3].upc}"):
        assert path in links
        await read(client, path)


async def test_the_sitemap_lists_every_ordinary_page(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """The sitemap has 338 absolute addresses, every book, author and category among them."""
    listed = await sitemap(client)
    assert len(listed) == len(set(listed)) == 338
    assert all(address.startswith(shop.url) for address in listed)
    stock = bookshop.catalogue()
    paths = [book.path for book in stock.books]
    paths += [author.path for author in stock.authors]
    paths += [category.path for category in stock.categories]
    assert {shop.url + path[1:] for path in paths} < set(listed)


# The API


async def test_the_api_tells_the_stock(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """/api/stock/UPC answers {"upc", "stock"} for every book, and 404 for an unknown UPC."""
    for book in shop.books:
        async with client.get(f"/api/stock/{book.upc}") as response:
            assert await response.json() == {"upc": book.upc, "stock": book.stock}
    async with client.get("/api/stock/0000") as response:
        assert response.status == 404
        assert "error" in await response.json()


async def test_the_api_searches_titles_and_authors(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """POST /api/search finds a book by a part of its title or author, in any case."""
    book = shop.books[7]
    for query in (book.title.upper(), book.author[2:]):
        async with client.post("/api/search", json={"q": query}) as response:
            answer = await response.json()
        assert answer["q"] == query
        assert answer["count"] == len(answer["results"])
        assert {
            "title": book.title,
            "author": book.author,
            "upc": book.upc,
            "price": f"{book.price:.2f}",
            "url": book.path,
        } in answer["results"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"{}", b'{"q": 1}', b'{"q": " "}'])
async def test_the_api_refuses_what_is_no_question(client: aiohttp.ClientSession, body: bytes) -> None:
    """Anything but a JSON object with a non-empty string "q" is answered 400."""
    async with client.post("/api/search", data=body) as response:
        assert response.status == 400
        assert "error" in await response.json()


async def test_the_api_search_takes_no_get(client: aiohttp.ClientSession) -> None:
    """A GET of the search API is no page of the shop."""
    async with client.get("/api/search") as response:
        assert response.status == 404


# The odd corners


async def test_the_home_page_and_about_list_the_corners(client: aiohttp.ClientSession) -> None:
    """All seven odd corners are linked from the home page and from the page about the shop."""
    links = hrefs(await read(client, "/"), ".corners a")
    assert len(links) == 7
    assert hrefs(await read(client, "/about"), ".corners a") == links


async def test_the_slow_page_takes_its_time(client: aiohttp.ClientSession) -> None:
    """The slow page answers after as many seconds as `serve` was told."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    await read(client, "/corners/slow")
    assert loop.time() - start >= 0.29


async def test_the_flaky_page_needs_a_second_try(client: aiohttp.ClientSession) -> None:
    """The flaky page answers 503 with Retry-After: 1 once, and 200 from then on."""
    async with client.get("/corners/flaky") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
    await read(client, "/corners/flaky")
    await read(client, "/corners/flaky")


@pytest.mark.parametrize("path", ["/corners/missing", "/categories/travel/1", "/categories/travel/9", "/about/"])
async def test_a_missing_page_is_404(client: aiohttp.ClientSession, path: str) -> None:
    """What the shop does not have is answered 404, as a page that names it."""
    async with client.get(path) as response:
        assert response.status == 404
        assert path in await response.text()


async def test_the_latest_book_is_a_redirect(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """/books/latest is a 302 to the book that was published last."""
    async with client.get("/books/latest", allow_redirects=False) as response:
        assert response.status == 302
        target = response.headers["Location"]
    assert target == max(shop.books, key=lambda book: book.published).path


async def test_one_page_is_always_compressed(shop: bookshop.Shop) -> None:
    """The tight parcel comes in gzip, even to a visitor who did not ask for it."""
    async with (
        aiohttp.ClientSession(shop.url, auto_decompress=False) as client,
        client.get("/corners/compressed", headers={"Accept-Encoding": "identity"}) as response,
    ):
        assert response.headers["Content-Encoding"] == "gzip"
        text = gzip.decompress(await response.read()).decode()
    assert first(LexborHTMLParser(text), "h1") == "The tight parcel"


async def test_one_page_is_in_windows_1251(client: aiohttp.ClientSession) -> None:
    """The Russian page is windows-1251; its meta says so and its header does not."""
    async with client.get("/corners/cyrillic") as response:
        assert response.headers["Content-Type"] == "text/html"
        body = await response.read()
    assert b'<meta charset="windows-1251">' in body
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")
    assert "Русский гость" in body.decode("windows-1251")


# Opening, counting, closing


async def test_the_shop_counts_requests_by_path(shop: bookshop.Shop, client: aiohttp.ClientSession) -> None:
    """`requests` counts every path without its query, and `arrivals` has them in order with rising times."""
    for path in ("/", "/cart/add?upc=1", "/cart/add?upc=2", "/nowhere"):
        async with client.get(path):
            pass
    assert shop.requests == {"/": 1, "/cart/add": 2, "/nowhere": 1}
    assert [path for _, path in shop.arrivals] == ["/", "/cart/add", "/cart/add", "/nowhere"]
    times = [time for time, _ in shop.arrivals]
    assert times == sorted(times)


@pytest.mark.parametrize("limit", [1, 3])
async def test_the_shop_counts_what_is_in_flight(limit: int) -> None:
    """`most_in_flight` is the number of requests that a client had open at one time."""
    connector = aiohttp.TCPConnector(limit=limit)
    async with (
        bookshop.serve(latency=0.03) as shop,
        aiohttp.ClientSession(shop.url, connector=connector) as client,
    ):
        await asyncio.gather(*(read(client, book.path) for book in shop.books[:9]))
        assert shop.most_in_flight == limit
        assert shop.in_flight == 0


async def test_the_shop_closes_at_once() -> None:
    """With an idle connection and a slow answer still open, the shop does not wait to close."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as client:
        async with bookshop.serve(slow=30) as shop:
            async with client.get(shop.url):
                pass
            waiting = asyncio.create_task(client.get(f"{shop.url}corners/slow").__aenter__())
            while "/corners/slow" not in shop.requests:  # noqa: ASYNC110 - the shop has no event for this
                await asyncio.sleep(0.01)
            start = loop.time()
        assert loop.time() - start < 3
        with pytest.raises(aiohttp.ClientError):
            await waiting
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(shop.url)


async def test_two_shops_are_open_side_by_side() -> None:
    """Each shop has its own port on 127.0.0.1 and its own counts."""
    async with bookshop.serve() as one, bookshop.serve() as other, aiohttp.ClientSession() as client:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", one.url)
        assert one.url != other.url
        async with client.get(one.url):
            pass
        assert (one.requests.total(), other.requests.total()) == (1, 0)
        assert one.books == other.books
        assert repr(one).startswith(f"<Shop {one.url} books=240 requests=1 ")
