"""Objects as a file holds them: the name of a class, and the values of its fields.

A record is a dataclass, an attrs, pydantic or msgspec object (a request among them) or a named tuple; a member of
an Enum is its name. On reading, the class is looked up among the modules that are imported already, without
importing one or asking its `__getattr__`, and counts only if it is of such a kind. An object is made empty and its
fields are set: neither its `__init__` nor its validators or `__post_init__` are run.
"""

import dataclasses
import sys
from enum import Enum, Flag
from typing import Any

import msgspec
from pydantic import BaseModel

from scraper.http.request import FormRequest, JsonRequest, Request

_OWN_STRUCTS = (Request, FormRequest, JsonRequest)
_FORMERLY = {
    "scraper.item": "scraper.items.item",
    "scraper.markup.entries": "scraper.markup.forms.entry_list",
    "scraper.markup.links": "scraper.markup.links.links",
    "scraper.request": "scraper.http.request",
}
"""Where jobs of earlier versions say that a class of ours is."""


def apart(value: Any) -> list[Any] | None:
    """What stands for `value`, a record or a member of an Enum: its class's name and what it holds.

    None if it is neither, or its class cannot be found by its name.
    """
    kind = type(value)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if _found(name) is not kind:
        return None
    if isinstance(value, Enum):
        return [name, value.value if isinstance(value, Flag) else value.name]
    if not _is_record(kind):
        return None
    if isinstance(value, BaseModel):
        return [name, *(getattr(value, part) for part in _PYDANTIC)]
    fields = {each: getattr(value, each) for each in _fields(kind) if hasattr(value, each)}
    return [name, {each: field for each, field in fields.items() if field is not msgspec.UNSET}]


def together(parts: list[Any]) -> Any:
    """The object that `apart` took apart. Raises `ValueError` if its class is not there, or is no such class."""
    name, content, *rest = parts
    kind = _found(name)
    if kind is not None and issubclass(kind, Enum):
        return kind(content) if issubclass(kind, Flag) else kind.__members__[content]
    if kind is None or not _is_record(kind):
        raise ValueError(f"{name} is no record that the spider knows")
    if issubclass(kind, tuple):
        return tuple.__new__(kind, [content[each] for each in _fields(kind)])
    if issubclass(kind, msgspec.Struct):
        return kind(**content)
    made: Any = object.__new__(kind)
    if issubclass(kind, BaseModel):
        BaseModel.__setstate__(made, dict(zip(_PYDANTIC, (content, *rest), strict=True)))
        return made
    known = set(_fields(kind))
    for each, field in content.items():
        if each not in known:
            raise ValueError(f"{name} has no field {each!r}")
        object.__setattr__(made, each, field)
    return made


_PYDANTIC = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")


def _found(name: str) -> type | None:
    """The class of that name (`module:Outer.Inner`) if its module is imported."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(_FORMERLY.get(module, module))
    for each in path.split("."):
        found = vars(found).get(each) if hasattr(found, "__dict__") else None
    return found if isinstance(found, type) else None


def _is_record(kind: type) -> bool:
    if issubclass(kind, msgspec.Struct):
        return kind in _OWN_STRUCTS or not hasattr(kind, "__post_init__")  # it would be run
    if issubclass(kind, tuple):
        return hasattr(kind, "_fields")
    return issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__")


def _fields(kind: Any) -> tuple[str, ...]:
    """The names of a record's fields."""
    if issubclass(kind, msgspec.Struct):
        return tuple(kind.__struct_fields__)
    if issubclass(kind, tuple):
        return tuple(kind._fields)
    if hasattr(kind, "__attrs_attrs__"):
        return tuple(each.name for each in kind.__attrs_attrs__)
    return tuple(each.name for each in dataclasses.fields(kind))
