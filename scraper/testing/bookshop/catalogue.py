"""The bookshop's stock, drawn from a word list by a seeded generator: the same books on every machine.

This is the truth that a crawl is compared with. Nothing here knows HTML or the network.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from random import Random

from scraper.testing.bookshop import words


@dataclass(frozen=True, slots=True)
class Book:
    """One book, with the very values that its product page shows."""

    title: str
    author: str
    category: str
    upc: str
    price: Decimal  # pounds
    rating: int  # 1 to 5
    stock: int  # 0 is out of stock
    published: date
    description: str

    @property
    def path(self) -> str:
        """Where its product page is."""
        return f"/books/{slug(self.title)}"

    @property
    def cover(self) -> str:
        """Where its cover image is."""
        return f"/covers/{self.upc}.svg"


@dataclass(frozen=True, slots=True)
class Author:
    """Someone who wrote at least one of the books."""

    name: str
    born: int
    biography: str

    @property
    def path(self) -> str:
        """Where the author's page is."""
        return author_path(self.name)


@dataclass(frozen=True, slots=True)
class Category:
    """One shelf of the shop."""

    name: str
    motto: str

    @property
    def path(self) -> str:
        """Where its first page is; page 2 is at `path/2`."""
        return category_path(self.name)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that the shop sells. Books stand in the order of their categories."""

    books: tuple[Book, ...]
    authors: tuple[Author, ...]
    categories: tuple[Category, ...]

    @property
    def latest(self) -> Book:
        """The book published last."""
        return max(self.books, key=lambda book: (book.published, book.upc))

    def shelf(self, category: str) -> list[Book]:
        """The books of one category."""
        return [book for book in self.books if book.category == category]

    def works(self, author: str) -> list[Book]:
        """The books of one author."""
        return [book for book in self.books if book.author == author]

    def related(self, book: Book) -> list[Book]:
        """The four books that follow on the same shelf, which goes round."""
        shelf = self.shelf(book.category)
        place = shelf.index(book)
        return [*shelf[place + 1 :], *shelf[:place]][:4]

    def search(self, query: str) -> list[Book]:
        """The books whose title or author contains the query, in any case."""
        wanted = query.casefold()
        return [book for book in self.books if wanted in f"{book.title}\n{book.author}".casefold()]


def slug(text: str) -> str:
    """The text as one segment of a path: ASCII, lower case, words joined by hyphens."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_text.lower().replace("'", "")))


def author_path(name: str) -> str:
    """Where an author's page is."""
    return f"/authors/{slug(name)}"


def category_path(name: str) -> str:
    """Where the first page of a category is."""
    return f"/categories/{slug(name)}"


@cache
def catalogue(seed: int = 1927) -> Catalogue:
    """240 books by 60 authors in 12 categories; another seed gives other books."""
    random = Random(seed)
    authors = tuple(_authors(random))
    categories = tuple(Category(shelf.name, shelf.motto) for shelf in words.SHELVES)
    return Catalogue(tuple(_books(random, authors)), authors, categories)


def _authors(random: Random) -> Iterator[Author]:
    last_names = random.sample(words.LAST_NAMES, 60)
    for number, last_name in enumerate(last_names):
        name = f"{words.FIRST_NAMES[number % len(words.FIRST_NAMES)]} {last_name}"
        yield Author(name, random.randint(1931, 1994), _sentence(random, words.BIOGRAPHIES))


def _books(random: Random, authors: tuple[Author, ...]) -> Iterator[Book]:
    total = sum(shelf.size for shelf in words.SHELVES)
    writers = [*authors, *random.choices(authors, k=total - len(authors))]  # nobody without a book
    random.shuffle(writers)
    taken: set[str] = set()
    for shelf in words.SHELVES:
        for _ in range(shelf.size):
            title = _title(random, shelf.nouns, taken)
            sentences = random.sample(words.DESCRIPTIONS, 4)
            yield Book(
                title=title,
                author=writers.pop().name,
                category=shelf.name,
                upc=f"{random.getrandbits(64):016x}",
                price=Decimal(random.randint(599, 5999)).scaleb(-2),
                rating=random.randint(1, 5),
                stock=random.choice((0, *range(1, 23))),
                published=date(1998, 1, 1) + timedelta(days=random.randrange(9500)),
                description=" ".join(_sentence(random, (sentence,)) for sentence in sentences),
            )


def _title(random: Random, nouns: tuple[str, ...], taken: set[str]) -> str:
    """A title whose slug no other book has."""
    while True:
        first, second = random.sample(nouns, 2)
        title = random.choice(words.TITLES).format(
            adjective=random.choice(words.ADJECTIVES),
            noun=first,
            other=second,
            place=random.choice(words.PLACES),
            keeper=random.choice(words.KEEPERS),
        )
        if slug(title) not in taken:
            taken.add(slug(title))
            return title


def _sentence(random: Random, templates: tuple[str, ...]) -> str:
    place, elsewhere = random.sample(words.PLACES, 2)
    return random.choice(templates).format(
        place=place,
        elsewhere=elsewhere,
        hero=random.choice(words.FIRST_NAMES),
        keeper=random.choice(words.KEEPERS).lower(),
        adjective=random.choice(words.ADJECTIVES).lower(),
        number=random.choice(words.NUMBERS),
        animals=random.choice(words.ANIMALS),
    )
