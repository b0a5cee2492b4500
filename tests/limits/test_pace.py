"""When a site is due."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.http.retry_after import retry_after
from scraper.limits import pace as module
from scraper.limits.pace import Pace
from scraper.limits.robots import Robots
from scraper.settings.schema import LimitsSettings
from scraper.verdict import GO, First, Wait

NOON = 1_559_559_600.0  # Mon, 03 Jun 2019 11:00:00 GMT
URL = "http://a.example/"


def pace(*, crawl_delay: Callable[[str], float] | None = None, **settings: Any) -> Pace:
    return Pace(LimitsSettings(**settings), rng=Random(1), wall=lambda: NOON, crawl_delay=crawl_delay)


def wait(limit: Pace, now: float, url: str = URL) -> float:
    """Seconds until the site is due."""
    verdict = limit.judge(Request(url), now)
    assert verdict is GO or isinstance(verdict, Wait)
    return verdict.seconds if isinstance(verdict, Wait) else 0.0


def starts(limit: Pace, count: int, *, late: Iterator[float] | None = None, now: float = 0.0) -> list[float]:
    """When `count` requests start that are asked about at the right times, or a little late."""
    found: list[float] = []
    while len(found) < count:
        seconds = wait(limit, now)
        if seconds:
            now += seconds + (next(late) if late is not None else 0.0)
            continue
        request = Request(URL)
        limit.sent(request, now)
        limit.on_wire(request, now)
        found.append(now)
    return found


def ask(limit: Pace, now: float, status: int = 200, *, takes: float = 0.05, **headers: str) -> float:
    """One request as soon as the site is due, and its answer; when that came."""
    now += wait(limit, now)
    now += wait(limit, now)  # what rounding left
    request = Request(URL)
    limit.sent(request, now)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    limit.learn(request, Response(URL, status=status, headers=fields), now + takes)
    return now + takes


def fail(limit: Pace, now: float, reason: Reason) -> float:
    now += wait(limit, now)
    request = Request(URL)
    limit.sent(request, now)
    limit.learn(request, FetchError(reason, URL), now + 0.1)
    return now + 0.1


def gap(limit: Pace, now: float) -> float:
    """Seconds between two requests as things are."""
    first, second = starts(limit, 2, now=now + wait(limit, now))
    return second - first


# The delay.


def test_without_a_delay_nothing_waits() -> None:
    """With the settings' defaults a site that answers well is always due."""
    assert starts(pace(), 100) == [0.0] * 100


def test_a_delay_gives_its_rate() -> None:
    """A delay of 0.25 s gives four requests a second, also if each is a millisecond late."""
    assert starts(pace(delay=0.25), 41)[-1] == pytest.approx(10.0)
    late = iter(lambda: 0.001, None)
    assert 40 / starts(pace(delay=0.25), 41, late=late)[-1] == pytest.approx(4.0, abs=0.1)


@given(
    st.floats(0.001, 100),
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from([0, 200, 404, 429, 503, 500])), max_size=60),
)
def test_two_requests_are_never_closer_than_the_delay(delay: float, asks: list[tuple[float, int]]) -> None:
    """Whenever it is asked, and whatever the site answers, two starts are at least the delay apart."""
    limit = pace(delay=delay)
    now, begun = 0.0, []
    for later, status in asks:
        now += later * delay
        if wait(limit, now):
            continue
        request = Request(URL)
        limit.sent(request, now)
        begun.append(now)
        if status:
            limit.learn(request, Response(URL, status=status), now + 0.01)
    assert all(b - a >= delay * (1 - 1e-9) for a, b in pairwise(begun))


@given(st.floats(0, 1), st.integers())
def test_jitter_varies_the_delay(jitter: float, seed: int) -> None:
    """With jitter every delay differs by up to that part of it, to both sides."""
    settings = LimitsSettings(delay=1.0, jitter=jitter, adapt=False)
    begun = starts(Pace(settings, rng=Random(seed), wall=lambda: NOON), 10)
    gaps = [b - a for a, b in pairwise(begun)]
    assert all(1 - jitter - 1e-9 <= each <= 1 + jitter + 1e-9 for each in gaps)
    assert jitter < 0.01 or len(set(gaps)) > 1


