"""Records with Scrapy's ways, and with pydantic's."""

import pickle
from collections import UserDict
from collections.abc import Mapping, MutableMapping
from copy import deepcopy
from typing import Any

import pytest
from itemadapter import ItemAdapter
from itemloaders import ItemLoader
from itemloaders.processors import Join, MapCompose, TakeFirst
from pydantic import ValidationError

from scraper import Field, Item, Response, Selector, css
from scraper.items.item_types import fields


class Book(Item):
    """Two fields of any type around one with a type."""

    title = Field()
    pages: int = 0
    price = Field(serializer=str, input_processor=MapCompose(float), output_processor=TakeFirst())


class Row(Item):
    """An item as Scrapy's documentation declares them, with names that were not made for pydantic."""

    _id = Field()
    keys = Field()
    items = Field()
    table = "rows"
    unique = ["_id"]


class Shelf(Item):
    """An item with types only, which has the names of methods."""

    items: list[str] = css("li")
    keys: str = css("h1")
    size: int | None = css(".size")


def test_fields_are_keys_and_attributes() -> None:
    """A value is put in and taken out by either."""
    book = Book(title="Emma")
    book["price"] = 4.5
    book.pages = 474
    assert (book.title, book["price"], book["pages"]) == ("Emma", 4.5, 474)
    assert dict(book) == fields(book) == {"title": "Emma", "price": 4.5, "pages": 474}


def test_fields_are_in_the_order_of_their_declaration() -> None:
    """With or without a type, and those of a subclass after those of its base; one declared anew keeps its place."""

    class Novel(Book):
        genre = Field("novel")
        pages: int = 100
        year: int = 1815
        heroine = Field()

    assert list(Book.fields) == list(fields(Book())) == ["title", "pages", "price"]
    assert list(Novel.fields) == ["title", "pages", "price", "genre", "year", "heroine"]
    assert list(Novel(heroine="Emma", title="Emma")) == ["title", "pages", "genre", "year", "heroine"]
    assert list(Row.fields) == ["_id", "keys", "items"]


def test_what_was_said_of_a_field() -> None:
    """`fields` has it, by name, of the class and of its objects; a default is among it."""
    assert Book.fields["price"]["serializer"] is str
    assert Book().fields == Book.fields
    assert Book.fields["title"] == {}

    class Novel(Book):
        genre = Field("novel", label="Genre")
        price = Field(label="Price")

    assert Novel.fields["genre"] == {"default": "novel", "label": "Genre"}
    assert Novel.fields["price"] == {"label": "Price"}
    with pytest.raises(TypeError, match="does not support item assignment"):
        Book.fields["isbn"] = Field()  # type: ignore[index]


def test_a_field_is_there_if_it_was_set_or_has_a_default() -> None:
    """`in`, iteration, `keys`, `values`, `items`, `len` and equality agree on it; None that was set is a value."""
    book = Book()
    assert ("title" in book, "pages" in book, "isbn" in book) == (False, True, False)
    assert (list(book), list(book.keys()), list(book.values()), list(book.items()), len(book)) == (
        ["pages"],
        ["pages"],
        [0],
        [("pages", 0)],
        1,
    )
    assert book == dict(book) == {"pages": 0}
    book["title"] = None
    assert "title" in book
    assert len(book) == 2
    assert book == dict(book) == {"title": None, "pages": 0}
    assert Book(title=None) != Book()
    assert not Row()


def test_a_field_that_was_not_filled() -> None:
    """It is a `KeyError`, as in Scrapy, and None as an attribute; `get` gives the default."""
    book = Book()
    with pytest.raises(KeyError, match="Book has nothing in its field 'title'"):
        book["title"]
    assert book.title is None
    assert book.get("title", "untitled") == "untitled"
    assert book.get("isbn") is None


