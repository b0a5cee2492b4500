"""What comes out of a spool is what was put into it."""

import threading
from collections import ChainMap, OrderedDict, UserDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from pydantic import BaseModel

from scraper import Field, Item
from scraper.engine.items.spool import Batch, Spool
from scraper.errors import StorageError
from scraper.sinks.formats.jsonl import JsonLines

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Plain:
    title: str
    prices: list[Decimal] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Slotted:
    title: str
    when: datetime = NOW


@attrs.define
class Attrs:
    title: str
    more: Any = None


class Model(BaseModel):
    title: str
    brand: str | None = None


class Struct(msgspec.Struct):
    title: str
    brand: str | msgspec.UnsetType = msgspec.UNSET


class Tea(Item):
    name = Field()
    price = Field(serializer=lambda value: f"${value}")
    brand: str | None = None


ITEMS: list[Any] = [
    {"title": "Ж", "n": 2**70, "x": None, "bytes": 1.5},
    OrderedDict(title="Emma"),
    UserDict({"title": "Emma"}),
    ChainMap({"title": "Emma"}, {"by": "Austen"}),
    Plain("Emma", [Decimal("9.99")]),
    Slotted("Emma"),
    Attrs("Emma", {"when": NOW}),
    Model(title="Emma"),
    Struct("Emma"),
    Tea(name="green"),
    Tea(price=3),
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_items_of_every_kind(tmp_path: Path, item: Any) -> None:
    """An item is in the file, of the same class and written alike afterwards, what is not filled in included."""
    spool = Spool(tmp_path)
    spool.put(Batch([item, item], [(item, "twice")]))
    assert spool.bytes > 0
    kept, [(dropped, reason)], rejected = spool.take()
    assert not rejected
    spool.close()
    assert [type(each) for each in (*kept, dropped)] == [type(item)] * 3
    assert JsonLines(()).encode(kept) == JsonLines(()).encode([item, item])
    assert (dropped, reason) == (item, "twice")


class Broken(dict[str, Any]):
    """Becomes another thing when it is pickled."""

    def __reduce__(self) -> Any:
        return dict, ()


class Refusing(dict[str, Any]):
    """Comes back once: what is tried with one item need not hold for the next."""

    def __reduce__(self) -> Any:
        return _restored, (self["number"],)


def _restored(number: int) -> Refusing:
    if number:
        raise ValueError("no more")
    return Refusing(number=number)


def test_batches_in_order(tmp_path: Path) -> None:
    """Batches come out in the order they went in, those among them that no file can hold as they are."""
    spool = Spool(tmp_path)
    batches = [[{"n": 1}], [{"n": 2, "lock": threading.Lock()}], [Broken(n=3)], [{"n": 4}], []]
    for each in batches:
        spool.put(Batch(each, []))
    taken = []
    while not spool.is_empty:
        taken.append(spool.take().kept)
    spool.close()
    assert taken == batches
    assert type(taken[2][0]) is Broken


def test_what_cannot_be_read_back(tmp_path: Path) -> None:
    """Items whose own code fails as they are read are an error, and not silently lost."""
    spool = Spool(tmp_path)
    spool.put(Batch([Refusing(number=0), Refusing(number=1)], []))
    with pytest.raises(StorageError, match="the items of a page cannot be read back: ValueError: no more"):
        spool.take()
    spool.close()
