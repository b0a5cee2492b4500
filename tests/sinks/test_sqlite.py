"""Tables, columns and values of a database, and what becomes of its file."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
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
        ({f"f{number}": 1 for number in range(2001)}, "at most 2,000 columns"),
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


async def test_a_device_is_no_database(path: Path) -> None:
    """A path that is a device or a folder is refused."""
    path.symlink_to("/dev/null")
    with pytest.raises(StorageError, match=f"^{path} cannot be written: it is no ordinary file$"):
        await sink_of(path).__aenter__()
