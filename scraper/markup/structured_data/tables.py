"""Tables of a page as rows of cells, each in the columns and rows that it spans (HTML, 4.9.12)."""

from collections.abc import Iterator
from itertools import zip_longest

import msgspec
from selectolax.lexbor import LexborNode

from scraper.markup.selectors.element_text import visible

CELLS = 1_000_000
"""Cells that a table may have once its spans are resolved; a row has no more than `COLUMNS`."""
COLUMNS = 1000
_LONGEST_SPAN = {"colspan": 1000, "rowspan": 65534}
_TOO_LARGE = f"has more than {CELLS:,} cells"


class Cell(msgspec.Struct, frozen=True):
    """What stands in a row and a column."""

    text: str
    is_header: bool


Row = list[Cell]
_EMPTY = Cell("", is_header=False)


class TableError(ValueError):
    """A table that is too large to be resolved."""


def read_table(table: LexborNode) -> list[dict[str, str]]:
    """The rows of a table as dicts by the names in its header; the texts are what a reader sees.

    The header is the rows of `<thead>`, or else the rows at the top that have nothing but `<th>`; names of several rows
    are joined. A table without one whose first column is all `<th>` has its names there, and its other columns are
    the rows. Otherwise columns are named `column 1`, `column 2`, …, as are those without a name; a name that is
    there twice gets a number. Raises `TableError` for a table with more than a million cells.
    """
    rows, headers = _grid(table)
    if not headers:
        while len(headers) < len(rows) and all(cell.is_header for cell in rows[len(headers)]):
            headers.append(rows[len(headers)])
        rows = rows[len(headers) :]
    if not headers and rows and _has_names_first(rows):
        headers, rows = _sideways(rows)
    width = max((len(row) for row in (*headers, *rows)), default=0)
    if width * len(rows) > CELLS:
        raise TableError(_TOO_LARGE)
    names = _names(headers, width)
    return [dict(zip_longest(names, (cell.text for cell in row), fillvalue="")) for row in rows]


def _has_names_first(rows: list[Row]) -> bool:
    return all(len(row) > 1 and row[0].is_header and not any(cell.is_header for cell in row[1:]) for row in rows)


def _sideways(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """The first column as a header, and the others as rows."""
    width = max(len(row) for row in rows)
    columns = [[row[place] if place < len(row) else _EMPTY for row in rows] for place in range(width)]
    return columns[:1], columns[1:]


def _names(headers: list[Row], width: int) -> list[str]:
    """The names of the columns, all different."""
    names: dict[str, None] = {}
    for place in range(width):
        parts = dict.fromkeys(row[place].text for row in headers if place < len(row) and row[place].text)
        name = first = " ".join(parts) or f"column {place + 1}"
        number = 2
        while name in names:
            name, number = f"{first} {number}", number + 1
        names[name] = None
    return list(names)


def _grid(table: LexborNode) -> tuple[list[Row], list[Row]]:
    """The rows of a table, and those of its `<thead>`."""
    rows: list[Row] = []
    headers: list[Row] = []
    count = 0
    for part in _children(table, "thead", "tbody", "tfoot"):
        pending: dict[int, tuple[int, Cell]] = {}  # column: how many rows its cell goes on for
        for node in _children(part, "tr"):
            row = _row(node, pending)
            count += len(row)
            if count > CELLS:
                raise TableError(_TOO_LARGE)
            if row:
                (headers if part.tag == "thead" else rows).append(row)
    return rows, headers


def _row(node: LexborNode, pending: dict[int, tuple[int, Cell]]) -> Row:
    """The cells of a row, with those that reach into it from above."""
    row: Row = []

    def fill() -> None:
        """Take over what reaches down into the next columns."""
        while (place := len(row)) in pending:
            left, cell = pending.pop(place)
            row.append(cell)
            if left > 1:
                pending[place] = (left - 1, cell)

    for each in _children(node, "td", "th"):
        fill()
        cell = Cell(visible(each), each.tag == "th")
        down = _span(each, "rowspan")
        for _ in range(_span(each, "colspan")):
            if len(row) >= COLUMNS:
                break
            pending.pop(len(row), None)  # of cells that overlap, the later one counts
            if down > 1:
                pending[len(row)] = (down - 1, cell)
            row.append(cell)
    last = max(pending, default=-1)
    while len(row) <= last:
        fill()
        if len(row) <= last:
            row.append(_EMPTY)
    return row


def _span(node: LexborNode, name: str) -> int:
    """How many columns or rows a cell spans; 0 rows are all that are left."""
    said = (node.attributes.get(name) or "").strip()
    number = int(said[:6]) if said[:6].isascii() and said[:6].isdigit() else 1
    if number == 0:
        return _LONGEST_SPAN[name] if name == "rowspan" else 1
    return min(number, _LONGEST_SPAN[name])


def _children(node: LexborNode, *tags: str) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        if child.is_element_node and child.tag in tags:
            yield child
        child = child.next
