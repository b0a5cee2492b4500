"""A pydantic model with the ways of Scrapy's items: `name = Field()` declares a field, `item["name"]` is its value.

class Book(Record):
title = Field()
pages: int = 0

book = Book(title="Emma")
book["pages"] = 474
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict
from pydantic import Field as _Field
from pydantic.fields import FieldInfo


def Field(default: Any = None, **metadata: Any) -> Any:  # noqa: N802 -- Scrapy's name
    """A field of any type, `default` as long as nothing is put into it; `metadata` is kept with it."""
    return _Field(default, json_schema_extra=metadata or None)


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _Declared(ModelMetaclass):
    """Makes fields of a class's attributes that say they are fields, and have no type."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        untyped = {key: Any for key, value in namespace.items() if isinstance(value, FieldInfo)}
        namespace["__annotations__"] = untyped | namespace.get("__annotations__", {})
        return super().__new__(cls, name, bases, namespace, **options)


class Record(BaseModel, metaclass=_Declared):
    """A record whose fields are attributes and keys. An unknown one is a `KeyError`, as in Scrapy."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    def __getitem__(self, name: str) -> Any:
        self._check(name)
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._check(name)
        setattr(self, name, value)

    def __contains__(self, name: object) -> bool:
        return name in type(self).model_fields

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field; `default` if there is no such field, or nothing in it."""
        value = getattr(self, name) if name in self else None
        return default if value is None else value

    def keys(self) -> Iterator[str]:
        """The names of the fields, in their order."""
        return iter(type(self).model_fields)

    def _check(self, name: str) -> None:
        if name not in self:
            raise KeyError(f"{type(self).__name__} has no field {name!r}")
