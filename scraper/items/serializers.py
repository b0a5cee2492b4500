"""What is written of an item: the values of its fields, or what the `serializer` of a field makes of its value."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from scraper.items.item_types import declared, fields, is_model


def unfilled(item: Any) -> Iterable[str]:
    """The declared fields that are not written to JSON, as Scrapy does, since nothing was put into them.

    Those of an `Item` that have a type are: they are null.
    """
    kind: Any = type(item)
    if _is_record(kind):
        from scraper.items import record

        return record.unfilled(item)
    names = declared(kind)
    return names.keys() - item.keys() if names else ()


@lru_cache(maxsize=1024)
def _is_record(kind: type) -> bool:
    if not is_model(kind):
        return False
    from scraper.items.record import Record  # needs pydantic, which is loaded now

    return issubclass(kind, Record)


def serialized(item: Any) -> dict[str, Any]:
    """An item's fields and their values, as the `serializer` of each field would have them written.

    Raises `ValueError`, which names the field, if one of these functions raises.
    """
    kind: Any = type(item)
    if kind is dict:
        return item  # type: ignore[no-any-return]
    values, functions = fields(item), _serializers(kind)
    if not functions:
        return values
    there = item if isinstance(item, Mapping) else values
    return {
        name: _called(functions[name], name, value) if name in functions and name in there else value
        for name, value in values.items()
    }


def _called(function: Callable[[Any], Any], name: str, value: Any) -> Any:
    try:
        return function(value)
    except Exception as error:
        raise ValueError(f"the serializer of {name} raised {type(error).__name__}: {error}") from error


@lru_cache(maxsize=1024)
def _serializers(kind: Any) -> dict[str, Callable[[Any], Any]]:
    """The functions that the fields of a class name as their `serializer`, as Scrapy's exporters look for them."""
    said: Mapping[str, Mapping[str, Any]] = declared(kind)
    if _is_record(kind):
        said = kind.__declared__
    elif hasattr(kind, "__attrs_attrs__"):
        said = {each.name: each.metadata for each in kind.__attrs_attrs__}
    elif dataclasses.is_dataclass(kind):
        said = {each.name: each.metadata for each in dataclasses.fields(kind)}
    return {name: metadata["serializer"] for name, metadata in said.items() if "serializer" in metadata}
