"""Which cookies are kept, and where each is sent (RFC 6265bis)."""

import json
import time
from email.utils import parsedate_to_datetime
from math import inf
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import urls
from scraper.http.public_suffixes import is_public_suffix
from scraper.network.cookies import cookie_file
from scraper.network.cookies.jar import (
    LONGEST_HEADER,
    MOST,
    MOST_A_DOMAIN,
    MOST_BYTES,
    Cookie,
    Jar,
    domain_matches,
    path_matches,
)
from scraper.network.cookies.set_cookie import LONGEST_LIFE, cookie_date, parse

NOW = 1_700_000_000.0
CASES = json.loads((Path(__file__).parent / "cases/cookies.json").read_text())
HERE = "http://x.example/"
SAFE = "https://x.example/"


def new_jar(url: str = HERE, *fields: str) -> Jar:
    """A jar with what `url` sets."""
    jar = Jar(is_public_suffix=is_public_suffix)
    jar.store(url, fields, NOW)
    return jar


def sent(jar: Jar, url: str, now: float = NOW) -> str:
    """What a Cookie header to `url` would hold."""
    return "; ".join(cookie.pair for cookie in jar.matching(url, now))


def after(url: str, field: str, to: str | None = None) -> str:
    """What is sent `to` an address (the same, unless given) when `url` has set `field`."""
    return sent(new_jar(url, field), to or url)


# What servers write.


@pytest.mark.parametrize(
    ("name", "url", "fields", "to", "expected"), CASES["jar"], ids=[row[0] for row in CASES["jar"]]
)
def test_the_cases_of_the_http_state_group(name: str, url: str, fields: list[str], to: str, expected: str) -> None:
    """A jar does what the tests of the working group say."""
    jar = Jar(is_public_suffix=is_public_suffix)
    jar.store(urls.canonical(url) or url, fields, 1_300_000_000.0)  # some of them expire in 2019
    assert sent(jar, urls.canonical(to) or to, 1_300_000_000.0) == expected


@pytest.mark.parametrize(("text", "expected"), CASES["dates"])
def test_dates(text: str, expected: str | None) -> None:
    """A cookie's date is read by the algorithm of 5.1.1, which is not that of HTTP dates."""
    assert cookie_date(text) == (parsedate_to_datetime(expected).timestamp() if expected else None)


def test_more_dates() -> None:
    """Dates that are valid, that are not, and that mean the same."""
    for text, is_valid in CASES["valid_dates"]:
        assert (cookie_date(text) is not None) == is_valid, text
    for text, same in CASES["same_dates"]:
        assert cookie_date(text) == cookie_date(same) is not None, text


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("a=b", inf),
        ("a=b; Max-Age=60", 60.0),
        ("a=b; Expires=Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 60.0),
        ("a=b; Max-Age=soon; Expires=Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("a=b; Max-Age=0", -inf),
        ("a=b; Max-Age=-1", -inf),
        ("a=b; Max-Age=" + "9" * 1000, LONGEST_LIFE),
        ("a=b; Expires=Thu, 01 Jan 2998 00:00:00 GMT", LONGEST_LIFE),
        ("a=b; Expires=soon", inf),
    ],
)
def test_how_long_a_cookie_lives(field: str, seconds: float) -> None:
    """Max-Age counts before Expires; nothing lives longer than 400 days; what means nothing is not there."""
    said = parse(field, NOW)
    assert said is not None
    assert said.expires - NOW == seconds


def test_a_cookie_expires() -> None:
    """A cookie is sent as long as it lives, by the time of day."""
    jar = new_jar(HERE, "a=b; Max-Age=60")
    assert (sent(jar, HERE, NOW + 59), sent(jar, HERE, NOW + 60)) == ("a=b", "")


def test_same_site_is_read_and_makes_no_difference() -> None:
    """SameSite is kept, if it is one of three words; the cookie is sent all the same."""
    for written, kept in (("StRiCt", "strict"), ("Lax", "lax"), ("none", "none"), ("x", "")):
        jar = new_jar(HERE, f"a=b; SameSite={written}")
        assert [cookie.same_site for cookie in jar] == [kept]
        assert sent(jar, HERE) == "a=b"


@pytest.mark.parametrize("field", ["a", "=a", "", ";", "a=b\x00", "a\x07=b", "a=b; Path=/\x1f", "a=" + "v" * 4096])
def test_what_is_ignored(field: str) -> None:
    """A cookie without a name, with control characters, or of more than 4,096 bytes is not kept."""
    assert after(HERE, field) == ""