def test_sites_do_not_wait_for_each_other() -> None:
    """Each site has its own pace; http and https of one host are one site, its ports are several."""
    limit = pace(delay=10.0)
    limit.sent(Request(URL), 0.0)
    assert wait(limit, 0.0, "https://a.example/x") == 10.0
    assert wait(limit, 0.0, "http://a.example:8080/") == wait(limit, 0.0, "http://b.example/") == 0.0


def test_judging_changes_nothing() -> None:
    """A site may be asked about any number of times."""
    limit = pace(delay=1.0)
    assert [wait(limit, 0.0) for _ in range(3)] == [0.0] * 3
    limit.sent(Request(URL), 0.0)
    assert [wait(limit, 0.4) for _ in range(3)] == [0.6] * 3


# On the wire.


def test_the_delay_counts_from_the_wire() -> None:
    """A request whose connection takes 0.3 s makes its site due 0.3 s later, with the jitter that was drawn for it."""
    for limit in (pace(delay=1.0), pace(delay=1.0, jitter=0.5)):
        request = Request(URL)
        limit.sent(request, 0.0)
        delay = wait(limit, 0.0)
        assert limit.on_wire(request, 0.3) == pytest.approx(0.3 + delay)
        assert wait(limit, 0.3) == pytest.approx(delay)


def test_nothing_overtakes_a_request_that_connects() -> None:
    """While a request is not on the wire its site waits: a delay at a time, and less often the longer that takes."""
    limit, request = pace(delay=1.0), Request(URL)
    limit.sent(request, 0.0)
    now, looks = 0.0, []
    while now < 100.0:
        looks.append(wait(limit, now))
        now += looks[-1]
    assert looks[:3] == [1.0, 1.0, 1.0]
    assert looks == sorted(looks)
    assert len(looks) < 25
    assert limit.on_wire(request, 100.0) == 101.0
    assert wait(limit, 100.5) == 0.5
    assert wait(limit, 101.0) == 0.0


def test_each_time_that_a_request_goes_out_counts() -> None:
    """One that is sent again on another connection begins the delay again; once it has ended it begins nothing."""
    limit, request = pace(delay=1.0), Request(URL)
    limit.sent(request, 0.0)
    assert limit.on_wire(request, 0.1) == pytest.approx(1.1)
    assert limit.on_wire(request, 0.5) == 1.5
    limit.ended(request)
    assert limit.on_wire(request, 1.0) < 0
    assert wait(limit, 1.0) == 0.5


@pytest.mark.parametrize("is_told", [False, True])
def test_a_request_that_never_goes_out_holds_nobody_up(is_told: bool) -> None:
    """A connection that fails, and a request that was let go, leave the site due after its delay."""
    limit, request = pace(delay=1.0, adapt=False), Request(URL)
    limit.sent(request, 0.0)
    if is_told:
        limit.learn(request, FetchError(Reason.REFUSED, URL), 2.0)
    limit.ended(request)
    assert wait(limit, 2.0) == 0.0


def test_what_answers_unseen_is_not_waited_for() -> None:
    """Where a middleware answers by itself the delay counts from when it gets a request, until one is seen go out."""
    limit, now = pace(delay=1.0), 0.0
    first, *others = (Request(URL) for _ in range(4))
    limit.sent(first, now)
    assert wait(limit, 3.0) == 1.0
    limit.learn(first, Response(URL), 3.0)
    for now, request in enumerate(others, start=4):
        assert wait(limit, now) == 0.0
        limit.sent(request, now)
    assert limit.on_wire(others[-1], 6.5) == 7.5
    limit.sent(first, 7.5)
    assert wait(limit, 8.5) == 1.0


