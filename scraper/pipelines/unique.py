"""Items are dropped that are equal to an earlier one in some fields."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from scraper.errors import DropItem
from scraper.items.item_types import fields, plain


class Unique:
    """Drops items whose `names` have the values that those of an earlier item had.

    Values are equal if they are the same as JSON; a field that is missing counts as None. An item is remembered
    by 16 bytes: two different ones are taken for equal once in 2⁶⁴ items. What is remembered is kept for a crawl
    that is resumed once it is settled, as an item whose page is redone must not be a duplicate of itself.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._reason = f"Unique: {', '.join(names)}"
        self._seen: set[bytes] = set()
        self._settled: list[bytes] = []
        self._claims: list[bytes] = []

    def process(self, item: Any) -> Any:
        """`item`, if it is the first of its kind. Raises `DropItem` if not."""
        values = fields(item)
        key = blake2b(_written([values.get(name) for name in self._names]), digest_size=16).digest()
        if key in self._seen:
            raise DropItem(self._reason)
        self._seen.add(key)
        self._claims.append(key)
        return item

    def take_claims(self) -> list[bytes]:
        """What was remembered since this was last asked, and is not settled yet."""
        claims, self._claims = self._claims, []
        return claims

    def settle(self, claims: Iterable[bytes]) -> None:
        """The items that these were remembered of are written: their page will not be redone."""
        self._settled.extend(claims)

    def changes(self) -> dict[str, Any]:
        """What was settled since this was last asked."""
        settled, self._settled = self._settled, []
        return {key.hex(): True for key in settled}

    def recall(self, memory: dict[str, Any]) -> None:
        """Know again what was settled."""
        self._seen.update(map(bytes.fromhex, memory))


_encoder = msgspec.json.Encoder(enc_hook=plain, order="deterministic")


def _written(values: list[Any]) -> bytes:
    """Bytes that are equal for equal values, whatever the order of their sets and keys."""
    try:
        return _encoder.encode(values)
    except (TypeError, ValueError):  # what JSON cannot hold: lone surrogates, odd keys, sets of several types
        return repr(values).encode("utf-8", "surrogatepass")
