"""Requests as bytes: what comes back is what went in, and nothing else ever does."""

import collections
import dataclasses
import datetime as dt
import enum
import sys
import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext
from pydantic import BaseModel, PrivateAttr

from scraper import FormRequest, Item, JsonRequest, Request, SpiderError, StorageError
from scraper.frontier.serialization.requests import decoded, encoded, sealed, unsealed

URL = "http://a.example/x"


class Book(Item):
    title: str
    tags: set[str] = set()


class Secretive(BaseModel):
    x: int
    _y: int = PrivateAttr(default=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: object = None


@attrs.frozen
class Line:
    start: Point
    _end: Point


class Cell(msgspec.Struct, frozen=True):
    value: Any


class Pair(NamedTuple):
    first: int
    second: Any


class Colour(enum.Enum):
    RED = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Outer:
    @dataclasses.dataclass
    class Inner:
        x: int


PARIS = ZoneInfo("Europe/Paris")
VALUES = [
    (1, (2, [3])),
    {1, "a", None},
    frozenset([(1,)]),
    b"\x00\xff",
    bytearray(b"ab"),
    2**64,
    -(2**70),
    "caf\u00e9",
    "half a pair: \ud800",
    Decimal("1.10"),
    Fraction(1, 3),
    1 + 2j,
    float("inf"),
    uuid.UUID(int=7),
    dt.date(2024, 2, 29),
    dt.time(1, 2, 3, tzinfo=dt.UTC),
    dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=PARIS),
    dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
    dt.datetime(2024, 1, 1, 12, 0, 0, 5),
    dt.timedelta(days=-1, microseconds=1),
    {1: "a", (1, 2): "b", None: "c", b"d": "e", "\ud800": "f"},
    collections.deque([1, (2,)], maxlen=3),
    collections.Counter("aab"),
    collections.OrderedDict(b=1, a=2),
    range(1, 9, 2),
    Path("/tmp/x"),
    Colour.RED,
    Level.LOW,
    Rights.READ | Rights.WRITE,
    Book(title="x", tags={"a"}),
    Secretive(x=1),
    Point(1, (2, {3})),
    Line(Point(1), Point(2)),
    Cell({"a": (1,)}),
    Pair(1, {2}),
    Outer.Inner(1),
    Request("http://b.example/", "parse", meta={"inner": (1,)}, headers={"X": "y"}),
    FormRequest("http://b.example/", formdata={"a": "b"}),
    [{"deep": [{"deeper": {(1,): {Decimal(1)}}}]}],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}")
def test_values_come_back_as_they_were(value: Any) -> None:
    """What `meta` and `cb_kwargs` may hold is equal afterwards, and of the same type."""
    request = Request(URL, "parse", meta={"value": value, "again": [value]}, cb_kwargs={"value": value})
    again = decoded(encoded(request))
    assert again == request
    assert type(again.meta["value"]) is type(value)
    assert again.cb_kwargs["value"] == value


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.binary() | st.text()
    | st.decimals(allow_nan=False) | st.datetimes() | st.uuids() | st.timedeltas(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(), PLAIN), st.dictionaries(st.text(), PLAIN), st.integers(-(2**31), 2**31))
def test_any_nesting_comes_back(meta: dict[str, Any], cb_kwargs: dict[str, Any], priority: int) -> None:
    """However values are nested, a request comes back equal."""
    request = Request(URL, meta=meta, cb_kwargs=cb_kwargs, priority=priority)
    assert decoded(encoded(request)) == request


@pytest.mark.parametrize(
    "request_",
    [
        Request(URL),
        Request(f"{URL}?q=\u00e9#top", "parse", errback="failed", priority=-3, depth=7, dont_filter=True),
        Request(URL, method="PUT", body=b"\x00\xff", headers={"A": "b"}, cookies={"c": "d"}, timeout=3, session="s"),
        Request(URL, json={"a": [1]}, auth=("user", "secret"), proxy="http://p.example:1/", encoding="latin-1"),
        Request(URL, form={"a": "b"}, params={"p": "q"}),
    ],
)
def test_fields_come_back(request_: Request) -> None:
    """All the fields of a request are kept."""
    assert decoded(encoded(request_)) == request_


def test_requests_of_forms_and_json_become_plain_ones() -> None:
    """A `FormRequest` and a `JsonRequest` come back as the requests that they became."""
    form = decoded(encoded(FormRequest(URL, formdata={"a": "b"})))
    assert (type(form), form.method, form.body) == (Request, "POST", b"a=b")
    data = decoded(encoded(JsonRequest(URL, data={"a": 1}, meta={"t": (1,)})))
    assert (type(data), data.body, data.meta) == (Request, b'{"a":1}', {"t": (1,)})


def _nested_for_ever() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["itself"] = value
    return value


class Eager(msgspec.Struct):
    x: int

    def __post_init__(self) -> None:
        """Would be run on reading."""


