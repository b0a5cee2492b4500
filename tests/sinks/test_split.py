"""Data in several files: parts that follow each other, and one file a value of a field."""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.errors import SettingsError, StorageError
from scraper.protocols import Position
from scraper.settings.schema import SplitAfter
from scraper.settings.values import ByteSize
from scraper.sinks import SplitFiles, UnwritableItems
from scraper.sinks.split.names import EMPTY, MOST, NONE, name_of
from scraper.sinks.split.route import route
from scraper.sinks.split.sink import MOST_OPEN
from tests.contracts.files import part_of, rows, sink_of, write
from tests.examples import examples

SPLIT = ["jsonl", "jsonl.gz", "json", "json.zst", "csv", "csv.gz", "parquet"]


def books(number: int, *, start: int = 0, values: int = 3) -> list[dict[str, str]]:
    return [{"n": str(each), "kind": f"k/{each % values}"} for each in range(start, number)]


def all_rows(folder: Path) -> dict[str, list[str]]:
    """The numbers of the items in each finished file."""
    return {path.name: [row["n"] for row in rows(path)] for path in sorted(folder.iterdir()) if path.suffix != ".part"}


@pytest.mark.parametrize("ending", SPLIT)
async def test_parts_of_so_many_items(ending: str, tmp_path: Path) -> None:
    """Each part but the last has exactly so many items, in order, whatever the batches; each is a whole file."""
    path = tmp_path / f"b-{{part}}.{ending}"
    sink = await write(path, books(4), books(5, start=4), books(11, start=5), split_after=SplitAfter(items=3))
    assert all_rows(tmp_path) == {
        f"b-{part}.{ending}": [str(n) for n in range(3 * part - 3, min(3 * part, 11))] for part in (1, 2, 3, 4)
    }
    assert (sink.items, sink.path) == (11, str(path))
    assert sink.bytes == sum(each.stat().st_size for each in tmp_path.iterdir())


async def test_an_item_that_cannot_be_written_fills_no_part(tmp_path: Path) -> None:
    """Parts are of items that were written: those that were refused do not count."""
    bad = {"n": object()}
    async with sink_of(tmp_path / "b-{part}.jsonl", split_after=SplitAfter(items=2)) as sink:
        with pytest.raises(UnwritableItems) as caught:
            await sink.write([*books(1), bad, bad, *books(4, start=1)])
        await sink.finish()
    assert [item for item, _ in caught.value.failures] == [bad, bad]
    assert [len(each) for each in all_rows(tmp_path).values()] == [2, 2]


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv"])
async def test_parts_of_so_many_bytes(ending: str, tmp_path: Path) -> None:
    """A part ends with the item by which it reaches the size: no item more, and none less."""
    limit, path = 1000, tmp_path / f"b-{{part}}.{ending}"
    items = [{"n": str(number), "text": "x" * (number * 37 % 150)} for number in range(200)]
    await write(path, items[:90], items[90:], split_after=SplitAfter(bytes=ByteSize(limit)))
    parts = sorted(tmp_path.iterdir(), key=lambda each: int(each.stem.partition("-")[2]))
    assert [row["n"] for part in parts for row in rows(part)] == [item["n"] for item in items]
    around = {"jsonl": 0, "json": len("\n]\n"), "csv": 0}[ending]  # what closes the file is not an item
    for part in parts[:-1]:
        size, last = part.stat().st_size - around, rows(part)[-1]
        assert size >= limit > size - len(json.dumps(last)) - 2


async def test_parts_of_so_many_seconds(tmp_path: Path) -> None:
    """A part ends with the first item that comes so long after its beginning; where none comes, no part is made."""
    now = 0.0
    path = tmp_path / "b-{part}.jsonl"
    sink = sink_of(path, split_after=SplitAfter(seconds=60.0))
    assert isinstance(sink, SplitFiles)
    sink._clock = lambda: now
    async with sink:
        for now in (0.0, 59.0, 60.0, 1000.0):
            await sink.write(books(int(now) + 1, start=int(now)))
        position = await sink.sync()
        sink = again = sink_of(path, split_after=SplitAfter(seconds=60.0))
    assert isinstance(again, SplitFiles)
    again._clock = lambda: now
    again.resume(position)
    now = 5000.0  # of another clock
    async with again:
        for now in (5059.0, 5060.0):
            await again.write(books(int(now) + 1, start=int(now)))
        await again.finish()
    assert list(all_rows(tmp_path).values()) == [["0", "59"], ["60"], ["1000", "5059"], ["5060"]]


async def test_a_crawl_without_items_has_an_empty_part(tmp_path: Path) -> None:
    """Without items there is a first part without any; where a value would name the file, there is none."""
    await write(tmp_path / "b-{part}.json", split_after=SplitAfter(items=2))
    await write(tmp_path / "c-{item.kind}.json")
    assert all_rows(tmp_path) == {"b-1.json": []}


