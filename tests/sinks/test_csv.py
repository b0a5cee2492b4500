"""The columns, cells and lines of CSV."""

import csv
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import SettingsError
from scraper.protocols import Position
from scraper.sinks.files.previous import previous
from scraper.sinks.formats.csv import CsvTable
from tests.contracts.files import sink_of, write


@dataclass
class Author:
    name: str
    born: int


def test_lines() -> None:
    """Lines end with CRLF, and a cell is quoted where it must be (RFC 4180)."""
    table = CsvTable()
    assert table.encode([{"a": "x", "b c": 'say "hi"'}]) == b'a,b c\r\nx,"say ""hi"""\r\n'
    assert table.encode([{"a": "1,2", "b c": "\n"}, {"a": "\r", "b c": " "}]) == b'"1,2","\n"\r\n"\r", \r\n'
    assert table.end() == b""


def test_cells() -> None:
    """Null and what is missing are empty, booleans are true and false, lists and records are JSON."""
    table = CsvTable()
    table.encode([dict.fromkeys("abcde")])
    assert table.encode([{"a": None, "b": True, "c": [1, "x"]}]) == b',true,"[1,""x""]",,\r\n'
    assert table.encode([{"e": {"x": None}, "c": float("inf"), "b": 1.5}]) == b',1.5,,,"{""x"":null}"\r\n'


def test_columns_are_the_fields_of_the_first_item() -> None:
    """An item with a field that has no column is refused, with what to do about it; others go on."""
    table = CsvTable()
    table.encode([{"name": "Emma"}])
    with pytest.raises(ValueError, match=r"the field 'born' has no column.* `fields`.* `items`"):
        table.encode([Author("Jane", 1775)])
    assert table.encode([{"name": "Persuasion"}, {}]) == b'Persuasion\r\n""\r\n'


def test_a_refused_batch_leaves_no_trace() -> None:
    """The columns come from the first item that is written."""
    table = CsvTable()
    with pytest.raises(ValueError, match="'b'"):
        table.encode([{"a": 1}, {"b": 2}])
    assert table.encode([{"b": 2}]) == b"b\r\n2\r\n"


def test_named_columns_leave_out_what_is_not_named() -> None:
    """`fields` names the columns, and so what is left out."""
    table = CsvTable(("born", "died"))
    assert table.encode([Author("Jane", 1775)]) == b"born,died\r\n1775,\r\n"


def test_a_table_without_rows() -> None:
    """Without items there is a header only if the columns are named."""
    assert CsvTable().end() == b""
    assert CsvTable(("a", "b")).end() == b"a,b\r\n"


def test_an_item_without_fields_gives_no_columns() -> None:
    """The first item has to have fields."""
    with pytest.raises(ValueError, match="has no fields"):
        CsvTable().encode([{}])


def test_a_table_goes_on_below_its_header() -> None:
    """A table that is continued has the columns of its header, also where the fields' names are no text."""
    table = CsvTable()
    assert table.encode([{1: "a", None: "b"}]) == b"1,null\r\na,b\r\n"
    state = table.state()
    assert state == {"columns": ["1", "null"]}
    table = CsvTable()
    table.resume(Position("books.csv", 13, 1, state=state))
    assert table.encode([{None: "d", 1: "c"}]) == b"c,d\r\n"
    with pytest.raises(ValueError, match="the field 'x' has no column"):
        table.encode([{"x": 1}])
    assert table.end() == b""


def test_fields_of_one_name_are_refused() -> None:
    """Two fields whose names are the same as text cannot both be written."""
    with pytest.raises(TypeError, match="two of its keys are the same as text"):
        CsvTable().encode([{1: "a", "1": "b"}])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"), ("+cmd|'/c calc'!A0", "'+cmd|'/c calc'!A0"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"), ("\rx", "'\rx"), ("-", "'-"),
        ("-1", "-1"), ("+1.5e-3", "+1.5e-3"), (-1, -1), (-1.5, -1.5), (Decimal("-1.5"), "-1.5"), (None, ""),
        ("a=b", "a=b"), ("", ""), (["=1"], '["=1"]'),
    ],
)  # fmt: skip
def test_formulas_are_guarded_if_asked_for(value: Any, written: Any) -> None:
    """A text that a spreadsheet would run has an apostrophe in front if that is asked for; numbers never do."""
    (row,) = csv.DictReader(StringIO(CsvTable(is_guarded=True).encode([{"=a": value}]).decode(), newline=""))
    assert row == {"'=a": str(written)}
    plain = "" if value is None else written if isinstance(value, list) else str(value)
    (row,) = csv.DictReader(StringIO(CsvTable().encode([{"=a": value}]).decode(), newline=""))
    assert row == {"=a": plain}


async def test_tabs(tmp_path: Path) -> None:
    """TSV is CSV with tabs: quoted where a value has one, appended to, and counted."""
    path = tmp_path / "a.tsv"
    items = [{"a": "x,y", "b": "1\t2"}, {"a": "p\nq", "b": 'z"'}]
    for each in items:
        await write(path, [each], mode="append")
    data = path.read_bytes().decode()
    assert data == 'a\tb\r\nx,y\t"1\t2"\r\n"p\nq"\t"z"""\r\n'
    assert list(csv.DictReader(StringIO(data, newline=""), delimiter="\t")) == items
    found = previous(str(path), "tsv")
    assert found is not None
    assert found.items == 2


async def test_lists_are_joined(tmp_path: Path) -> None:
    """With `join` a list is its values with that text between them, a set in order; other values are as ever."""
    items = [{"a": ["x", 1, None, [2]], "b": {"q", "p"}, "c": {"d": [1]}, "e": (), "f": 7}]
    await write(tmp_path / "a.csv", items, join="|")
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == 'x|1||[2],p|q,"{""d"":[1]}",,7'
    with pytest.raises(SettingsError, match="join is for csv, tsv, and this is jsonl"):
        sink_of(tmp_path / "a.jsonl", join="|")
