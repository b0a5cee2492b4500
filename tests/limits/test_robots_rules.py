"""Which URLs rules allow, against Protego, and what a verdict costs at most."""

from collections.abc import Iterable
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protego import Protego

from scraper import urls
from scraper.errors import Reason
from scraper.limits import robots_rules as module
from scraper.limits.robots_rules import Rules
from scraper.verdict import GO, Refuse, Wait
from tests.examples import examples

SITE = "https://a.example"
PIECES = [
    "/", "a", "b", "ab", "page", "*", "**", "$", "?", "?id=", "&", "=", "=1", ".", "~", "-", "+", "!", ":", ";", ",",
    "@", "(", "[", "|", '"', "%", "%2F", "%2f", "%2A", "%25", "%24", "%41", "%7e", "%E3%83%84", "%zz", "\u30c4",
    "\u00e9", " ", "index.html", "http://",
]  # fmt: skip


def rules(given: Iterable[tuple[bool, str]]) -> Rules:
    read = Rules()
    for _ in read.read(given):
        pass
    return read


def allows(given: Iterable[tuple[bool, str]], path: str) -> bool:
    """What the rules say of a URL."""
    url = urls.canonical(SITE + path)
    assert url is not None
    return rules(given).allows(url)


def protego(given: Iterable[tuple[bool, str]], path: str) -> bool:
    """What Protego says of it."""
    lines = [f"{'Allow' if is_allow else 'Disallow'}: {value}" for is_allow, value in given]
    url = urls.canonical(SITE + path)
    assert url is not None
    return Protego.parse("\n".join(["User-agent: *", *lines])).can_fetch(url, "*")


texts = st.lists(st.sampled_from(PIECES), max_size=7).map("".join)
values = st.tuples(st.sampled_from(["/", "/", "/", "*", ""]), texts).map("".join).map(str.strip).filter(bool)
many = st.lists(st.tuples(st.booleans(), values), max_size=12)
paths = texts.map("/{}".format)


@pytest.mark.parametrize("few", [0, module.FEW], ids=["looked for", "tried"])
def test_verdicts_are_those_of_protego(few: int) -> None:
    """Every URL is allowed or not as Protego says, whether rules with `*` are looked for or tried one by one."""

    @settings(max_examples=examples(300))
    @given(many, st.lists(paths, min_size=1, max_size=5))
    def agree(given: list[tuple[bool, str]], asked: list[str]) -> None:
        assert [allows(given, path) for path in asked] == [protego(given, path) for path in asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", few)
        agree()


@pytest.mark.parametrize(
    ("disallowed", "path", "expected"),
    [
        ("/fish*.php", "/fishheads/catfish.php?parameters", False),
        ("/fish*.php", "/Fish.PHP", True),
        ("/*.php$", "/folder/filename.php", False),
        ("/*.php$", "/filename.php?parameters", True),
        ("/*ab*ab$", "/xab", True),
        ("/*ab*ab$", "/abab", False),
        ("/a*bc", "/abc", False),
        ("/a*a$", "/a", True),
        ("/x$", "/x$", False),
        ("/*?", "/page?", False),
        ("/path%2Ffile", "/path/file", True),
        ("/%7Ejoe", "/~joe/", False),
        ("*", "/", False),
        ("*$", "/any", False),
        ("page", "/page", True),
    ],
)
def test_wildcards_and_ends(disallowed: str, path: str, expected: bool) -> None:
    """`*` is any text, `$` at the end is the end of the URL, and escapes of what need not be escaped are the same."""
    for few in (0, module.FEW):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "FEW", few)
            assert allows([(False, disallowed)], path) is expected
    assert protego([(False, disallowed)], path) is expected


def test_robots_txt_is_always_allowed() -> None:
    """Whatever the rules say, /robots.txt may be fetched (RFC 9309, 2.2.2)."""
    nothing = [(False, "/"), (False, "/robots.txt"), (False, "/*.txt$"), (False, "/" + "r" * 500)]
    assert allows(nothing, "/robots.txt")
    assert allows(nothing, "/robots.txt?now#top")
    assert not allows(nothing, "/x/robots.txt")


# What a verdict costs.

