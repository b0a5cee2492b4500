"""URLs are read as browsers read them."""

import json
import re
from pathlib import Path

import pytest
from ada_url import URL, join_url
from hypothesis import example, given
from hypothesis import strategies as st

from scraper import urls

CASES = json.loads((Path(__file__).parent / "cases/urls.json").read_text())
BASES = [
    "http://a.example/",
    "http://a.example/b/c/d;p?q=/x/y#f/g",
    "https://user:pass@a.example:8443/b/c?d#e?f/g",
    "http://a.example/b//c/../d/",
    "http://[::1]:8000/x",
]
PIECES = [
    "", "a", "b.html", "..", ".", "/", "//", "?", "#", ";", ":", "@", "%2e", "%", "\\", " ", "\t", "\n", "\x00", "\x0b",
    "http:", "https:", "HTTP:", "mailto:", "javascript:",
    "x=1", "&", "é", "日本", "[", "]", "|", "http://b.example", "//c.example",
]  # fmt: skip


def joined_by_ada(base: str, reference: str) -> str | None:
    try:
        return join_url(base, reference)
    except ValueError:
        return None


@given(st.sampled_from(BASES), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
@example("http://a.example/b/c?d", "http:")
@example("http://a.example/b/c?d", "http:?x")
@example("http://a.example/b/c#x/y?z", "e")
def test_join_is_what_a_browser_gives_whatever_is_remembered(base: str, reference: str) -> None:
    """Joining by folder, and remembering the answer, gives what ada gives for the whole base."""
    assert urls.join(base, reference) == joined_by_ada(URL(base).href, reference)


@given(st.sampled_from(BASES), st.text(max_size=12))
def test_join_never_raises(base: str, reference: str) -> None:
    """Any text can be joined: the outcome is a URL or None."""
    assert urls.join(base, reference) == joined_by_ada(URL(base).href, reference)


@pytest.mark.parametrize(
    ("base", "reference", "expected"),
    [
        ("http://example.org/foo/bar", "http:foo", "http://example.org/foo/foo"),
        ("http://example.org/foo/bar", "http:", "http://example.org/foo/bar"),
        ("http://example.org/foo/bar", "\t   :foo.com   \n", "http://example.org/foo/:foo.com"),
        ("http://example.org/foo/bar", " foo.com  ", "http://example.org/foo/foo.com"),
        ("http://example.org/foo/bar", "http://f:/c", "http://f/c"),
        ("http://example.org/foo/bar", "http://f:fifty-two/c", None),
        ("http://example.org/foo/bar", "\\x", "http://example.org/x"),
        ("http://example.org/foo/bar", "#β", "http://example.org/foo/bar#%CE%B2"),
        ("http://example.org/foo/bar", "http://www.google.com/foo?bar=baz# »", "http://www.google.com/foo?bar=baz#%20%C2%BB"),
        ("http://example.org/foo/bar", "//server/file", "http://server/file"),
        ("http://example.org/foo/bar", "http://[www.google.com]/", None),
        ("http://example.org/foo/bar", "http://a b/", None),
        ("http://other.com/", "http://GOO\u200b\u2060\ufeffgoo.com", "http://googoo.com/"),
        ("http://other.com/", "http://www.foo。bar.com", "http://www.foo.bar.com/"),
        ("http://other.com/", "http://0Xc0.0250.01", "http://192.168.0.1/"),
        ("http://other.com/", "http://你好你好", "http://xn--6qqa088eba/"),
        ("about:blank", "http://./", "http://./"),
        ("file:///test?test#test", "file:?x", "file:///test?x"),
    ],
)  # fmt: skip
def test_join_agrees_with_the_web_platform_tests(base: str, reference: str, expected: str | None) -> None:
    """Facts of the WHATWG URL standard's own tests (web-platform-tests, url/resources/urltestdata.json)."""
    assert urls.join(base, reference) == expected


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
        ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q#s"), ("g#s", "http://a/b/c/g#s"),
        (";x", "http://a/b/c/;x"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("..", "http://a/b/"),
        ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../../g", "http://a/g"), ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"), ("./../g", "http://a/b/g"), ("g;x=1/../y", "http://a/b/c/y"), ("g?y/../x", "http://a/b/c/g?y/../x"),
    ],
)  # fmt: skip
def test_join_agrees_with_rfc_3986(reference: str, expected: str) -> None:
    """The examples of RFC 3986, 5.4, with the base `http://a/b/c/d;p?q`."""
    assert urls.join("http://a/b/c/d;p?q", reference) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://EXAMPLE.com", "http://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443/a/../b", "https://example.com/b"),
        ("http://example.com/a b", "http://example.com/a%20b"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("//example.com/", None),
        ("example.com", None),
        ("", None),
        ("http://", None),
        ("http://exa mple.com/", None),
        ("http://\ud800/", None),
        ("\ufeffhttp://example.com/\r\n", "http://example.com/"),
        ("\ufeff/path", None),
    ],
)
def test_canonical_form(url: str, expected: str | None) -> None:
    """The canonical form is ada's href, and None for what is no absolute URL."""
    assert urls.canonical(url) == expected


