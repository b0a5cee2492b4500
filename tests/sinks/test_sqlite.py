"""Tables, columns and values of a database, and what becomes of its file."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import StorageError
from scraper.sinks import UnwritableItems
from tests.contracts.files import part_of, sink_of, write


@dataclass
class Author:
    name: str
    born: int


def ask(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books.db"


async def test_a_class_is_a_table(path: Path) -> None:
    """Items of a class are rows of the table of its name, dicts are rows of `items`."""
    await write(path, [Author("Jane Austen", 1775), {"title": "Emma"}, Author("Homer", -750)])
    assert ask(path, "SELECT name, born FROM Author ORDER BY rowid") == [("Jane Austen", 1775), ("Homer", -750)]
    assert ask(path, "SELECT title FROM items") == [("Emma",)]


async def test_columns_come_with_the_fields(path: Path) -> None:
    """A field that comes later gets a column, which is NULL in earlier rows; a name in other case is the same."""
    await write(path, [{"a": 1}, {"b": 2}], [{"B": 3, "c": "x"}, {}])
    assert ask(path, "SELECT a, b, c FROM items ORDER BY rowid") == [
        (1, None, None),
        (None, 2, None),
        (None, 3, "x"),
        (None, None, None),
    ]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("Жf", "Жf"),
        ("007", "007"),
        (7, 7),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (1.5, 1.5),
        (float("nan"), None),
        (True, 1),
        (None, None),
        (b"\0\xff", b"\0\xff"),
        (bytearray(b"x"), b"x"),
        (Decimal("9.90"), "9.90"),
        (date(2026, 11, 23), "2026-11-23"),
        ([1, "x"], '[1,"x"]'),
        ({"a": {"b": None}}, '{"a":{"b":null}}'),
        ("x\ud800", "x\ufffd"),
    ],
)
async def test_values(path: Path, value: object, kept: object) -> None:
    """A value keeps its type where SQLite has it, whatever came before it in its column, and else is text."""
    await write(path, [{"a": "text"}, {"a": 1}, {"a": value}])
    assert ask(path, "SELECT a, typeof(a) FROM items WHERE rowid = 3") == ask(path, f"SELECT {literal(kept)}")


def literal(value: object) -> str:
    with closing(sqlite3.connect(":memory:")) as database:
        [(quoted, kind)] = database.execute("SELECT quote(?1), typeof(?1)", (value,)).fetchall()
    return f"{quoted}, '{kind}'"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"a": 1, "A": 2}, "two of its fields are one column"),
        ({"_rowid_": 1}, "keeps the column name _rowid_ to itself"),
        ({}, "this one has no fields"),
        (type("sqlite_x", (dict,), {})(a=1), "keeps table names"),
        ({"a": object()}, "dict.a: a value of type object"),
    ],
)
async def test_what_no_table_can_hold(path: Path, item: object, reason: str) -> None:
    """An item that does not fit into a table is refused, for itself alone."""
    async with sink_of(path) as sink:
        with pytest.raises(UnwritableItems, match=reason):
            await sink.write([item, {"title": "Emma"}])
        await sink.finish()
    assert ask(path, "SELECT * FROM items") == [("Emma",)]


def many(letter: str, number: int) -> dict[str, Any]:
    return {f"{letter}{each}": each for each in range(number)}


def whole(path: Path) -> list[dict[str, Any]]:
    """The rows of `items` with all their fields, those in `_more` among them."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM items ORDER BY rowid")]
    filled = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return [row | json.loads(row.pop("_more", "{}")) for row in filled]


async def test_two_items_of_many_fields_leave_columns_for_others(path: Path) -> None:
    """A field that comes after items with 999 new fields each has a column, and no field of theirs is lost."""
    items = [many("x", 999), many("y", 999), {"title": "Emma"}, {"title": "Persuasion", "price": 5}]
    await write(path, items)
    assert list(map(len, items)) == [999, 999, 1, 2], "the items themselves are left alone"
    assert ask(path, "SELECT title, price, _more FROM items WHERE title IS NOT NULL ORDER BY rowid") == [
        ("Emma", None, None),
        ("Persuasion", 5, None),
    ]
    assert whole(path) == items
    assert ask(path, "SELECT json_extract(_more, '$.y998') FROM items WHERE y0 = 0") == [(998,)]


async def test_however_many_fields_there_are_none_is_lost(path: Path) -> None:
    """Once a table has all the columns it can have, new fields are kept in `_more`, and known ones in their column."""
    items = [many(f"x{letter}", 2_100) for letter in "abcdefghijkl"]  # half of the columns, half of the rest, …
    items += [{"title": "Emma", "xa0": 1}, {"Title": "Persuasion", "tags": ["a", {"b": None}]}]
    await write(path, items)
    assert whole(path) == items
    assert len(ask(path, "PRAGMA table_info(items)")) == 2_000
    assert ask(path, "SELECT xa0, _more FROM items ORDER BY rowid LIMIT 1 OFFSET 12") == [(1, '{"title":"Emma"}')]


async def test_a_field_with_the_name_of_that_column_is_in_it(path: Path) -> None:
    """A field `_more` is one of those that have no column, also if it is the only one."""
    await write(path, [{"_more": "x"}, {"title": "Emma", "_MORE": 1}])
    assert ask(path, "SELECT _more, title FROM items ORDER BY rowid") == [
        ('{"_more":"x"}', None),
        ('{"_MORE":1}', "Emma"),
    ]


