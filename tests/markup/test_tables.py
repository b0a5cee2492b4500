"""Tables are read as rows of dicts, each cell in the columns and rows that it spans."""

import pytest

from scraper import Response
from scraper.markup import Selector


def rows(html: str) -> list[dict[str, str]]:
    return Selector(text=f"<!doctype html><table>{html}</table>").css("table").table()


def test_a_header() -> None:
    """The names are those of the first row, if it has nothing but `<th>`; what a row lacks is empty."""
    assert rows("<tr><th>Tea<th>Price<tr><td> Green <b>tea</b><td>5<tr><td>Black") == [
        {"Tea": "Green tea", "Price": "5"},
        {"Tea": "Black", "Price": ""},
    ]


def test_a_head_of_several_rows() -> None:
    """The rows of `<thead>` are joined, and spans repeat a name."""
    head = "<thead><tr><td colspan=2>2024<td rowspan=2>All<tr><td>Q1<td>Q2</thead>"
    assert rows(f"{head}<tr><td>1<td>2<td>3<tfoot><tr><th>4<td>5<td>9") == [
        {"2024 Q1": "1", "2024 Q2": "2", "All": "3"},
        {"2024 Q1": "4", "2024 Q2": "5", "All": "9"},
    ]
    assert rows("<tr><th colspan=2>A<tr><th>B<th>C<tr><td>1<td>2") == [{"A B": "1", "A C": "2"}]


def test_names_in_the_first_column() -> None:
    """A table that has its names in the first column is read by columns."""
    assert rows("<tr><th>Weight<td>5 kg<tr><th>Colour<td>red") == [{"Weight": "5 kg", "Colour": "red"}]
    assert rows("<tr><th>A<td>1<td>2<tr><th>B<td>3") == [{"A": "1", "B": "3"}, {"A": "2", "B": ""}]


def test_columns_without_names() -> None:
    """Columns without a name are numbered, and a name that is there twice as well."""
    assert rows("<tr><td>1<td>2") == [{"column 1": "1", "column 2": "2"}]
    assert rows("<tr><th>A<th>A<th><tr><td>1<td>2<td>3<td>4") == [
        {"A": "1", "A 2": "2", "column 3": "3", "column 4": "4"}
    ]
    assert rows("<tr><th>A<th>A<th>A 2<tr><td>1<td>2<td>3") == [{"A": "1", "A 2": "2", "A 2 2": "3"}]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("<tr><td rowspan=2>a<td>b<tr><td>c", ["ab", "ac"]),
        ("<tr><td>a<td rowspan=2>b<tr><td>c", ["ab", "cb"]),
        ("<tr><td rowspan=2 colspan=2>a<td>b<tr><td>c", ["aab", "aac"]),
        ("<tr><td rowspan=0>a<td>b<tr><td>c<tr><td>d", ["ab", "ac", "ad"]),
        ("<tr><td rowspan=9>a<td>b<tbody><tr><td>c<td>d", ["ab", "cd"]),
        ("<tr><td>a<td rowspan=2>b<td>c<tr><td colspan=3>d<tr><td>e<td>f<td>g", ["abc", "ddd", "efg"]),
        ("<tr><td colspan=x>a<td colspan=-2>b<td colspan=0>c", ["abc"]),
        ("<tr><td rowspan=2>a<td rowspan=2>b<tr><tr><td>c<td>d", ["ab", "ab", "cd"]),
    ],
)
def test_spans(cells: str, expected: list[str]) -> None:
    """A cell stands wherever it spans, within its part of the table; of cells that overlap, the later one counts."""
    assert ["".join(row.values()) for row in rows(cells)] == expected


def test_which_table() -> None:
    """Asked of something else than a table, the first one in it is read; a table in a cell is text of that cell."""
    page = Selector(text="<div><table><tr><td>1<table><tr><td>2</table></table></div><p>x</p>")
    assert page.css("div").table() == [{"column 1": "1 2"}]
    assert page.css("table")[1].table() == [{"column 1": "2"}]
    assert (page.css("p").table(), page.css("u").table(), page.css("p::text")[0].table()) == ([], [], [])
    assert rows("") == rows("<tr>") == rows("<tr><th>A") == []


def test_spans_are_bounded() -> None:
    """However much a page claims that its cells span, a row has a thousand columns and a table a million cells."""
    (row,) = rows("<tr>" + "<td colspan=99999999>x" * 50)
    assert len(row) == 1000
    for cells in (
        "<tr>" + "<td colspan=1000 rowspan=65534>x" * 9 + "<tr>" * 2000,
        "<tr><td colspan=1000>x" + "<tr><td>" * 2000,
    ):
        response = Response("http://a.example/b", body=f"<table>{cells}</table>")
        with pytest.raises(ValueError, match=r"^the <table> in http://a.example/b has more than 1,000,000 cells$"):
            response.css("table").table()
