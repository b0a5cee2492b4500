"""What a site asks of crawlers: when robots.txt is asked for, and what its answers mean."""

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.limits import robots as module
from scraper.limits.robots import Robots, is_robots, product_token
from scraper.limits.robots_file import MAX_BYTES
from scraper.urls import origin
from scraper.verdict import GO, First, Park, Refuse, Verdict, Wait

PAGE = Request("https://a.example/private/page")
FILE = "https://a.example/robots.txt"
NO = Refuse(Reason.ROBOTS)
UNREACHABLE = Refuse(Reason.ROBOTS_UNREACHABLE)
DISALLOW_ALL = "User-agent: *\nDisallow: /\n"


def asked(robots: Robots, page: Request = PAGE, now: float = 0.0) -> Request:
    """The request that has to be answered before `page`."""
    verdict = robots.judge(page, now)
    assert isinstance(verdict, First)
    return verdict.request


def answer(
    robots: Robots, body: str | bytes = b"", *, status: int = 200, page: Request = PAGE, now: float = 0.0
) -> None:
    first = asked(robots, page, now)
    robots.learn(first, Response(first.url, status=status, body=body, request=first), now)


def judged(body: str | bytes, *, status: int = 200, page: Request = PAGE, agent: str = "bot/1.0") -> Verdict:
    """What a new crawler says of `page` when robots.txt is answered like this."""
    robots = Robots(agent)
    answer(robots, body, status=status, page=page)
    return robots.judge(page, 0.0)


def delay(lines: str, *, agent: str = "bot", max_delay: float = 60.0) -> float:
    robots = Robots(agent, max_delay=max_delay)
    answer(robots, lines)
    return robots.delay("https://a.example")


# When it is asked for.


def lost(robots: Robots, reason: Reason, now: float, url: str = FILE) -> None:
    robots.learn(asked(robots, now=now), FetchError(reason, url), now)


def test_a_site_that_cannot_be_reached_is_parked() -> None:
    """With parking, what waits for a site is left to another run if nothing of the site can be reached."""
    robots = Robots("bot", parks=True)
    lost(robots, Reason.REFUSED, 0.0)
    assert robots.judge(PAGE, 1e9) == Park("refused")


def test_a_site_that_was_reached_is_not_parked() -> None:
    """If another origin of the site answers, or this one did before, the site is there, and only this one is not."""
    robots = Robots("bot", parks=True)
    answer(robots, DISALLOW_ALL)
    lost(robots, Reason.READ_TIMEOUT, module.KEPT)
    assert robots.judge(PAGE, module.KEPT) == NO
    robots = Robots("bot", parks=True)
    answer(robots, page=PAGE.replace(url="http://a.example/"))
    lost(robots, Reason.REFUSED, 0.0)
    assert robots.judge(PAGE, 0.0) == UNREACHABLE
    assert robots.judge(PAGE.replace(url="http://a.example/"), 0.0) == GO


@pytest.mark.parametrize(("reason", "url"), [(Reason.TLS_EXPIRED, FILE), (Reason.REFUSED, "https://b.example/")])
def test_what_parking_is_not_for(reason: Reason, url: str) -> None:
    """Another failure, or one of the site that robots.txt leads to, allows nothing, with parking as without."""
    robots = Robots("bot", parks=True)
    lost(robots, reason, 0.0, url)
    assert robots.judge(PAGE, 0.0) == UNREACHABLE


def test_a_request_may_go_without() -> None:
    """`dont_obey_robotstxt` in the meta of a request lets it go, unread and unasked."""
    page = PAGE.replace(meta={"dont_obey_robotstxt": True})
    assert Robots("bot").judge(page, 0.0) is GO
    robots = Robots("bot")
    answer(robots, DISALLOW_ALL)
    assert (robots.judge(page, 0.0), robots.judge(PAGE, 0.0)) == (GO, NO)


def test_robots_txt_is_asked_for_first() -> None:
    """Before the first page of an origin its /robots.txt is asked for, and then not again."""
    robots = Robots("bot")
    first = asked(robots)
    assert first.url == FILE
    assert is_robots(first)
    assert robots.judge(first, 0.0) is GO
    answer(robots, "")
    assert robots.judge(PAGE, 0.0) is GO