@given(st.lists(st.text(max_size=80)))
def test_nothing_is_an_error(fields: list[str]) -> None:
    """Whatever stands in Set-Cookie is taken without an exception, and what is kept can be stored and sent."""
    jar = new_jar(HERE, *fields)
    msgspec.msgpack.encode(jar.changes())
    assert "\r" not in sent(jar, HERE)
    assert "\n" not in sent(jar, HERE)


# For whom.


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("http://evil.co.uk/", "co.uk"),
        ("http://evil.co.uk/", "CO.UK"),
        ("http://evil.co.uk/", "co.uk."),
        ("http://evil.co.uk/", ".co.uk"),
        ("http://evil.com/", "com"),
        ("http://a.github.io/", "github.io"),
        ("http://a.kobe.jp/", "kobe.jp"),
        ("http://xn--85x722f.xn--55qx5d.cn/", "xn--55qx5d.cn"),
        ("http://xn--85x722f.xn--55qx5d.cn/", "\u516c\u53f8.cn"),
        ("http://127.1.0.0/", ".1.0.0"),
        ("http://127.1.0.0/", "1.0.0"),
        ("http://[2001:db8::1]/", "db8::1]"),
        ("http://example.com/", "ample.com"),
        ("http://example.com/", "www.example.com"),
        ("http://example.com/", "example.org"),
    ],
)
def test_domains_that_nobody_may_set_cookies_for(url: str, domain: str) -> None:
    """A cookie for a public suffix, for part of an address or a label, or for somebody else is ignored."""
    assert len(new_jar(url, f"a=b; Domain={domain}")) == 0


def test_a_public_suffix_has_cookies_of_its_own() -> None:
    """A host that is a public suffix sets cookies for itself, and itself alone."""
    jar = new_jar("https://github.io/", "a=b; Domain=github.io")
    assert sent(jar, "https://github.io/") == "a=b"
    assert sent(jar, "https://a.github.io/") == ""


def test_domains_of_other_scripts() -> None:
    """A Domain may be written as people write it."""
    jar = new_jar("http://www.xn--bcher-kva.example.com/", "a=b; Domain=b\u00fccher.example.com")
    assert sent(jar, "http://xn--bcher-kva.example.com/") == "a=b"


@pytest.mark.parametrize(("host", "registrable"), CASES["suffixes"])
def test_public_suffixes(host: str, registrable: str | None) -> None:
    """The shortest part of a host that is no public suffix is what somebody has registered."""
    labels = host.split(".")
    parts = (".".join(labels[index:]) for index in range(len(labels) - 1, -1, -1))
    assert next((part for part in parts if not is_public_suffix(part)), None) == registrable


def test_matching() -> None:
    """Domains match at dots, paths at slashes, and addresses only themselves."""
    assert domain_matches("www.a.example", "a.example")
    assert not domain_matches("wwwa.example", "a.example")
    assert not domain_matches("1.2.3.4", "3.4")
    assert path_matches("/dir/page", "/dir")
    assert path_matches("/dir/page", "/dir/")
    assert not path_matches("/directory", "/dir")


# What is safe.


@pytest.mark.parametrize(
    ("field", "is_kept"),
    [
        ("__Secure-a=b; Secure", True),
        ("__Secure-a=b", False),
        ("__secure-a=b", False),
        ("__Host-a=b; Secure; Path=/", True),
        ("__HOST-a=b; Secure; Path=/", True),
        ("__Host-a=b; Secure", False),
        ("__Host-a=b; Path=/", False),
        ("__Host-a=b; Secure; Path=/; Domain=x.example", False),
        ("__host-a=b; Secure; Path=/deep", False),
    ],
)
def test_names_that_promise_something(field: str, is_kept: bool) -> None:
    """`__Host-` and `__Secure-`, in whatever case, hold what they promise or are ignored; over http they never hold."""
    assert bool(after(SAFE, field)) == is_kept
    assert after(HERE, field) == ""


def test_secure_cookies() -> None:
    """A Secure cookie goes over https alone, and is neither set nor replaced by way of http."""
    jar = new_jar(SAFE, "a=b; Secure")
    assert (sent(jar, SAFE), sent(jar, HERE)) == ("a=b", "")
    jar.store(HERE, ["a=evil", "a=evil; Path=/deep", "c=d; Secure", "e=f"], NOW)
    assert sent(jar, "https://x.example/deep/page") == "a=b; e=f"


# How many.


