"""Links: which a page has, which are wanted, and what their URLs are."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scraper import urls
from scraper.errors import SpiderError
from scraper.http.response import Response
from scraper.markup.links.canonicalize import TRACKING_PARAMS, canonicalize_url, without_params
from scraper.markup.links.link_extractor import Link, LinkExtractor
from scraper.markup.links.srcset import srcset_urls

CASES = Path(__file__).parent / "cases"


def cases(name: str) -> list[Any]:
    """The rows of a file of cases."""
    lines = (CASES / name).read_text(encoding="utf-8").splitlines()
    return [pytest.param(json.loads(line), id=json.loads(line)["id"]) for line in lines]


def page(body: str, url: str = "http://shop.example/tea/") -> Response:
    """A page at `url`."""
    return Response(url, body=body)


def found(body: str, **options: Any) -> list[str]:
    """The paths and queries of a page's links, or the whole URLs of those that lead elsewhere."""
    return [link.url.removeprefix("http://shop.example") for link in page(body).links(**options)]


@pytest.mark.parametrize("case", cases("links_scrapy.jsonl"))
def test_pages_have_the_links_that_scrapy_finds(case: dict[str, Any]) -> None:
    """Each page of Scrapy's own tests (scrapy/scrapy, tests/test_linkextractors.py, BSD-3) has the same links here."""
    extractor = LinkExtractor(**case["options"])
    if "html" not in case:
        assert extractor.matches(case["url"]) is case["expected"]
        return
    html = case["html"]
    body = html.encode(case["encoding"]) if isinstance(html, str) else base64.b64decode(html["$b64"])
    links = extractor.extract_links(Response(case["url"], body=body, encoding=case["encoding"]))
    assert links == [Link(**each) for each in case["expected"]]


def test_links_start_from_the_base() -> None:
    """References are joined to `<base href>` if the page has one."""
    assert found('<base href="/other/"><a href="x">') == ["/other/x"]


def test_what_is_no_web_page_is_no_link() -> None:
    """Only http and https URLs are links."""
    body = (
        "<a href='mailto:a@b.example'><a href='javascript:go()'><a href='http://['><a href='tel:1'><a href='data:,x'>"
    )
    assert found(body + "<a href='file:///etc/passwd'><a href='ftp://shop.example/'><a name=x><a href='/y'>") == ["/y"]


def test_links_are_told_once() -> None:
    """Each URL comes once, at its first place, unless `unique` is false."""
    body = "<a href=1>one</a><a href=2>two</a><a href=1>again</a>"
    assert found(body) == ["/tea/1", "/tea/2"]
    assert page(body).links()[0].text == "one"
    assert found(body, unique=False) == ["/tea/1", "/tea/2", "/tea/1"]


def test_files_are_no_pages() -> None:
    """Links to images, archives and the like are left out by default, whatever is in their query, and kept if asked."""
    body = "<a href=a.PDF><a href=b.tar.gz?x=1#y><a href=c.html?file=x.pdf><a href=d>"
    assert found(body) == ["/tea/c.html?file=x.pdf", "/tea/d"]
    assert len(found(body, deny_extensions=())) == 4
    assert found(body, deny_extensions="html") == ["/tea/a.PDF", "/tea/b.tar.gz?x=1#y", "/tea/d"]


def test_expressions_are_looked_for_in_urls_and_texts() -> None:
    """`allow` needs one that is found in the absolute URL, `deny` none, and `restrict_text` one found in the text."""
    body = "<a href=/p/1>first</a><a href=/p/2>second</a><a href=/q/3>third</a>"
    assert found(body, allow=("/p/", "/q/"), deny=r"/p/\d*2") == ["/p/1", "/q/3"]
    assert found(body, allow=r"^http://shop\.example/q") == ["/q/3"]
    assert found(body, restrict_text=["^f", "rd$"]) == ["/p/1", "/q/3"]


def test_a_text_may_be_that_of_a_later_link() -> None:
    """A link whose text is not wanted does not stand in the way of a later one to the same page."""
    assert found("<a href=/x><img></a><a href=/x>Tea</a>", restrict_text="Tea") == ["/x"]


def test_domains_have_those_below_them() -> None:
    """A domain stands for itself and all hosts below it, however it is written, and not for its namesakes."""
    body = "<a href=http://a.example/><a href=http://b.a.example:81/><a href=http://aa.example/><a href=http://xn--bcher-kva.example>"
    assert found(body, allow_domains="A.example") == ["http://a.example/", "http://b.a.example:81/"]
    assert found(body, allow_domains=["bücher.example"]) == ["http://xn--bcher-kva.example/"]
    assert found(body, deny_domains=("a.example", "aa.example")) == ["http://xn--bcher-kva.example/"]