async def test_a_table_with_more_is_resumed(path: Path) -> None:
    """Whoever resumes it goes on with the columns that there are."""
    async with sink_of(path) as sink:
        await sink.write([many("x", 1_500)])
        position = await sink.sync()
    sink = sink_of(path)
    sink.resume(position)
    async with sink:
        await sink.write([many("y", 1_500)])
        await sink.finish()
    assert whole(path) == [many("x", 1_500), many("y", 1_500)]


async def test_an_item_that_cannot_be_written_leaves_no_column(path: Path) -> None:
    """A value of a field beyond the columns that cannot be kept refuses the item, and the table is as it was."""
    async with sink_of(path) as sink:
        await sink.write([{"a": 1}])
        with pytest.raises(UnwritableItems, match="x1899"):
            await sink.write([many("x", 1_899) | {"x1899": object()}])
        await sink.finish()
    assert ask(path, "SELECT * FROM items") == [(1,)]


async def test_named_fields_have_all_columns(path: Path) -> None:
    """Where `fields` says which there are, each has a column, however many."""
    fields = tuple(many("x", 1_900))
    async with sink_of(path, fields=fields) as sink:
        await sink.write([{"x0": 1}, {"x1899": 2, "y": 3}])
        await sink.finish()
    assert ask(path, "SELECT x0, x1899 FROM items ORDER BY rowid") == [(1, None), (None, 2)]
    assert len(ask(path, "PRAGMA table_info(items)")) == 1_900


async def test_odd_names(path: Path) -> None:
    """Quotation marks, blanks and key words are names like others."""
    await write(path, [{'say "x"': 1, "select": 2, "": 3, "rowid": 4, 5: 6}])
    assert ask(path, 'SELECT "say ""x""", "select", "", _rowid_, "5" FROM items') == [(1, 2, 3, 1, 6)]


async def test_others_may_read_while_it_grows(path: Path) -> None:
    """What was synced can be read from the .part, and a reader holds nothing up."""
    async with sink_of(path) as sink:
        await sink.write([{"a": 1}])
        await sink.sync()
        with closing(sqlite3.connect(part_of(path))) as reader:
            rows = reader.execute("SELECT a FROM items UNION ALL SELECT 2")
            assert rows.fetchone() == (1,)
            await sink.write([{"a": 3}])
            await sink.sync()
            assert rows.fetchall() == [(2,)]
        await sink.finish()
    assert ask(path, "PRAGMA journal_mode") == [("delete",)]


async def test_a_database_that_lost_rows_is_refused(path: Path) -> None:
    """A .part whose tables have fewer rows than the job remembers, or that is damaged, is not continued."""
    async with sink_of(path) as sink:
        await sink.write([{"a": "x" * 1000}] * 100)
        position = await sink.sync()
    with closing(sqlite3.connect(part_of(path))) as database:
        database.execute("DELETE FROM items WHERE rowid = 50")
        database.commit()
    sink.resume(position)
    with pytest.raises(StorageError, match=r"db\.part has 99 rows in items, fewer than the 100 that were written"):
        await sink.__aenter__()
    part_of(path).write_bytes(part_of(path).read_bytes()[:5000])
    sink = sink_of(path)
    sink.resume(position)
    with pytest.raises(StorageError, match=r"cannot be continued: books\.db\.part"):
        await sink.__aenter__()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE items SET price = 6 WHERE rowid = 2",
        "UPDATE items SET price = '5' WHERE rowid = 2",
        "UPDATE items SET price = 5.0 WHERE rowid = 2",
        "UPDATE items SET title = NULL WHERE rowid = 1",
        "UPDATE Author SET name = x'4a'",
        "UPDATE items SET rowid = rowid + 10; UPDATE items SET rowid = 1 WHERE rowid = 12; "
        "UPDATE items SET rowid = 2 WHERE rowid = 11",
    ],
)
async def test_a_database_with_other_values_is_refused(path: Path, change: str) -> None:
    """A .part in which a value is not what was written, or rows have changed places, is refused and left as it is."""
    async with sink_of(path) as sink:
        await sink.write([{"title": "Emma"}, Author("Homer", -750)])
        await sink.sync()
        await sink.write([{"title": "Persuasion", "price": 5}])
        position = await sink.sync()
    with closing(sqlite3.connect(part_of(path))) as database:
        database.executescript(change)
    before = part_of(path).read_bytes()
    sink = sink_of(path)
    sink.resume(position)
    with pytest.raises(StorageError, match=r"db\.part is not the same any more: its rows in (items|Author) have other"):
        await sink.__aenter__()
    assert part_of(path).read_bytes() == before


async def test_what_came_after_the_position_is_not_compared(path: Path) -> None:
    """Rows and columns that a later transaction added are no difference; neither is a position without checksums."""
    async with sink_of(path) as sink:
        await sink.write([{"title": "Emma"}])
        position = await sink.sync()
        await sink.write([{"title": "Persuasion", "price": 5}])
        await sink.sync()
    old = replace(position, state={name: value for name, value in position.state.items() if name != "sums"})
    for each in (position, old, position):
        sink = sink_of(path)
        sink.resume(each)
        async with sink:
            await sink.write([{"title": "Emma", "price": 6}])
            again = await sink.sync()
    sink = sink_of(path)
    sink.resume(again)
    async with sink:
        await sink.finish()
    assert ask(path, "SELECT title, price FROM items ORDER BY rowid") == [("Emma", None), ("Emma", 6)]


async def test_a_device_is_no_database(path: Path) -> None:
    """A path that is a device or a folder is refused."""
    path.symlink_to("/dev/null")
    with pytest.raises(StorageError, match=f"^{path} cannot be written: it is no ordinary file$"):
        await sink_of(path).__aenter__()
