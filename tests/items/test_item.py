"""Items: records of any kind, and those that say where their fields come from."""

import dataclasses
import pickle
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Optional, TypedDict

import attrs
import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, HttpUrl
from pydantic import Field as PydanticField

from scraper import Field
from scraper.errors import SpiderError
from scraper.http.response import Response
from scraper.items.copies import copied
from scraper.items.fields import css
from scraper.items.item import Item, ItemError
from scraper.items.item_types import fields, is_item, plain
from scraper.items.serializers import serialized, unfilled
from scraper.markup import Selector

PAGE = """
<h1> Green <em>tea</em>
  set </h1><p class="price">£19.99 <s>£25.00</s></p><time datetime="2024-02-29">a leap day</time>
<ul><li><a href="/">Home</a></li><li><a href="/tea">Tea</a></li></ul><span class="stock">In stock (7)</span>
<div class="offer"><b>Ann</b><i>3</i></div><div class="offer"><b>Bob</b><i>4</i></div><p class="empty"></p>
"""


def page() -> Response:
    return Response("http://a.example/tea", body=PAGE)


class Offer(Item):
    seller: str = css("b")
    price: int = css("i")


def test_fields_are_taken_and_converted() -> None:
    """A field takes the first thing its query finds, and becomes what its type says."""

    class Tea(Item):
        title: str = css("h1")
        price: Decimal = css(".price", re=r"[\d.]+")
        stock: int = css(".stock", re=r"\((\d+)\)")
        day: date = css("time::attr(datetime)")
        same_day: date = css("time", attr="datetime")
        link: str = css("a::attr(href)")
        raw: str = css("h1::text")

    tea = Tea.extract(page())
    assert (tea.title, tea.price, tea.stock) == ("Green tea set", Decimal("19.99"), 7)
    assert tea.day == tea.same_day == date(2024, 2, 29)
    assert (tea.link, tea.raw) == ("/", " Green ")


def test_lists_take_every_match() -> None:
    """A field that is a list, tuple, set or sequence takes all that its query finds; none is an empty list."""

    class Trail(Item):
        names: list[str] = css("li a")
        links: tuple[str, ...] = css("li a::attr(href)")
        letters: set[str] = css("li a", re=r"^\w")
        numbers: list[int] = css(".offer i")
        either: list[str] | None = css("li")
        none: list[str] = css(".none")
        default: list[str] = css(".none", default=["x"])

    trail = Trail.extract(page())
    assert (trail.names, trail.links, trail.letters) == (["Home", "Tea"], ("/", "/tea"), {"H", "T"})
    assert (trail.numbers, trail.either, trail.none, trail.default) == ([3, 4], ["Home", "Tea"], [], ["x"])


def test_defaults() -> None:
    """What is not found is its default, or None where None is allowed and nothing else is said."""

    class Tea(Item):
        brand: str = css(".brand", default="unknown")
        rating: float | None = css(".rating")
        weight: Optional[int] = css(".weight", default=5)  # noqa: UP045 -- both spellings
        no_match: int | None = css("h1", re=r"\d+")
        note: str = "by hand"
        empty: str = css(".empty")

    tea = Tea.extract(page())
    assert (tea.brand, tea.rating, tea.weight, tea.no_match) == ("unknown", None, 5, None)
    assert (tea.note, tea.empty) == ("by hand", "")


def test_values_by_hand_win() -> None:
    """Fields given by hand are not looked for."""

    class Tea(Item):
        title: str = css("h1")
        url: str

    tea = Tea.extract(page(), url="http://a.example/tea", title="Mine")
    assert (tea.title, tea.url) == ("Mine", "http://a.example/tea")
    assert Tea(title="x", url="y").title == "x"


def test_nested_items() -> None:
    """A field whose type is an item is extracted from the element that its query finds."""

    class Tea(Item):
        best: Offer = css(".offer")
        offers: list[Offer] = css(".offer")
        no_offer: Offer | None = css(".none")

    tea = Tea.extract(page())
    assert tea.best == Offer(seller="Ann", price=3)
    assert [offer.seller for offer in tea.offers] == ["Ann", "Bob"]
    assert tea.no_offer is None


def test_extract_all() -> None:
    """One item is made of each element that a query finds; any selector is a page."""
    assert Offer.extract_all(page(), css=".offer") == [Offer(seller="Ann", price=3), Offer(seller="Bob", price=4)]
    assert Offer.extract(Selector(text="<b>Eve</b><i>1</i>")).seller == "Eve"
    assert Offer.extract_all(page(), css=".none") == []