def test_a_site_that_is_waited_for_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among more sites than are remembered stays the one whose request is not on the wire yet."""
    monkeypatch.setattr(module, "MAX_SITES", 10)
    limit = pace(delay=1.0)
    limit.sent(Request(URL), 0.0)
    for number in range(50):
        request = Request(f"http://{number}.example/")
        limit.sent(request, 10.0 * number)
        limit.on_wire(request, 10.0 * number)
        limit.ended(request)
    assert wait(limit, 1000.0) > 0


# Crawl-delay.


def test_crawl_delay_is_a_floor() -> None:
    """The greater of delay and Crawl-delay counts, and jitter does not go below the latter."""
    assert starts(pace(delay=1.0, crawl_delay=lambda origin: 3.0), 3) == [0.0, 3.0, 6.0]
    assert starts(pace(delay=3.0, crawl_delay=lambda origin: 1.0), 3) == [0.0, 3.0, 6.0]
    begun = starts(pace(delay=1.0, jitter=1.0, crawl_delay=lambda origin: 0.9), 20)
    assert min(b - a for a, b in pairwise(begun)) >= 0.9 - 1e-9


def test_crawl_delay_separates_the_first_page_from_robots_txt() -> None:
    """The first page comes a Crawl-delay after robots.txt, which told of it."""
    robots = Robots("bot")
    limit = pace(crawl_delay=robots.delay)
    first = robots.judge(Request(URL), 0.0)
    assert isinstance(first, First)
    limit.sent(first.request, 1.0)
    answer = Response(first.request.url, body="User-agent: *\nCrawl-delay: 2")
    for each in (robots, limit):
        each.learn(first.request, answer, 1.5)
    assert wait(limit, 1.5) == pytest.approx(1.5)


# Being pushed back.


@pytest.mark.parametrize("status", [429, 503])
def test_too_many_requests_slow_a_site_down(status: int) -> None:
    """429 and 503 make the delay a second, then two, four, … up to max_delay."""
    limit, now = pace(max_delay=5.0), 0.0
    gaps = []
    for _ in range(4):
        now = ask(limit, now, status)
        gaps.append(wait(limit, now))
    assert gaps == pytest.approx([1.0, 2.0, 4.0, 5.0])


def test_a_configured_delay_is_doubled() -> None:
    """The delay that is doubled is the one at hand."""
    limit = pace(delay=3.0)
    now = ask(limit, 0.0, 429)
    assert gap(limit, now) == pytest.approx(6.0)


def test_max_delay_is_no_shorter_delay() -> None:
    """A configured delay above max_delay stays what it is."""
    limit = pace(delay=3.0, max_delay=1.0)
    assert gap(limit, ask(limit, 0.0, 429)) == pytest.approx(3.0)


def test_a_wave_counts_once() -> None:
    """Of requests in flight together that are all refused, the first slows the site down."""
    limit = pace()
    wave = [Request(URL) for _ in range(8)]
    for request in wave:
        limit.sent(request, 1.0)
    for request in wave:
        limit.learn(request, Response(URL, status=429), 1.1)
    assert wait(limit, 1.1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "reason", [Reason.REFUSED, Reason.RESET, Reason.CONNECT_TIMEOUT, Reason.READ_TIMEOUT, Reason.TIMEOUT]
)
def test_failed_connections_slow_a_site_down_a_little(reason: Reason) -> None:
    """Each connection that fails makes the delay half as long again, a quarter of a second at least."""
    limit = pace()
    now = fail(limit, 0.0, reason)
    assert wait(limit, now) == pytest.approx(0.25)
    assert wait(limit, fail(limit, now, reason)) == pytest.approx(0.375)


@pytest.mark.parametrize("reason", [Reason.DNS_NOT_FOUND, Reason.TLS_EXPIRED, Reason.BAD_RESPONSE, Reason.PROXY])
def test_other_failures_do_not(reason: Reason) -> None:
    """What says nothing about the site's load does not slow it down."""
    limit = pace()
    assert wait(limit, fail(limit, 0.0, reason)) == 0.0


def recovery(limit: Pace, now: float) -> tuple[list[float], float]:
    """The delays from one good answer to the next until there is none any more, and when that is."""
    gaps = []
    while gap(limit, now) > 0:
        gaps.append(gap(limit, now))
        now = ask(limit, now)
    return gaps, now


def test_a_site_recovers_step_by_step() -> None:
    """Good answers bring the delay back to the configured one; after the first slow-down quickly."""
    limit = pace()
    gaps, _ = recovery(limit, ask(limit, 0.0, 429))
    assert gaps[:4] == pytest.approx([1.0, 0.6, 0.36, 0.216])
    assert len(gaps) == 8
    limit = pace(delay=0.3)
    now = ask(limit, 0.0, 429)
    for _ in range(5):
        now = ask(limit, now)
    assert gap(limit, now) == pytest.approx(0.3)


