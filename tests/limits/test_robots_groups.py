"""Whose rules are whose in a robots.txt: against a reading of RFC 9309, 2.2, written down step by step."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.http.request import Request
from scraper.http.response import Response
from scraper.limits.robots import Robots
from scraper.verdict import GO, First
from tests.examples import examples

SITE = "https://a.example"
AGENTS = ["mybot", "badbot", "*"]
PATHS = ["/", "/page", "/page/two", "/private", "/private/x"]
BETWEEN = ["Crawl-delay: 2", "Request-rate: 1/5", "Sitemap: https://a.example/s.xml", "Host: a.example", "", "# note"]

Line = tuple[str, str]


def is_allowed(text: str, path: str, *, agent: str = "mybot") -> bool:
    """What our reader says."""
    robots, page = Robots(agent), Request(SITE + path)
    first = robots.judge(page, 0.0)
    assert isinstance(first, First)
    robots.learn(first.request, Response(first.request.url, body=text), 0.0)
    return robots.judge(page, 0.0) is GO


def by_the_rfc(lines: list[Line], path: str, *, agent: str = "mybot") -> bool:
    """What RFC 9309 says, for rules without wildcards."""
    groups: list[tuple[set[str], list[Line]]] = []
    for field, value in lines:
        match field:
            case "User-agent":
                if not groups or groups[-1][1]:  # 2.1: a group is its agents, and then its rules
                    groups.append((set(), []))
                groups[-1][0].add(value.lower())
            case "Allow" | "Disallow" if groups:
                groups[-1][1].append((field, value))
            case _:  # 2.2.4: other records mean nothing
                pass
    named = [rules for agents, rules in groups if agent in agents]  # 2.2.1: all of them are one group
    chosen = named or [rules for agents, rules in groups if "*" in agents]
    matching = [(len(value), field) for rules in chosen for field, value in rules if value and path.startswith(value)]
    longest = max((size for size, _ in matching), default=0)
    fields = {field for size, field in matching if size == longest}
    return not fields or "Allow" in fields  # 2.2.2: the longest counts, and Allow among equals


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize(
    ("first", "second", "path", "expected"),
    [
        ("User-agent: *\nDisallow: /private", "User-agent: badbot\nDisallow: /", "/page", True),
        ("User-agent: *\nDisallow: /", "User-agent: friendbot\nAllow: /", "/page", False),
        ("User-agent: mybot\nDisallow: /", "User-agent: *\nAllow: /", "/page", False),
        ("User-agent: mybot\nDisallow: /private", "User-agent: *\nDisallow: /", "/page", True),
        ("User-agent: mybot\nDisallow:", "User-agent: badbot\nDisallow: /", "/page", True),
        ("User-agent: mybot", "User-agent: badbot\nDisallow: /", "/page", False),
    ],
)
def test_only_a_rule_ends_the_agents_of_a_group(
    first: str, second: str, path: str, expected: bool, between: str
) -> None:
    """A User-agent line after a rule begins a new group, whatever stands between them (RFC 9309, 2.2.1)."""
    assert is_allowed(f"{first}\n{between}\n{second}\n", path) is expected
    assert is_allowed(f"{first}\n{between}\n{between}\n\n{second}\n{between}\n", path) is expected


agents = st.lists(st.tuples(st.just("User-agent"), st.sampled_from(AGENTS)), min_size=1, max_size=2)
rules = st.tuples(st.sampled_from(["Allow", "Disallow"]), st.sampled_from(["", *PATHS]))
others = st.tuples(
    st.sampled_from(["Crawl-delay", "Request-rate", "Sitemap", "Noindex"]), st.sampled_from(["1", "1/5"])
)
groups = st.tuples(agents, st.lists(others, max_size=1), st.lists(rules, max_size=2), st.lists(others, max_size=1))
files = st.lists(groups, max_size=4).map(lambda drawn: [line for group in drawn for part in group for line in part])


@settings(max_examples=examples(300))
@given(files)
def test_groups_are_those_of_the_rfc(lines: list[Line]) -> None:
    """Which rules count is what RFC 9309 says, in whatever order lines stand, known and unknown."""
    text = "".join(f"{field}: {value}\n" for field, value in lines)
    assert [is_allowed(text, path) for path in PATHS] == [by_the_rfc(lines, path) for path in PATHS]
