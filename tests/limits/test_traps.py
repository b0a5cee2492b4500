"""Addresses that a site makes up are refused, and those of real sites are not."""

import pytest

from scraper.errors import Reason
from scraper.http.request import Request
from scraper.limits import traps as module
from scraper.limits.traps import Traps, repeats
from scraper.settings.schema import LimitsSettings
from scraper.verdict import GO, Refuse, Verdict


def judged(traps: Traps, url: str, **fields: object) -> Verdict:
    """What is said of a link."""
    return traps.judge(Request(url, depth=1, **fields), 0.0)


def few(**limits: int) -> Traps:
    """Limits that are soon reached."""
    return Traps(LimitsSettings(**limits))


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/", 1),
        ("", 1),
        ("/a/b/c", 1),
        ("/a/a", 2),
        ("/a/a/a/a", 4),
        ("/x/a/b/a/b/a/b/y", 3),
        ("/a/b/c/a/b/c/", 2),
        ("/a/b/c/d/a/b/c/d/a/b/c/d", 1),
        ("/a/b/a/c/a/d", 1),
        ("//////", 1),
        ("/a?q=/b/b/b/b/b", 1),
        ("/a#/b/b/b/b/b", 1),
    ],
)
def test_folders_that_repeat_are_counted(path: str, number: int) -> None:
    """One to three segments that follow each other; neither empty ones nor the query count."""
    assert repeats(f"http://a.example{path}") == number


def test_a_path_that_repeats_itself_is_refused() -> None:
    """Three times in a row may be meant, four times are not."""
    assert judged(Traps(LimitsSettings()), "http://a.example/a/b/a/b/a/b/") is GO
    assert judged(Traps(LimitsSettings()), "http://a.example/a/b/a/b/a/b/a/b/") == Refuse(Reason.REPEATING_PATH)
    assert judged(few(max_repeats=0), "http://a.example/a" + "/b" * 50) is GO


def test_queries_of_one_path_are_counted() -> None:
    """So many, then no more; each path of each host has its own."""
    traps = few(max_queries=2)
    verdicts = [judged(traps, f"http://a.example/list?sid={number}") for number in range(4)]
    assert verdicts == [GO, GO, Refuse(Reason.TOO_MANY_QUERIES), Refuse(Reason.TOO_MANY_QUERIES)]
    assert judged(traps, "http://a.example/other?sid=1") is GO
    assert judged(traps, "http://b.example/list?sid=1") is GO
    assert judged(traps, "http://a.example/list") is GO


def test_pages_that_are_asked_for_again_are_counted() -> None:
    """Only those of requests with `dont_filter`; all others are asked for once anyway."""
    traps = few(max_same=2)
    page = "http://a.example/now"
    verdicts = [judged(traps, f"{page}#{number}", dont_filter=True) for number in range(3)]
    assert verdicts == [GO, GO, Refuse(Reason.TOO_OFTEN)]
    assert judged(traps, page) is GO


def test_what_the_user_starts_with_is_not_judged() -> None:
    """Start requests are meant."""
    traps = few(max_queries=1, max_same=1)
    for _ in range(3):
        assert traps.judge(Request("http://a.example/b/b/b/b/b/b?c=1", dont_filter=True), 0.0) is GO


def test_little_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the paths that were met the latest are counted."""
    monkeypatch.setattr(module, "MOST_COUNTED", 2)
    traps = few(max_queries=1)
    for path in "abc":
        assert judged(traps, f"http://a.example/{path}?1") is GO
    assert judged(traps, "http://a.example/c?2") == Refuse(Reason.TOO_MANY_QUERIES)
    assert judged(traps, "http://a.example/a?2") is GO
