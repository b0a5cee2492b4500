"""Whether a request that failed is sent again, and when."""

from email.utils import formatdate
from random import Random
from typing import Any

import pytest

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.http.retry_after import retry_after
from scraper.network.policies.retry import DOUBTFUL, PASSING, UNSENT, Retries
from scraper.protocols import Attempts
from scraper.settings.schema import NetworkSettings
from scraper.verdict import Retry, Sequel

URL = "http://a.example/"
NOW = 1_700_000_000.0


class Highest(Random):
    """Draws the highest number."""

    def uniform(self, a: float, b: float) -> float:
        return b


def retries(**settings: Any) -> Retries:
    return Retries(NetworkSettings(**settings), rng=Highest(), wall=lambda: NOW)


def after(
    outcome: Reason | int, *, tried: int = 0, method: str = "GET", meta: Any = None, **settings: Any
) -> Sequel | None:
    """What follows a failure, or an answer of a status, when the request was sent again `tried` times already."""
    request = Request(URL, method=method, meta=meta or {})
    result = FetchError(outcome, URL) if isinstance(outcome, Reason) else Response(URL, status=outcome, request=request)
    return retries(**settings)(request, result, Attempts(retries=tried))


@pytest.mark.parametrize("reason", sorted(PASSING))
def test_what_may_pass(reason: Reason) -> None:
    """A failure that may have passed when it is tried again is tried again, `retries` times."""
    assert isinstance(after(reason), Retry)
    assert isinstance(after(reason, tried=2), Retry)
    assert after(reason, tried=3) is None
    assert after(reason, retries=0) is None


@pytest.mark.parametrize("reason", sorted(DOUBTFUL))
def test_what_seldom_passes(reason: Reason) -> None:
    """A failure that seldom passes is tried again once."""
    assert isinstance(after(reason), Retry)
    assert after(reason, tried=1) is None
    assert after(reason, retries=0) is None


@pytest.mark.parametrize("reason", sorted(set(Reason) - PASSING - DOUBTFUL))
def test_what_will_not_pass(reason: Reason) -> None:
    """Nothing else is tried again."""
    assert after(reason) is None


def test_statuses() -> None:
    """An answer of one of `retry_statuses` is tried again, for that reason; any other is left as it is."""
    for status in (408, 429, 500, 502, 503, 504, 522, 524):
        assert after(status) == Retry(0.5, f"http_{status}")
    for status in (200, 301, 400, 403, 404, 501, 505):
        assert after(status) is None
    assert after(404, retry_statuses=[404]) == Retry(0.5, "http_404")
    assert after(503, retry_statuses=[404]) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
def test_methods_that_may_be_repeated(method: str) -> None:
    """A request that may be repeated without harm is (RFC 9110, 9.2.2)."""
    assert isinstance(after(503, method=method), Retry)


@pytest.mark.parametrize("method", ["POST", "PATCH", "ODD"])
def test_methods_that_may_not(method: str) -> None:
    """Any other is repeated only if the server cannot have had it."""
    assert after(503, method=method) is None
    for reason in PASSING | DOUBTFUL:
        assert isinstance(after(reason, method=method), Retry) == (reason in UNSENT)


def test_waiting_longer_each_time() -> None:
    """Each wait may be twice as long as the one before, up to max_backoff, and no number of retries is too many."""
    waits = retries(backoff=0.5, max_backoff=3.0)
    assert [waits.backoff(tried) for tried in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert waits.backoff(100_000) == 3.0


def test_jitter() -> None:
    """A wait is drawn evenly from zero to the longest that it may be."""
    policy = Retries(NetworkSettings(backoff=1.0), rng=Random(1), wall=lambda: NOW)
    drawn = [policy.backoff(0) for _ in range(2_000)]
    assert 0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) <= 1
    assert 0.45 < sum(drawn) / len(drawn) < 0.55


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.5),
        ("1000000000", 300.0),
        ("9" * 400, 300.0),
        (formatdate(NOW + 60, usegmt=True), 60.0),
        (formatdate(NOW - 60, usegmt=True), 0.5),
        (formatdate(NOW + 1e6, usegmt=True), 300.0),
        ("-1", 0.5),
        ("1.5", 0.5),
        ("soon", 0.5),
        ("\u0663", 0.5),
        ("Thu, 99 Foo 2023 00:00:00 GMT", 0.5),
        ("", 0.5),
    ],
)
def test_retry_after(value: str, seconds: float) -> None:
    """A Retry-After of 429 and 503, seconds or a date, is the least wait, up to five minutes; nonsense is none."""
    for status in (429, 503):
        request = Request(URL)
        response = Response(URL, status=status, headers={"Retry-After": value}, request=request)
        assert retries()(request, response, Attempts()) == Retry(seconds, f"http_{status}")


def test_who_is_told_when_to_come_back_does_not_give_up() -> None:
    """An answer with a Retry-After may be had ten times more than `retries` says, unless nothing is to be retried."""

    def again(tried: int, **settings: Any) -> Sequel | None:
        response = Response(URL, status=429, headers={"Retry-After": "7"})
        return retries(**settings)(Request(URL), response, Attempts(retries=tried))

    assert isinstance(again(12), Retry)
    assert again(13) is None
    assert again(0, retries=0) is None


def test_retry_after_of_other_statuses() -> None:
    """Any other status has no say in it."""
    request = Request(URL)
    response = Response(URL, status=500, headers={"Retry-After": "7"}, request=request)
    assert retries()(request, response, Attempts()) == Retry(0.5, "http_500")


def test_dates_without_a_zone() -> None:
    """A date that does not say so is in GMT."""
    assert retry_after("Tue, 14 Nov 2023 22:14:20 -0000", NOW) == 60.0


def test_words_in_meta() -> None:
    """`dont_retry` and `max_retry_times` say how often this request is tried, as in Scrapy."""
    assert after(503, meta={"dont_retry": True}) is None
    assert after(503, meta={"dont_retry": False}) is not None
    assert after(503, tried=4, meta={"max_retry_times": 5}) is not None
    assert after(503, tried=5, meta={"max_retry_times": 5}) is None
    assert after(503, meta={"max_retry_times": 0}) is None
    assert after(Reason.BAD_RESPONSE, tried=1, meta={"max_retry_times": 5}) is None