@pytest.mark.parametrize("url", ["http://a.example/", "https://a.example:8443/", "https://www.a.example/"])
def test_each_origin_has_its_own(url: str) -> None:
    """Scheme, host and port together have one robots.txt (RFC 9309, 2.3)."""
    robots = Robots("bot")
    answer(robots, DISALLOW_ALL)
    assert asked(robots, Request(url)).url == f"{origin(url)}/robots.txt"


def test_it_goes_the_way_of_the_page() -> None:
    """Robots.txt is asked for through the page's proxy and with its priority, but without its user and cookies."""
    page = Request("https://user:pw@a.example/x", proxy="http://proxy.example:1", priority=7, cookies={"a": "b"})
    first = asked(Robots("bot"), page)
    assert (first.url, first.proxy, first.priority, first.cookies) == (FILE, "http://proxy.example:1", 7, {})


def test_a_redirect_of_robots_txt_is_followed() -> None:
    """The next hop of a robots.txt goes at once, and the rules are those of the origin that was asked first."""
    robots = Robots("bot")
    first = asked(robots)
    hop = first.replace(url="https://cdn.example/files/robots.txt")
    assert robots.judge(hop, 0.0) is GO
    robots.learn(first, Response(hop.url, body=DISALLOW_ALL, request=hop), 1.0)
    assert robots.judge(PAGE, 1.0) == NO
    assert asked(robots, Request("https://cdn.example/x")).url == "https://cdn.example/robots.txt"


def test_other_answers_teach_nothing() -> None:
    """A page that a spider asked for itself has no rules, even if its path is /robots.txt."""
    robots = Robots("bot")
    mine = Request(FILE)
    assert robots.judge(mine, 0.0) is GO
    robots.learn(mine, Response(FILE, body=DISALLOW_ALL), 0.0)
    assert isinstance(robots.judge(PAGE, 0.0), First)


@pytest.mark.parametrize(("body", "status"), [(DISALLOW_ALL, 200), ("", 503)])
def test_robots_txt_itself_is_always_allowed(body: str, status: int) -> None:
    """/robots.txt may be asked for whatever it says (RFC 9309, 2.2.2)."""
    robots = Robots("bot")
    answer(robots, body, status=status)
    assert robots.judge(Request(FILE), 0.0) is GO
    assert robots.judge(Request("https://a.example/x/robots.txt"), 0.0) in {NO, UNREACHABLE}


def test_an_answer_holds_for_a_day() -> None:
    """After 24 hours robots.txt is asked for again (RFC 9309, 2.4)."""
    robots = Robots("bot")
    answer(robots, DISALLOW_ALL, now=100.0)
    assert robots.judge(PAGE, 100.0 + 86_399) == NO
    assert isinstance(robots.judge(PAGE, 100.0 + 86_400), First)


def test_an_unreachable_one_is_asked_for_again_soon() -> None:
    """Who could not be reached is asked again after five minutes."""
    robots = Robots("bot")
    answer(robots, status=500)
    assert robots.judge(PAGE, 299.0) == UNREACHABLE
    answer(robots, "", now=300.0)
    assert robots.judge(PAGE, 300.0) is GO


def test_old_rules_go_on_while_there_are_no_new_ones() -> None:
    """If robots.txt cannot be reached any more, the rules known so far hold on (RFC 9309, 2.4)."""
    robots = Robots("bot")
    answer(robots, "User-agent: *\nDisallow: /private\n")
    answer(robots, status=500, now=90_000.0)
    assert robots.judge(PAGE, 90_000.0) == NO
    assert robots.judge(Request("https://a.example/"), 90_000.0) is GO
    assert isinstance(robots.judge(PAGE, 90_300.0), First)


# What an answer means.


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 405, 410, 418, 451, 499])
def test_a_missing_robots_txt_allows_all(status: int) -> None:
    """With 3xx and 4xx there is no robots.txt, and all is allowed (RFC 9309, 2.3.1.3)."""
    assert judged(DISALLOW_ALL if status > 299 else "", status=status) is GO


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599, 999])
def test_an_unreachable_robots_txt_allows_nothing(status: int) -> None:
    """With 5xx, and with 429, nothing is allowed (RFC 9309, 2.3.1.4)."""
    assert judged("", status=status) == UNREACHABLE


