"""Files that are appended to: what is there stays, and only what fits after it is taken."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import SettingsError, StorageError
from scraper.sinks import UnwritableItems
from tests.contracts.files import part_of, rows, sink_of, write

OLD = [{"title": "Emma", "price": "9.99"}, {"title": 'The "Iliad",\nthe Odyssey', "price": ""}]
NEW = [{"title": "Persuasion", "price": "5"}]
ENDINGS = ["jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "csv.zst", "sqlite"]


@pytest.fixture(params=ENDINGS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"books.{request.param}"


async def refusal(path: Path, **settings: Any) -> str:
    """Why the file is not appended to; nothing is changed by that."""
    before = path.read_bytes()
    with pytest.raises(StorageError) as caught:
        await sink_of(path, mode="append", **settings).__aenter__()
    assert path.read_bytes() == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_new_items_follow_the_old(path: Path) -> None:
    """The file has the old items and then the new ones, again and again; a missing file is made."""
    for number in range(3):
        sink = await write(path, OLD if number == 0 else NEW, mode="append")
        assert rows(path) == [*OLD, *NEW * number]
        assert sink.items == len(OLD if number == 0 else NEW)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_the_old_file_stands_until_the_end(path: Path) -> None:
    """Until the new items are published, the file is byte for byte what it was; and so after a failed crawl."""
    await write(path, OLD)
    before = path.read_bytes()
    async with sink_of(path, mode="append") as sink:
        await sink.write(NEW)
        await sink.sync()
        assert path.read_bytes() == before
        await sink.complete()
        assert path.read_bytes() == before
        assert await sink.previous() is None
        await sink.withhold()
    assert path.read_bytes() == before
    assert part_of(path).exists()


async def test_nothing_to_append_changes_nothing(path: Path) -> None:
    """A crawl without items leaves all that was there."""
    await write(path, OLD)
    await write(path, mode="append")
    assert rows(path) == OLD


async def test_an_empty_file_is_begun(path: Path) -> None:
    """A file of no bytes gets what a new one has: CSV its header."""
    path.write_bytes(gzip.compress(b"") if path.suffix == ".gz" else b"")
    if path.suffix == ".zst":
        path.unlink()
    await write(path, NEW, mode="append")
    assert rows(path) == NEW


@pytest.mark.parametrize(("ending", "old"), [("jsonl", b'{"a":"1"}'), ("csv", b"a\n1"), ("csv", b"\xef\xbb\xbfa\r\n1")])
async def test_a_last_line_without_end_gets_one(ending: str, old: bytes, tmp_path: Path) -> None:
    """A file of another program whose last line has no line feed does not run into the first new item."""
    path = tmp_path / f"a.{ending}"
    path.write_bytes(old)
    await write(path, [{"a": "2"}], mode="append")
    assert path.read_text(encoding="utf-8-sig").split() in (["a", "1", "2"], ['{"a":"1"}', '{"a":"2"}'])


async def test_other_columns_are_refused(tmp_path: Path) -> None:
    """A CSV file with other columns than `fields` is refused in one line that names both."""
    path = tmp_path / "books.csv"
    await write(path, OLD)
    assert await refusal(path, fields=("title", "brand")) == (
        f"{path} cannot be appended to: its columns are title, price, and those of the crawl title, brand"
    )


async def test_the_columns_are_those_of_the_header(tmp_path: Path) -> None:
    """Without `fields` an item is written in the order of the header; one with another field is refused alone."""
    path = tmp_path / "books.csv"
    await write(path, OLD)
    async with sink_of(path, mode="append") as sink:
        with pytest.raises(UnwritableItems, match="the field 'brand' has no column, as the header has no such field"):
            await sink.write([{"price": "1", "title": "Kim"}, {"brand": "x"}, {"title": "Ivanhoe"}])
        await sink.finish()
    assert rows(path) == [*OLD, {"title": "Kim", "price": "1"}, {"title": "Ivanhoe", "price": ""}]


@pytest.mark.parametrize("ending", ["jsonl.gz", "csv.zst"])
async def test_a_damaged_file_is_refused(ending: str, tmp_path: Path) -> None:
    """A compressed file that is cut off is not made longer."""
    path = tmp_path / f"books.{ending}"
    await write(path, OLD)
    path.write_bytes(path.read_bytes()[:-6])
    assert f"{path} cannot be appended to: it cannot be read to its end: " in await refusal(path)


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file called .sqlite that is something else is left alone."""
    path = tmp_path / "books.sqlite"
    path.write_text("title\nEmma\n", encoding="utf-8")
    assert await refusal(path) == f"{path} cannot be written: the file that is there is no SQLite database"


