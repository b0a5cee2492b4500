"""What every sink promises, whatever the format of its file, compressed or not."""

import asyncio
import json
import shutil
import subprocess
import zlib
from collections import ChainMap, OrderedDict, UserDict
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper import Field, Item
from scraper.errors import StorageError
from scraper.protocols import Position, Sink
from scraper.sinks import UnwritableItems
from tests.contracts.files import ENDINGS, LINES, columns, content, parsed, part_of, part_rows, rows, sink_of, write
from tests.examples import examples

BOOKS = [
    {"title": "Emma", "price": "9.99"},
    {"title": 'The "Iliad",\nthe Odyssey', "price": ""},
    {"title": "Ж", "price": "1"},
]


@dataclass
class Book:
    title: str
    price: str


@dataclass
class Author:
    title: str
    price: str


@pytest.fixture(params=ENDINGS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"books.{request.param}"


def refusal(text: str) -> AbstractContextManager[pytest.ExceptionInfo[StorageError]]:
    return pytest.raises(StorageError, match=text)


class Tea(Item):
    """A field of any type, one with a serializer, and one with a type."""

    name = Field()
    price = Field(serializer=lambda value: f"${value}")
    brand: str | None = None


class Pot(Item):
    """A tea in it."""

    tea: Tea


async def test_the_fields_of_an_item(path: Path) -> None:
    """An item's columns are all of its fields; in JSON, those with a type are null if they are not there."""
    await write(path, [Tea(name="green"), Tea(price=3)])
    assert rows(path) == (
        [{"name": "green", "price": "", "brand": ""}, {"name": "", "price": "$3", "brand": ""}]
        if ".csv" in path.name
        else [{"name": "green"}, {"price": "$3"}]
        if path.suffix in {".sqlite", ".parquet"}
        else [{"name": "green", "brand": None}, {"price": "$3", "brand": None}]
    )
    assert columns(path) == ["name", "price", "brand"]


async def test_an_item_within_an_item_is_written_alike(path: Path) -> None:
    """Serializers and what was not filled make the same difference within another item."""
    await write(path, [Pot(tea=Tea(price=3))])
    [row] = rows(path)
    tea = row["tea"]
    assert (json.loads(tea) if isinstance(tea, str) else tea) == {"price": "$3", "brand": None}


@pytest.mark.parametrize("item", [UserDict({"title": "Emma"}), ChainMap({"title": "Emma"}), OrderedDict(title="Emma")])
async def test_mappings_are_items(path: Path, item: Any) -> None:
    """Any mapping is written as a dict is."""
    await write(path, [item])
    assert rows(path) == [{"title": "Emma"}]


async def test_what_was_written_is_read_back(path: Path) -> None:
    """A finished file holds every item that was written, once, in order."""
    sink = await write(path, BOOKS[:1], BOOKS[1:])
    assert rows(path) == BOOKS
    assert (sink.path, sink.items, sink.bytes) == (str(path), 3, path.stat().st_size)


@settings(max_examples=examples(60), deadline=None)  # disks take their time
@given(ending=st.sampled_from(ENDINGS), data=st.data())
def test_any_text_is_read_back(ending: str, data: st.DataObject) -> None:
    """Any text, under any field names, in batches of any size, is read back as it was."""
    name = st.text(min_size=1).filter(lambda text: "\0" not in text)  # no name of a column in SQLite
    names = data.draw(st.lists(name, min_size=1, max_size=5, unique_by=str.lower))
    item = st.fixed_dictionaries({name: st.text() for name in names})
    batches = data.draw(st.lists(st.lists(item, max_size=5), min_size=1, max_size=5))
    with TemporaryDirectory() as folder:
        path = Path(folder, f"books.{ending}")
        asyncio.run(write(path, *batches))
        assert rows(path) == [each for batch in batches for each in batch]


async def test_a_file_has_its_name_once_it_is_whole(path: Path) -> None:
    """While it grows a file is called NAME.part; finished, it has its name, and no .part is left."""
    async with sink_of(path) as sink:
        await sink.write(BOOKS)
        await sink.sync()
        assert part_of(path).exists()
        assert not path.exists()
        await sink.finish()
        assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_a_file_is_complete_before_it_is_published(path: Path) -> None:
    """A complete file is whole under another name, `publish()` only renames it; before, it is refused."""
    async with sink_of(path) as sink:
        await sink.write(BOOKS)
        with pytest.raises(StorageError, match="is not complete"):
            await sink.publish()
        await sink.complete()
        assert not path.exists()
        made = path.with_name(f"{path.name}.new") if path.suffix == ".parquet" else part_of(path)
        shutil.copy(made, copy := path.with_name(f"copy-{path.name}"))
        assert rows(copy) == BOOKS
        inode = made.stat().st_ino
        await sink.publish()
        assert (path.stat().st_ino, sink.path, sink.bytes) == (inode, str(path), copy.stat().st_size)
    assert {each.name for each in path.parent.iterdir()} == {path.name, copy.name}


async def test_a_complete_file_that_is_not_published_stays_whole(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is complete and never published keeps its other name, and closing it fails at nothing."""
    async with sink_of(path) as sink:
        await sink.write(BOOKS)
        await sink.complete()
        before = part_of(path).read_bytes()
    assert not path.exists()
    assert part_of(path).read_bytes() == before
    assert [each.levelname for each in caplog.records] == ["WARNING"]


async def test_an_empty_file_is_whole(path: Path) -> None:
    """A crawl without items leaves a file that is valid and holds none."""
    sink = await write(path)
    assert rows(path) == []
    assert sink.items == 0


async def test_a_finished_file_stays_until_the_next_is_whole(path: Path) -> None:
    """The file of an earlier crawl is replaced only when the next one is finished."""
    await write(path, BOOKS)
    async with sink_of(path) as sink:
        await sink.write(BOOKS[:1])
        await sink.sync()
        assert rows(path) == BOOKS
        await sink.finish()
    assert rows(path) == BOOKS[:1]


async def test_an_unfinished_file_keeps_what_was_taken(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Closed without finish(), a file stays NAME.part with all that was taken, and the log says so."""
    async with sink_of(path) as sink:
        await sink.write(BOOKS)
    assert not path.exists()
    assert f"{path} is not finished: what there is of it is {path}.part" in caplog.text
    assert part_rows(path) == BOOKS


async def test_a_leftover_part_is_replaced(path: Path) -> None:
    """What a dead crawl left in NAME.part does not get into the file."""
    part_of(path).write_bytes(b"half an it" * 1000)
    await write(path, BOOKS)
    assert rows(path) == BOOKS


async def test_two_crawls_do_not_write_one_file(path: Path) -> None:
    """A file that another crawl is writing is refused, and the other is not disturbed."""
    async with sink_of(path) as first:
        await first.write(BOOKS)
        with refusal("another crawl is writing it"):
            await sink_of(path).__aenter__()
        await first.finish()
    assert rows(path) == BOOKS
    await write(path, BOOKS[:1])
    assert rows(path) == BOOKS[:1]


async def test_folders_are_made(path: Path) -> None:
    """The folders of a path are created."""
    deep = path.parent / "a" / "b" / path.name
    await write(deep, BOOKS)
    assert rows(deep) == BOOKS


async def test_a_link_stays_a_link(path: Path) -> None:
    """A path that is a symbolic link is written where it leads."""
    target = path.parent / "elsewhere" / path.name
    path.symlink_to(target)
    await write(path, BOOKS)
    assert path.is_symlink()
    assert rows(target) == BOOKS


@pytest.mark.parametrize("ending", LINES)
async def test_a_position_is_where_the_file_can_be_cut(ending: str, tmp_path: Path) -> None:
    """A file cut off at a position holds exactly the items that were taken before its sync()."""
    path = tmp_path / f"books.{ending}"
    async with sink_of(path) as sink:
        positions = [await sink.sync()]
        for book in BOOKS:
            await sink.write([book])
            positions.append(await sink.sync())
        await sink.write(BOOKS)
        await sink.sync()
        data = part_of(path).read_bytes()
        await sink.finish()
    assert [each.items for each in positions] == [0, 1, 2, 3]
    assert positions[0] == Position(str(path), 0, 0)
    for position in positions[1:]:
        cut = data[: position.bytes]
        assert position.crc == zlib.crc32(cut)
        text = content(path, cut)
        assert parsed(path, f"{text}]" if ".json" in path.suffixes else text) == BOOKS[: position.items]


async def test_sync_reaches_the_operating_system(path: Path) -> None:
    """After sync() whoever looks into the .part finds all that was taken."""
    async with sink_of(path, durable=True) as sink:
        await sink.write(BOOKS)
        position = await sink.sync()
        assert part_rows(path) == BOOKS
        assert position.bytes == sink.bytes
        await sink.finish()


async def test_the_good_items_of_a_batch_are_written(path: Path) -> None:
    """An item that cannot be written is told by class and field after all others of its batch were taken."""
    bad = {"title": object(), "price": "1"}
    async with sink_of(path) as sink:
        with pytest.raises(UnwritableItems) as caught:
            await sink.write([bad, *BOOKS, bad])
        await sink.write(BOOKS)
        await sink.finish()
    assert rows(path) == BOOKS * 2
    assert sink.items == 6
    assert [item for item, _ in caught.value.failures] == [bad, bad]
    assert all("dict.title: a value of type object cannot be written" in reason for _, reason in caught.value.failures)
    assert str(caught.value).startswith(f"{path} cannot hold dict.title: ")
    assert "\n" not in str(caught.value)


async def test_an_item_that_contains_itself_is_unwritable(path: Path) -> None:
    """An item without end does not end the crawl."""
    endless: dict[str, Any] = {"title": "Emma"}
    endless["price"] = [endless]
    async with sink_of(path) as sink:
        with pytest.raises(UnwritableItems, match="nested too deeply, or contains itself"):
            await sink.write([endless])
        await sink.finish()
    assert rows(path) == []


async def test_what_is_no_item_is_unwritable(path: Path) -> None:
    """Something that has no fields is refused."""
    async with sink_of(path) as sink:
        with pytest.raises(UnwritableItems):
            await sink.write(["Emma"])
        await sink.finish()


async def test_fields_are_selected_and_ordered(path: Path) -> None:
    """`fields` says which fields are written, and in which order."""
    await write(path, [{"a": "1", "b": "2", "c": "3"}, {"c": "6", "a": "4"}], fields=("c", "a"))
    assert [list(row.items()) for row in rows(path)] == [[("c", "3"), ("a", "1")], [("c", "6"), ("a", "4")]]


async def test_items_are_selected_by_class(path: Path) -> None:
    """`items` says which classes are written; a dict is called 'dict'."""
    batch = [Book("Emma", "1"), Author("Austen", "2"), {"title": "Persuasion", "price": "3"}]
    sink = await write(path, batch, items=("Book", "dict"))
    assert [row["title"] for row in rows(path)] == ["Emma", "Persuasion"]
    assert sink.items == 2


async def test_surrogates_do_not_crash(path: Path) -> None:
    """Half a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD; a whole pair its character."""
    await write(path, [{"a": "x\ud800y", "b\udfff": "\ud83d\ude00"}])
    assert rows(path) == [{"a": "x\ufffdy", "b\ufffd": "😀"}]


async def test_many_write_at_once(path: Path) -> None:
    """Of many writers at the same time, with more than fits into memory, nothing is lost or mixed up."""
    batches = [[{"title": f"{writer}-{number}", "price": "x" * 5_000} for number in range(100)] for writer in range(20)]
    async with sink_of(path) as sink:
        async with asyncio.TaskGroup() as writers:
            for batch in batches:
                writers.create_task(sink.write(batch))
        await sink.finish()
    titles = [row["title"] for row in rows(path)]
    assert titles == [item["title"] for batch in batches for item in batch]


async def test_a_cancelled_writer_does_no_harm(path: Path) -> None:
    """What a writer gave before it was cancelled is in the file, whole."""
    items = [{"title": str(number), "price": "x" * 10_000} for number in range(300)]
    async with sink_of(path) as sink:
        writers = [asyncio.create_task(sink.write(items[start : start + 50])) for start in range(0, 300, 50)]
        for turn, writer in enumerate(writers):
            if turn % 2:
                await asyncio.sleep(0)
            writer.cancel()
        ended = await asyncio.gather(*writers, return_exceptions=True)
        await sink.finish()
    assert any(isinstance(each, asyncio.CancelledError) for each in ended)
    assert len(rows(path)) == sink.items
    assert set(map(str, rows(path))) <= set(map(str, items))


@pytest.mark.parametrize("ending", LINES)
async def test_a_full_disk_is_told(ending: str, tmp_path: Path) -> None:
    """A full disk is a StorageError that names the path and the reason, in one line."""
    path = tmp_path / f"books.{ending}"
    full = path.parent / f"full{path.suffix if path.suffix in ('.gz', '.zst') else ''}"
    full.symlink_to("/dev/full")
    async with sink_of(full, format=path.name.split(".")[1]) as sink:
        await sink.write(BOOKS)
        with refusal(f"^{full} cannot be written: No space left on device$"):
            await sink.sync()
        with refusal("No space left"):
            await sink.write(BOOKS)
        with refusal("No space left"):
            await sink.finish()
    assert Path("/dev/full").is_char_device()


async def test_a_closed_sink_takes_nothing(path: Path) -> None:
    """Before it is opened and after it is finished, a sink refuses items."""
    sink = sink_of(path)
    with refusal("is not open"):
        await sink.write(BOOKS)
    sink = await write(path, BOOKS)
    with refusal("is not open"):
        await sink.write(BOOKS)


@pytest.mark.parametrize(("ending", "tool"), [("jsonl.gz", "gzip"), ("csv.zst", "zstd")])
async def test_packed_files_are_read_by_their_own_tools(ending: str, tool: str, tmp_path: Path) -> None:
    """A file of many members, one from each sync(), is one file to the tool of its ending."""
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    path = tmp_path / f"books.{ending}"
    async with sink_of(path) as sink:
        for each in BOOKS:
            await sink.write([each])
            await sink.sync()
        await sink.finish()
    command = [tool, "-dc", str(path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert parsed(path, done.stdout.decode()) == BOOKS


def test_it_has_the_shape_of_a_sink(path: Path) -> None:
    """What open_sinks() gives is a `Sink`."""
    sink: Sink = sink_of(path)
    assert repr(sink) == f"<{type(sink).__name__} {path}: 0 items, 0 bytes>"