def test_parts_of_a_page_are_looked_at() -> None:
    """Links are looked for in what `restrict_css` and `restrict_xpaths` find: links themselves, too."""
    pytest.importorskip("lxml")
    body = "<nav><a href=/n>n</a></nav><main><a href=/m>m</a><p><a href=/p>p</a></p></main>"
    assert found(body, restrict_css="main") == ["/m", "/p"]
    assert found(body, restrict_css=["p", "nav a"]) == ["/p", "/n"]
    assert found(body, restrict_xpaths="//main/a") == ["/m"]
    assert found(body, restrict_xpaths="//nav", restrict_css="p") == ["/n", "/p"]


def test_other_elements_and_attributes() -> None:
    """`tags` and `attrs` say what leads somewhere; several references of an element come in its attributes' order."""
    body = "<link href=/l><img src=/i.html data-src=/d><iframe src=/f></iframe><a href=/a>"
    assert found(body, tags=["a", "link"]) == ["/l", "/a"]
    assert found(body, tags=["img", "iframe"], attrs=["data-src", "src"]) == ["/i.html", "/d", "/f"]
    assert found(body, tags="*", deny_tags=("a", "link"), attrs="*", deny_attrs="src") == ["/d"]


def test_a_srcset_has_several_links() -> None:
    """Each candidate of a srcset is a link."""
    body = "<img srcset='/s.webp 1x, /l.webp 2x' src=/s.webp>"
    assert found(body, tags="img", attrs=("src", "srcset"), deny_extensions=()) == ["/s.webp", "/l.webp"]


@pytest.mark.parametrize(
    ("srcset", "expected"),
    [
        ("", []),
        ("a", ["a"]),
        ("a 1x, b 2x", ["a", "b"]),
        (" ,a,b 2w,,  c", ["a,b", "c"]),
        ("a, b", ["a", "b"]),
        ("data:,a (x, y) 1x, b", ["data:,a", "b"]),
        ("a( , b", ["a(", "b"]),
        ("a,,, b", ["a", "b"]),
        ("a 1x (, ) 2x,b", ["a", "b"]),
        ("\x1c, \x85 1x", ["\x1c", "\x85"]),  # which Python takes for white space, and HTML does not
    ],
)
def test_srcsets_are_read_as_the_standard_has_it(srcset: str, expected: list[str]) -> None:
    """Commas within a URL or parentheses separate nothing (HTML, 4.8.4.2.1)."""
    assert srcset_urls(srcset) == expected


def test_nofollow_is_told() -> None:
    """A link knows whether the page disowns it, in any case and among other tokens; such links can be left out."""
    body = "<a href=1 rel='external NoFollow'>1</a><a href=2 rel=nofollower>2</a><a href=3 rel='x,nofollow'>3</a>"
    assert [link.nofollow for link in page(body).links()] == [True, False, True]
    assert found(body, skip_nofollow=True) == ["/tea/2"]


def test_white_space_around_a_reference() -> None:
    """White space around a reference is no part of it, unless `strip` is false."""
    assert found("<a href='\n x y\t'>") == ["/tea/x%20y"]
    assert found("<a href=' x '>", strip=False) == ["/tea/%20x%20"]


def test_values_are_processed() -> None:
    """`process_value` is given each absolute URL, and says which to take instead, if any."""

    def real(url: str) -> str | None:
        return url.partition("go('")[2].partition("'")[0] or None

    body = "<a href=\"javascript:go('../coffee'); return false\">x</a><a href=/x>y</a>"
    assert found(body, process_value=real) == ["/coffee"]


def test_a_query_is_in_the_encoding_of_its_page() -> None:
    """Queries are encoded as the page is (WHATWG URL, 5.1), paths as UTF-8."""
    response = Response("http://a.example/", body='<meta charset="koi8-r"><a href="/ч?ч">'.encode("koi8-r"))
    assert [link.url for link in response.links()] == ["http://a.example/%D1%87?%DE"]


def test_parameters_that_count_visitors_are_dropped() -> None:
    """`drop_params` takes parameters out of URLs, which then are told once, and leaves the rest as it is."""
    body = "<a href='/x?b=%20&a&utm_source=y&GCLID=1#z'><a href='/x?b=%20&fbclid=3&a#z'><a href='/y?utm_id=1'>"
    assert found(body, drop_params=TRACKING_PARAMS) == ["/x?b=%20&a#z", "/y"]
    assert found(body, drop_params="b") == ["/x?a&utm_source=y&GCLID=1#z", "/x?fbclid=3&a#z", "/y?utm_id=1"]


