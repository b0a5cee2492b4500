"""Writes the shop's pages as HTML: pure functions of the catalogue."""

from collections.abc import Iterable, Iterator
from html import escape

from scraper.testing.bookshop.catalogue import Author, Book, Catalogue, Category, author_path, category_path
from scraper.testing.bookshop.layout import layout

BOOKS_PER_PAGE = 8

# What a crawler meets sooner or later: path, text of the link, what happens there.
CORNERS = (
    ("/books/latest", "The latest book", "a redirect (302) to the book that came last"),
    ("/corners/slow", "The slow clerk", "a page that takes a second and a half"),
    ("/corners/flaky", "The flaky door", "503 with Retry-After at first, a page from then on"),
    ("/corners/missing", "The missing shelf", "a link to nowhere (404)"),
    ("/corners/compressed", "The tight parcel", "a page that always comes gzip-compressed"),
    ("/corners/cyrillic", "The Russian visitor", "a page in windows-1251, declared in its meta only"),
    ("/admin/", "The back office", "closed to robots by robots.txt"),
)


def pages(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Every ordinary page with its path: these, and no others, stand in the sitemap."""
    yield "/", home(catalogue)
    yield "/about", about(catalogue)
    for category in catalogue.categories:
        yield from shelf(catalogue, category)
    for book in catalogue.books:
        yield book.path, product(catalogue, book)
    yield "/authors", authors(catalogue)
    for writer in catalogue.authors:
        yield writer.path, author(catalogue, writer)


def home(catalogue: Catalogue) -> str:
    """The categories, one book of each, and the odd corners."""
    shelves = "".join(
        f'<li><a href="{category.path}">{category.name}</a> <small>{len(catalogue.shelf(category.name))}</small></li>'
        for category in catalogue.categories
    )
    picks = [catalogue.shelf(category.name)[0] for category in catalogue.categories]
    return layout(
        "Books for every weather",
        f'<section class="categories"><h2>Categories</h2><ul>{shelves}</ul></section>'
        f'<section class="picks"><h2>One from every shelf</h2>{_grid(picks)}</section>'
        f'<section class="corners"><h2>Odd corners</h2>{_corners()}</section>',
    )


def about(catalogue: Catalogue) -> str:
    """What this shop is, and what waits in its odd corners."""
    return layout(
        "About this shop",
        f"<p>We sell {len(catalogue.books)} books by {len(catalogue.authors)} authors on"
        f" {len(catalogue.categories)} shelves. None of them was ever written: the shop exists for crawlers"
        " to practise in, and closes when the crawl is over.</p>"
        f'<section class="corners"><h2>Odd corners</h2>{_corners()}</section>',
        trail=[("/", "Home"), ("", "About")],
    )


def shelf(catalogue: Catalogue, category: Category) -> Iterator[tuple[str, str]]:
    """Every page of a category with its path."""
    books = catalogue.shelf(category.name)
    last = -(-len(books) // BOOKS_PER_PAGE)
    for number in range(1, last + 1):
        start = (number - 1) * BOOKS_PER_PAGE
        shown = books[start : start + BOOKS_PER_PAGE]
        yield (
            _numbered(category, number),
            layout(
                category.name,
                f'<p class="motto">{escape(category.motto)}</p>'
                f'<p class="count">{len(books)} books, {start + 1} to {start + len(shown)}</p>'
                f"{_grid(shown)}{_pager(category, number, last=last)}",
                trail=[("/", "Home"), ("", category.name)],
            ),
        )


def product(catalogue: Catalogue, book: Book) -> str:
    """All about one book."""
    return layout(
        book.title,
        f'<article class="product"><img class="cover" src="{book.cover}" width="200" height="300"'
        f' alt="Cover of {escape(book.title)}"><div><h1>{escape(book.title)}</h1>'
        f'<p class="by">by <a class="author" href="{author_path(book.author)}">{escape(book.author)}</a></p>'
        f'<p><span class="price">£{book.price:.2f}</span> {_rating(book)}</p>'
        f'<p class="availability{"" if book.stock else " none"}">'
        f"{'In stock' if book.stock else 'Out of stock'} ({book.stock} available)</p>"
        f'<p class="description">{escape(book.description)}</p>'
        f'<dl class="facts"><dt>UPC</dt><dd class="upc">{book.upc}</dd>'
        f'<dt>Published</dt><dd><time datetime="{book.published}">{book.published:%d.%m.%Y}</time></dd></dl>'
        f'<p><a class="basket" href="/cart/add?upc={book.upc}">Add to basket</a></p></div></article>'
        f'<aside class="related"><h2>From the same shelf</h2>{_grid(catalogue.related(book))}</aside>',
        trail=[("/", "Home"), (category_path(book.category), book.category), ("", book.title)],
        heading=False,
    )


def authors(catalogue: Catalogue) -> str:
    """The list of all authors."""
    names = "".join(
        f'<li><a href="{writer.path}">{escape(writer.name)}</a></li>'
        for writer in sorted(catalogue.authors, key=lambda writer: writer.name.split()[::-1])
    )
    return layout("Authors", f'<ul class="authors">{names}</ul>', trail=[("/", "Home"), ("", "Authors")])


def author(catalogue: Catalogue, writer: Author) -> str:
    """One author and the books."""
    return layout(
        writer.name,
        f'<p class="biography">Born in {writer.born}. {escape(writer.biography)}</p>'
        f"<h2>Books</h2>{_grid(catalogue.works(writer.name))}",
        trail=[("/", "Home"), ("/authors", "Authors"), ("", writer.name)],
    )


def search(catalogue: Catalogue, query: str) -> str:
    """What the search form finds."""
    found = catalogue.search(query) if query else []
    return layout(
        f"Search: {query}",
        f'<p class="count">{len(found)} books</p>{_grid(found)}',
        trail=[("/", "Home"), ("", "Search")],
    )


def note(heading: str, text: str) -> str:
    """A page with a single paragraph."""
    return layout(heading, f"<p>{escape(text)}</p>", trail=[("/", "Home"), ("", heading)])


def _grid(books: Iterable[Book]) -> str:
    return f'<div class="grid">{"".join(map(_card, books))}</div>'


def _card(book: Book) -> str:
    return (
        f'<article class="book"><a href="{book.path}" tabindex="-1"><img src="{book.cover}" alt=""'
        f' width="120" height="180" loading="lazy"></a>'
        f'<h3><a href="{book.path}">{escape(book.title)}</a></h3>'
        f'<p class="by">{escape(book.author)}</p>'
        f'<p><span class="price">£{book.price:.2f}</span> {_rating(book)}</p></article>'
    )


def _rating(book: Book) -> str:
    stars = "★" * book.rating + "☆" * (5 - book.rating)
    return f'<data class="rating" value="{book.rating}" title="{book.rating} out of 5">{stars}</data>'


def _numbered(category: Category, number: int) -> str:
    return category.path if number == 1 else f"{category.path}/{number}"


def _pager(category: Category, number: int, *, last: int) -> str:
    previous = f'<a rel="prev" href="{_numbered(category, number - 1)}">← previous</a>' if number > 1 else ""
    following = f'<a rel="next" href="{_numbered(category, number + 1)}">next →</a>' if number < last else ""
    return f'<nav class="pager">{previous} <span>Page {number} of {last}</span> {following}</nav>'


def _corners() -> str:
    return "<ul>" + "".join(f'<li><a href="{path}">{text}</a>: {what}</li>' for path, text, what in CORNERS) + "</ul>"
