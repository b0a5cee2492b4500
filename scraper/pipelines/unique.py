"""Items are dropped that are equal to an earlier one in some fields."""

from hashlib import blake2b
from typing import Any

import msgspec

from scraper.errors import DropItem
from scraper.item import fields, plain


class Unique:
    """Drops items whose `names` have the values that those of an earlier item had.

    Values are equal if they are the same as JSON; a field that is missing counts as None. An item is remembered
    by 16 bytes: two different ones are taken for equal once in 2⁶⁴ items.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._reason = f"Unique: {', '.join(names)}"
        self._seen: set[bytes] = set()

    def process(self, item: Any) -> Any:
        """`item`, if it is the first of its kind. Raises `DropItem` if not."""
        values = fields(item)
        key = blake2b(_written([values.get(name) for name in self._names]), digest_size=16).digest()
        if key in self._seen:
            raise DropItem(self._reason)
        self._seen.add(key)
        return item


_encoder = msgspec.json.Encoder(enc_hook=plain, order="deterministic")


def _written(values: list[Any]) -> bytes:
    """Bytes that are equal for equal values, whatever the order of their sets and keys."""
    try:
        return _encoder.encode(values)
    except (TypeError, ValueError):  # what JSON cannot hold: lone surrogates, odd keys, sets of several types
        return repr(values).encode("utf-8", "surrogatepass")
