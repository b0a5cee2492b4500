"""Copies of items: a callback may fill one record again and again, and yield it each time."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from copy import copy
from functools import lru_cache
from typing import Any

import msgspec

from scraper.items.item_types import is_model


def copied(item: Any) -> Any:
    """An item of the same kind with the same values, which stays as it is when fields of `item` are set again.

    The values are not copied. An item whose fields cannot be set is its own copy.
    """
    kind: Any = type(item)
    return _copier(kind)(item)


@lru_cache(maxsize=1024)
def _copier(kind: Any) -> Callable[[Any], Any]:
    if _is_frozen(kind):
        return lambda item: item
    if issubclass(kind, ChainMap):
        return lambda item: type(item)(*map(copy, item.maps))
    if issubclass(kind, Mapping) and not (issubclass(kind, dict) or is_model(kind)) and hasattr(kind, "copy"):
        return kind.copy  # type: ignore[no-any-return]  # as Scrapy's items keep their values apart
    return _with_dict if _is_simple(kind) else copy


def _is_frozen(kind: Any) -> bool:
    if is_model(kind):
        return bool(kind.model_config.get("frozen"))
    if issubclass(kind, msgspec.Struct):
        return bool(kind.__struct_config__.frozen)
    params: Any = getattr(kind, "__dataclass_params__", None)
    return params is not None and bool(params.frozen)


def _is_simple(kind: type) -> bool:
    """Whether all that an object of this class has is in its `__dict__`, and its class has no say in copying it."""
    special = ("__copy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__new__")
    return all(
        "__slots__" not in vars(each) and not any(name in vars(each) for name in special) for each in kind.__mro__[:-1]
    )


def _with_dict(item: Any) -> Any:
    made = object.__new__(type(item))
    made.__dict__.update(item.__dict__)
    return made
