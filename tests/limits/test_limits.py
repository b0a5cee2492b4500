"""Which limits are judged, and in what order."""

import ast
import random
from pathlib import Path
from typing import Any

import pytest

import scraper.limits
from scraper.errors import Reason, SettingsError, SpiderError
from scraper.http.request import Request
from scraper.limits import before_sending, on_discovery
from scraper.protocols import Limit
from scraper.settings.schema import LimitsSettings
from scraper.verdict import GO, First, Refuse, Verdict


def limits(*domains: str, **settings: Any) -> list[Limit]:
    return before_sending(
        LimitsSettings(**settings),
        allowed_domains=domains,
        user_agent="bot/1.0",
        rng=random.Random(1),
        wall=lambda: 0.0,
    )


def names(limits: list[Limit]) -> list[str]:
    return [type(limit).__name__ for limit in limits]


def judge(limits: list[Limit], url: str) -> Verdict:
    """The first verdict that is not Go."""
    verdicts = (limit.judge(Request(url), 0.0) for limit in limits)
    return next((verdict for verdict in verdicts if verdict is not GO), GO)


def test_the_order_goes_from_cheap_and_final_to_what_takes_time() -> None:
    """No robots.txt is asked for, and nothing waits, for the sake of a request that is refused anyway."""
    everything = limits("a.example", max_depth=3, max_per_host=5, delay=1.0)
    assert names(everything) == ["Scheme", "Scope", "Depth", "Budget", "Breaker", "Robots", "Pace"]
    assert judge(everything, "http://b.example/") == Refuse(Reason.OFFSITE)
    assert isinstance(judge(everything, "http://a.example/"), First)


def test_what_limits_nothing_is_left_out() -> None:
    """A limit that settings switch off costs nothing."""
    assert names(limits()) == ["Scheme", "Breaker", "Robots", "Pace"]
    assert names(limits(robots=False)) == ["Scheme", "Breaker", "Pace"]
    assert names(limits(robots=False, adapt=False, park_after=0)) == ["Scheme", "Pace"]


def test_discovery_looks_at_the_address_alone() -> None:
    """When a link is found, its scheme, host and depth are judged, and whether the site makes it up."""
    found = on_discovery(LimitsSettings(max_depth=2), allowed_domains=["a.example"])
    assert names(found) == ["Scheme", "Scope", "Depth", "Traps"]
    assert judge(found, "ftp://a.example/") == Refuse(Reason.SCHEME_NOT_ALLOWED)
    assert judge(found, "http://a.example/") is GO


def test_a_wrong_domain_is_found_before_the_crawl() -> None:
    """An entry of allowed_domains that names no host is an error of the spider."""
    with pytest.raises(SpiderError):
        on_discovery(LimitsSettings(), allowed_domains=["not a host"])
    with pytest.raises(SpiderError):
        limits("")


def test_limits_are_readable() -> None:
    """Each limit says what it holds."""
    assert [repr(limit) for limit in limits("a.example", "b.example", max_depth=3, max_per_host=5)] == [
        "<Scheme http, https>",
        "<Scope a.example, b.example>",
        "<Depth 3>",
        "<Budget 5 a site, 0 sites>",
        "<Breaker 10 failures, 0 sites, 0 parked>",
        "<Robots as bot, 0 origins, 0 rules>",
        "<Pace 0.0 s, 0 sites, 0 slowed down>",
    ]


def test_limits_do_no_io() -> None:
    """No limit imports what could wait, read a clock or open a connection."""
    forbidden = {"asyncio", "aiohttp", "aiofiles", "sqlite3", "time", "socket"}
    for path in Path(scraper.limits.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            assert not {module.partition(".")[0] for module in modules} & forbidden, path.name


@pytest.mark.parametrize("agent", ["", " / 1.0", "(+)/1.0"])
def test_a_user_agent_has_a_name(agent: str) -> None:
    """With robots.txt obeyed, a user agent by which none could address the crawler is refused at the start."""

    def limits(*, robots: bool) -> list[Limit]:
        settings = LimitsSettings(robots=robots)
        return before_sending(settings, allowed_domains=(), user_agent=agent, rng=random.Random(1), wall=lambda: 0.0)

    with pytest.raises(SettingsError, match=r"^\[network\] user_agent = .* has no name by which a robots.txt"):
        limits(robots=True)
    assert limits(robots=False)
