"""A pydantic model with the ways of Scrapy's items: a mapping whose keys are its fields.

    class Book(Record):
        title = Field()
        pages: int = 0

    book = Book(title="Emma")
    book["pages"] = 474

A field is there, to `in`, `len()`, iteration, `keys()` and `items()`, if it was set, or has a default other than None.
An attribute is always there, `book.title`, as in any pydantic model: None if it was not set.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from scraper.items import adapter
from scraper.items.declaration import Declared, Metadata

_UNKNOWN = frozenset(("extra_forbidden", "invalid_key"))
_UNSET: Any = object()
_R = TypeVar("_R", bound="Record")


class _Fields:
    """What was said of each field, by its name, to a class and to its objects."""

    def __get__(self, instance: object, owner: type["Record"]) -> Mapping[str, Metadata]:
        return owner.__declared__


class Record(BaseModel, MutableMapping[str, Any], metaclass=Declared):  # noqa: PLW1641 -- pydantic gives frozen ones a hash
    """A record whose fields are attributes and keys.

    It is made of keywords, or of a mapping as `dict()` takes it. An unknown field is a `KeyError`, as in Scrapy; a
    value that does not fit the type of its field is pydantic's `ValidationError`. `fields` holds what each field was
    declared with. A record is equal to any mapping of the same content, but not to a record of another class.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    fields: ClassVar[Mapping[str, Metadata]] = _Fields()  # type: ignore[assignment]

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **named: Any) -> None:
        adapter.offer(Record)
        given = dict(values) | named
        hidden = _hidden(type(self), given)
        try:
            self.__pydantic_validator__.validate_python(given, self_instance=self)
        except ValidationError as error:
            unknown = [each["loc"][0] for each in error.errors() if each["type"] in _UNKNOWN and len(each["loc"]) == 1]
            if unknown:
                raise _no_field(type(self), unknown[0]) from None
            raise
        for name, value in hidden.items():
            setattr(self, name, value)

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # so that validating need not call it

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        adapter.offer(Record)

    def __contains__(self, name: object) -> bool:
        value = self.__dict__.get(name, _UNSET)  # type: ignore[call-overload]
        if value is None:
            return name in self.__pydantic_fields_set__
        return (value is not _UNSET and name in type(self).__declared__) or name in _others(self)

    def __getitem__(self, name: str) -> Any:
        value = self.__dict__.get(name)
        if value is not None and name in type(self).__declared__:
            return value
        if name in (others := _others(self)):
            return others[name]
        if name in self.__dict__ and (name in self or name not in type(self).__untyped__):
            return value
        raise self._missing(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._check(name)
        setattr(self, name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise self._missing(name)
        delattr(self, name)
        self.__pydantic_fields_set__.discard(name)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # pydantic's gives pairs
        return (name for name in (*type(self).__declared__, *_extra(self)) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in Record.__iter__(self))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return super().__eq__(other) is True and unfilled(self) == unfilled(other)
        return _content(self) == other if isinstance(other, Mapping) else NotImplemented

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field; `default` if it is not there."""
        return self[name] if name in self else default  # noqa: SIM401 -- it is this that it would call

    def pop(self, name: str, default: Any = _UNSET) -> Any:
        """Take a field's value out. Gives `default` if it is not there, or raises `KeyError` if that is not given."""
        if name not in self and default is not _UNSET:
            return default
        value = self.get(name)
        del self[name]
        return value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of a field, which becomes `default` if it is not there."""
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self) -> Self:  # type: ignore[override]
        """Another record with the same values."""
        return self.model_copy()

    def deepcopy(self) -> Self:
        """Another record with copies of the values, and of what is in them."""
        return deepcopy(self)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [(name, value) for name, value in whole(self).items() if name in self or name in self.__dict__]

    def _check(self, name: object) -> None:
        if name not in type(self).__declared__ and self.model_config.get("extra") != "allow":
            raise _no_field(type(self), name)

    def _missing(self, name: object) -> KeyError:
        if name not in type(self).__declared__:
            return _no_field(type(self), name)
        return KeyError(f"{type(self).__name__} has nothing in its field {name!r}")


def validated(kind: type[_R], values: dict[str, Any]) -> _R:
    """A record of a class with these `values`. Raises pydantic's `ValidationError`, for unknown fields as well."""
    adapter.offer(Record)
    hidden = _hidden(kind, values)
    made = kind.model_validate(values)
    for name, value in hidden.items():
        setattr(made, name, value)
    return made


def _hidden(kind: type[Record], values: dict[str, Any]) -> dict[str, Any]:
    """Take from `values` those of fields that pydantic does not know."""
    return {name: values.pop(name) for name in kind.__hidden__ if name in values} if kind.__hidden__ else {}


def whole(record: Record) -> dict[str, Any]:
    """All fields of `record` in order, and their values; None for those that are not there."""
    values, others = record.__dict__, _others(record)
    fields: dict[str, Any] = {name: values.get(name) for name in type(record).__declared__}
    return fields | others if others else fields


def unfilled(record: Record) -> frozenset[str]:
    """The fields without a type that nothing was put into: Scrapy does not write them."""
    untyped = type(record).__untyped__ | type(record).__hidden__
    return frozenset(name for name in untyped if name not in record) if untyped else untyped


def _others(record: Record) -> dict[str, Any]:
    """The fields that pydantic keeps elsewhere: those with an underscore, and those that are not declared."""
    extra = _extra(record)
    private = getattr(record, "__pydantic_private__", None)
    if not private or not type(record).__hidden__:
        return extra
    return {name: value for name, value in private.items() if name in type(record).__hidden__} | extra


def _extra(record: Record) -> dict[str, Any]:
    """The fields that are not declared: there are some if the class allows it."""
    return getattr(record, "__pydantic_extra__", None) or {}  # it is not there yet while a record is made


def _content(record: Record) -> dict[str, Any]:
    return {name: record[name] for name in Record.__iter__(record)}


def _no_field(kind: type[Record], name: object) -> KeyError:
    known = ", ".join(kind.__declared__) or "none at all"
    return KeyError(f"{kind.__name__} has no field {name!r}; it has {known}")
