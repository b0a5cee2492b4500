"""How each type of value is written."""

import base64
import json
import re
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, HttpUrl, TypeAdapter

from scraper.items.item import Item
from scraper.sinks.formats.csv import CsvTable
from scraper.sinks.formats.json import JsonArray
from scraper.sinks.formats.jsonl import JsonLines
from scraper.sinks.formats.values import cell

UUID_TEXT = "12345678-1234-5678-1234-567812345678"


class Cover(Enum):
    PAPER = "paperback"
    CLOTH = ("cloth", 2)


class Shelf(IntEnum):
    TOP = 1


class Mood(StrEnum):
    GAY = "gay"


class Markup(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not this"


class Stamp(datetime):
    pass


Point = namedtuple("Point", "x y")


@dataclass
class Plain:
    name: str
    tags: set[str] = field(default_factory=set)


class Model(BaseModel):
    name: str
    tags: set[str] = set()


class Record(msgspec.Struct, rename="camel", omit_defaults=True):
    the_name: str
    tags: Any = None


@attrs.define
class Thing:
    name: str
    _hidden: int = 1


class Numbers:
    """Like numpy's array."""

    def tolist(self) -> list[float]:
        return [1.0, float("nan")]


VALUES: list[tuple[Any, Any]] = [
    ("Emma", "Emma"),
    (Markup("Emma"), "Emma"),
    (1, 1),
    (2**80, 2**80),
    (0.1, 0.1),
    (True, True),
    (None, None),
    (float("nan"), None),
    (float("-inf"), None),
    (Decimal("9.90"), "9.90"),
    (Decimal("1E+3"), "1E+3"),
    (date(2026, 11, 23), "2026-11-23"),
    (datetime(2026, 11, 23, 6, 0, 1, 5), "2026-11-23T06:00:01.000005"),
    (datetime(2026, 11, 23, 6, tzinfo=UTC), "2026-11-23T06:00:00Z"),
    (Stamp(2026, 11, 23), "2026-11-23T00:00:00"),
    (time(6, 30), "06:30:00"),
    (timedelta(days=1, seconds=2), "P1DT2S"),
    (UUID(UUID_TEXT), UUID_TEXT),
    (b"\xff\x00", base64.b64encode(b"\xff\x00").decode()),
    (bytearray(b"a"), "YQ=="),
    (Cover.PAPER, "paperback"),
    (Cover.CLOTH, ["cloth", 2]),
    (Shelf.TOP, 1),
    (Mood.GAY, "gay"),
    ([1, "a", None], [1, "a", None]),
    ((Decimal(1), [Shelf.TOP]), ["1", [1]]),
    (Point(1, 2), [1, 2]),
    (deque([1, Mood.GAY]), [1, "gay"]),
    ({"pear", "apple", "fig"}, ["apple", "fig", "pear"]),
    (frozenset({10, 9}), [9, 10]),
    ({"a", 1}, [1, "a"]),
    ({False, Decimal("NaN")}, ["NaN", False]),
    ({Decimal(3), Decimal("NaN")}, ["3", "NaN"]),
    ({"a": 1}.keys(), ["a"]),
    ({"b": {2, 1}, "a": 1}, {"b": [1, 2], "a": 1}),
    ({2: "a", None: "b", False: "c"}, {"2": "a", "null": "b", "false": "c"}),
    ({date(2026, 1, 2): 1, Mood.GAY: 2, 1.5: 3, (1, 2): 4}, {"2026-01-02": 1, "gay": 2, "1.5": 3, "[1,2]": 4}),
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(int, a=1), {"a": 1}),
    (Counter("aab"), {"a": 2, "b": 1}),
    (ChainMap({"a": 1}), {"a": 1}),
    (UserDict({"a": {1}}), {"a": [1]}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (Plain("x", {"b", "a"}), {"name": "x", "tags": ["a", "b"]}),
    (Model(name="x", tags={"b", "a"}), {"name": "x", "tags": ["a", "b"]}),
    (Record("x", msgspec.UNSET), {"the_name": "x"}),
    (Thing("x"), {"name": "x", "_hidden": 1}),
    ([Plain("x"), {"m": Model(name="y")}], [{"name": "x", "tags": []}, {"m": {"name": "y", "tags": []}}]),
    (TypeAdapter(HttpUrl).validate_python("https://a.example/b"), "https://a.example/b"),
    (ip_address("::1"), "::1"),
    (PurePosixPath("a/b"), "a/b"),
    (re.compile("a+"), "a+"),
    (1 + 2j, "(1+2j)"),
    (Fraction(1, 2), "1/2"),
    (Numbers(), [1.0, None]),
    (ValueError("no"), "ValueError: no"),
]


def jsonl(item: Any) -> Any:
    return json.loads(JsonLines().encode([item]))


@pytest.mark.parametrize(("value", "written"), VALUES, ids=lambda each: type(each).__name__)
def test_a_value_in_json(value: Any, written: Any) -> None:
    """In JSON every type has one form, on its own and in a list."""
    assert jsonl({"value": value}) == {"value": written}
    assert jsonl({"value": [[value]]}) == {"value": [[written]]}


@pytest.mark.parametrize(("value", "written"), VALUES, ids=lambda each: type(each).__name__)
def test_a_value_in_csv(value: Any, written: Any) -> None:
    """In a CSV cell text is as it is, null is empty, and everything else as JSON has it."""
    found = cell(value)
    if written is None or isinstance(written, str):
        assert found == written
    else:
        assert json.loads(str(found)) == written


def test_json_keeps_the_order_of_fields() -> None:
    """Fields are written in the order that the item has them."""
    assert JsonLines().encode([{"b": 1, "a": {1, 2}}]) == b'{"b":1,"a":[1,2]}\n'


@pytest.mark.parametrize("item", [Plain("x"), Model(name="x"), Record("x"), Thing("x"), {"name": "x"}])
def test_every_kind_of_item_is_an_object(item: Any) -> None:
    """A dataclass, an attrs, pydantic or msgspec object is written with its fields under their names."""
    assert next(iter(jsonl(item).values())) == "x"


def test_an_item_of_an_item() -> None:
    """Items inside of items are objects."""

    class Author(Item):
        name: str

    class Book(Item):
        title: str
        author: Author

    assert jsonl(Book(title="Emma", author=Author(name="Jane"))) == {"title": "Emma", "author": {"name": "Jane"}}


def test_two_keys_that_become_one() -> None:
    """Keys that would be the same as text are refused: one of the values would be lost."""
    with pytest.raises(TypeError, match="two of its keys are the same as text"):
        JsonLines().encode([{"counts": {1: "a", "1": "b"}}])


def test_what_can_be_read_only_once_is_refused() -> None:
    """A generator is refused: a second file would find it empty."""
    with pytest.raises(TypeError, match="a value of type generator cannot be written"):
        JsonLines().encode([{"tags": (each for each in "ab")}])


@pytest.mark.parametrize("value", [object(), lambda: 1, Fraction, Point, type])
def test_other_types_are_refused(value: Any) -> None:
    """A value of which nobody knows how to write it is refused, not written as something else."""
    with pytest.raises(TypeError, match="cannot be written"):
        JsonLines().encode([{"value": value}])


def test_an_array_is_valid_at_any_length() -> None:
    """A JSON array has one item a line, and is `[]` without any."""
    assert JsonArray().end() == b"[]\n"
    array = JsonArray()
    written = array.encode([{"a": 1}, {"a": "\n"}]) + array.encode([{"a": 2}]) + array.end()
    assert written == b'[\n{"a":1},\n{"a":"\\n"},\n{"a":2}\n]\n'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), json_values, max_size=4), min_size=1, max_size=4))
def test_json_is_read_back(items: list[dict[str, Any]]) -> None:
    """Whatever JSON can hold is read back equal."""
    lines = JsonLines().encode(items)
    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == items
    array = JsonArray()
    assert json.loads(array.encode(items) + array.end()) == items


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


any_value = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.frozensets(inner.filter(_hashable))
        | st.dictionaries(st.integers() | st.dates() | st.text(st.characters()), inner, max_size=1)
    ),
    max_leaves=10,
)


@given(any_value)
def test_anything_is_written(value: Any) -> None:
    """Any mixture of known types is valid JSON, and one CSV cell."""
    jsonl({"value": value})
    lines = CsvTable().encode([{"value": value}, {"value": value}])
    lines.decode()
