"""What can be an item, and which fields it has: any record type will do.

No pydantic is loaded to find out: an object can be one of its models only if the program has loaded it.
"""

import dataclasses
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

SIGHTINGS: ContextVar[dict[str, bool] | None] = ContextVar("SIGHTINGS", default=None)
"""By item and field, whether something was found on the page whose callback is running."""


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


def is_item(value: object) -> bool:
    """Whether `value` can be an item: a mapping, a dataclass, an attrs, pydantic or msgspec object."""
    if isinstance(value, dict | msgspec.Struct):
        return True
    if isinstance(value, type):
        return False
    return (
        is_model(type(value))
        or dataclasses.is_dataclass(value)
        or hasattr(type(value), "__attrs_attrs__")
        or isinstance(value, Mapping)
    )


def is_model(kind: type) -> bool:
    """Whether a class is a model of pydantic."""
    loaded = getattr(sys.modules.get("pydantic.main"), "BaseModel", None)
    return loaded is not None and issubclass(kind, loaded)


def fields(item: Any) -> dict[str, Any]:
    """An item's fields and their values, in order; nested records stay what they are.

    What an `Item`, or an item of Scrapy's, declares is there even if nothing was put into it, and None then.
    """
    if isinstance(item, dict):
        return item
    kind: Any = type(item)
    if is_model(kind):
        from scraper.items.record import Record, whole  # needs pydantic, which is loaded now

        return whole(item) if isinstance(item, Record) else dict(item)
    if isinstance(item, msgspec.Struct):
        return msgspec.structs.asdict(item)
    names = getattr(kind, "__attrs_attrs__", None)
    if names is not None:
        return {each.name: getattr(item, each.name) for each in names}
    if not dataclasses.is_dataclass(item) and isinstance(item, Mapping):
        return dict.fromkeys(declared(kind)) | dict(item)
    return {each.name: getattr(item, each.name) for each in dataclasses.fields(item)}


@lru_cache(maxsize=1024)
def declared(kind: Any) -> Mapping[str, Mapping[str, Any]]:
    """What mappings with `fields`, as Scrapy's items have them, say of these; nothing for other classes."""
    said = getattr(kind, "fields", None) if issubclass(kind, Mapping) and not issubclass(kind, dict) else None
    return said if isinstance(said, Mapping) else {}


def plain(value: object) -> object:  # noqa: PLR0911 -- a table of types
    """The JSON-like form of a value that msgspec does not know by itself (its `enc_hook`)."""
    match value:
        case _ if is_model(type(value)):
            return fields(value)
        case Mapping():
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
