"""The items of a result as rows, tables, and what a notebook shows."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

import scraper
from scraper import Item, Result, SettingsError, css
from scraper.crawling import item_table
from scraper.events import Statistics


class Book(Item):
    url: str
    title: str = css("h1")
    price: Decimal | None = None
    day: date = date(2026, 1, 31)


@dataclass
class Note:
    text: str


BOOKS = [Book(url="/1", title="Emma", price=Decimal("9.90")), Book(url="/2", title="<b>Lady</b>", price=None)]


def result(items: list[object]) -> Result:
    return Result("books", "finished", Statistics(fetched=2, items=len(items)), items=items)


def test_items_of_every_class_are_rows() -> None:
    """`rows()` gives a dict for each item, with values as they are, in the order of declaration."""
    found = result([*BOOKS, Note("a"), {"x": 1}]).rows()
    assert list(found[0]) == ["url", "title", "price", "day"]
    assert found[0]["price"] == Decimal("9.90")
    assert found[2:] == [{"text": "a"}, {"x": 1}]


def test_a_table_has_typed_columns() -> None:
    """`to_arrow()` has a column for each field, in order; a Decimal is decimal128, what is missing is null."""
    table = result([*BOOKS]).to_arrow()
    assert table.column_names == ["url", "title", "price", "day"]
    assert str(table.schema.field("price").type).startswith("decimal128")
    assert str(table.schema.field("day").type) == "date32[day]"
    assert table.column("price").to_pylist() == [Decimal("9.90"), None]


def test_values_of_several_types_are_texts() -> None:
    """A column whose values fit no one type is of texts, and no item is lost."""
    table = result([{"a": 1}, {"a": "x"}, {"b": [1, 2]}, {"a": None}]).to_arrow()
    assert table.column("a").to_pylist() == ["1", "x", None, None]
    assert table.num_rows == 4


def test_a_table_of_nothing_is_empty() -> None:
    """A crawl without items gives a table without rows."""
    assert result([]).to_arrow().num_rows == 0
    assert result([]).rows() == []


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_library_that_is_missing_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pandas or polars the method says what to install."""
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(SettingsError, match=rf"result.to_{library}\(\) needs {library}: pip install {library}"):
        getattr(result([*BOOKS]), f"to_{library}")()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_data_frame_has_the_columns(library: str) -> None:
    """`to_pandas()` and `to_polars()` keep columns and rows."""
    pytest.importorskip(library)
    frame = getattr(result([*BOOKS]), f"to_{library}")()
    assert list(frame.columns) == ["url", "title", "price", "day"]
    assert len(frame) == 2


def test_a_result_is_one_line() -> None:
    """The plain form of a result has no items: ten thousand of them would flood the screen."""
    assert repr(result([*BOOKS])) == "<Result books: finished, 2 pages, 2 items>"


def test_a_notebook_shows_the_first_items() -> None:
    """What a notebook shows is escaped, says how many items there are, and is at most 20 KB whatever they hold."""
    shown = result([*BOOKS])._repr_html_()
    assert "&lt;b&gt;Lady&lt;/b&gt;" in shown
    assert "<b>" not in shown
    large = result([{f"field {n}": "<&" * 9999 for n in range(99)} for _ in range(500)])._repr_html_()
    assert len(large.encode()) <= 20 * 1024
    assert re.search(r"and 49\d more items", large)
    assert item_table.html([]) == ""
    assert scraper.Result is Result
