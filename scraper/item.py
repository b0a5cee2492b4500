r"""Items: what a spider yields. Any record type will do; `Item` says where each of its fields comes from.

    class Book(Item):
        title: str = css("h1")
        price: Decimal = css(".price_color", re=r"[\d.]+")
        tags: list[str] = css(".breadcrumb li a")

    Book.extract(response)

A field takes the first thing its query finds, or all of them if its type is a list, tuple or set. An element
gives its visible text with white space folded, `::text` and `::attr(name)` give what they select, `re` keeps
the first group (or the whole) of what it matches in that. pydantic then makes it the field's type.
"""

import dataclasses
import re as regular_expressions
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import Any, Protocol, Self, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from scraper.errors import SpiderError


class ItemError(SpiderError):
    """An item's field could not be made of what its page holds."""


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

    def values(self, page: Page, many: bool) -> list[str]:
        """What the query finds in `page`: all of it, or the first match alone."""
        found = page.css(self.query)
        if not many:
            first = next(iter(found), None)
            found = () if first is None else (first,)
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


class Item(BaseModel):
    """A record with typed fields. Made by hand like any pydantic model, or from a page by `extract()`."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    @classmethod
    def extract(cls, page: Page, /, **values: Any) -> Self:
        """The item that `page` (a response or a selector) holds; `values` are fields given by hand.

        Raises `ItemError`, naming item, field, selector, value and page, if a field does not fit its type or
        is required and not found.
        """
        taken: dict[str, Any] = {}
        for name, source, many in _sources(cls):
            if name in values:
                continue
            found = source.values(page, many)
            if found or (many and cls.model_fields[name].is_required()):
                taken[name] = found if many else found[0]
        try:
            return cls(**taken, **values)
        except ValidationError as error:
            raise ItemError(_explain(cls, error, taken, getattr(page, "url", ""))) from None

    @classmethod
    def extract_all(cls, page: Page, /, css: str) -> list[Self]:
        """One item for each element of `page` that the CSS selector `css` finds."""
        return [cls.extract(element) for element in page.css(css)]


@lru_cache(maxsize=1024)
def _sources(cls: type[Item]) -> tuple[tuple[str, Source, bool], ...]:
    return tuple(
        (name, source, _is_many(field.annotation))
        for name, field in cls.model_fields.items()
        for source in field.metadata
        if isinstance(source, Source)
    )


def _is_many(annotation: Any) -> bool:
    """Whether a field of this type takes all matches rather than the first."""
    if get_origin(annotation) in (Union, UnionType):
        return any(_is_many(each) for each in get_args(annotation))
    return (get_origin(annotation) or annotation) in (list, tuple, set, frozenset)


def _explain(cls: type[Item], error: ValidationError, taken: Mapping[str, Any], url: str) -> str:
    problems = []
    for each in error.errors():
        name = str(each["loc"][0]) if each["loc"] else ""
        source = next((source for field, source, _ in _sources(cls) if field == name), None)
        where = f" from {source.query!r}" if source else ""
        if each["type"] == "missing":
            problems.append(f"{cls.__name__}.{name}{where}: nothing found")
        else:
            problems.append(f"{cls.__name__}.{name}{where}: {each['msg']}, got {taken.get(name, each['input'])!r}")
    return "; ".join(problems) + (f" in {url}" if url else "")


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