def test_items_inherit_fields() -> None:
    """An item has the fields of the one it inherits from, and of pydantic's own kind."""

    class Special(Offer):
        link: HttpUrl | None = None
        note: str = PydanticField(default="n", max_length=3)

    assert Special.extract(page()).model_dump() == {"seller": "Ann", "price": 3, "link": None, "note": "n"}


def test_missing_field() -> None:
    """A required field that is not found is an error that names item, field, query and page."""

    class Tea(Item):
        brand: str = css(".brand")
        url: str

    with pytest.raises(ItemError) as caught:
        Tea.extract(page())
    assert str(caught.value) == (
        "Tea.brand from '.brand': nothing found; Tea.url: nothing found in http://a.example/tea"
    )
    assert isinstance(caught.value, SpiderError)


def test_value_that_does_not_fit() -> None:
    """A value that does not fit its type is shown, cut if it is long, with what was expected."""

    class Tea(Item):
        price: int = css("h1")

    with pytest.raises(
        ItemError, match=r"^Tea\.price from 'h1': Input should be a valid integer.*, got 'Green tea set' in http"
    ):
        Tea.extract(page())
    with pytest.raises(ItemError, match=r"got 'x{100,}…$"):
        Tea.extract(Selector(text=f"<h1>{'x' * 1000}</h1>"))


def test_value_in_a_list_that_does_not_fit() -> None:
    """In a list, the error says which value it was."""

    class Tea(Item):
        prices: list[int] = css("b")

    with pytest.raises(ItemError, match=r"^Tea\.prices\.1 from 'b': Input should be a valid integer, .*, got 'x'$"):
        Tea.extract(Selector(text="<b>1</b><b>x</b>"))


def test_unknown_field() -> None:
    """A field that the item does not have is refused."""
    with pytest.raises(ItemError, match=r"Offer\.sellr: Extra inputs are not permitted, got 'Ann'"):
        Offer.extract(page(), sellr="Ann")


# Any kind of record.


class Typed(TypedDict):
    a: int
    b: Any


@dataclass
class Data:
    a: int
    b: Any


@dataclass(slots=True, frozen=True)
class Slotted:
    a: int
    b: Any


@attrs.define
class Attrs:
    a: int
    b: Any


class Model(BaseModel):
    a: int
    b: Any


class Struct(msgspec.Struct):
    a: int
    b: Any


class ScrapyLike(MutableMapping[str, Any]):
    """As Scrapy's items are: a mapping that declares its fields."""

    fields = {"a": {}, "b": {"serializer": repr}}

    def __init__(self, **values: Any) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def copy(self) -> "ScrapyLike":
        return ScrapyLike(**self._values)


class Chained(ChainMap[str, Any]):
    """Two mappings in one."""

    def __init__(self, *maps: Any, **values: Any) -> None:
        super().__init__(*(maps or ({}, values)))


class Declared(Item):
    a = Field()
    b: Any


class Ordered(OrderedDict[str, Any]):
    """A dict with a class of its own."""


KINDS = [
    dict, Typed, Data, Slotted, Attrs, Model, Struct, UserDict, OrderedDict, Ordered, Chained, ScrapyLike, Declared,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_any_record_is_an_item(kind: Any) -> None:
    """Mappings, dataclasses, attrs, pydantic and msgspec objects are items, and their fields are had in order."""
    inner = Data(1, 2)
    item = kind(a=1, b=inner)
    assert is_item(item)
    assert list(fields(item).items()) == [("a", 1), ("b", inner)]
    assert list(serialized(item).items()) == [("a", 1), ("b", repr(inner) if kind is ScrapyLike else inner)]
    assert fields(item)["b"] is inner


def set_field(item: Any, name: str, value: Any) -> None:
    """Set a field, by its key or by its name."""
    if isinstance(item, MutableMapping):
        item[name] = value
    else:
        setattr(item, name, value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Slotted])
def test_a_copy_stays_as_it_is(kind: Any) -> None:
    """A copied item is of the same kind, has the same values, and does not change when a field is set again."""
    inner = ["x"]
    item = kind(a=1, b=inner)
    copy = copied(item)
    assert type(copy) is type(item)
    set_field(item, "a", 2)
    assert fields(copy) == {"a": 1, "b": inner}
    assert fields(copy)["b"] is inner
    set_field(copy, "a", 3)
    assert fields(item)["a"] == 2


def test_both_mappings_of_a_chain_are_copied() -> None:
    """A `ChainMap` that is given is copied with all its mappings, as any of them may be filled again."""
    base = {"a": 1}
    copy = copied(ChainMap({}, base))
    base["a"] = 2
    assert fields(copy) == {"a": 1}


