"""A huge site in lanes: which request is in which, and when each lane may ask."""

import itertools
from functools import partial
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import SettingsError
from scraper.frontier.seen import Seen
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.frontier.shared.owned import Own
from scraper.frontier.shared.turns import EARLY, LATE, Turns
from scraper.frontier.shared.units import Lanes, site_of, unit_of
from scraper.frontier.store import Joined, News, SharedStore
from scraper.http.request import Request
from scraper.machines.opening import check
from scraper.protocols import identity
from scraper.settings.schema import FrontierSettings, LimitsSettings, Settings
from scraper.verdict import GO, Go, Wait

HUGE = "huge.example"
SALT = bytes(16)


def lanes(**numbers: int) -> Lanes:
    return Lanes({name.replace("_", "."): number for name, number in numbers.items()}, identity)


def frontier(cut: Lanes, *owned: str, ahead: float = 0.0) -> SharedFrontier:
    """A machine that owns these units, and whose store's clock is so many seconds ahead."""
    news = News(
        found={},
        free=0,
        wanted=[],
        peers=[],
        others=[],
        seeds=b"",
        backlog=0,
        stop="",
        is_over=False,
        ended=None,
        moment=0.0,
    )
    joined = Joined(number=1, salt=SALT, memory=[], since=0, news=news)
    made = SharedFrontier(cast("SharedStore", None), joined, settings=FrontierSettings(), lanes=cut, clock=lambda: 0.0)
    for unit in owned:
        made.own[unit] = Own(Seen(SALT), 0.0)
    made.membership.refreshed(0.0, ahead)
    return made


def test_a_site_in_one_lane_is_a_queue() -> None:
    """A site that is not cut up is one queue, whose unit is its registrable domain."""
    request = Request("http://shop.books.co.uk:8080/a")
    assert lanes(huge_example=4).queue(request) == "shop.books.co.uk:8080"
    assert lanes(huge_example=4).unit(request) == "books.co.uk"


def test_lanes_of_a_site() -> None:
    """The pages of all hosts of a domain are dealt out to its lanes, all of which have their share."""
    cut = lanes(huge_example=4)
    queues = [cut.queue(Request(f"http://www.huge.example:81/p/{number}")) for number in range(400)]
    assert {unit_of(each) for each in queues} == {f"{HUGE}#{lane}" for lane in range(4)}
    assert {site_of(each) for each in queues} == {"www.huge.example:81"}
    assert min(map(queues.count, set(queues))) > 60
    assert set(cut.beside(queues[0])) == set(queues)


@given(st.text(max_size=20), st.sampled_from(["#top", "?", ""]))
def test_equal_requests_are_in_one_lane(path: str, rest: str) -> None:
    """Requests that count as the same page are in one lane, whatever their URLs look like."""
    cut = lanes(huge_example=7)
    one, other = Request(f"http://huge.example/{path}"), Request(f"http://huge.example/{path}{rest}")
    if identity(one) == identity(other):
        assert cut.unit(one) == cut.unit(other) == cut.unit_of_page(identity(one), one.url)


def test_ignored_parameters_make_no_lane() -> None:
    """Parameters that make no two pages of one put it into no two lanes."""
    cut = Lanes({HUGE: 50}, partial(identity, drop_params=("sid",)))
    assert len({cut.queue(Request(f"http://huge.example/?sid={number}")) for number in range(50)}) == 1


def test_what_belongs_to_no_lane_is_sent_with_one() -> None:
    """A request that is of another machine's lane, such as one for robots.txt, is sent in a lane that is here."""
    cut = lanes(huge_example=3)
    requests = [Request(f"http://huge.example/{number}") for number in range(20)]
    machine = frontier(cut, f"{HUGE}#1")
    assert {machine.queue(each) for each in requests} == {f"{HUGE}#1"}
    assert {frontier(cut).rest(each) for each in requests} == {None}


@given(
    st.integers(2, 5),
    st.floats(0.005, 2.0),
    st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=5),
    st.lists(st.floats(0.0, LATE - EARLY), min_size=1, max_size=9),
)
def test_machines_keep_the_delay_together(
    number: int, delay: float, clocks: list[float], latenesses: list[float]
) -> None:
    """Whatever their clocks say, machines with a lane each are never closer to one another than the delay."""
    cut = lanes(huge_example=number)
    moments = []
    for lane in range(number):
        turns = Turns(frontier(cut, f"{HUGE}#{lane}", ahead=clocks[lane]), delay=delay)
        now = 0.0
        for turn in range(6):
            for _ in range(100):
                match turns.judge(Request("http://huge.example/"), now):
                    case Go():
                        break
                    case Wait(seconds):
                        now += seconds + latenesses[(turn + lane) % len(latenesses)]
            else:
                pytest.fail("it is never this lane's turn")
            moments.append(now + clocks[lane])
            now += delay
    moments.sort()
    exact = 1e-6  # seconds that are lost in adding such clocks
    assert all(after - before >= delay - exact for before, after in itertools.pairwise(moments))


def test_without_a_delay_lanes_take_no_turns() -> None:
    """A site without a delay is asked at once, and so is one that is not cut up, which others keep the delay of."""
    request = Request("http://huge.example/")
    assert Turns(frontier(lanes(huge_example=2), f"{HUGE}#0"), delay=0.0).judge(request, 0.0) == GO
    assert Turns(frontier(lanes(other_example=2), HUGE), delay=9.0).judge(request, 0.0) == GO


def test_a_crawl_delay_counts() -> None:
    """The delay that the origin asks for is kept by all lanes, if it is the longer one."""
    machine = frontier(lanes(huge_example=2), f"{HUGE}#1", ahead=0.0)
    turns = Turns(machine, delay=0.1, crawl_delay=lambda origin: 7.0 if origin == "http://huge.example" else 0.0)
    assert turns.judge(Request("http://huge.example/"), 0.0) == Wait(7.0 + LATE + EARLY)


@pytest.mark.parametrize(
    ("numbers", "most", "what"),
    [
        ({"www.huge.example": 2}, 0, "'www.huge.example' is no registrable domain: name 'huge.example'"),
        ({HUGE: 9}, 0, "has 9 lanes, more than [limits] per_host = 8"),
        ({HUGE: 2}, 5, "lanes cannot share a budget"),
    ],
)
def test_lanes_that_cannot_be(numbers: dict[str, int], most: int, what: str) -> None:
    """Lanes of a host, more than there are places, or beside a budget, are refused in one line."""
    settings = Settings(frontier=FrontierSettings(lanes=numbers), limits=LimitsSettings(max_per_host=most))
    with pytest.raises(SettingsError) as error:
        check(settings)
    assert what in str(error.value)
