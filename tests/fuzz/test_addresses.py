"""Addresses as servers may write them: what comes of them is an address that can be asked for, or none."""

from hypothesis import example, given
from hypothesis import strategies as st

from scraper import LinkExtractor, Request, SpiderError, urls
from scraper.errors import Reason
from scraper.markup.links.canonicalize import canonicalize_url
from scraper.network.policies.meta_refresh import refresh
from scraper.network.policies.redirects import Redirects
from scraper.network.policies.referrer import POLICIES, referer
from scraper.protocols import Attempts, identity
from scraper.settings.schema import NetworkSettings
from scraper.verdict import Fail, Redirect
from tests.fuzz.drawn import HERE, bodies, headers, response, texts

ADDRESSES = texts(
    "http://", "https://", "//", "/", "..", "a.example", "b.example", ":80", ":", "@", "user:pass@", "?", "&", "=", "#",
    "%2e", "%", "%zz", "%7E", "[::1]", "[", "127.1", "0x7f.1", "\\", "\t", "\n", " ", "é", "日本", "\ud800", "xn--",
    "。", "javascript:", "ftp://", "data:,", ";", "\x00", "\x85",
)  # fmt: skip


@given(ADDRESSES)
def test_an_address_is_written_in_one_way(text: str) -> None:
    """What is canonical stays as it is, has nothing in it that a request cannot have, and has one key."""
    found = urls.canonical(text)
    if found is None:
        return
    assert urls.canonical(found) == found
    assert found.isascii()
    assert found.isprintable()
    key = urls.key(found)
    assert urls.key(key) == key
    assert urls.key(urls.canonical(key) or "") == key
    assert "@" not in urls.without_credentials(found).partition("://")[2].partition("/")[0]
    if urls.is_web(found):
        assert " " not in found
        assert urls.host(found)
        assert urls.site(found)
        assert found.startswith(urls.origin(found).partition("://")[0])


@given(ADDRESSES, st.booleans())
@example("http://a.example/?%%41", False)
def test_addresses_for_comparison(text: str, keep: bool) -> None:
    """`canonicalize_url` takes any text, and what it gives stays as it is."""
    once = canonicalize_url(text, keep_fragments=keep)
    assert canonicalize_url(once, keep_fragments=keep) == once


@given(ADDRESSES)
def test_requests(text: str) -> None:
    """A request of any address is made, or refused by the one error."""
    try:
        request = Request(text)
    except SpiderError:
        return
    assert Request(request.url).url == request.url
    assert identity(request) == identity(Request(request.url))


@given(st.lists(st.one_of(ADDRESSES, headers), min_size=1, max_size=2), st.sampled_from([301, 302, 303, 307, 308]))
def test_redirects(locations: list[str], status: int) -> None:
    """A Location leads to an address of the web with fewer secrets, or the request fails for one of three reasons."""
    request = Request(HERE, headers={"Authorization": "secret", "X-Mine": "1"}, cookies={"a": "secret"})
    answer = response(b"", *(("Location", each) for each in locations), status=status, request=request)
    sequel = Redirects(NetworkSettings())(request, answer, Attempts())
    match sequel:
        case Redirect(following):
            assert urls.is_web(following.url)
            assert urls.canonical(following.url) == following.url
            if urls.origin(following.url) != urls.origin(HERE):
                assert "Authorization" not in following.headers
        case Fail(reason):
            assert reason in {Reason.BAD_REDIRECT, Reason.SCHEME_NOT_ALLOWED, Reason.TOO_MANY_REDIRECTS}
        case None:
            assert not any(locations[:1])


@given(
    bodies(
        "<meta ", "http-equiv=refresh ", "content=", "'", '"', "0", ";", "url=", "http://b.example", ">", "<!--", "-->"
    )
)
def test_pages_that_lead_elsewhere(body: bytes) -> None:
    """A page's refresh has a time and an address, if it has one."""
    found = refresh(response(body, ("Content-Type", "text/html")))
    if found is not None:
        assert found[0] >= 0
        assert urls.canonical(found[1]) == found[1]


@given(ADDRESSES, st.sampled_from(sorted(POLICIES)))
def test_referers(text: str, policy: str) -> None:
    """A Referer has no credentials and no fragment."""
    target = urls.canonical(text)
    if target is not None and urls.is_web(target):
        sent = referer(policy, "https://user:pass@a.example/b?c#d", target)
        assert sent is None or ("@" not in sent and "#" not in sent)


@given(
    bodies(
        "<a href=",
        "<area href=",
        "<base href=",
        "'",
        '"',
        ">",
        "</a>",
        "http://",
        "//",
        "b.example",
        "/",
        "?",
        "#",
        " ",
        "<img srcset=",
        ",",
        "2x",
    )
)
def test_links(body: bytes) -> None:
    """The links of any page are addresses of the web, each once."""
    page = response(body, ("Content-Type", "text/html"))
    found = [link.url for link in LinkExtractor(tags="*", attrs=("href", "src", "srcset")).extract_links(page)]
    assert all(map(urls.is_web, found))
    assert len(found) == len(set(found))
    for each in page.follow_all(css="a, area"):
        assert urls.canonical(each.url) in {each.url, None}
