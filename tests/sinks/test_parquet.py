"""The columns of a Parquet file, and their types."""

import asyncio
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.errors import StorageError
from tests.contracts.files import parquet_rows, sink_of, write
from tests.examples import examples

NOON = datetime(2026, 11, 23, 12, 0, 0, 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books.parquet"


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        (["x", None, "Ж"], "string", None),
        ([1, None, -(2**63)], "int64", None),
        ([1, 2**63], "string", ["1", "9223372036854775808"]),
        ([1, 1.5], "double", [1.0, 1.5]),
        ([2**53 + 1, 1.5], "string", ["9007199254740993", "1.5"]),
        ([1, "x"], "string", ["1", "x"]),
        ([True, None, False], "bool", None),
        ([True, 1], "string", ["true", "1"]),
        ([b"\0\xff", b""], "binary", None),
        ([b"x", "y"], "string", ["eA==", "y"]),
        ([date(2026, 11, 23), date(1, 1, 1)], "date32[day]", None),
        ([NOON, None], "timestamp[us]", None),
        ([NOON.replace(tzinfo=UTC)], "timestamp[us, tz=UTC]", None),
        ([NOON.replace(tzinfo=UTC), NOON], "string", ["2026-11-23T12:00:00.000005Z", "2026-11-23T12:00:00.000005"]),
        ([NOON.replace(tzinfo=timezone(timedelta(hours=2)))], "string", ["2026-11-23T12:00:00.000005+02:00"]),
        ([Decimal("9.90")], "string", ["9.90"]),
        ([[1, "x"], {"a": None}], "string", ['[1,"x"]', '{"a":null}']),
        ([None, float("nan")], "double", [None, None]),
        ([None], "string", None),
    ],
)
async def test_types(path: Path, values: list[Any], kind: str, kept: list[Any] | None) -> None:
    """A column has the narrowest type that holds all its values exactly, in whatever order they come."""
    for each in (values, values[::-1]):
        await write(path, *([{"a": value}] for value in each))
        assert str(pq.read_schema(path).field("a").type) == kind
        found = [row["a"] for row in parquet_rows(path)]
        assert found == ((kept or values) if each is values else (kept or values)[::-1])


async def test_columns_come_with_the_fields(path: Path) -> None:
    """A field that comes later is a column that is null before."""
    await write(path, [{"a": 1}], [{"b": 2, "a": 3}])
    assert parquet_rows(path) == [{"a": 1, "b": None}, {"a": 3, "b": 2}]


async def test_named_columns_are_there(path: Path) -> None:
    """Columns that are named are there without any item."""
    await write(path, fields=("b", "a"))
    assert pq.read_schema(path).names == ["b", "a"]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(),
)


ROWS = st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES}).filter(bool)


@settings(max_examples=examples(100), deadline=None)  # disks take their time
@given(
    before=st.lists(ROWS),
    after=st.lists(ROWS),
)
def test_a_finished_file_goes_on_with_other_types(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """A file that is continued after its end has every value, whatever types come then, as one written at once has."""

    async def in_two(path: Path) -> None:
        async with sink_of(path) as sink:
            await sink.write(before)
            position = await sink.sync()
            await sink.finish()
        sink = sink_of(path)
        sink.resume(position)
        async with sink:
            await sink.write(after)
            await sink.finish()

    with TemporaryDirectory() as folder:
        one, two = Path(folder, "one.parquet"), Path(folder, "two.parquet")
        asyncio.run(write(one, before, after))
        asyncio.run(in_two(two))
        for once, twice in zip(parquet_rows(one), parquet_rows(two), strict=True):
            assert all(same(once[name], twice[name]) for name in once)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, if need be as the text of one that became text earlier."""
    if one == other:
        return True
    return isinstance(one, str) and isinstance(other, str) and as_number(one) == as_number(other)


def as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


async def test_many_rows(path: Path) -> None:
    """More rows than a group holds are written in several, and all read back."""
    items = [{"number": number} for number in range(120_000)]
    await write(path, items[:70_000], items[70_000:])
    assert pq.read_metadata(path).num_row_groups == 3
    assert parquet_rows(path) == items


async def test_the_end_can_be_cancelled(path: Path) -> None:
    """A crawl that is stopped while its file is made leaves the .part, and nothing half made."""
    sink = sink_of(path)
    async with sink:
        await sink.write([{"number": number} for number in range(200_000)])
        finishing = asyncio.create_task(sink.finish())
        await asyncio.sleep(0.05)
        finishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finishing
    assert [each.name for each in path.parent.iterdir()] == ["books.parquet.part"]


async def test_a_device_is_no_parquet_file(path: Path) -> None:
    """A path that is a device is refused before anything is written."""
    path.symlink_to("/dev/null")
    with pytest.raises(StorageError, match=f"^{path} cannot be written: it is no ordinary file$"):
        await sink_of(path).__aenter__()
