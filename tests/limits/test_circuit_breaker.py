"""A site that cannot be reached is left alone."""

import pytest

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.limits.circuit_breaker import MAX_SITES, PATIENCE, RESTS, TRYING, Breaker
from scraper.verdict import GO, Park, Wait

URL = "http://a.example/"
OTHER = Request("http://b.example/")


def ask(breaker: Breaker, now: float, outcome: Reason | int = Reason.REFUSED, url: str = URL) -> None:
    """Send a request that ends in `outcome` at once."""
    request = Request(url)
    assert breaker.judge(request, now) == GO
    breaker.sent(request, now)
    learn(breaker, request, now, outcome)


def learn(breaker: Breaker, request: Request, now: float, outcome: Reason | int = Reason.REFUSED) -> None:
    is_failure = isinstance(outcome, Reason)
    breaker.learn(request, FetchError(outcome, URL) if is_failure else Response(URL, status=outcome), now)


def resting(most: int = 3) -> Breaker:
    """A breaker that has just begun to let the site rest, at second 0."""
    breaker = Breaker(most)
    for _ in range(most):
        ask(breaker, 0.0)
    return breaker


def test_a_rest_after_failures_in_a_row() -> None:
    """After so many failed connections in a row the site rests, and it alone; fewer make no difference."""
    breaker = Breaker(3)
    for _ in range(2):
        ask(breaker, 0.0)
    assert breaker.judge(Request(URL), 0.0) == GO
    ask(breaker, 0.0)
    assert breaker.judge(Request(URL), 1.0) == Wait(RESTS[0] - 1.0)
    assert breaker.judge(OTHER, 1.0) == GO


@pytest.mark.parametrize("answer", [200, 404, 503])
def test_an_answer_in_between(answer: int) -> None:
    """Any answer shows that the site is there, and the count begins anew."""
    breaker = Breaker(3)
    for _ in range(10):
        ask(breaker, 0.0)
        ask(breaker, 0.0)
        ask(breaker, 0.0, answer)
    assert breaker.judge(Request(URL), 0.0) == GO


@pytest.mark.parametrize("reason", [Reason.TOO_LARGE, Reason.BAD_ENCODING, Reason.TLS_EXPIRED, Reason.PROXY])
def test_other_failures(reason: Reason) -> None:
    """A failure that is none of the connection to the site does not count."""
    breaker = Breaker(1)
    ask(breaker, 0.0, reason)
    assert breaker.judge(Request(URL), 0.0) == GO


def test_one_is_sent_to_see() -> None:
    """After the rest one request goes; the others wait until it is answered, and then all go."""
    breaker, trial = resting(), Request(URL)
    assert breaker.judge(trial, RESTS[0]) == GO
    breaker.sent(trial, RESTS[0])
    assert breaker.judge(Request(URL), RESTS[0]) == Wait(TRYING)
    learn(breaker, trial, RESTS[0] + 1, 200)
    assert breaker.judge(Request(URL), RESTS[0] + 1) == GO
    assert breaker.parked == {}


def test_rests_grow_and_then_the_site_is_parked() -> None:
    """Each failure after a rest leads to a longer one, and after the last the site is parked for good."""
    breaker, now = resting(), 0.0
    for rest in RESTS:
        assert breaker.judge(Request(URL), now) == Wait(rest)
        now += rest
        ask(breaker, now)
    assert breaker.judge(Request(URL), now + 1e6) == Park("refused")
    assert breaker.judge(OTHER, now) == GO
    assert breaker.parked == {"a.example": "refused"}


def test_the_trial_may_be_sent_again() -> None:
    """The request that is sent to see may go on as often as it is retried; the others still wait."""
    breaker, trial = resting(), Request(URL)
    breaker.sent(trial, RESTS[0])
    assert breaker.judge(trial, RESTS[0] + 1) == GO
    assert breaker.judge(Request(URL), RESTS[0] + 1) == Wait(TRYING)


def test_what_was_in_flight_tells_nothing_new() -> None:
    """Failures of requests that were sent before the rest do not make it longer; an answer ends it."""
    breaker = Breaker(2)
    flying = [Request(URL) for _ in range(6)]
    for request in flying:
        breaker.sent(request, 0.0)
    for request in flying[:5]:
        learn(breaker, request, 1.0)
    assert breaker.judge(Request(URL), 1.0) == Wait(RESTS[0])
    learn(breaker, flying[5], 2.0, 200)
    assert breaker.judge(Request(URL), 2.0) == GO


def test_a_trial_that_fails_otherwise() -> None:
    """A trial that ended before it could show anything is followed by another."""
    breaker = resting()
    ask(breaker, RESTS[0], Reason.MIDDLEWARE)
    assert breaker.judge(Request(URL), RESTS[0]) == GO


def test_a_trial_that_never_ends() -> None:
    """A trial that nothing is heard of does not hold the site up for ever."""
    breaker, trial = resting(), Request(URL)
    breaker.sent(trial, RESTS[0])
    assert breaker.judge(Request(URL), RESTS[0] + PATIENCE - 1) == Wait(TRYING)
    assert breaker.judge(Request(URL), RESTS[0] + PATIENCE) == GO


def test_its_memory_is_bounded() -> None:
    """Of sites that failed a little only so many are remembered; those that rest are never forgotten."""
    breaker = resting()
    for number in range(2 * MAX_SITES):
        ask(breaker, 0.0, url=f"http://n{number}.example/")
    assert breaker.judge(Request(URL), 0.0) == Wait(RESTS[0])
    assert f"{MAX_SITES} sites" in repr(breaker)
