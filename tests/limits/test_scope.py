"""Which addresses belong to the crawl."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scraper import urls
from scraper.errors import Reason, SpiderError
from scraper.http.request import Request, unasked
from scraper.limits.scope import Depth, Scheme, Scope
from scraper.verdict import GO, Refuse, Verdict

LABELS = st.lists(st.sampled_from(["a", "b", "shop", "example", "xn--bcher-kva"]), min_size=1, max_size=4)
OFFSITE = Refuse(Reason.OFFSITE)


def scope(url: str, *allowed: str) -> Verdict:
    return Scope(allowed).judge(Request(url), 0.0)


@pytest.mark.parametrize("url", ["http://a.example/", "https://a.example", "HTTPS://A.example:8443/x?y#z"])
def test_web_addresses_pass(url: str) -> None:
    """An http or https URL passes."""
    assert Scheme().judge(Request(url), 0.0) is GO


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a.example/", "data:text/html,x", "javascript:alert(1)", "mailto:a@b.example"],
)
def test_other_schemes_are_refused(url: str) -> None:
    """A URL of any other scheme is refused, whoever leads to it."""
    assert Scheme().judge(Request(url), 0.0) == Refuse(Reason.SCHEME_NOT_ALLOWED)


@pytest.mark.parametrize("url", ["", "/page", "http://", "http://[::1/", "http://a b/", "https://a.example:99999/x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    """Text that is no absolute URL is refused as such."""
    assert Scheme().judge(unasked(url), 0.0) == Refuse(Reason.INVALID_URL)


@given(st.one_of(st.text(), st.text().map("http://".__add__), st.text("/\\@:#?a. \t%").map("https:/".__add__)))
@example("http:////////a b/")
@example("http://\t/a b/")
@example("http://a:1/2:99999")
@example("http://0 /")
def test_validity_is_that_of_the_whole_url(url: str) -> None:
    """Judging a URL by what precedes its path gives what judging all of it would give."""
    request = unasked(url)
    canonical = urls.canonical(request.url)
    verdict = Scheme().judge(request, 0.0)
    if canonical is None:
        assert verdict == Refuse(Reason.INVALID_URL)
    else:
        assert verdict == (GO if urls.is_web(canonical) else Refuse(Reason.SCHEME_NOT_ALLOWED))


def test_no_domains_are_all_domains() -> None:
    """A spider without allowed_domains may go anywhere."""
    assert scope("http://anywhere.example/") is GO


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://books.example/x", "books.example"),
        ("https://books.example:8443/", "books.example"),
        ("https://shop.books.example/", "books.example"),
        ("https://a.b.books.example/", ".Books.EXAMPLE"),
        ("https://books.example/", " *.books.example "),
        ("https://books.example./", "books.example"),
        ("https://books.example/", "books.example."),
        ("https://books.example/", "https://books.example/catalogue?x=1"),
        ("http://books.example:8080/", "http://books.example:8080/"),
        ("http://books.example:8080/", "books.example:8080"),
        ("http://www.books.example:8080/", "books.example:8080"),
        ("http://books.example/", "books.example:80"),
        ("https://books.example/", "books.example:443"),
        ("http://127.0.0.1:5000/", "127.0.0.1"),
        ("http://127.0.0.1:5000/", "127.0.0.1:5000"),
        ("http://[::1]:5000/", "::1"),
        ("http://[::1]:5000/", "[::1]:5000"),
        ("https://xn--bcher-kva.example/", "bücher.example"),
        ("https://user:password@books.example/", "books.example"),
    ],
)
def test_a_host_at_or_below_an_allowed_domain_passes(url: str, allowed: str) -> None:
    """An allowed domain admits its host and all below it, on the port that it names, or on any."""
    assert scope(url, "other.example", allowed) is GO


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example/", "books.example"),
        ("https://mybooks.example/", "books.example"),
        ("https://books.example.evil.example/", "books.example"),
        ("https://books.example@evil.example/", "books.example"),
        ("https://evil.example/?books.example/", "books.example"),
        ("https://evil.example\\@books.example/", "books.example"),
        ("http://books.example:8081/", "books.example:8080"),
        ("https://books.example/", "books.example:80"),
        ("http://127.0.0.1:5001/", "127.0.0.1:5000"),
        ("http://1.127.0.0.1.example/", "127.0.0.1"),
    ],
)
def test_other_hosts_are_offsite(url: str, allowed: str) -> None:
    """A host that only looks like an allowed one is refused as offsite."""
    assert scope(url, allowed) == OFFSITE


def test_long_hosts_are_not_remembered() -> None:
    """Where a URL is longer than 2,048 characters before its path, it is judged like any other and not remembered."""
    name = "x" * 3000 + ".example"
    limit, scheme = Scope(["a.example"]), Scheme()
    assert limit.judge(Request(f"http://{name}/"), 0.0) == OFFSITE
    assert limit.judge(Request(f"http://{name.replace('.example', '')}:pw@a.example/"), 0.0) is GO
    assert scheme.judge(Request(f"http://{name}/"), 0.0) is GO
    assert limit._judge_head.cache_info().currsize == scheme._judge_head.cache_info().currsize == 0


def test_one_name_may_have_several_ports() -> None:
    """Ports of one host are listed one by one; the name alone admits all of them."""
    both = ["a.example:1", "a.example:2"]
    assert [scope(f"http://a.example:{port}/", *both) for port in (1, 2, 3)] == [GO, GO, OFFSITE]
    assert scope("http://a.example:3/", *both, "a.example") is GO


@given(LABELS, LABELS, st.sampled_from(["", ":8080"]))
def test_scope_is_a_suffix_of_whole_labels(host: list[str], domain: list[str], port: str) -> None:
    """A host is in scope exactly if its labels end with those of an allowed domain."""
    verdict = scope(f"http://{'.'.join(host)}.test{port}/path", f"{'.'.join(domain)}.test")
    assert (verdict is GO) == (host[-len(domain) :] == domain)


@pytest.mark.parametrize("entry", ["", ".", "a b.example", "ftp://a.example", "http://", "a.example:99999"])
def test_an_entry_that_names_no_host_is_an_error(entry: str) -> None:
    """An entry of allowed_domains that could never match is refused before the crawl."""
    with pytest.raises(SpiderError, match="allowed_domains"):
        Scope([entry])


def test_one_text_is_no_list_of_domains() -> None:
    """`allowed_domains = "a.example"` is refused: its letters are no domains."""
    with pytest.raises(SpiderError, match="list"):
        Scope("a.example")


def test_depth_is_bounded() -> None:
    """A page more than max_depth links away from a start URL is refused; 0 is any number."""
    page = Request("http://a.example/", depth=3)
    assert Depth(3).judge(page, 0.0) is GO
    assert Depth(0).judge(page, 0.0) is GO
    assert Depth(2).judge(page, 0.0) == Refuse(Reason.DEPTH)