@pytest.mark.parametrize(
    "reason",
    [
        Reason.DNS_NOT_FOUND,
        Reason.REFUSED,
        Reason.TIMEOUT,
        Reason.TLS_EXPIRED,
        Reason.TOO_LARGE,
        Reason.IGNORED,
        Reason.OFFSITE,
    ],
)
def test_no_answer_allows_nothing(reason: Reason) -> None:
    """After a network error, or a redirect that must not be followed, nothing is allowed (RFC 9309, 2.3.1.4)."""
    robots = Robots("bot")
    robots.learn(asked(robots), FetchError(reason, FILE), 0.0)
    assert robots.judge(PAGE, 0.0) == UNREACHABLE


@pytest.mark.parametrize(
    "reason", [Reason.TOO_MANY_REDIRECTS, Reason.BAD_REDIRECT, Reason.SCHEME_NOT_ALLOWED, Reason.INVALID_URL]
)
def test_redirects_that_lead_nowhere_allow_all(reason: Reason) -> None:
    """A robots.txt that redirects in circles or to no web address is none (RFC 9309, 2.3.1.2)."""
    robots = Robots("bot")
    robots.learn(asked(robots), FetchError(reason, FILE), 0.0)
    assert robots.judge(PAGE, 0.0) is GO


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + DISALLOW_ALL.encode(),
        DISALLOW_ALL.encode("utf-16"),
        DISALLOW_ALL.replace("\n", "\r").encode(),
        DISALLOW_ALL.replace("\n", "\r\n").encode(),
        b"#\xff\xfe\xfd \x00\n\xff\xfe\n" + DISALLOW_ALL.encode() + b"\x80\x81",
        b"  user-AGENT :bot # it is us\n\tdisallow:/#all",
        b"Sitemap: https://a.example/s.xml\n\n" + DISALLOW_ALL.encode(),
    ],
    ids=["utf-8 mark", "utf-16", "CR", "CRLF", "bytes", "spaces", "sitemap"],
)
def test_odd_bytes_do_not_hide_rules(body: bytes) -> None:
    """Byte order marks, any line ends, undecodable bytes, spaces and comments leave the rules readable."""
    assert judged(body) == NO


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" * 1000,
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10,
        b"\xff\xfe\x00",
        b"Disallow: /",
        b"<!doctype html><html><head><title>Not found</title></head>\n<body>\n<p>Disallow: /</p>\n</body></html>",
    ],
    ids=["empty", "NUL", "image", "half a mark", "no agent", "html"],
)
def test_what_has_no_rules_allows_all(body: bytes) -> None:
    """A page, an image or noise in place of robots.txt has no rules."""
    assert judged(body) is GO


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_no_body_is_an_error(body: bytes) -> None:
    """Whatever is served as robots.txt is read without an exception."""
    judged(body)
    judged(b"User-agent: *\nDisallow: " + body + b"\nAllow: *" + body + b"$\nCrawl-delay: " + body)


def test_the_first_500_kib_are_read() -> None:
    """A rule within 500 KiB is obeyed, one beyond is not, and no line is read by half (RFC 9309, 2.5)."""
    line = b"#" * 99 + b"\n"
    head = b"User-agent: *\n"
    assert judged(head + line * 5_110 + b"Disallow: /private\n" + line * 1_000) == NO
    assert judged(head + line * 5_200 + b"Disallow: /private\n") is GO
    cut = head + b"#" * (MAX_BYTES - len(head) - 12) + b"\nDisallow: /private-not\n"
    assert judged(cut) is GO


# Who is meant.


