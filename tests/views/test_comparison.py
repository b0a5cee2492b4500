"""How differences from what was accepted are put before people."""

from scraper.recording.differences import Difference
from scraper.views.comparison import comparison

URL = "https://books.example/1"


def lines(*found: Difference, missing: tuple[str, ...] = ()) -> list[str]:
    return [text.plain for text in comparison("recordings/books", found, missing)]


def test_what_is_the_same_is_one_line() -> None:
    """Nothing but that it is as accepted."""
    assert lines() == ["recordings/books  as accepted"]


def test_differences_stand_below_their_page() -> None:
    """First how many there are, then page by page: fields with both values, items that came or went, requests."""
    found = [
        Difference(URL, "parse", "changed", 1, "price", "51.77", 51.77),
        Difference(URL, "parse", "changed", 1, "stock", before=22),
        Difference(URL, "parse", "gone", 3, before={"title": "Ä"}),
        Difference(URL, "parse", "new", field="requests", now="https://books.example/2 (parse)"),
        Difference("https://books.example/3", "parse_book", "gone", before=2),
        Difference("", "start", "new", now=1),
    ]
    assert lines(*found, missing=("https://books.example/2",)) == [
        "recordings/books  6 differences on 3 pages, 1 request not recorded",
        f"  {URL}  parse",
        '    item 1  price  "51.77" → 51.77',
        "    item 1  stock  22 → (missing)",
        '    item 3  - {"title": "Ä"}',
        '    requests  + "https://books.example/2 (parse)"',
        "  https://books.example/3  parse_book",
        "    the page, with 2 items  gone",
        "  start()  start",
        "    the page, with 1 item  new",
        "  not recorded  https://books.example/2",
    ]


def test_a_value_can_neither_fill_the_screen_nor_move_the_cursor() -> None:
    """What a page says is shown in one line that is not too long, with nothing that a terminal would obey."""
    *_, line = lines(Difference(URL, "parse", "changed", 1, "title", "\x1b[2J", "x" * 5000))
    assert line.isprintable()
    assert len(line) < 500