def test_cookies_of_one_host_are_bounded() -> None:
    """A host has 180 cookies at most, the newest, and no Cookie header is longer than 8 KiB."""
    jar = new_jar()
    for start in range(0, 10_000, 20):
        jar.store(HERE, [f"name{start + n}={'v' * 200}" for n in range(20)], NOW)
    assert len(jar) == MOST_A_DOMAIN
    assert len(sent(jar, HERE)) <= LONGEST_HEADER
    assert "name9999" in {cookie.name for cookie in jar}


def test_cookies_are_bounded() -> None:
    """A jar has 3,000 cookies at most; expired ones go first, then those that were not sent for longest."""
    jar = new_jar("http://first.example/", "a=b")
    for number in range(MOST + 100):
        jar.store(f"http://n{number}.example/", ["a=b"], NOW)
        sent(jar, "http://first.example/")
    assert MOST // 2 < len(jar) <= MOST
    assert sent(jar, "http://first.example/") == "a=b"
    assert sent(jar, "http://n0.example/") == ""
    assert sent(jar, f"http://n{MOST + 99}.example/") == "a=b"


def test_secure_and_living_cookies_stay() -> None:
    """Of a host with too many cookies those that have expired go first, and then those without Secure."""
    jar = new_jar(SAFE, "safe=1; Secure", "old=1; Max-Age=1; Secure")
    jar.store(SAFE, [f"n{n}=1" for n in range(MOST_A_DOMAIN - 1)], NOW + 10)
    assert {"safe", "n0"} <= {cookie.name for cookie in jar}
    jar.store(SAFE, ["another=1"], NOW + 10)
    assert {cookie.name for cookie in jar} >= {"safe", "n1", "another"}
    assert "n0" not in {cookie.name for cookie in jar}


def test_large_cookies_are_bounded() -> None:
    """A jar has 2 MiB of cookies at most, those that were sent last among them."""
    jar = new_jar("http://first.example/", "a=b")
    for number in range(MOST // 2):
        jar.store(f"http://n{number}.example/", [f"a={'v' * 4000}"], NOW)
        sent(jar, "http://first.example/")
        assert jar.size <= MOST_BYTES
    assert jar.size == sum(each.size for each in jar)
    assert jar.size > MOST_BYTES // 2
    assert sent(jar, "http://first.example/") == "a=b"
    jar.clear()
    assert (len(jar), jar.size) == (0, 0)


def seconds(jar: Jar, url: str, fields: list[str]) -> float:
    """The CPU time that it takes to store `fields`."""
    best = inf
    for _ in range(5):
        begun = time.thread_time()
        jar.store(url, fields, NOW)
        best = min(best, time.thread_time() - begun)
    return best


@pytest.mark.parametrize("names", [[f"x{n}" for n in range(250)], ["c"] * 250], ids=["names", "one name"])
def test_a_flood_over_secure_cookies_costs_little(names: list[str]) -> None:
    """What is secure, in whatever domains and for whatever paths, makes it no work to set cookies by http."""
    jar = new_jar()
    for host in range(12):
        jar.store(f"https://n{host}.a.example/", [f"c=v; Secure; Path=/p{n}" for n in range(MOST_A_DOMAIN)], NOW)
    fields = [f"{name}=v; Domain=a.example; Path=/x{n}/y" for n, name in enumerate(names)]
    alone = seconds(new_jar(), "http://n3.a.example/", fields)
    assert seconds(jar, "http://n3.a.example/", fields) < 10 * alone + 0.01
    assert len(jar) == 13 * MOST_A_DOMAIN
    jar.store("http://n3.a.example/", ["c=evil; Domain=a.example; Path=/p5/deeper", "c=evil; Path=/p6"], NOW)
    assert "evil" not in {cookie.value for cookie in jar}


@given(
    st.lists(st.tuples(*map(st.sampled_from, (["a", "b"], ["x.example", "y.x.example"], ["/", "/p", "/p/", "/p/q"])))),
    st.tuples(*map(st.sampled_from, (["x.example", "y.x.example", "z.x.example"], ["/", "/p", "/p/", "/p/q/r"]))),
)
def test_what_hides_a_secure_cookie(secure: list[tuple[str, str, str]], other: tuple[str, str]) -> None:
    """By http no cookie takes the name of a secure one, at a domain above or below it, for its path or below that."""
    jar = new_jar()
    for name, domain, path in secure:
        jar.store(f"https://{domain}/", [f"{name}=safe; Secure; Domain={domain}; Path={path}"], NOW)
    domain, path = other
    jar.store(f"http://{domain}/", [f"a=evil; Domain={domain}; Path={path}"], NOW)
    is_hidden = any(
        name == "a"
        and (domain_matches(domain, theirs) or domain_matches(theirs, domain))
        and path_matches(path, their_path)
        for name, theirs, their_path in secure
    )
    assert ("evil" in {cookie.value for cookie in jar}) != is_hidden
    jar.clear()
    jar.store(f"http://{domain}/", ["a=now; Path=/"], NOW)
    assert sent(jar, f"http://{domain}/") == "a=now", "nothing secure is left"


def test_invalid_fields_cost_little() -> None:
    """Five thousand fields that mean nothing take little work."""
    fields = [f"\x01a{n}=b; Domain=co.uk; Expires=soon" for n in range(2_500)]
    fields += [f"a{n}=b; Domain=n{n}.co.uk; Expires=soon;" + ";" * 500 for n in range(2_500)]
    start = time.process_time()
    assert len(new_jar(HERE, *fields)) == 0
    assert time.process_time() - start < 2


# What outlives the crawl.


def test_a_jar_is_recalled_as_it_was() -> None:
    """What a jar holds comes back whole: who it is for, when it ends, and what is the oldest."""
    fields = ["a=b; Max-Age=60", "c=d; Domain=x.example; Path=/p; HttpOnly; SameSite=Lax", "e=f; Secure"]
    jar = new_jar(SAFE, *fields)
    again = Jar(is_public_suffix=is_public_suffix)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(jar.changes()))
    again.recall(reversed(kept.values()))
    assert list(again) == list(jar)
    assert sent(again, "https://sub.x.example/p") == "c=d"
    assert sent(again, "https://x.example/p", NOW + 60) == "c=d; e=f"
    assert again.changes() == jar.changes() == {}