def made(path: Path, *sql: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for each in sql:
            database.execute(each)
        database.commit()


async def test_a_database_of_others_is_kept(tmp_path: Path) -> None:
    """Tables, rows with any numbers, indexes and views stay; a new field is a new column, a new class a new table."""
    path = tmp_path / "shop.sqlite"
    made(
        path,
        "CREATE TABLE items (id INTEGER PRIMARY KEY, title TEXT)",
        "INSERT INTO items VALUES (-5, 'a'), (3, 'b'), (9, 'c')",
        "CREATE VIEW titles AS SELECT title FROM items",
        "CREATE TABLE notes (word PRIMARY KEY) WITHOUT ROWID",
        "INSERT INTO notes VALUES ('x')",
    )
    async with sink_of(path, mode="append") as sink:
        await sink.write([{"title": "d", "price": 5}])
        position = await sink.sync()
        await sink.write([{"title": "lost"}])
    assert json.loads(json.dumps(position.state))["gaps"] == {"items": 7}
    sink = sink_of(path, mode="append")
    sink.resume(position)
    async with sink:
        await sink.write([{"title": "e"}])
        with pytest.raises(UnwritableItems, match="keeps the column name id to itself"):
            await sink.write([{"id": 1}])
        await sink.finish()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT * FROM items").fetchall() == [
            (-5, "a", None),
            (3, "b", None),
            (9, "c", None),
            (10, "d", 5),
            (11, "e", None),
        ]
        assert database.execute("SELECT count(*) FROM titles").fetchone() == (5,)
        assert database.execute("SELECT * FROM notes").fetchall() == [("x",)]


@pytest.mark.parametrize(
    "sql",
    ["CREATE TABLE items (a PRIMARY KEY) WITHOUT ROWID", "CREATE TABLE items (a INTEGER PRIMARY KEY AUTOINCREMENT, b)"],
)
async def test_a_table_that_cannot_grow_exactly(sql: str, tmp_path: Path) -> None:
    """Items for a table whose rows have no numbers of ours are refused one by one; the table stays as it is."""
    path = tmp_path / "shop.sqlite"
    made(path, sql)
    async with sink_of(path, mode="append") as sink:
        with pytest.raises(UnwritableItems, match="the table items is there, and SQLite does not number its rows"):
            await sink.write([{"b": "1"}])
        await sink.finish()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT * FROM items").fetchall() == []


@pytest.mark.parametrize(
    ("ending", "settings", "told"),
    [
        ("json", {"mode": "append"}, 'json cannot have mode = "append" (formats that can: jsonl, csv, tsv, sqlite)'),
        (
            "parquet",
            {"mode": "append"},
            'parquet cannot have mode = "append" (formats that can: jsonl, csv, tsv, sqlite)',
        ),
        ("csv", {"mode": "upsert", "key": ("a",)}, 'csv cannot have mode = "upsert" (formats that can: sqlite)'),
        ("db", {"mode": "upsert"}, 'mode = "upsert" needs the fields that tell rows apart: key = ["sku"]'),
        ("db", {"key": ("a",)}, 'key is for mode = "upsert", and this is "replace"'),
        ("db", {"mode": "upsert", "key": ("a",), "fields": ("b",)}, "'a' is in key, but not in fields"),
    ],
)
def test_what_a_format_cannot_do(ending: str, settings: dict[str, Any], told: str) -> None:
    """A mode that a format has not, and a key for nothing, are refused in one line before there is a file."""
    with pytest.raises(SettingsError) as caught:
        sink_of(Path(f"books.{ending}"), **settings)
    assert str(caught.value) == f"[[sinks]] path 'books.{ending}': {told}"


def test_standard_output_has_no_old_items() -> None:
    """Standard output is written as it is: there is nothing to append to."""
    with pytest.raises(SettingsError, match="path '-': mode = \"append\" needs a file"):
        sink_of(Path("-"), mode="append")
