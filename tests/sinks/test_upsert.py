"""Databases whose rows are updated by a key."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.errors import StorageError
from scraper.sinks import UnwritableItems
from tests.contracts.files import part_of, rows, sink_of, write
from tests.examples import examples


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.sqlite"


def made(path: Path, *sql: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for each in sql:
            database.execute(each)
        database.commit()


async def upsert(path: Path, *batches: list[Any], key: tuple[str, ...] = ("sku",), **more: Any) -> None:
    await write(path, *batches, mode="upsert", key=key, **more)


async def test_a_row_is_updated_where_its_key_is_there(path: Path) -> None:
    """A key that is there gets the new values in its place, others come after; the file is made if it is missing."""
    await upsert(path, [{"sku": "a", "price": 1}, {"sku": "b", "price": 2}])
    await upsert(path, [{"sku": "c", "price": 3}], [{"sku": "a", "price": 4}])
    assert rows(path) == [{"sku": "a", "price": 4}, {"sku": "b", "price": 2}, {"sku": "c", "price": 3}]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_of_one_key_the_later_item_wins(path: Path) -> None:
    """Two items of a crawl with one key are one row: the later, with NULL for what it lacks."""
    await upsert(path, [{"sku": "a", "price": 1, "note": "x"}, {"sku": "a", "price": 2}])
    assert rows(path) == [{"sku": "a", "price": 2}]


async def test_columns_of_others_stay(path: Path) -> None:
    """A column that no item of the crawl has a field for keeps its values, and a new field gets a column."""
    made(path, "CREATE TABLE items (id INTEGER PRIMARY KEY, sku, mine)", "INSERT INTO items VALUES (7, 'a', 'mine')")
    await upsert(path, [{"sku": "a", "price": 1}, {"sku": "b", "price": 2}])
    assert rows(path) == [{"id": 7, "sku": "a", "mine": "mine", "price": 1}, {"id": 8, "sku": "b", "price": 2}]


async def test_a_key_of_several_fields(path: Path) -> None:
    """A key may be of several fields, and may be all that there is."""
    await upsert(path, [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1}], key=("a", "b"))
    assert rows(path) == [{"a": 1, "b": 1}, {"a": 1, "b": 2}]


async def test_an_item_without_its_key_is_refused(path: Path) -> None:
    """An item that lacks its key, or has None there, is refused alone."""
    async with sink_of(path, mode="upsert", key=("sku",)) as sink:
        with pytest.raises(UnwritableItems) as caught:
            await sink.write([{"price": 1}, {"sku": None}, {"sku": "a"}])
        await sink.finish()
    assert [reason for _, reason in caught.value.failures] == ["dict: it has no sku, which is in the key"] * 2
    assert rows(path) == [{"sku": "a"}]


async def test_two_old_rows_of_one_key(path: Path) -> None:
    """A table in which the key tells no rows apart is a clear error; it stays as it is, and so does the `.part`."""
    made(path, "CREATE TABLE items (sku)", "INSERT INTO items VALUES ('a'), ('a')")
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"shop.sqlite cannot be written: UNIQUE constraint failed: items.sku"):
        await upsert(path, [{"sku": "b"}])
    assert path.read_bytes() == before
    assert part_of(path).exists()


async def test_the_old_rows_stand_until_the_end(path: Path) -> None:
    """Nobody sees an update before the crawl has ended, nor after one that has failed."""
    await upsert(path, [{"sku": "a", "price": 1}])
    before = path.read_bytes()
    async with sink_of(path, mode="upsert", key=("sku",)) as sink:
        await sink.write([{"sku": "a", "price": 2}])
        await sink.sync()
        await sink.complete()
        assert path.read_bytes() == before
        await sink.withhold()
    assert path.read_bytes() == before
    assert {each.name for each in path.parent.iterdir()} == {path.name, part_of(path).name}


async def test_a_crawl_that_goes_on_after_its_end(path: Path) -> None:
    """Items that come after the rows were merged are merged, too; a lost `.part` of these is not taken for nothing."""
    async with sink_of(path, mode="upsert", key=("sku",)) as sink:
        await sink.write([{"sku": "a", "price": 1}])
        position = await sink.sync()
        await sink.finish()
    sink = sink_of(path, mode="upsert", key=("sku",))
    sink.resume(position)
    async with sink:
        await sink.write([{"sku": "b", "price": 2}])
        position = await sink.sync()
    assert position.items == 2
    part_of(path).unlink()
    sink = sink_of(path, mode="upsert", key=("sku",))
    sink.resume(position)
    with pytest.raises(StorageError, match="--fresh starts over"):
        await sink.__aenter__()


ITEM = st.fixed_dictionaries({"sku": st.integers(0, 3)}, optional={"a": st.integers(0, 9), "b": st.text(max_size=2)})


@settings(max_examples=examples(60), deadline=None)  # disks take their time
@given(runs=st.lists(st.lists(ITEM, max_size=6), min_size=1, max_size=4))
def test_rows_are_the_last_items_of_their_keys(runs: list[list[dict[str, Any]]]) -> None:
    """After any crawls there is one row a key, with the last item's values in all columns of its crawl."""
    expected: dict[int, dict[str, Any]] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder, "shop.sqlite")
        for items in runs:
            asyncio.run(upsert(path, items))
            columns = dict.fromkeys(name for item in items for name in item)
            for item in items:
                expected.setdefault(item["sku"], {}).update({name: item.get(name) for name in columns})
        found = {row["sku"]: row for row in rows(path)}
    assert found == {
        sku: {name: value for name, value in row.items() if value is not None} for sku, row in expected.items()
    }