@pytest.mark.parametrize(
    ("user_agent", "token"),
    [
        ("scraper/0.1 (+https://bot.example/about)", "scraper"),
        ("My-Crawler_X", "my-crawler_x"),
        ("bot2/3", "bot2"),
        ("Mozilla/5.0 (compatible; ExampleBot/0.1; https://a.example/bot.html)", "examplebot"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko", "mozilla"),
        ("/", ""),
    ],
)
def test_the_product_token_is_the_name(user_agent: str, token: str) -> None:
    """A robots.txt addresses a crawler by the name in its User-Agent (RFC 9309, 2.2.1)."""
    assert product_token(user_agent) == token


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("User-agent: BOT\nDisallow: /", NO),
        ("User-agent: bot/2.0\nDisallow: /", NO),
        ("User-agent: bo\nDisallow: /", GO),
        ("User-agent: bot-images\nDisallow: /", GO),
        ("User-agent: *\nDisallow: /\n\nUser-agent: bot\nDisallow:", GO),
        ("User-agent: bot\nDisallow: /a\n\nUser-agent: x\nAllow: /\n\nUser-agent: bot\nDisallow: /private", NO),
        ("User-agent: bot\nUser-agent: x\nDisallow: /private", NO),
        ("User-agent: bot\nCrawl-delay: 1\nUser-agent: x\nDisallow: /private", NO),
        ("User-agent: bot\nDisallow: /a\nUser-agent: x\nDisallow: /private", GO),
        ("User-agent: *\nDisallow: /\nAllow: /private/", GO),
        ("User-agent: *\nDisallow: /*/page$", NO),
    ],
)
def test_groups_are_chosen_by_the_whole_token(text: str, verdict: Verdict) -> None:
    """All groups that name us are one group, `*` holds if none does, and the longest rule wins (RFC 9309, 2.2)."""
    assert judged(text) == verdict


def test_digits_are_part_of_a_name() -> None:
    """bot2 goes by bot2 and by bot, not by bot3."""
    rows = {name: judged(f"User-agent: {name}\nDisallow: /", agent="bot2/1") for name in ("bot2", "bot", "bot3", "")}
    assert rows == {"bot2": NO, "bot": NO, "bot3": GO, "": GO}


# Crawl-delay.


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ("User-agent: *\nCrawl-delay: 0.5\nDisallow: /x", 0.5),
        ("User-agent: *\nCrawl-delay: 2", 2.0),
        ("User-agent: *\nCrawl-delay: 86400", 60.0),
        ("User-agent: *\nCrawl-delay: inf", 0.0),
        ("User-agent: *\nCrawl-delay: nan", 0.0),
        ("User-agent: *\nCrawl-delay: -1", 0.0),
        ("User-agent: *\nCrawl-delay: ten", 0.0),
        ("User-agent: *\nCrawl-delay:", 0.0),
        ("Crawl-delay: 5", 0.0),
        ("User-agent: *\nRequest-rate: 1/5s", 5.0),
        ("User-agent: *\nRequest-rate: 2/1m\nCrawl-delay: 1", 30.0),
        ("User-agent: *\nRequest-rate: 1/" + "9" * 400, 60.0),
        ("User-agent: *\nRequest-rate: 1/10s 1820-1940", 0.0),
        ("User-agent: bot\nDisallow: /x\n\nUser-agent: *\nCrawl-delay: 10", 0.0),
        ("User-agent: x\nCrawl-delay: 1\n\nUser-agent: bot\nCrawl-delay: 2\n\nUser-agent: y\nCrawl-delay: 3", 2.0),
    ],
)
def test_crawl_delay_is_read_and_bounded(lines: str, seconds: float) -> None:
    """Crawl-delay and Request-rate of our group give the delay, up to max_delay; nonsense is ignored."""
    assert delay(lines) == seconds


def test_a_delay_is_unknown_until_it_is_asked_for() -> None:
    """An origin that was not asked for its robots.txt asks for no delay."""
    assert Robots("bot").delay("https://a.example") == 0.0


# What it costs.


def asked_often(robots: Robots, page: Request) -> list[Verdict]:
    """The verdicts on `page` until there is one that is not Wait."""
    verdicts = [robots.judge(page, 0.0)]
    while isinstance(verdicts[-1], Wait):
        verdicts.append(robots.judge(page, 0.0))
    return verdicts