class Cold(BaseModel):
    model_config = ConfigDict(frozen=True)
    a: int
    b: Any


class ColdStruct(msgspec.Struct, frozen=True):
    a: int
    b: Any


@pytest.mark.parametrize("kind", [Slotted, Cold, ColdStruct])
def test_what_cannot_change_is_not_copied(kind: Any) -> None:
    """An item whose fields cannot be set is its own copy."""
    item = kind(a=1, b=2)
    assert copied(item) is item


class Sealed:
    """A record that has a say in how it is copied."""

    __attrs_attrs__ = ()

    def __copy__(self) -> "Sealed":
        raise TypeError("no copies")


def test_a_class_may_forbid_copies() -> None:
    """A class that has a say in how it is copied has it here."""
    with pytest.raises(TypeError, match="no copies"):
        copied(Sealed())


@pytest.mark.parametrize("kind", [attrs.define, attrs.mutable])
def test_fields_of_attrs_and_dataclasses_may_have_a_serializer(kind: Any) -> None:
    """What `metadata` names as serializer is called with the value, as in Scrapy."""

    @kind
    class Priced:
        price: int = attrs.field(metadata={"serializer": lambda value: f"${value}"})

    @dataclass
    class Weighed:
        grams: int = dataclasses.field(metadata={"serializer": str})

    assert serialized(Priced(3)) == {"price": "$3"}
    assert serialized(Weighed(5)) == {"grams": "5"}


def test_a_serializer_that_raises() -> None:
    """The error names the field, and what was raised."""

    class Priced(Item):
        price = Field(serializer=int)

    with pytest.raises(ValueError, match="the serializer of price raised ValueError: invalid literal for int"):
        serialized(Priced(price="much"))
    assert serialized(Priced()) == {"price": None}


def test_what_nothing_was_put_into() -> None:
    """Fields without a type are left out of JSON as long as they are not filled, those with one never are."""

    class Tea(Item):
        name = Field()
        price: float | None = None

    assert fields(Tea()) == {"name": None, "price": None}
    assert list(unfilled(Tea())) == ["name"]
    assert list(unfilled(Tea(name=None))) == []
    assert fields(ScrapyLike(b=1)) == {"a": None, "b": 1}
    assert list(unfilled(ScrapyLike(b=1))) == ["a"]
    assert list(unfilled({"a": None})) == []


@pytest.mark.parametrize("value", ["text", 1, None, ["a"], ("a", "b"), Data, Attrs, Struct, object(), b"x"])
def test_what_is_no_item(value: Any) -> None:
    """Texts, numbers, lists and classes are no items."""
    assert not is_item(value)


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_written_as_json(kind: Any) -> None:
    """A record in a record becomes a JSON object, whatever its kind."""
    written = msgspec.json.encode(kind(a=1, b=kind(a=2, b=None)), enc_hook=plain)
    assert msgspec.json.decode(written) == {"a": 1, "b": {"a": 2, "b": None}}


def test_plain_values() -> None:
    """Sets, paths, numpy's kind of arrays and errors have a JSON-like form; other things are an error."""

    class Array:
        def tolist(self) -> list[int]:
            return [1, 2]

    assert plain({3, 1}) == [1, 3]
    assert plain(frozenset("ba")) == ["a", "b"]
    assert plain(Path("a/b")) == "a/b"
    assert plain(Array()) == [1, 2]
    assert plain(1j) == "1j"
    assert plain(ValueError("no")) == "ValueError: no"
    with pytest.raises(TypeError, match="a value of type object cannot be written"):
        plain(object())


def test_dataclass_items_stay_what_they_are() -> None:
    """Asking for an item's fields changes nothing of it."""
    item = Data(1, [2])
    assert fields(item) == dataclasses.asdict(item)
    fields(item)["a"] = 5
    assert item.a == 1


def test_what_does_not_fit_is_told_field_by_field() -> None:
    """An `ItemError` has its parts: item, field, selector, value and problem; they survive pickling."""

    class Book(Item):
        title: str = css("h1")
        pages: int = css(".pages")

    with pytest.raises(ItemError) as raised:
        Book.extract(Response("http://a.example/", body="<p class=pages>many</p>"))
    title, pages = raised.value.misfits
    assert (title.item, title.field, title.selector, title.value) == ("Book", "title", "h1", "")
    assert title.problem == "nothing found"
    assert (pages.field, pages.selector, pages.value) == ("pages", ".pages", "'many'")
    assert "; ".join(map(str, raised.value.misfits)) + " in http://a.example/" == str(raised.value)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.misfits) == (str(raised.value), raised.value.misfits)