def test_canonical_links_are_told_once() -> None:
    """With `canonicalize`, URLs are in canonical form, and those that become equal are told once."""
    body = "<a href='/x?b=1&a=2#y'><a href='/x?a=2&b=1'><a href='/%7Ea'><a href='/~a'>"
    assert found(body, canonicalize=True) == ["/x?a=2&b=1", "/~a"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"allow": "("}, "allow holds '(', which is not a regular expression"),
        ({"deny": [b"x"]}, "deny holds b'x', which is not a regular expression"),
        ({"restrict_text": 3}, "restrict_text is a text or a list of texts, not 3"),
        ({"allow_domains": "http://a.example/"}, "allow_domains holds host names as shop.example"),
        ({"deny_domains": ["a.example:80x"]}, "deny_domains holds host names"),
        ({"restrict_css": "a["}, "restrict_css is not understood"),
        ({"restrict_css": "a::text"}, "restrict_css selects elements"),
        ({"tags": "a b"}, "tags holds names of HTML or *, not 'a b'"),
        ({"attrs": [1]}, "attrs holds texts, not 1"),
        ({"deny_extensions": 1}, "deny_extensions is a text or a list"),
        ({"process_value": "x"}, "process_value is a function of a URL"),
        ({"drop_params": [None]}, "drop_params holds texts, not None"),
    ],
)
def test_what_means_nothing_is_refused(options: dict[str, Any], text: str) -> None:
    """An argument that means nothing is an error that names it, when the extractor is made."""
    with pytest.raises(SpiderError) as raised:
        LinkExtractor(**options)
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)


# Canonical URLs.

WHERE_STANDARDS_DIFFER = {
    "canon-00006": "`;` separates nothing (URL, 5.1)",
    "canon-00023": "what an encoding lacks becomes a character reference (URL, 5.1)",
    "canon-00029": "a comma and its triplet differ (RFC 3986, 2.2)",
    "canon-00043": "a relative reference is no URL",
    "canon-00045": "a relative reference is no URL",
    "canon-00050": "the host of an unknown scheme is opaque (URL, 3.5)",
    "canon-00076": "an empty label is a host (URL, 3.3)",
    "canon-00077": "labels may be long (URL, 3.3)",
}


@pytest.mark.parametrize("case", cases("canonicalize_w3lib.jsonl"))
def test_canonical_urls_are_those_of_w3lib(case: dict[str, Any]) -> None:
    """Each URL of w3lib's tests (scrapy/w3lib, BSD-3) has its canonical form here, but where standards differ."""
    options = dict(case["options"])
    options.pop("query_separator", None)
    encoding = options.pop("encoding", "utf-8")
    canonical = canonicalize_url(urls.in_encoding(case["url"], encoding), **options)
    assert (canonical == case["expected"]) is (case["id"] not in WHERE_STANDARDS_DIFFER)


ANY = st.text(st.characters(codec="utf-8"), max_size=40)
ESCAPED = st.lists(
    st.sampled_from(("%", "%%", "2", "4", "6", "A", "f", "g", "%2F", "%25", "%34", "%46", "%61", "%7e"))
).map("".join)


@given(ANY | ESCAPED, ANY | ESCAPED)
@example("%%341", "")
@example("%2%46", "%%34%31")
def test_a_canonical_url_is_its_own(path: str, query: str) -> None:
    """The canonical form of a canonical URL is itself, with and without fragments."""
    url = f"http://a.example/{path}?{query}"
    assert canonicalize_url(canonicalize_url(url)) == canonicalize_url(url)
    whole = canonicalize_url(url, keep_fragments=True)
    assert canonicalize_url(whole, keep_fragments=True) == whole


@given(ESCAPED, ESCAPED)
@example("%%341", "")
@example("%2%46", "%%34%31")
def test_a_canonical_url_says_what_the_url_says(path: str, query: str) -> None:
    """A lone `%` and what follows it never become a triplet: path and query stand for the same bytes as before."""
    canonical = canonicalize_url(f"http://a.example/{path}?q={query}")
    assert unquote_to_bytes(canonical) == unquote_to_bytes(f"http://a.example/{path}?q={query}")
    dropped = canonicalize_url(f"http://a.example/{path}?q={query}&x=1", drop_params=["x"])
    assert dropped == canonical


@given(st.from_regex(r"[\w.~-]+=[\w.~&=-]*", fullmatch=True))
def test_however_a_query_is_written_it_is_the_same(query: str) -> None:
    """Percent-encoded or not, parameters have the same order and the same letters."""
    written = "".join(
        letter if letter in "&=" else "".join(f"%{byte:02x}" for byte in letter.encode()) for letter in query
    )
    assert canonicalize_url(f"http://a.example/?{written}") == canonicalize_url(f"http://a.example/?{query}")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("12%&= ", max_size=3)), max_size=5))
def test_other_parameters_are_left_alone(pairs: list[tuple[str, str]]) -> None:
    """Without parameters that a URL does not have, it is the same."""
    url = "http://a.example/?" + "&".join(f"{name}={value}" for name, value in pairs)
    kept = without_params(url, ["x*"])
    assert [piece for piece in url.partition("?")[2].split("&") if piece] == [
        piece for piece in kept.partition("?")[2].split("&") if piece
    ]
