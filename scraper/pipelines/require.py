"""Items are dropped in which something is missing."""

from typing import Any

from scraper.errors import DropItem
from scraper.items.item_types import fields


class Require:
    """Drops items in which one of the fields `names` is missing or empty: None, white space, an empty list."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def process(self, item: Any) -> Any:
        """`item`, if all is there. Raises `DropItem`, naming class and field, if not."""
        values = fields(item)
        for name in self._names:
            value = values.get(name)
            if _is_empty(value):
                problem = "missing" if value is None else "empty"
                raise DropItem(f"{type(item).__name__}.{name} is {problem}")
        return item


def _is_empty(value: Any) -> bool:
    """Whether `value` tells nothing. 0 and False do tell something."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (hasattr(value, "__len__") and len(value) == 0)
