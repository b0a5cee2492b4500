"""Records with Scrapy's ways."""

import pytest

from scraper import Field, Item
from scraper.items.item import fields


class Book(Item):
    """Two fields of any type, and one with a type."""

    title = Field()
    price = Field(serializer=str)
    pages: int = 0


def test_fields_are_keys_and_attributes() -> None:
    """A value is put in and taken out by either."""
    book = Book(title="Emma")
    book["price"] = 4.5
    book.pages = 474
    assert (book.title, book["price"], book["pages"]) == ("Emma", 4.5, 474)
    assert dict(book) == fields(book) == {"title": "Emma", "price": 4.5, "pages": 474}


def test_fields_are_in_the_order_of_the_class() -> None:
    """Those without a type come first."""
    assert list(Book().keys()) == list(dict(Book())) == ["title", "price", "pages"]


def test_a_field_that_was_not_filled() -> None:
    """It is None, and `get` gives the default."""
    book = Book()
    assert book["title"] is None
    assert book.get("title", "untitled") == "untitled"
    assert book.get("isbn") is None
    assert ("title" in book, "isbn" in book) == (True, False)


def test_a_field_that_is_not_declared() -> None:
    """It is a `KeyError` that names item and field."""
    with pytest.raises(KeyError, match="Book has no field 'isbn'"):
        Book()["isbn"] = "1"
    with pytest.raises(KeyError, match="Book has no field 'isbn'"):
        Book()["isbn"]


def test_classes_that_follow_have_the_fields() -> None:
    """Fields are inherited, and can be declared anew."""

    class Novel(Book):
        genre = Field("novel")
        pages: int = 100

    assert dict(Novel(title="Emma")) == {"title": "Emma", "price": None, "pages": 100, "genre": "novel"}
