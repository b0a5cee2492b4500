"""How many requests one site may cost."""

from scraper.errors import Reason
from scraper.http.request import Request
from scraper.limits.budget import Budget
from scraper.limits.robots import Robots
from scraper.verdict import GO, First, Refuse

PAGE = Request("http://a.example/1")


def test_a_site_has_its_budget() -> None:
    """After max_per_host requests all others of the site are refused, on http and https alike."""
    budget = Budget(2)
    for _ in range(2):
        assert budget.judge(PAGE, 0.0) is GO
        budget.sent(PAGE, 0.0)
    assert budget.judge(Request("https://a.example/2"), 0.0) == Refuse(Reason.BUDGET)


def test_sites_do_not_share_a_budget() -> None:
    """Another host, or another port of the same host, has a budget of its own."""
    budget = Budget(1)
    budget.sent(PAGE, 0.0)
    assert budget.judge(Request("http://b.example/"), 0.0) is GO
    assert budget.judge(Request("http://a.example:8080/"), 0.0) is GO


def test_judging_costs_nothing() -> None:
    """Only what is sent counts, however often it was judged."""
    budget = Budget(1)
    assert {budget.judge(PAGE, 0.0) for _ in range(5)} == {GO}


def test_robots_txt_does_not_count() -> None:
    """Asking for robots.txt neither uses the budget nor is refused when it is used up."""
    budget = Budget(1)
    first = Robots("bot").judge(PAGE, 0.0)
    assert isinstance(first, First)
    budget.sent(first.request, 0.0)
    assert budget.judge(PAGE, 0.0) is GO
    budget.sent(PAGE, 0.0)
    assert budget.judge(first.request, 0.0) is GO


def test_zero_is_no_limit() -> None:
    """max_per_host = 0 is any number."""
    budget = Budget(0)
    for _ in range(100):
        budget.sent(PAGE, 0.0)
    assert budget.judge(PAGE, 0.0) is GO