@pytest.mark.parametrize(
    "body",
    [
        "User-agent: *\n" + "".join(f"Disallow: /{number:x}\n" for number in range(100_000)),
        "User-agent: *\n" + "".join(f"Disallow: /*{number:x}\n" for number in range(100_000)),
        "".join(f"User-agent: a{number}\n" for number in range(12_000)) + "Disallow: /x\n" * 20_000,
        "User-agent: *\nDisallow: /x\n" * 20_000,
        "User-agent: *\nDisallow: /" + "a" * 10_000_000,
        "User-agent: *\nDisallow: /" + "*a" * 5_000_000,
        "User-agent" + " " * 500_000 + "x",
        " " * 600_000,
    ],
    ids=["rules", "wildcards", "agents and rules", "groups", "long line", "stars", "gap", "blank"],
)
def test_a_huge_robots_txt_is_read_in_time(body: str) -> None:
    """The worst robots.txt is read in a second or, on a busy machine, a few."""
    robots, started = Robots("bot"), thread_time()
    answer(robots, body)
    asked_often(robots, PAGE)
    assert thread_time() - started < 4


def test_a_large_robots_txt_is_read_bit_by_bit() -> None:
    """Requests wait while a large robots.txt is read, a part each time that one is judged; others do not."""
    robots, other = Robots("bot"), Request("https://b.example/")
    answer(robots, "", page=other)
    answer(robots, "User-agent: *\n" + "".join(f"Disallow: /*{number}\n" for number in range(20_000)))
    assert robots.judge(PAGE, 0.0) == Wait(module.PAUSE)
    assert robots.judge(Request(FILE), 0.0) is GO
    assert robots.judge(other, 0.0) is GO
    assert len(asked_often(robots, PAGE)) > 20
    assert (robots.judge(PAGE, 0.0), robots.judge(Request("https://a.example/19999"), 0.0)) == (GO, NO)
    assert repr(robots) == "<Robots as bot, 2 origins, 20000 rules>"


def test_few_large_ones_are_kept_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many large robots.txt that come at once only so many are kept to be read later; the first are read whole."""
    monkeypatch.setattr(module, "MOST_READINGS", 2)
    robots, pages = Robots("bot"), [Request(f"http://h{number}.example/") for number in range(4)]
    for page in pages:
        answer(robots, "User-agent: *\n" + "".join(f"Disallow: /{number}\n" for number in range(5_000)), page=page)
    assert [isinstance(robots.judge(page, 0.0), Wait) for page in pages] == [False, False, True, True]


def test_few_origins_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the origins used last are remembered, and only so many different rules; others are asked again."""
    monkeypatch.setattr(module, "MAX_ORIGINS", 3)
    monkeypatch.setattr(module, "MAX_RULES", 10)
    robots = Robots("bot")
    pages = [Request(f"http://h{number}.example/") for number in range(5)]
    for page in pages[:4]:
        answer(robots, DISALLOW_ALL, page=page)
        robots.judge(pages[0], 0.0)
    assert [isinstance(robots.judge(page, 0.0), First) for page in pages[:4]] == [False, True, False, False]
    answer(robots, "User-agent: *\n" + "".join(f"Disallow: /{number}\n" for number in range(9)), page=pages[4])
    assert [isinstance(robots.judge(page, 0.0), First) for page in pages] == [True, True, True, False, False]
    assert repr(robots) == "<Robots as bot, 2 origins, 10 rules>"


# How long it holds.


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 24 * 3600.0), ("public", 24 * 3600.0), ("max-age=7200", 7200.0), ('MAX-AGE="7200", public', 7200.0),
        ("max-age=10", 300.0), ("max-age=0", 300.0), ("no-cache", 300.0), ("no-store, max-age=7200", 300.0),
        ("max-age=99999999", 24 * 3600.0), ("max-age=-5", 24 * 3600.0), ("max-age=x", 24 * 3600.0),
        ("s-maxage=5", 24 * 3600.0), ("max-age=" + "9" * 5000, 24 * 3600.0),
    ],
)  # fmt: skip
def test_cache_control_is_heard(header: str, seconds: float) -> None:
    """An answer holds for as long as its Cache-Control says, for a day at most, and for five minutes at least."""
    robots = Robots("bot")
    first = asked(robots)
    robots.learn(first, Response(first.url, headers={"Cache-Control": header}, body=DISALLOW_ALL, request=first), 0.0)
    assert robots.judge(PAGE, seconds - 1) == NO
    assert isinstance(robots.judge(PAGE, seconds + 1), First)