def test_a_field_with_a_type_that_was_not_found() -> None:
    """It is not there, but None, by its key as well as by its name; it is among the fields that are written."""
    shelf = Shelf.extract(Response("http://a.example/", body="<h1>Tea</h1><li>Green"))
    assert "size" not in shelf
    assert (shelf["size"], shelf.size, shelf.get("size", 7)) == (None, None, 7)
    assert shelf == {"items": ["Green"], "keys": "Tea"}
    assert fields(shelf) == {"items": ["Green"], "keys": "Tea", "size": None}
    assert shelf == Shelf(items=["Green"], keys="Tea", size=None)


def test_records_are_made_of_mappings() -> None:
    """Of a dict, another mapping, pairs, or an item; keywords come on top."""
    book = Book(title="Emma", pages=474)
    assert Book({"title": "Emma", "pages": 474}) == Book(book) == Book([("title", "Emma"), ("pages", 474)]) == book
    assert Book(UserDict({"title": "Emma"}), pages=474) == book
    assert Book({}) == Book()


def test_records_are_mappings() -> None:
    """What a dict can do they can."""
    book = Book(title="Emma")
    book.update({"price": 4.5}, pages=474)
    assert book == {"title": "Emma", "price": 4.5, "pages": 474}
    assert book.pop("price") == 4.5
    assert book.pop("price", None) is None
    assert book.setdefault("price", 5) == book.setdefault("price", 6) == 5
    del book["pages"]
    assert "pages" not in book
    assert book == {"title": "Emma", "price": 5}
    book.clear()
    assert len(book) == 0
    assert isinstance(book, Mapping)
    assert isinstance(book, MutableMapping)
    with pytest.raises(KeyError, match="Book has nothing in its field 'pages'"):
        del book["pages"]
    with pytest.raises(KeyError, match="Book has nothing in its field 'price'"):
        book.pop("price")


def test_setting_a_default_where_nothing_was_found() -> None:
    """`setdefault` and `pop` take a field with a type for missing if it is not there."""
    shelf = Shelf(items=[], keys="", size=None)
    assert shelf.pop("size", 5) is None
    assert shelf.pop("size", 5) == 5
    assert shelf.setdefault("size", 6) == shelf["size"] == 6


def test_copies() -> None:
    """`copy` shares the values, `deepcopy` does not, and neither shares the record."""
    book = Book(title=["Emma"])
    copies = (book.copy(), book.deepcopy(), deepcopy(book), pickle.loads(pickle.dumps(book)))
    book["pages"] = 474
    book.title.append("Persuasion")
    assert [each.pages for each in copies] == [0, 0, 0, 0]
    assert [each.title for each in copies] == [["Emma", "Persuasion"], ["Emma"], ["Emma"], ["Emma"]]
    assert {type(each) for each in copies} == {Book}


@pytest.mark.parametrize(
    "use",
    [
        lambda: Book(isbn="1"),
        lambda: Book({"isbn": "1"}),
        lambda: Book().update(isbn="1"),
        lambda: Book().setdefault("isbn", "1"),
        lambda: Book().__setitem__("isbn", "1"),
        lambda: Book()["isbn"],
        lambda: Book().pop("isbn"),
        lambda: Book().__delitem__("isbn"),
    ],
)
def test_a_field_that_is_not_declared(use: Any) -> None:
    """It is a `KeyError` of one line that names the item, the field, and those there are."""
    with pytest.raises(KeyError, match="Book has no field 'isbn'; it has title, pages, price"):
        use()


def test_a_value_that_does_not_fit() -> None:
    """It is pydantic's `ValidationError`, as in any model."""
    with pytest.raises(ValidationError, match="pages"):
        Book(pages="many")


