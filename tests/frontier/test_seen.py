"""Which requests were met: exactly, in little memory, and the same for the next process."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from scraper.frontier import seen
from scraper.frontier.seen import Seen


@given(st.lists(st.text(max_size=3), max_size=60), st.integers(0, 60))
def test_a_key_is_new_once(keys: list[str], cut: int) -> None:
    """`add` tells for each key whether it is the first of its kind, and what was cut is all that is new."""
    met, known = Seen(), set[str]()
    for key in keys:
        assert met.add(key) is (key not in known)
        known.add(key)
        assert key in met
    assert len(met) == len(known)
    assert len(met.cut()) == 8 * len(known)
    assert met.cut() == b""


def test_fingerprints_outlive_the_process() -> None:
    """With the same salt the fingerprints mean the same; with another they mean nothing."""
    first = Seen()
    for number in range(5000):
        first.add(f"http://a.example/{number}")
    parts = [first.cut()]
    first.add("later")
    parts.append(first.cut())
    again, other = Seen(first.salt, parts), Seen(None, parts)
    assert len(again) == 5001
    assert not again.add("later")
    assert not again.add("http://a.example/4999")
    assert again.add("http://a.example/5000")
    assert other.add("later")


def test_more_keys_than_are_remembered_lately() -> None:
    """What was met long ago is known as well."""
    met = Seen()
    number = seen.LATELY + 10
    assert all(met.add(f"{each}") for each in range(number))
    assert not any(met.add(f"{each}") for each in range(number))


def test_memory() -> None:
    """A fingerprint takes less than 40 bytes, with all that stands around it."""
    number = 200_000
    tracemalloc.start()
    try:
        met = Seen()
        for each in range(number):
            met.add(f"http://a.example/{each}")
        met.cut()
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used / number < 40


def test_what_was_new_last_can_be_undone() -> None:
    """A key that is undone is as new as it was, and is not among those that are cut."""
    met = Seen()
    met.add("kept")
    met.add("undone")
    met.undo("undone")
    assert "undone" not in met
    assert ("kept" in met, len(met)) == (True, 1)
    assert len(met.cut()) == 8
    assert met.add("undone")