@dataclasses.dataclass
class Failing(Exception):
    x: int


def local() -> object:
    @dataclasses.dataclass
    class Local:
        x: int

    return Local(1)


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({"a": lambda: 1}, r"meta\['a'\] is a function; keep plain values"),
        ({"a": {"b": [object()]}}, r"meta\['a'\]\['b'\]\[0\] is a object; keep plain values"),
        ({"a": collections.defaultdict(list)}, "is a defaultdict"),
        ({"a": Eager(1)}, "is a Eager"),
        ({"a": local()}, "is a .*Local"),
        ({"a": Failing(1)}, "not safe"),
        ({"a": sys}, "is a module"),
        (_nested_for_ever(), "holds itself"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_once(meta: dict[str, Any], told: str) -> None:
    """The error names the request, the key and the type, and says what to do."""
    with pytest.raises(SpiderError, match=f"^<GET {URL}> cannot be kept: .*{told}"):
        encoded(Request(URL, meta=meta))


@pytest.mark.parametrize("fields", [{"headers": {"A": 1}}, {"cookies": {"a": None}}])
def test_headers_that_are_no_texts_are_refused(fields: Any) -> None:
    """What was changed in place, and would not be a request again, is refused before it is written."""
    request = Request(URL)
    for name, value in fields.items():
        getattr(request, name).update(value)
    with pytest.raises(SpiderError, match="cannot be kept"):
        encoded(request)


def test_fields_of_a_class_of_ones_own_are_refused() -> None:
    """A field that a subclass adds would be lost: it is refused."""

    class Extended(Request, frozen=True, kw_only=True):
        extra: int = 0

    with pytest.raises(SpiderError, match=r"Extended\.extra .* hand it over in meta"):
        encoded(Extended(URL, extra=1))


def test_pages_are_refused() -> None:
    """A response or an element of it cannot be kept."""
    from scraper.markup.selectors.selector import Selector

    with pytest.raises(SpiderError, match=r"meta\['page'\] is a Selector"):
        encoded(Request(URL, meta={"page": Selector("<p>x")}))


@given(st.data())
def test_any_other_byte_is_noticed(data: st.DataObject) -> None:
    """A request with a byte changed, or cut short, is refused as damaged."""
    whole = encoded(Request(URL, "parse", meta={"a": (1, 2)}))
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytes(each ^ (data.draw(st.integers(1, 255)) if at == place else 0) for at, each in enumerate(whole))
    for broken in (changed, whole[:place]):
        with pytest.raises(StorageError, match="checksum"):
            decoded(broken)


@given(st.binary(max_size=40))
def test_bytes_that_are_no_request_are_refused(data: bytes) -> None:
    """Whatever else was sealed gives one clear error."""
    assert unsealed(sealed(data)) == data
    with pytest.raises(StorageError, match="cannot be read"):
        decoded(sealed(data))


def _forged(*parts: Any) -> bytes:
    record = Ext(1, msgspec.msgpack.encode(list(parts)))
    return sealed(msgspec.msgpack.encode({"url": URL, "meta": {"a": record}}))


@pytest.mark.parametrize(
    "parts",
    [
        ("os:system", {"command": "touch canary"}),
        ("builtins:object", {}),
        ("builtins:eval", {}),
        ("subprocess:Popen", {"args": "x"}),
        ("canary_module:Anything", {}),
        ("nowhere:Thing", {}),
        ("", {}),
        (f"{__name__}:Point", {"x": 1, "__class__": 2}),
        (f"{__name__}:Eager", {"x": 1}),
        (f"{__name__}:Colour", "BLUE"),
        (f"{__name__}:Pair", {"first": 1}),
        (f"{__name__}:Point",),
        (None, {}),
    ],
)
def test_nothing_a_file_names_is_imported_or_called(parts: tuple[Any, ...], tmp_path: Path, monkeypatch: Any) -> None:
    """A class counts only if it is imported and a record: anything else is an error, and has no effect."""
    (tmp_path / "canary_module.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StorageError, match="cannot be read"):
        decoded(_forged(*parts))
    assert "canary_module" not in sys.modules


def test_modules_are_not_asked(monkeypatch: Any) -> None:
    """A module's `__getattr__`, which might import, is not called to find a class."""
    asked: list[str] = []
    module = ModuleType("lazy_module")
    module.__getattr__ = asked.append  # type: ignore[method-assign,assignment]
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    with pytest.raises(StorageError):
        decoded(_forged("lazy_module:Thing", {}))
    assert asked == []


def test_reading_runs_no_code_of_the_class() -> None:
    """An object is made without its `__init__` and `__post_init__`."""
    data = encoded(Request(URL, meta={"a": Noted(1)}))
    Noted.made.clear()
    assert decoded(data).meta["a"].x == 1
    assert Noted.made == []


@dataclasses.dataclass
class Noted:
    x: int
    made = []

    def __post_init__(self) -> None:
        self.made.append(self.x)
