"""Which answers reach a callback."""

from typing import Any

import pytest

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.network.policies.status import Statuses
from scraper.protocols import Attempts
from scraper.verdict import DELIVER, Fail, Sequel

URL = "http://a.example/"


def verdict(status: int, *, accepted: Any = (), **meta: Any) -> Sequel:
    """What is done with an answer of `status`."""
    request = Request(URL, meta=meta)
    return Statuses(accepted)(request, Response(URL, status=status, request=request), Attempts())


@pytest.mark.parametrize("status", [200, 204, 206, 300, 302, 399])
def test_good_answers_are_delivered(status: int) -> None:
    """An answer of a status below 400 is delivered."""
    assert verdict(status) is DELIVER


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 599, 999])
def test_errors_are_not(status: int) -> None:
    """An answer of an error status fails under the name of that status."""
    assert verdict(status) == Fail(f"http_{status}")


def test_errors_that_are_asked_for() -> None:
    """An error status that the settings, the spider or the request asks for is delivered, as in Scrapy."""
    assert verdict(404, accepted=[404]) is DELIVER
    assert verdict(500, accepted=[404]) == Fail("http_500")
    assert verdict(404, handle_httpstatus_list=[404]) is DELIVER
    assert verdict(500, handle_httpstatus_list=[404]) == Fail("http_500")
    assert verdict(500, handle_httpstatus_all=True) is DELIVER
    assert verdict(500, handle_httpstatus_all=False) == Fail("http_500")


def test_failures_fail() -> None:
    """A failure that nobody tries again is final, for its reason."""
    assert Statuses([])(Request(URL), FetchError(Reason.RESET, URL), Attempts()) == Fail(Reason.RESET)
