"""What pages ask of crawlers themselves: by header and by `<meta>`."""

from time import thread_time

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from scraper.http.response import Response
from scraper.limits.robots_meta import Directives
from scraper.verdict import Permits

ALL, NOTHING = Permits(), Permits(follow=False, index=False)
NOFOLLOW, NOINDEX = Permits(follow=False), Permits(index=False)


def permitted(*headers: str, page: str = "", agent: str = "mybot/1.0") -> Permits:
    values = CIMultiDictProxy(CIMultiDict(("X-Robots-Tag", each) for each in headers))
    return Directives(agent)(Response("https://a.example/", headers=values, body=page))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), ALL),
        (("all",), ALL),
        (("nofollow",), NOFOLLOW),
        (("noindex",), NOINDEX),
        (("none",), NOTHING),
        (("NoIndex , NOFOLLOW",), NOTHING),
        (("noindex", "nofollow"), NOTHING),
        (("otherbot: none",), ALL),
        (("mybot: nofollow",), NOFOLLOW),
        (("MyBot: nofollow, noindex",), NOTHING),
        (("otherbot: noindex, nofollow", "mybot: noindex"), NOINDEX),
        (("otherbot: noindex, mybot: nofollow",), NOFOLLOW),
        (("*: nofollow",), NOFOLLOW),
        (("unavailable_after: 25 Jun 2010 15:00:00 PST, nofollow",), NOFOLLOW),
        (("max-snippet: 50, noindex",), NOINDEX),
        (("index, follow", "noindex"), NOINDEX),
        (("",), ALL),
        ((": nofollow", ",,,"), ALL),
    ],
)
def test_headers(headers: tuple[str, ...], expected: Permits) -> None:
    """Headers may be repeated, or be for one crawler; the most restrictive word holds."""
    assert permitted(*headers) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<meta name="robots" content="noindex,nofollow">', NOTHING),
        ("<META NAME=Robots CONTENT=none>", NOTHING),
        ("<meta content='nofollow' name='mybot'>", NOFOLLOW),
        ('<meta name="otherbot" content="none">', ALL),
        ('<meta name="robots" content="index"><meta name="mybot" content="noindex">', NOINDEX),
        ('<!-- <meta name="robots" content="none"> -->', ALL),
        ('<p title=\'<meta name="robots" content="none">\'>', ALL),
        ('<body><meta name="robots" content="none">', ALL),
        ('<meta name="robots">', ALL),
        ('<meta name="robots" content="none"', ALL),
        ('<meta name="description" content="none">', ALL),
    ],
)
def test_pages(page: str, expected: Permits) -> None:
    """A `<meta>` in the head says the same; what only looks like one says nothing."""
    assert permitted(page="<!DOCTYPE html><title>x</title>" + page) == expected


def test_both() -> None:
    """What the header and the page say is added up."""
    assert permitted("nofollow", page='<meta name="robots" content="noindex">') == NOTHING


@pytest.mark.parametrize("unit", ["<meta ", "<meta name=robots ", "<", "<!--", "<meta name='", "a:", ",", " "])
def test_long_ones_take_linear_time(unit: str) -> None:
    """No page and no header takes long."""
    before = thread_time()
    permitted(unit * 5_000, page=unit * 200_000)
    assert thread_time() - before < 3
