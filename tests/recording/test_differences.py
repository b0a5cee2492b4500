"""How what a spider makes of its pages differs from what was accepted; and how that is kept."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import StorageError
from scraper.recording.accepted import Accepted, Header, Page, load, load_header, save
from scraper.recording.differences import MISSING, Difference, differences

URL = "https://books.example/1"


def page(*items: dict[str, Any], url: str = URL, **fields: Any) -> Page:
    return Page(url, "parse", items=list(items), **fields)


def found(before: Page, now: Page, **options: Any) -> list[tuple[Any, ...]]:
    """The differences of one page: kind, item, field, before, now."""
    told = differences([before], [now], **options)
    assert all((each.page, each.callback) == (URL, "parse") for each in told)
    return [(each.kind, each.item, each.field, each.before, each.now) for each in told]


def test_a_field_that_changed_is_told_with_both_values() -> None:
    """A value of another type is another value, and a field that is gone or new is missing on one side."""
    before = {"title": "A", "price": 1, "old": True, "same": [1]}
    now = {"title": "B", "price": 1.0, "new": None, "same": [1]}
    assert found(page(before), page(now)) == [
        ("changed", 1, "title", "A", "B"),
        ("changed", 1, "price", 1, 1.0),
        ("changed", 1, "old", True, MISSING),
        ("changed", 1, "new", MISSING, None),
    ]


def test_fields_of_fields_are_told_by_their_path() -> None:
    """What differs deep in an item is told alone."""
    before, now = {"author": {"name": "A", "born": 1}}, {"author": {"name": "A", "born": 2}}
    assert found(page(before), page(now)) == [("changed", 1, "author.born", 1, 2)]


def test_an_item_that_is_new_does_not_make_all_others_differ() -> None:
    """Items that are equal stand for each other, wherever they are."""
    one, two, new = {"n": 1}, {"n": 2}, {"n": 0}
    assert found(page(one, two), page(new, one, two)) == [("new", 1, "", MISSING, new)]
    assert found(page(new, one, two), page(one, two)) == [("gone", 1, "", new, MISSING)]


def test_the_order_of_fields_is_no_difference_and_that_of_items_is() -> None:
    """An item is its fields; a page's items are a list."""
    assert found(page({"a": 1, "b": 2}), page({"b": 2, "a": 1})) == []
    assert found(page({"n": 1}, {"n": 2}), page({"n": 2}, {"n": 1})) != []


def test_ignored_fields_never_differ() -> None:
    """A field that is another one each time is left out of the comparison, not of what is shown."""
    before, now = {"n": 1, "at": "9:00"}, {"n": 1, "at": "9:05"}
    assert found(page(before), page(now), ignored={"at"}) == []


def test_requests_and_errors_are_compared() -> None:
    """A request that is gone, new, or for another callback is told, and so is what a callback raised."""
    before = page(requests={"parse": ["/2", "/3"]})
    now = page(requests={"parse": ["/3"], "parse_book": ["/2"]}, error="ValueError: no price")
    assert found(before, now) == [
        ("changed", 0, "error", MISSING, "ValueError: no price"),
        ("gone", 0, "requests", "/2 (parse)", MISSING),
        ("new", 0, "requests", MISSING, "/2 (parse_book)"),
    ]


def test_pages_are_told_apart_by_request_and_callback() -> None:
    """A page that is gone, or new, is one difference; in what order pages come is none."""
    one, two, three = (page({"n": each}, url=f"/{each}") for each in range(3))
    assert differences([one, two], [two, one]) == []
    assert differences([one, two], [two, three]) == [
        Difference("/0", "parse", "gone", before=1),
        Difference("/2", "parse", "new", now=1),
    ]
    again = page({"n": 7}, url="/0")
    assert differences([one, again], [one]) == [Difference("/0", "parse", "gone", before=1)]


SIMPLE = st.sampled_from([None, True, 0, 1, 1.0, "", "1"])
VALUES = SIMPLE | st.lists(SIMPLE, max_size=2) | st.dictionaries(st.sampled_from("xy"), SIMPLE, max_size=2)
ITEMS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=4)


@given(ITEMS, ITEMS)
def test_there_is_a_difference_exactly_where_pages_differ(
    before: list[dict[str, Any]], now: list[dict[str, Any]]
) -> None:
    """What is the same has no difference, and what is not has one, to and fro."""

    def typed(value: Any) -> Any:
        match value:
            case dict():
                return {name: typed(each) for name, each in value.items()}
            case list():
                return [typed(each) for each in value]
        return (type(value), value)

    is_same = typed(before) == typed(now)
    assert (not found(page(*before), page(*now))) == is_same
    assert (not found(page(*now), page(*before))) == is_same


# Kept.


@given(st.lists(ITEMS, max_size=3))
def test_what_is_accepted_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, pages: list[list[dict[str, Any]]]
) -> None:
    """Header and pages come back, and comparing them finds nothing."""
    path = tmp_path_factory.mktemp("accepted") / "items.jsonl"
    header = Header("books", 3, arguments=["shelf=new"], ignored=["at"], left_out=["/9"])
    accepted = Accepted(header, tuple(page(*items, requests={"parse": ["/2"]}) for items in pages))
    save(path, accepted)
    assert load(path) == accepted
    assert load_header(path) == header
    assert differences(accepted.pages, load(path).pages) == []
    assert accepted.known() == {"/9"} | ({"/2"} if pages else set())
    assert [each.name for each in path.parent.iterdir()] == ["items.jsonl"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"exchanges": 1}\n', ":1: "),
        (b'{"spider": "books", "exchanges": 1}\n{"page": "/1", "callb', ":2: "),
        (b'{"spider": "books", "exchanges": 1}\n{"page": "/1", "callback": "parse", "items": [1]}\n', ":2: "),
        (b"\xff\xfe\n", ":1: "),
        (b"", " is empty"),
    ],
)
def test_a_damaged_file_is_refused_by_its_line(tmp_path: Path, content: bytes, line: str) -> None:
    """One line tells the file and where in it."""
    path = tmp_path / "items.jsonl"
    path.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}{line}")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """What was accepted stays, and nothing half done is left."""
    path = tmp_path / "items.jsonl"
    path.mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        save(path, Accepted(Header("books", 0), ()))
    assert [each.name for each in tmp_path.iterdir()] == ["items.jsonl"]
