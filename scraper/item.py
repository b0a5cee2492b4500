r"""Items: what a spider yields. Any record type will do; `Item` says where each of its fields comes from.

    class Book(Item):
        title: str = css("h1")
        price: Decimal = css(".price_color", re=r"[\d.]+")
        tags: list[str] = css(".breadcrumb li a")

    Book.extract(response)

A field takes the first thing its query finds, or all of them if its type is a list, tuple or set. An element
gives its visible text with white space folded, `::text` and `::attr(name)` give what they select, `re` keeps
the first group (or the whole) of what it matches in that. pydantic then makes it the field's type. A field that
may be None is None where nothing is found, unless it has another default. A field whose type is an `Item` is
extracted from the element that its query finds.
"""

import dataclasses
import re as regular_expressions
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import Any, Protocol, Self, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from scraper.errors import SpiderError
from scraper.record import Record

LONG = 120  # characters of a value that is shown in an error


@dataclass(frozen=True, slots=True)
class Misfit:
    """A field that could not be made: of which item, by which selector, of what value, and what is wrong with that.

    `selector` is empty where the field has none, `value` where nothing was found.
    """

    item: str
    field: str
    selector: str
    value: str
    problem: str

    def __str__(self) -> str:
        where = f" from {self.selector!r}" if self.selector else ""
        got = f", got {self.value}" if self.value else ""
        return f"{self.item}.{self.field}{where}: {self.problem}{got}"


class ItemError(SpiderError):
    """Fields of an item could not be made of what its page holds: `misfits` tells them one by one."""

    def __init__(self, text: str, misfits: tuple[Misfit, ...] = ()) -> None:
        super().__init__(text)
        self.misfits = misfits


class Found(Protocol):
    """One match of a query."""

    @property
    def text(self) -> str: ...
    def get(self) -> str: ...


class Page(Protocol):
    """What an item can be taken from: a response, or an element of it."""

    def css(self, query: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where a field comes from."""

    query: str
    regex: regular_expressions.Pattern[str] | None

    def values(self, page: Page, many: bool, kind: "type[Item] | None") -> list[Any]:
        """What the query finds in `page`, as text or as items of a `kind`: all of it, or the first match alone."""
        found = page.css(self.query)
        if not many:
            first = next(iter(found), None)
            found = () if first is None else (first,)
        if kind is not None:
            return [kind.extract(each) for each in found]
        texts = [each.get() if "::" in self.query else each.text for each in found]
        if self.regex is None:
            return texts
        return [hit[1] if hit.re.groups else hit[0] for text in texts for hit in [self.regex.search(text)] if hit]


def css(query: str, *, re: str | None = None, attr: str | None = None, default: Any = PydanticUndefined) -> Any:
    """A field of an `Item` that comes from the CSS selector `query`; `attr` is short for `::attr(…)`."""
    if attr is not None:
        query = f"{query}::attr({attr})"
    field: FieldInfo = Field(default)
    field.metadata.append(Source(query, regular_expressions.compile(re) if re else None))
    return field


class Item(Record):
    """A record with typed fields. Made by hand like any pydantic model, or from a page by `extract()`."""

    @classmethod
    def extract(cls, page: Page, /, **values: Any) -> Self:
        """The item that `page` (a response or a selector) holds; `values` are fields given by hand.

        Raises `ItemError`, naming item, field, selector, value and page, if a field does not fit its type or
        is required and not found.
        """
        taken: dict[str, Any] = {}
        for name, taking in _takings(cls).items():
            if name in values:
                continue
            found = taking.source.values(page, taking.many, taking.kind)
            if taking.many:
                if found or taking.is_required:
                    taken[name] = found
            elif found:
                taken[name] = found[0]
            elif taking.is_required and taking.may_be_none:
                taken[name] = None
        try:
            return cls.model_validate(taken | values)
        except ValidationError as error:
            misfits = tuple(_misfits(cls, error, taken))
            url = getattr(page, "url", "")
            raise ItemError("; ".join(map(str, misfits)) + (f" in {url}" if url else ""), misfits) from None

    @classmethod
    def extract_all(cls, page: Page, /, css: str) -> list[Self]:
        """One item for each element of `page` that the CSS selector `css` finds."""
        return [cls.extract(element) for element in page.css(css)]


@dataclass(frozen=True, slots=True)
class Taking:
    """How a field is taken from a page."""

    source: Source
    many: bool
    kind: type[Item] | None
    is_required: bool
    may_be_none: bool


@lru_cache(maxsize=1024)
def _takings(cls: type[Item]) -> dict[str, Taking]:
    return {
        name: Taking(
            source,
            many=_is_many(field.annotation),
            kind=_kind(field.annotation),
            is_required=field.is_required(),
            may_be_none=type(None) in _members(field.annotation),
        )
        for name, field in cls.model_fields.items()
        for source in field.metadata
        if isinstance(source, Source)
    }


_MANY = (list, tuple, set, frozenset, Collection, Iterable, Sequence, Set)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types that a union is of; another type is its own only member."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _is_many(annotation: Any) -> bool:
    """Whether a field of this type takes all matches rather than the first."""
    return any((get_origin(each) or each) in _MANY for each in _members(annotation))


def _kind(annotation: Any) -> type[Item] | None:
    """The `Item` that a field of this type holds, or holds many of."""
    for each in _members(annotation):
        if isinstance(each, type) and get_origin(each) is None and issubclass(each, Item):
            return each
        if get_origin(each) in _MANY and (inner := next(map(_kind, get_args(each)), None)):
            return inner
    return None


def _misfits(cls: type[Item], error: ValidationError, taken: Mapping[str, Any]) -> Iterator[Misfit]:
    for each in error.errors(include_url=False, include_context=False):
        name = ".".join(map(str, each["loc"]))
        field = name.partition(".")[0]
        taking = _takings(cls).get(field)
        selector = taking.source.query if taking and field in (*taken, name) else ""
        if each["type"] == "missing":
            yield Misfit(cls.__name__, name, selector, "", "nothing found")
        else:
            got = f"{each['input'] if '.' in name else taken.get(field, each['input'])!r}"
            yield Misfit(cls.__name__, name, selector, got if len(got) <= LONG else got[:LONG] + "…", each["msg"])


def is_item(value: object) -> bool:
    """Whether `value` can be an item: a dict, a dataclass, an attrs, pydantic or msgspec object."""
    if isinstance(value, dict | BaseModel | msgspec.Struct):
        return True
    if isinstance(value, type):
        return False
    return dataclasses.is_dataclass(value) or hasattr(type(value), "__attrs_attrs__")


def fields(item: Any) -> dict[str, Any]:
    """An item's fields and their values, in order; nested records stay what they are."""
    match item:
        case dict():
            return item
        case BaseModel():
            return dict(item)
        case msgspec.Struct():
            return msgspec.structs.asdict(item)
    names = getattr(type(item), "__attrs_attrs__", None)
    if names is not None:
        return {each.name: getattr(item, each.name) for each in names}
    return {each.name: getattr(item, each.name) for each in dataclasses.fields(item)}


def plain(value: object) -> object:
    """The JSON-like form of a value that msgspec does not know by itself (its `enc_hook`)."""
    match value:
        case BaseModel():
            return dict(value)
        case set() | frozenset():
            return sorted(value, key=str)
        case complex() | range():
            return str(value)
        case BaseException():
            return f"{type(value).__name__}: {value}"
    if hasattr(value, "__fspath__"):
        return value.__fspath__()
    if hasattr(value, "tolist"):  # numpy's arrays and numbers
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__qualname__} cannot be written: {value!r:.80}")