@pytest.mark.parametrize("ending", SPLIT)
async def test_one_file_a_value(ending: str, tmp_path: Path) -> None:
    """Each value has a file of its own, more of them than may be open at a time."""
    values = 2 * MOST_OPEN + 5
    path = tmp_path / f"{{item.kind}}.{ending}"
    opened = set(Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").exists() else set()
    async with sink_of(path) as sink:
        for start in range(0, 3 * values, 50):
            await sink.write(books(min(start + 50, 3 * values), start=start, values=values))
            if opened:
                assert len(set(Path("/proc/self/fd").iterdir()) - opened) <= MOST_OPEN + 5
        await sink.finish()
    assert all_rows(tmp_path) == {
        f"k%2F{kind}.{ending}": [str(kind), str(kind + values), str(kind + 2 * values)]
        for kind in sorted(range(values), key=lambda kind: f"k%2F{kind}.{ending}")
    }


@dataclass
class Book:
    n: str
    kind: str | None


async def test_values_of_any_item(tmp_path: Path) -> None:
    """Folders can be named by values, too; only the classes of `items` are written; what is missing has a name."""
    items = [Book("1", "a"), {"n": "2"}, {"n": "3", "kind": ""}, Book("4", None), {"n": "5", "kind": 7}]
    await write(tmp_path / "{item.kind}" / "x.jsonl", items, items=("Book",))
    await write(tmp_path / "all" / "{item.kind}.jsonl", items)
    assert sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*.jsonl")) == [
        "_none/x.jsonl",
        "a/x.jsonl",
        "all/7.jsonl",
        "all/_empty.jsonl",
        "all/_none.jsonl",
        "all/a.jsonl",
    ]


async def test_each_value_is_appended_to_its_file(tmp_path: Path) -> None:
    """With `mode = "append"` the file of each value gets its new items."""
    for start in (0, 6):
        await write(tmp_path / "{item.kind}.csv", books(start + 6, start=start), mode="append")
    assert all_rows(tmp_path) == {f"k%2F{k}.csv": [str(n) for n in range(k, 12, 3)] for k in range(3)}


async def test_two_values_with_one_path_share_no_part(tmp_path: Path) -> None:
    """Where value and number run together, a number that is taken is left out."""
    items = [{"n": "1", "kind": "a1"}, *({"n": str(n), "kind": "a"} for n in range(2, 14))]
    await write(tmp_path / "{item.kind}{part}.jsonl", items, split_after=SplitAfter(items=1))
    assert sorted(n for each in all_rows(tmp_path).values() for n in each) == sorted(item["n"] for item in items)
    assert {len(each) for each in all_rows(tmp_path).values()} == {1}


async def test_all_parts_are_published_together(tmp_path: Path) -> None:
    """Until the end every file is a `.part`, also one that is full; a crawl that failed leaves them so."""
    path = tmp_path / "b-{part}.jsonl"
    async with sink_of(path, split_after=SplitAfter(items=2)) as sink:
        await sink.write(books(5))
        with pytest.raises(StorageError, match="is not complete"):
            await sink.publish()
        await sink.complete()
        assert {each.name for each in tmp_path.iterdir()} == {f"b-{n}.jsonl.part" for n in (1, 2, 3)}
        await sink.withhold()
    assert {each.name for each in tmp_path.iterdir()} == {f"b-{n}.jsonl.part" for n in (1, 2, 3)}


async def test_a_part_that_was_changed_is_found(tmp_path: Path) -> None:
    """A `.part` that was changed is not continued: by another process since the crawl, or by anybody as it runs."""
    path = tmp_path / "{item.kind}.jsonl"
    async with sink_of(path) as sink:
        await sink.write(books(3))
        position = await sink.sync()
        await sink.write(books(MOST_OPEN + 3, start=3, values=1000))
        part_of(tmp_path / "k%2F0.jsonl").write_bytes(b"x")
        with pytest.raises(StorageError, match=r"k%2F0.jsonl cannot be continued: its .part has 1 bytes"):
            await sink.write(books(1))
    sink = sink_of(path)
    sink.resume(position)
    with pytest.raises(StorageError, match="--fresh starts over"):
        await sink.__aenter__()


ACTS = st.lists(
    st.one_of(st.tuples(st.just("write"), st.integers(0, 9)), st.tuples(st.sampled_from(["sync", "end", "finish"]))),
    max_size=10,
)