def test_who_is_pushed_back_again_recovers_more_slowly() -> None:
    """Each slow-down of a site that had recovered makes the steps half as long, and long good conduct forgets it."""
    limit, now, steps = pace(), 0.0, []
    for _ in range(3):
        gaps, now = recovery(limit, ask(limit, now, 429))
        steps.append(1 - gaps[1] / gaps[0])
    assert steps == pytest.approx([0.4, 0.2, 0.1], abs=0.02)
    for _ in range(1000):
        now = ask(limit, now)
    assert recovery(limit, ask(limit, now, 429))[0][1] == pytest.approx(0.6)


def test_an_outage_is_forgotten_quickly() -> None:
    """However often a site is pushed back in a row, it is one slow-down once it answers well again."""
    limit, now = pace(), 0.0
    for _ in range(6):
        now = ask(limit, now, 503)
    assert recovery(limit, now)[0][:3] == pytest.approx([32.0, 19.2, 11.52])


def test_errors_are_no_recovery() -> None:
    """A server error takes nothing away from the delay."""
    limit = pace()
    now = ask(limit, ask(limit, 0.0, 429), 500)
    assert gap(limit, now) == pytest.approx(1.0)


def test_without_adapt_the_delay_stays() -> None:
    """With adapt = false no answer changes the delay; a Retry-After is heeded all the same."""
    limit = pace(adapt=False, delay=1.0)
    assert wait(limit, ask(limit, 0.0, 503, takes=0.0)) == pytest.approx(1.0)
    assert wait(limit, ask(limit, 10.0, 503, takes=0.0, Retry_After="30")) == pytest.approx(30.0)
    assert gap(limit, 50.0) == pytest.approx(1.0)


# Retry-After.


def test_retry_after_lets_the_site_rest() -> None:
    """With 429 and 503 a Retry-After holds for the whole site, all of its pages."""
    limit = pace()
    now = ask(limit, 0.0, 503, Retry_After="30")
    assert wait(limit, now, "http://a.example/other") == pytest.approx(30.0)
    assert wait(limit, now, "http://b.example/") == 0.0
    assert wait(limit, now + 30.1) == 0.0


def test_each_retry_after_of_a_wave_counts() -> None:
    """The longest Retry-After of several answers decides."""
    limit = pace()
    wave = [Request(URL) for _ in range(3)]
    for request in wave:
        limit.sent(request, 0.0)
    for request, seconds in zip(wave, ("5", "50", "10"), strict=True):
        limit.learn(request, Response(URL, status=429, headers={"Retry-After": seconds}), 1.0)
    assert wait(limit, 1.0) == pytest.approx(50.0)


@pytest.mark.parametrize("value", ["1000000000", "9" * 5000, "Mon, 03 Jun 2030 11:00:00 GMT"])
def test_a_rest_is_bounded(value: str) -> None:
    """No Retry-After lets a site rest for more than five minutes."""
    limit = pace()
    assert wait(limit, ask(limit, 0.0, 429, Retry_After=value)) == pytest.approx(300.0)