@given(st.sampled_from(BASES), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_canonical_is_idempotent(base: str, reference: str) -> None:
    """The canonical form of a canonical URL is itself."""
    url = urls.join(base, reference)
    if url is not None:
        assert urls.canonical(url) == url


TRIPLETS = st.lists(
    st.sampled_from(
        ("%", "%%", "2", "4", "6", "A", "f", "g", "/", "%2F", "%2f", "%25", "%34", "%46", "%61", "%7e", "%5A")
    )
).map("".join)


def octets(url: str) -> list[str]:
    """What a URL says: its characters, and triplets, unless they stand for unreserved ones (RFC 3986, 2.1 and 2.3)."""
    units = re.findall("%[0-9A-Fa-f]{2}|.", url)
    meant = [chr(int(unit[1:], 16)) if len(unit) == 3 else unit for unit in units]
    return [
        char if re.match(r"[\w.~-]", char, re.ASCII) else unit.upper() for unit, char in zip(units, meant, strict=True)
    ]


@given(TRIPLETS, TRIPLETS)
@example("%%341", "")
@example("%2%46", "")
@example("%%34%31", "%")
def test_a_key_never_makes_a_new_triplet(path: str, query: str) -> None:
    """What tells pages apart says the same as the URL, and is the key of itself."""
    url = urls.canonical(f"http://a.example/{path}?{query}x")
    assert url is not None
    assert octets(urls.key(url)) == octets(url)
    assert urls.key(urls.key(url)) == urls.key(url)


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("/%2%46", "/%2F", False),
        ("/%%341", "/%41", False),
        ("/%7Ea%2f", "/~a%2F", True),
        ("/x?", "/x", True),
        ("/x?#a", "/x#b", True),
        ("/?", "/", True),
        ("/x??", "/x?", False),
        ("/x?a?", "/x?a", False),
        ("/x?&", "/x", False),
        ("/x?=", "/x", False),
        ("/x%3F", "/x", False),
    ],
)
def test_which_urls_are_one_page(one: str, other: str, are_one: bool) -> None:
    """Escapes that need not be, fragments and an empty query make no difference; everything else does."""
    keys = {urls.key(urls.canonical(f"http://a.example{each}") or "") for each in (one, other)}
    assert (len(keys) == 1) is are_one


def test_long_urls_are_not_remembered() -> None:
    """A URL of more than 2,048 characters is read like any other, and takes no place in the memory of URLs."""
    memories = (urls._canonical, urls._join, urls._origin, urls._site, urls._host)
    long, name = "http://a.example/" + "x" * 3000, "x" * 3000 + ".example"
    known = [each.cache_info().currsize for each in memories]
    assert urls.canonical(long) == long
    assert urls.join("http://a.example/b/c", "x" * 3000) == "http://a.example/b/" + "x" * 3000
    assert urls.join_all(f"{long}/", ["y", "/z"]) == [f"{long}/y", "http://a.example/z"]
    assert urls.origin(f"http://me:{name}@{name}:81/") == f"http://{name}:81"
    assert urls.site(f"http://me@{name}:81/") == f"{name}:81"
    assert urls.host(f"http://me@{name}:81/") == name
    assert [each.cache_info().currsize for each in memories] == known


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.example/b/c", "http://a.example/b/"),
        ("http://a.example/", "http://a.example/"),
        ("http://a.example/b/c?d=/e/f", "http://a.example/b/"),
        ("http://a.example/b/c#d/e?f/g", "http://a.example/b/"),
        ("mailto:a@b.example", "mailto:a@b.example"),
    ],
)
def test_folder(url: str, expected: str) -> None:
    """The folder of a URL ends with the last slash of its path, wherever its query and fragment have slashes."""
    assert urls.folder(url) == expected