@settings(max_examples=examples(60), deadline=None)  # disks take their time
@given(ending=st.sampled_from(SPLIT), acts=ACTS, name=st.sampled_from(["{part}", "{item.kind}", "{item.kind}-{part}"]))
def test_each_item_once_after_any_deaths(ending: str, acts: list[Any], name: str) -> None:
    """Whenever it dies, each item is in one file once, in order, and the parts have the length they should have."""
    more = {"split_after": SplitAfter(items=4)} if "{part}" in name else {}

    async def live(path: Path) -> int:
        position: Position | None = None
        written = 0
        sink = sink_of(path, **more)
        await sink.__aenter__()
        for act, *arguments in [*acts, ("end",), ("write", 3), ("finish",)]:
            if act == "end":
                await sink.__aexit__(None, None, None)
                sink = sink_of(path, **more)
                if position is not None:
                    sink.resume(Position(**json.loads(json.dumps(asdict(position)))))
                written = position.items if position is not None else 0
                await sink.__aenter__()
            elif act == "write":
                await sink.write(books(written + arguments[0], start=written))
                written += arguments[0]
            elif act == "sync":
                position = await sink.sync()
            else:
                position = await sink.sync()
                await sink.finish()
                sink = sink_of(path, **more)
                sink.resume(position)
                await sink.__aenter__()
        await sink.finish()
        await sink.__aexit__(None, None, None)
        return written

    with TemporaryDirectory() as folder:
        written = asyncio.run(live(Path(folder, f"b-{name}.{ending}")))
        found = all_rows(Path(folder))
        assert sorted(int(n) for each in found.values() for n in each) == list(range(written))
        assert all(each == sorted(each, key=int) for each in found.values())
        assert not more or all(len(each) <= 4 for each in found.values())


# Names.


@settings(max_examples=examples(500))
@given(st.lists(st.text(), unique=True, max_size=8))
def test_any_values_are_distinct_names(values: list[str]) -> None:
    """Whatever a page wrote is one name in the folder, no longer than a file system takes, and no other value's."""
    names = [name_of(value) for value in values]
    assert len(set(names)) == len(values)
    for name in names:
        assert name
        assert not {"/", "\\", "\0"} & {*name}
        assert name.strip(". ") == name
        assert len(name.encode()) <= MOST
        assert name.isprintable()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("travel", "travel"),
        ("Sci-Fi & Ж", "Sci-Fi & Ж"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("a\\b", "a%5Cb"),
        ("a\0b\n", "a%00b%0A"),
        ("con", "%63on"),
        ("NUL.txt", "%4EUL.txt"),
        ("console", "console"),
        (".hidden", "%2Ehidden"),
        ("end.", "end%2E"),
        (" x", "%20x"),
        ("50%", "50%25"),
        ("_none", "%5Fnone"),
        ("\ud800", "%ED%A0%80"),
        ("\u202egnp", "%E2%80%AEgnp"),
        ("", EMPTY),
        (None, NONE),
        (7, "7"),
        (True, "true"),
        (["a", "b"], "[%22a%22,%22b%22]"),
    ],
)
def test_a_value_stays_in_its_folder(value: object, name: str) -> None:
    """What could lead elsewhere, or is no name somewhere, is percent-encoded; what is missing has a name of its own."""
    assert name_of(value) == name


def test_long_values_are_cut() -> None:
    """Two long values that begin alike have two names, which are not too long in any script."""
    for letter in ("x", "Ж", "😀", "/"):
        first, second = name_of(letter * 500 + "1"), name_of(letter * 500 + "2")
        assert first != second
        assert max(len(first.encode()), len(second.encode())) <= MOST


def test_an_argument_is_no_placeholder() -> None:
    """Braces that an argument of the spider brings into a path mean nothing."""
    assert str(route("{a}-{item.b}", {"a": "{part}{item.c}"}, has_parts=True)) == "{part}{item.c}-{item.b}"
    assert route("{a}-{item.b}", {"a": "{part}{item.c}"}, has_parts=True).fields == ("b",)


@pytest.mark.parametrize(
    ("path", "settings", "told"),
    [
        ("b-{part}.jsonl", {}, "{part} needs a split_after: { items = 300 }, for example"),
        (
            "b.jsonl",
            {"split_after": SplitAfter(items=3)},
            "split_after needs {part} in the path, the number of the file",
        ),
        (
            "b-{item.a}.db",
            {},
            "sqlite keeps all items in one file: its path cannot have {part} or {item.…}",
        ),
        (
            "b-{part}.parquet",
            {"split_after": SplitAfter(bytes=ByteSize(5))},
            "parquet cannot be split after bytes (it can after items, seconds)",
        ),
        (
            "b-{part}.csv",
            {"split_after": SplitAfter(items=3), "mode": "append"},
            'mode = "append" needs one file, and {part} is many',
        ),
    ],
)
def test_what_cannot_be_split(path: str, settings: dict[str, Any], told: str) -> None:
    """What does not go together is refused in one line before there is a file."""
    with pytest.raises(SettingsError) as caught:
        sink_of(Path(path), **settings)
    assert str(caught.value) == f"[[sinks]] path '{path}': {told}"