WORDS = [f"{number:02x}" for number in range(256)]
SLOW = [f"{'a' * place}b{'a' * (98 - place)}" for place in range(98)]  # that take a search long


@pytest.mark.parametrize(
    ("values", "path"),
    [
        (["/*aab"] * 31_250, "/" + "a" * 8_000),
        ([f"/*aab{number}" for number in range(25_000)], "/" + "a" * 8_000),
        (["/*?x=*&y="] * 25_000, "/search?x=5&z=3"),
        ([f"/*?x{number}=*&y=" for number in range(25_000)], "/search?x17=5&z=3"),
        (["/*1*/*1*$"] * 29_000, "/" + "1/1" * 2_600),
        ([f"/*1*/*1*{number}$" for number in range(29_000)], "/" + "1/1" * 2_600),
        ([f"/*{one}*{other}" for one in WORDS for other in WORDS if one < other], "/" + "/".join(reversed(WORDS))),
        ([f"/*{word}*{number}b" for number in range(48) for word in SLOW], "/" + ("a" * 4_000 + "b") * 2),
        ([f"/*{'a' * one}*{'a' * other}b" for one in range(98) for other in range(98)], "/" + "a" * 8_000),
        (["/" + "*a" * 240_000], "/" + "a" * 8_000),
        (["/" + "a*" * 30 + "b"], "/" + "a" * 10_000),
        (["*" * 30 + ".js*"], "/" + "a" * 10_000),
        (["/" + "*a" * 30 + "$"], "/" + "a" * 10_000),
        ([f"/{'a' * size}" for size in range(1_000)], "/" + "a" * 8_000),
        ([f"/{number:x}" for number in range(55_000)], "/private/page"),
    ],
)  # fmt: skip
def test_no_verdict_takes_long(values: list[str], path: str) -> None:
    """A verdict takes a few milliseconds, and 50 on a busy machine, whatever rules and links a site makes up."""
    read = rules((number % 2 == 0, value) for number, value in enumerate(values))
    asked = [urls.canonical(f"{SITE}{path}{number}") or "" for number in range(5)]
    seconds = []
    for url in asked:
        started = thread_time()
        read.allows(url)
        seconds.append(thread_time() - started)
    assert min(seconds) < 0.05


def test_what_takes_too_many_steps_is_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL is refused if trying the rules on it takes more than `MOST_STEPS`; one that takes fewer is judged."""
    monkeypatch.setattr(module, "MOST_STEPS", 100_000)
    read = rules((False, f"/*{one}*{other}") for one in WORDS for other in WORDS if one < other)
    assert not read.allows(f"{SITE}/{'/'.join(reversed(WORDS))}")
    assert read.allows(f"{SITE}/ff/00")
    assert not read.allows(f"{SITE}/00/ff")


def test_after_a_verdict_that_took_long_the_site_waits() -> None:
    """After a verdict of many steps the next URL of the site has to wait, but not the same one again."""
    read = rules((False, f"/*{one}*{other}") for one in WORDS for other in WORDS if one < other)
    slow = f"{SITE}/{'/'.join(reversed(WORDS))}"
    assert read.judge(slow, 10.0) == Refuse(Reason.ROBOTS)
    assert read.judge(slow, 10.0) == Refuse(Reason.ROBOTS)
    wait = read.judge(f"{SITE}/ff", 10.0)
    assert isinstance(wait, Wait)
    assert 0.09 < wait.seconds < 0.2
    assert read.judge(f"{SITE}/ff", 10.0 + wait.seconds) is GO
    assert read.judge(f"{SITE}/ee", 10.0 + wait.seconds) is GO


def test_honest_rules_take_few_steps() -> None:
    """A shop with 25,000 rules for its parameters is judged exactly, in a small part of the steps that there are."""
    names = [f"filter_{number:03}" for number in range(158)]
    read = rules((False, f"/*?{one}=*&{other}=") for one in names for other in names)
    for query, expected in [
        ("filter_003=red&filter_150=xl", False),
        ("page=2&filter_150=xl", True),
        ("filter_003=red&page=2", True),
        ("&".join(f"{name}=1" for name in names[:20]), False),
    ]:
        assert read.allows(f"{SITE}/shop/shoes?{query}") is expected
        assert read.steps < module.MOST_STEPS / 10