@pytest.mark.parametrize(
    ("url", "origin", "host", "site"),
    [
        ("http://a.example/b", "http://a.example", "a.example", "a.example"),
        ("https://a.example/b", "https://a.example", "a.example", "a.example"),
        ("http://a.example:8001/", "http://a.example:8001", "a.example", "a.example:8001"),
        ("http://user:pw@a.example:8001/", "http://a.example:8001", "a.example", "a.example:8001"),
        ("http://[::1]:8000/x@y", "http://[::1]:8000", "[::1]", "[::1]:8000"),
        ("http://[::1]/", "http://[::1]", "[::1]", "[::1]"),
        ("http://127.0.0.1/", "http://127.0.0.1", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_origin_host_and_site(url: str, origin: str, host: str, site: str) -> None:
    """Both schemes of a host are one site, its unusual ports are others; user info belongs to none."""
    assert (urls.origin(url), urls.host(url), urls.site(url)) == (origin, host, site)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://user:secret@a.example/b@c", "http://a.example/b@c"),
        ("http://user@a.example:81/", "http://a.example:81/"),
        ("http://user:se@cret@a.example", "http://a.example"),
        ("ftp://user:secret@a.example/x", "ftp://a.example/x"),
        ("http://a.example/x@y", "http://a.example/x@y"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("http://user:se/cret@a.example/b", "http://a.example/b"),
        ("http://user:se/cr@et@a.example/b", "http://a.example/b"),
        ("http:\\\\user:secret@[a.example", "[a.example"),
        ("user:se cret@a.example", "user:se cret@a.example"),
    ],
)
def test_credentials_are_removed(url: str, expected: str) -> None:
    """What is shown of a URL has no user and no password, and neither has what was meant to be one."""
    assert urls.without_credentials(url) == expected


@pytest.mark.parametrize(
    ("url", "params", "expected"),
    [
        ("http://a.example/", {"q": "tea & milk"}, "http://a.example/?q=tea+%26+milk"),
        ("http://a.example/?x=1", {"y": 2}, "http://a.example/?x=1&y=2"),
        ("http://a.example/?", {"y": 2}, "http://a.example/?y=2"),
        ("http://a.example/?x=1&", {"y": 2}, "http://a.example/?x=1&y=2"),
        ("http://a.example/#f", {"y": "é"}, "http://a.example/?y=%C3%A9#f"),
        ("http://a.example/", {"t": ["a", "b"], "n": None}, "http://a.example/?t=a&t=b"),
        ("http://a.example/", [("t", "a"), ("t", "b")], "http://a.example/?t=a&t=b"),
        ("http://a.example/#f", {}, "http://a.example/#f"),
        ("http://a.example/#f", {"n": None}, "http://a.example/#f"),
    ],
)
def test_params_are_added_to_the_query(url: str, params: object, expected: str) -> None:
    """Params come after the query that is there, before the fragment; lists repeat a name, None leaves it out."""
    assert urls.with_params(url, params) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reference", "codec", "expected"),
    [
        ("?†", "cp949", "?%A2%D3"),
        ("?†", "cp1252", "?%86"),
        ("?\u2212", "cp932", "?%81|"),
        ("?¢", "iso8859-2", "?%26%23162%3B"),
        ("/é?a=é#é", "cp1252", "/é?a=%E9#é"),
        ("/é?a=é", "utf-8", "/é?a=é"),
        ("/é#?é", "cp1252", "/é#?é"),
    ],
)
def test_queries_of_legacy_pages(reference: str, codec: str, expected: str) -> None:
    """A query, and nothing else of a URL, is encoded as its page is (web-platform-tests, percent-encoding.json)."""
    assert urls.in_encoding(reference, codec) == expected


@pytest.mark.parametrize(("reference", "base", "href"), CASES["parsed"])
def test_urls_of_the_web_platform_tests(reference: str, base: str | None, href: str | None) -> None:
    """They are what the web platform tests tell, or none at all."""
    assert (urls.join(urls.canonical(base) or base, reference) if base else urls.canonical(reference)) == href


@pytest.mark.parametrize(("host", "ascii_host"), CASES["hosts"])
def test_international_hosts(host: str, ascii_host: str | None) -> None:
    """Hosts are written in ASCII as UTS #46 has it, or are none."""
    assert urls.canonical(f"https://{host}/") == (None if ascii_host is None else f"https://{ascii_host}/")


@pytest.mark.parametrize(("base", "reference", "expected"), CASES["resolved"])
def test_references_are_resolved(base: str, reference: str, expected: str) -> None:
    """References of the RFCs, of CPython's tests and of crawler-commons lead where those say."""
    assert urls.join(base, reference) == urls.canonical(expected)
