"""Numbers and foreign texts, as people see them."""

import pytest

from scraper.errors import FetchError, StorageError
from scraper.views.formatting import clock, counts, duration, plural, size, told, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, £5 — naïve 書", "plain text, £5 — naïve 書"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("\x1b[31mred\x1b[0m \x07", "\\x1b[31mred\\x1b[0m \\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("\u2028\u202egnp.exe", "\\u2028\\u202egnp.exe"),
        ("half \ud83d", "half \\ud83d"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """What a terminal would obey or hide is escaped; everything else is left as it is."""
    assert visible(text) == shown


def test_visible_is_short() -> None:
    """A text of any length is shortened in the middle."""
    assert visible("a" * 5000 + "b" * 5000, 11) == "aaaaa…bbbbb"
    assert len(visible("\x1b" * 10**6)) < 5000


def test_told() -> None:
    """An error is told in one line with its kind, unless it is the framework's own, whose text says it all."""
    assert told(ValueError("no\nprice")) == "ValueError: no\\nprice"
    assert told(KeyError()) == "KeyError"
    assert told(StorageError("disk full")) == "disk full"
    assert told(FetchError("reset", "https://a.example/")) == "reset: https://a.example/"


def test_told_of_an_error_that_cannot_be_told() -> None:
    """An error whose text raises is told nevertheless."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert told(Mute()) == "Mute: (its text cannot be shown)"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (402_123, "392.7 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (3000 * 1024**4, "3,000.0 TiB"),
    ],
)
def test_size(number: int, shown: str) -> None:
    """Bytes are shown with the unit that makes them readable."""
    assert size(number) == shown


def test_times() -> None:
    """A running time is shown as a clock does, and what something took with tenths while that matters."""
    assert [clock(each) for each in (0, 7.9, 750, 3605)] == ["0:00", "0:07", "12:30", "1:00:05"]
    assert [duration(each) for each in (0.04, 59.9, 59.99, 97.2)] == ["0.0 s", "59.9 s", "1:00", "1:37"]


def test_plural() -> None:
    """One is one, and thousands are grouped."""
    assert [plural(each, "page") for each in (0, 1, 1204)] == ["0 pages", "1 page", "1,204 pages"]
    assert plural(2, "retry", "retries") == "2 retries"


def test_counts() -> None:
    """The greatest counts come first; beyond the eighth they are only summed up."""
    assert counts({"a": 1, "b": 1200}) == "b 1,200, a 1"
    assert counts({f"r{n}": 20 - n for n in range(10)}).endswith("r7 13, 2 others 23")