def test_what_changes_is_bounded() -> None:
    """Of cookies that came and went only those are told of that were told of before, if anybody ever asks."""
    jar = new_jar(HERE, "first=1")
    [key] = jar.changes()
    for number in range(2 * MOST_A_DOMAIN):
        jar.store(HERE, [f"n{number}=1"], NOW)
    assert len(jar._changed) == MOST_A_DOMAIN + 1
    jar.store(HERE, ["first=2"], NOW)
    jar.store(HERE, ["first=; Max-Age=0"], NOW)
    changes = jar.changes()
    assert [each for each, cookie in changes.items() if cookie is None] == [key]
    assert len(changes) == MOST_A_DOMAIN


def test_cookie_files() -> None:
    """A Netscape cookie file holds all but SameSite, and what other programs wrote is read."""
    jar = new_jar(SAFE, "a=b; Max-Age=60", "c=d; Domain=x.example; Path=/p; HttpOnly", "e=f; Secure")
    text = cookie_file.written(jar)
    assert text.splitlines()[1:] == [
        "x.example\tFALSE\t/\tFALSE\t1700000060\ta\tb",
        "#HttpOnly_.x.example\tTRUE\t/p\tFALSE\t0\tc\td",
        "x.example\tFALSE\t/\tTRUE\t0\te\tf",
    ]
    again = Jar(is_public_suffix=is_public_suffix)
    for cookie in cookie_file.read(f"# comment\n\n{text}"):
        again.add(cookie, NOW)
    assert cookie_file.written(again) == text


def test_a_file_cannot_set_cookies_for_everybody() -> None:
    """A cookie of a file that is for a public suffix, or has expired, is not taken."""
    jar = new_jar()
    for cookie in cookie_file.read(".co.uk\tTRUE\t/\tFALSE\t0\ta\tb\nx.example\tFALSE\t/\tFALSE\t1\tc\td\n"):
        jar.add(cookie, NOW)
    assert len(jar) == 0


@pytest.mark.parametrize(
    "line",
    ["x.example", "x.example\tYES\t/\tFALSE\t0\ta\tb", "\tTRUE\t/\tFALSE\tsoon\ta\tb", "x\tTRUE\tp\tTRUE\t0\ta\tb"],
)
def test_a_line_that_is_none(line: str) -> None:
    """The number of a line that cannot be read is told."""
    with pytest.raises(ValueError, match="line 2 is not"):
        list(cookie_file.read(f"# comment\n{line}\n"))


def test_readable() -> None:
    """A jar says how much it holds."""
    assert repr(new_jar(HERE, "a=b")) == "<Jar of 1 cookies>"
    assert Cookie("a", "b", "x.example").pair == "a=b"
