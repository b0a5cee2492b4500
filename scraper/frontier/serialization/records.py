"""Objects as a file holds them: the name of a class, and the values of its fields.

A record is a dataclass, an attrs, pydantic or msgspec object (a request among them) or a named tuple; a member of
an Enum is its name. On reading, the class is looked up among the modules that are imported already, without
importing one or asking its `__getattr__`, and counts only if it is of such a kind. An object is made empty and its
fields are set: neither its `__init__` nor its validators or `__post_init__` are run.

A spider's class is named by its module: `books:Book`. Our classes may move between two versions, so they are named
without: `scraper:Link`. Earlier versions wrote the module, `scraper.markup.links:Link`, which is ignored on reading.
"""

import dataclasses
import sys
from enum import Enum, Flag
from typing import Any

import msgspec

from scraper.http.form_request import FormRequest
from scraper.http.json_request import JsonRequest
from scraper.http.request import Request
from scraper.items.item_types import Misfit, is_model
from scraper.markup.forms.entry_list import File
from scraper.markup.links.link_extractor import Link
from scraper.markup.structured_data.metadata import Metadata

REQUESTS = (Request, FormRequest, JsonRequest)

_PACKAGE = "scraper"
_OWN: dict[str, type] = {kind.__name__: kind for kind in (*REQUESTS, File, Link, Metadata, Misfit)}
"""Our records that a spider is given. They are imported here because a spider that is given one need not import it."""


def apart(value: Any) -> list[Any] | None:
    """What stands for `value`, a record or a member of an Enum: its class's name and what it holds.

    None if it is neither, or its class cannot be found by its name.
    """
    kind = type(value)
    name = _name(kind)
    if _found(name) is not kind:
        return None
    if isinstance(value, Enum):
        return [name, value.value if isinstance(value, Flag) else value.name]
    if not _is_record(kind):
        return None
    if is_model(kind):
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
    if is_model(kind):
        from pydantic import BaseModel

        BaseModel.__setstate__(made, dict(zip(_PYDANTIC, (content, *rest), strict=True)))
        return made
    known = set(_fields(kind))
    for each, field in content.items():
        if each not in known:
            raise ValueError(f"{name} has no field {each!r}")
        object.__setattr__(made, each, field)
    return made


_PYDANTIC = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")


def _name(kind: type) -> str:
    is_own = _OWN.get(kind.__qualname__) is kind
    return f"{_PACKAGE if is_own else kind.__module__}:{kind.__qualname__}"


def _found(name: str) -> type | None:
    """The class of that name (`module:Outer.Inner`), if it is one of ours or its module is imported."""
    module, _, path = name.partition(":")
    if path in _OWN and module.partition(".")[0] == _PACKAGE:
        return _OWN[path]
    found: Any = sys.modules.get(module)
    for each in path.split("."):
        found = vars(found).get(each) if hasattr(found, "__dict__") else None
    return found if isinstance(found, type) else None


def _is_record(kind: type) -> bool:
    if issubclass(kind, msgspec.Struct):
        return kind in REQUESTS or not hasattr(kind, "__post_init__")  # it would be run
    if issubclass(kind, tuple):
        return hasattr(kind, "_fields")
    return is_model(kind) or dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__")


def _fields(kind: Any) -> tuple[str, ...]:
    """The names of a record's fields."""
    if issubclass(kind, msgspec.Struct):
        return tuple(kind.__struct_fields__)
    if issubclass(kind, tuple):
        return tuple(kind._fields)
    if hasattr(kind, "__attrs_attrs__"):
        return tuple(each.name for each in kind.__attrs_attrs__)
    return tuple(each.name for each in dataclasses.fields(kind))