# Facts from urllib3 (test/test_retry.py, at 00b2d87b2c11) and RFC 9110, 5.6.7 and 10.2.3.
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("1000", 1000.0),
        ("\t42 ", 42.0),
        ("Mon, 3 Jun 2019 12:00:00 UTC", 3600.0),
        ("Mon, 03 Jun 2019 11:30:12 GMT", 1812.0),
        ("Monday, 03-Jun-19 11:30:12 GMT", 1812.0),
        ("Mon Jun  3 11:30:12 2019", 1812.0),
        ("mon, 03 jun 2019 11:00:30 gmt", 30.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1e3", None),
        ("0x10", None),
        ("1, 2", None),
        ("\u00b2", None),
        ("", None),
        ("soon", None),
        ("Mon, 32 Jun 2019 11:00:30 GMT", None),
        ("Mon, 03 Jun 2019 11:00:30 " + "x" * 100_000, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    """Retry-After is a number of seconds or an HTTP date; anything else is ignored."""
    assert retry_after(value, NOON) == seconds


@given(st.text(max_size=60))
def test_no_retry_after_is_an_error(value: str) -> None:
    """Whatever stands in Retry-After is read without an exception."""
    seconds = retry_after(value, NOON)
    assert seconds is None or seconds >= 0


# Latency.


def test_a_fast_site_is_never_slowed() -> None:
    """Latencies of milliseconds may vary as they like."""
    limit, now, rng = pace(), 0.0, Random(5)
    for _ in range(500):
        now = ask(limit, now, takes=rng.uniform(0.001, 0.2))
        assert wait(limit, now) == 0.0


def test_a_slow_page_does_not_slow_its_site() -> None:
    """One page of 1.5 s among fast ones, and even two in a row, change nothing."""
    limit, now = pace(), 0.0
    for turn in range(60):
        now = ask(limit, now, takes=1.5 if turn % 10 in {5, 6} else 0.02)
        assert wait(limit, now) == 0.0


def test_a_site_that_always_was_slow_is_not_slowed() -> None:
    """Only a rise counts: who answers in 2 s from the beginning is asked as often as that allows."""
    limit, now = pace(), 0.0
    for _ in range(50):
        now = ask(limit, now, takes=2.0)
        assert wait(limit, now) == 0.0


def test_a_hiccup_of_all_requests_in_flight_counts_once() -> None:
    """Thirty answers that were held up together, by the site or by ourselves, are one slow round."""
    limit, now = pace(), 0.0
    for _ in range(10):
        now = ask(limit, now)
    wave = [Request(URL) for _ in range(30)]
    for request in wave:
        limit.sent(request, now)
    for request in wave:
        limit.learn(request, Response(URL), now + 5.0)
    assert gap(limit, now + 5.0) == 0.0


def slowed(limit: Pace) -> float:
    """Make a site that answered within 0.1 s take 2 s; when that has lasted a while."""
    now = 0.0
    for _ in range(20):
        now = ask(limit, now, takes=0.1)
    for _ in range(12):
        now = ask(limit, now, takes=2.0)
    return now


def test_rising_latency_slows_a_site_down() -> None:
    """A site whose latency has risen for good is asked about as often as one request in flight allows."""
    limit = pace()
    assert 1.8 <= gap(limit, slowed(limit)) <= 2.0


def test_a_site_that_is_fast_again_is_asked_faster() -> None:
    """Once latency is what it was, the added delay goes away."""
    limit = pace()
    now = slowed(limit)
    for _ in range(60):
        now = ask(limit, now, takes=0.1)
    assert gap(limit, now) == 0.0


def test_a_rise_becomes_normal_in_the_end() -> None:
    """A site that stays slow is not held back forever."""
    limit = pace()
    now = slowed(limit)
    for _ in range(250):
        now = ask(limit, now, takes=2.0)
    assert gap(limit, now) == 0.0


def test_a_rise_is_bounded() -> None:
    """No latency adds more than max_delay."""
    limit = pace(max_delay=0.5)
    assert gap(limit, slowed(limit)) == pytest.approx(0.5)


# What is remembered.


def test_only_idle_sites_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few sites are remembered, but none is forgotten before it is due."""
    monkeypatch.setattr(module, "MAX_SITES", 10)
    limit = pace()
    ask(limit, 0.0, 429, Retry_After="100")
    for number in range(50):
        limit.sent(Request(f"http://h{number}.example/"), 1.0)
    assert wait(limit, 1.0) == pytest.approx(99.0, abs=0.1)
    assert repr(limit) == "<Pace 0.0 s, 10 sites, 1 slowed down>"
    for number in range(50):
        limit.sent(Request(f"http://h{number}.example/"), 200.0)
    assert repr(limit) == "<Pace 0.0 s, 10 sites, 0 slowed down>"


def test_answers_that_never_come_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that are sent and never answered do not pile up."""
    monkeypatch.setattr(module, "MAX_STARTS", 10)
    limit = pace()
    requests = [Request(URL) for _ in range(100)]
    for request in requests:
        limit.sent(request, 0.0)
    assert len(limit._starts) == 10


def test_an_answer_of_a_forgotten_site_is_ignored() -> None:
    """An answer whose site is not known any more teaches nothing."""
    limit = pace()
    limit.learn(Request(URL), Response(URL, status=429), 0.0)
    assert wait(limit, 0.0) == 0.0
