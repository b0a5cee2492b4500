"""What the Referer tells."""

import json
from pathlib import Path

import pytest

from scraper import Request, urls
from scraper.network.policies.referrer import LONGEST, asked_for, referer, with_referer

CASES = json.loads((Path(__file__).parent / "cases/referrer.json").read_text())


@pytest.mark.parametrize(("policy", "page", "target", "expected"), CASES["rows"])
def test_the_eight_policies(policy: str, page: str, target: str, expected: str | None) -> None:
    """Each policy tells the whole address, its origin, or nothing, and never user, password and fragment."""
    assert referer(policy, urls.canonical(page) or "", urls.canonical(target) or "") == expected


def test_the_fragment_is_not_told() -> None:
    """The fragment of a page is nobody's business."""
    assert referer("unsafe-url", "http://u:p@a.example/x#part", "http://b.example/") == "http://a.example/x"


def test_what_is_too_long_is_cut_to_its_origin() -> None:
    """Of an address of more than 4,096 characters only the origin is told."""
    long = "http://a.example/" + "x" * LONGEST
    assert referer("unsafe-url", long, "http://b.example/") == "http://a.example/"


@pytest.mark.parametrize("page", ["file:///etc/passwd", "data:text/html,x", "about:blank"])
def test_other_pages(page: str) -> None:
    """What is no web page is not told of."""
    assert referer("unsafe-url", page, "http://b.example/") is None


def test_a_request_that_was_found_on_a_page() -> None:
    """It has the page in its Referer, as far as the policy allows, unless it has a Referer of its own."""
    found = Request("http://b.example/", headers={"X-A": "b"})
    told = with_referer(found, "http://a.example/page", "strict-origin-when-cross-origin")
    assert told.headers == {"X-A": "b", "Referer": "http://a.example/"}
    assert with_referer(found, "https://a.example/page", "strict-origin") is found
    own = Request("http://b.example/", headers={"referer": "mine"})
    assert with_referer(own, "http://a.example/page", "unsafe-url") is own


def test_what_an_answer_asks_for() -> None:
    """The last word that is a policy counts, and a word that is none is only a word."""
    assert asked_for("no-referrer, Origin", "unsafe-url") == "origin"
    assert asked_for("origin, builtins.exit", "unsafe-url") == "origin"
    assert asked_for("builtins.exit", "same-origin") == "same-origin"
    assert asked_for("", "same-origin") == "same-origin"
