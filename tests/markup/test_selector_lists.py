"""What a query found is a list, which looks for its elements when it is asked for them."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import Response
from scraper.markup import Selector, SelectorList
from scraper.markup.selectors import matching

PAGE = "<!doctype html>" + "".join(f"<p class=a id={number}>{number}</p>" for number in range(5))


def found(query: str = "p") -> SelectorList:
    return Selector(PAGE).css(query)


def ids(elements: Any) -> list[str]:
    return [each.attrib["id"] for each in elements]


CHANGES: list[Callable[[Any, int, Any], Any]] = [
    lambda one, number, new: one.append(new),
    lambda one, number, new: one.extend([new, new]),
    lambda one, number, new: one.insert(number, new),
    lambda one, number, new: one.pop(number),
    lambda one, number, new: one.remove(new),
    lambda one, number, new: one.__setitem__(number, new),
    lambda one, number, new: one.__setitem__(slice(number, None), [new]),
    lambda one, number, new: one.__delitem__(slice(None, None, number or 1)),
    lambda one, number, new: one.__iadd__([new]),
    lambda one, number, new: one.__imul__(number % 3),
    lambda one, number, new: one.reverse(),
    lambda one, number, new: one.sort(key=lambda each: each.attrib["id"], reverse=True),
    lambda one, number, new: one.copy().clear(),
]
LOOKS: list[Callable[[Any, int, Any], Any]] = [
    lambda one, number, new: one[number],
    lambda one, number, new: [*one[number:], *one[:number]],
    lambda one, number, new: len(one),
    lambda one, number, new: bool(one),
    lambda one, number, new: new in one,
    lambda one, number, new: one.index(new),
    lambda one, number, new: one.count(new),
    lambda one, number, new: [*(one + [new]), *([new] + one), *(one + one)],  # noqa: RUF005 -- what is tested
    lambda one, number, new: [*(one * 2), *(2 * one)],
    lambda one, number, new: list(reversed(one)),
    lambda one, number, new: one == [*one],
    lambda one, number, new: [*one] == one,
    lambda one, number, new: one == [*one, new],
    lambda one, number, new: one != one.copy(),
]


def outcome(look: Callable[[Any, int, Any], Any], one: Any, number: int, new: Any) -> Any:
    """What comes of it: a value, or the type of the error."""
    try:
        return look(one, number, new)
    except Exception as error:
        return type(error)


@given(st.lists(st.tuples(st.sampled_from(CHANGES + LOOKS), st.integers(-6, 6), st.integers(0, 4))))
def test_a_list_of_selectors_is_a_list(steps: list[tuple[Callable[[Any, int, Any], Any], int, int]]) -> None:
    """Whatever is done to it, it gives what a list of the same selectors gives, and holds the same afterwards."""
    ours, every = found(), list(found())
    theirs = list(ours)
    for step, number, which in steps:
        mine, own = outcome(step, ours, number, every[which]), outcome(step, theirs, number, every[which])
        if step in LOOKS:
            assert mine == own
        assert list(ours) == theirs
        assert (ours.getall(), ours.get()) == ([each.get() for each in theirs], theirs[0].get() if theirs else None)


def test_what_lists_are_made_of_lists() -> None:
    """A cut, a sum and a copy are lists of selectors again; a plain list stays one, whatever is added to it."""
    one = found()
    plain = [one[0]]
    for each in (one[1:], one + one, one + plain, one * 2, one.copy()):
        assert type(each) is SelectorList
        assert each.css("p::text").get() in {"0", "1"}
    plain += found()
    assert type(plain) is list
    assert len(plain) == 6
    assert SelectorList() == [] == found(".none")
    assert (found() == 5, found() == "01234") == (False, False)
    for wrong in ("x", (one[0],), None):
        with pytest.raises(TypeError):
            one + wrong  # type: ignore[operator]


def test_the_first_is_the_same_one() -> None:
    """An element is the same object, whether it was looked at alone before the others or with them."""
    one = found()
    first = one[0]
    assert first is one[0] is next(iter(one))
    assert one.index(first) == 0
    assert one[:1] == [first]


def test_lists_have_no_hash() -> None:
    """As it can be changed, it cannot be a key."""
    with pytest.raises(TypeError):
        hash(found())


def test_writers_in_c_do_not_take_it_for_empty() -> None:
    """What reads lists without asking them refuses it, which is better than to write an empty one."""
    with pytest.raises(TypeError):
        json.dumps(found())


SEARCHES = {matching.leading.__code__, matching.nodes.__code__}


def searches(work: Callable[[], Any]) -> int:
    """How often a page is searched while something is done."""
    calls: list[str] = []

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code in SEARCHES:
            calls.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(calls)


def test_nothing_is_looked_for_before_it_is_asked_for() -> None:
    """`css()` searches nothing, `get()` and its like stop at the first match, and what was found stays."""
    page = Response("http://a.example/", body=PAGE)
    page.css("i")  # parses the page
    assert searches(lambda: page.css("p::text")) == 0
    assert searches(lambda: page.css("p").get()) == 1
    one = page.css("p")
    assert searches(lambda: (one[0].attrib, one.text, one.attrib, bool(one), one[:1])) == 1
    assert searches(lambda: ids(one)) == 1
    assert searches(lambda: (ids(one), len(one), one.getall(), one.get())) == 0
    nothing = page.css("i")
    assert searches(lambda: (nothing.text, bool(nothing), len(nothing), nothing.getall())) == 1
