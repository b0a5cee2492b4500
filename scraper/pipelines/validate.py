"""Items are dropped whose values are not of the types their class declares."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    with_config,
)
from typing_extensions import TypedDict

from scraper.errors import DropItem, SpiderError
from scraper.items.item_types import fields

_CONVERTING = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)
_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, revalidate_instances="always")


class Validate:
    """Drops items with a value that does not fit the type its class declares.

    A value has to be of the type; nothing is converted, except that an int will do for a float. A dict, or another
    mapping, declares no types, and passes.
    """

    def __init__(self) -> None:
        self._validators: dict[type[Any], TypeAdapter[Any]] = {}

    def process(self, item: Any) -> Any:
        """`item`, if it is valid. Raises `DropItem`, naming class, field and problem, if not."""
        if isinstance(item, Mapping) and not isinstance(item, BaseModel):
            return item
        cls = type(item)
        if cls not in self._validators:
            self._validators[cls] = _validator(cls)
        try:
            self._validators[cls].validate_python(fields(item))
        except ValidationError as error:
            raise DropItem(_explain(cls, error)) from None
        return item


def _validator(cls: type[Any]) -> TypeAdapter[Any]:
    """What checks the fields of a `cls`. Raises `SpiderError` if its annotations cannot be understood."""
    try:
        hints = {name: _checkable(hint) for name, hint in _declared(cls).items()}
        return TypeAdapter(with_config(_STRICT)(TypedDict(cls.__name__, hints)))  # type: ignore[operator]
    except Exception as error:  # annotations are code: they may raise anything
        raise SpiderError(f"the types that {cls.__name__} declares cannot be understood: {error}") from error


def _declared(cls: type[Any]) -> dict[str, Any]:
    """The type of each field of a `cls`, `Annotated` with what else it has to be."""
    if issubclass(cls, BaseModel):
        return {
            name: Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            for name, field in cls.model_fields.items()
        }
    hints = get_type_hints(cls, include_extras=True)
    if hasattr(cls, "__attrs_attrs__"):  # where a type may be given without an annotation
        return {each.name: hints.get(each.name, each.type or Any) for each in cls.__attrs_attrs__}
    if issubclass(cls, msgspec.Struct):
        return {name: hints[name] for name in cls.__struct_fields__}
    return {each.name: hints[each.name] for each in dataclasses.fields(cls)}


def _checkable(hint: Any) -> Any:
    """`hint` without the functions that made its values what they are, and would not take them again."""
    if get_origin(hint) is not Annotated:
        return hint
    plain, *metadata = get_args(hint)
    metadata = [each for each in metadata if not isinstance(each, _CONVERTING)]
    return Annotated[plain, *metadata] if metadata else plain


def _explain(cls: type, error: ValidationError) -> str:
    """The first problem, as a reason that can be counted: it does not name the value."""
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    place = "".join("[]" if isinstance(step, int) else f".{step}" for step in first["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{cls.__name__}{place}: {first['msg']}, got {type(first['input']).__name__}{more}"
