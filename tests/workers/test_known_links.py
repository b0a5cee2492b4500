"""A worker tells of each page once; what the owner has to look at more closely is told each time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.http.request import Links, Request
from scraper.protocols import Results
from scraper.workers.known_links import KnownLinks

ROOT = "http://a.example/"
numbers = st.lists(st.integers(0, 9), max_size=12)


def known_links(**options: Any) -> KnownLinks:
    """With callbacks whose names begin with "p"."""
    return KnownLinks(lambda name: name.startswith("p"), **options)


def urls(results: Results) -> list[str]:
    """What is told, one by one."""
    return [url for each in results.requests for url in (each.urls if isinstance(each, Links) else [each.url])]


@given(st.lists(st.tuples(st.booleans(), numbers), max_size=8))
def test_each_page_is_told_once(pages: list[tuple[bool, list[int]]]) -> None:
    """In the order in which it was found first; all others are counted. Links and single requests are the same."""
    known, told, number = known_links(), [], 0
    for is_bunch, found in pages:
        here = [f"{ROOT}{each}" for each in (dict.fromkeys(found) if is_bunch else found)]
        requests: list[Any] = [Links(Request(ROOT), here)] if is_bunch else list(map(Request, here))
        results = Results([], requests)
        known.filter(results)
        told += urls(results)
        number += results.known + len(urls(results))
        assert len(here) == results.known + len(urls(results))
    everything = [f"{ROOT}{each}" for _, found in pages for each in found]
    assert told == list(dict.fromkeys(everything))


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "POST"},
        {"body": b"x"},
        {"session": "s"},
        {"dont_filter": True},
        {"callback": "missing"},
        {"errback": "missing"},
    ],
)
def test_what_has_to_be_looked_at_is_told(fields: dict[str, Any]) -> None:
    """The owner tells by more than the URL whether it was seen, or refuses it."""
    known = known_links()
    for _ in range(2):
        results = Results([], [Request(ROOT, **fields), Links(Request(ROOT, **fields), [ROOT])])
        known.filter(results)
        assert (urls(results), results.known) == ([ROOT, ROOT], 0)


def test_a_page_with_too_many_links_is_left_as_it_is() -> None:
    """The owner counts those beyond `max_links`, known or not."""
    known = known_links(max_links=2)
    for number, told in ((2, 2), (2, 0), (3, 3)):
        results = Results([], [Links(Request(ROOT), [f"{ROOT}{each}" for each in range(number)])])
        known.filter(results)
        assert len(urls(results)) == told