def test_fields_that_are_called_as_methods_are() -> None:
    """Without a type they leave the methods alone; with one they are attributes. So it is in subclasses."""

    class Wide(Row):
        values = Field()

    row = Wide({"keys": 1, "items": 2, "values": 3})
    assert (list(row.keys()), list(row.values())) == (["keys", "items", "values"], [1, 2, 3])
    assert (row["keys"], dict(row)) == (1, {"keys": 1, "items": 2, "values": 3})
    row["keys"] = 4
    del row["items"]
    assert dict(row) == {"keys": 4, "values": 3}

    class Deep(Shelf):
        size: int = 30

    deep = Deep(items=["Green"], keys="Tea")
    assert (deep.items, deep.keys, deep["items"]) == (["Green"], "Tea", ["Green"])
    with pytest.raises(ValidationError, match="keys\n  Field required"):
        Deep(items=[])


def test_fields_that_begin_with_an_underscore() -> None:
    """They are fields, as MongoDB's `_id`: to keys, attributes, copies, and to those who write."""
    row = Row(_id=5)
    assert (row["_id"], row._id, dict(row), len(row)) == (5, 5, {"_id": 5}, 1)
    row["_id"] = 6
    assert row == Row({"_id": 6}) == row.copy() == pickle.loads(pickle.dumps(row)) == {"_id": 6}
    assert fields(row) == {"_id": 6, "keys": None, "items": None}
    del row["_id"]
    assert "_id" not in row
    assert "_id" not in Row()

    class Numbered(Item):
        _number = Field(1)
        title: str = css("h1")

    page = Response("http://a.example/", body="<h1>Tea")
    assert dict(Numbered(title="Tea")) == {"_number": 1, "title": "Tea"}
    assert dict(Numbered.extract(page, _number=2)) == {"_number": 2, "title": "Tea"}


def test_attributes_that_are_not_fields() -> None:
    """A class of fields without types may have other attributes; in one with types that is pydantic's error."""
    assert (Row.table, Row().unique) == ("rows", ["_id"])
    assert "table" not in Row.fields
    with pytest.raises(Exception, match="non-annotated attribute"):
        type("Odd", (Shelf,), {"__module__": __name__, "table": "odd"})


def test_fields_in_bulk() -> None:
    """`fields = {…}` in a class declares fields, as it does in Scrapy."""

    class Thing(Item):
        fields = {"name": Field(label="Name")}
        size = Field()

    assert set(Thing.fields) == {"name", "size"}
    assert Thing.fields["name"] == {"label": "Name"}
    assert dict(Thing(name="tea")) == {"name": "tea"}


def test_what_itemadapter_sees() -> None:
    """The fields that are there, the names of all, and what was said of each, of a class and of an object."""
    adapter = ItemAdapter(Book(title="Emma"))
    assert adapter.asdict() == {"title": "Emma", "pages": 0}
    assert list(adapter.field_names()) == ItemAdapter.get_field_names_from_class(Book) == ["title", "pages", "price"]
    assert adapter.get_field_meta("price")["serializer"] is str
    assert ItemAdapter.get_field_meta_from_class(Book, "title") == {}
    adapter["price"] = 5
    del adapter["pages"]
    assert adapter.item == {"title": "Emma", "price": 5}
    assert len(adapter) == 2
    with pytest.raises(KeyError, match="isbn"):
        adapter["isbn"] = "1"
    row = ItemAdapter(Row(_id=1))
    row["keys"] = 2
    assert dict(row) == {"_id": 1, "keys": 2}


def test_item_loaders_do_what_fields_say() -> None:
    """Processors of fields are used; what was not loaded is not there."""

    class Tea(Item):
        name = Field(input_processor=MapCompose(str.strip, str.upper), output_processor=TakeFirst())
        tags = Field(output_processor=Join(", "))
        price = Field()
        grams: int = Field(5, input_processor=MapCompose(int), output_processor=TakeFirst())

    loader = ItemLoader(item=Tea(), selector=Selector(text="<h1> green </h1><i>a</i><i>b</i>"))
    loader.add_css("name", "h1::text")
    loader.add_css("tags", "i::text")
    loader.add_css("price", ".price::text")
    item = loader.load_item()
    assert item == {"name": "GREEN", "tags": "a, b", "grams": 5}
    assert "price" not in item
