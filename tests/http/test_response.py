"""A response: what was answered, what it means, and where it leads."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from scraper.errors import SpiderError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.markup import Selector
from scraper.markup.links.link_extractor import LinkExtractor

URL = "http://a.example/b/c"


def html(body: str, **fields: Any) -> Response:
    return Response(URL, body=body, **fields)


# What was answered.


def test_a_response_is_easily_made() -> None:
    """For a test, a URL is enough; it becomes canonical, and the request is one for it."""
    response = Response("HTTP://a.example")
    assert (response.url, response.status, response.body, response.text) == ("http://a.example/", 200, b"", "")
    assert response.request == Request("http://a.example/")
    assert (response.meta, response.cb_kwargs, response.history) == ({}, {}, ())


def test_headers_ignore_case() -> None:
    """Headers are found in any case, and all of a repeated one are there."""
    response = Response(URL, headers=CIMultiDict([("Set-Cookie", "a=1"), ("set-cookie", "b=2")]))
    assert response.headers.getall("SET-COOKIE") == ["a=1", "b=2"]
    assert Response(URL, headers={"Content-Type": "x"}).headers["content-type"] == "x"


def test_meta_and_cb_kwargs_are_the_requests() -> None:
    """`meta` and `cb_kwargs` are those of the request."""
    response = Response(URL, request=Request(URL, meta={"a": 1}, cb_kwargs={"b": 2}))
    assert (response.meta, response.cb_kwargs) == ({"a": 1}, {"b": 2})


def test_text_in_the_named_encoding() -> None:
    """A named encoding is used for text both ways, by any label that the Encoding standard knows."""
    response = Response(URL, body="é", encoding="latin1")
    assert (response.body, response.text, response.encoding) == (b"\xe9", "é", "cp1252")
    assert Response(URL, body=b"\xe4", encoding="cp852").text == "ń"


def test_the_header_names_the_encoding() -> None:
    """The charset of the Content-Type header is used for the text, and for the selectors."""
    response = Response(URL, headers={"Content-Type": "text/html; charset=windows-1251"}, body="<p>Жж".encode("cp1251"))
    assert (response.text, response.css("p::text").get()) == ("<p>Жж", "Жж")


def test_broken_bytes_are_replaced() -> None:
    """Bytes that mean nothing become U+FFFD, in the text and in what is selected of it."""
    response = Response(URL, headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<p>a\xffb")
    assert (response.text, response.css("p::text").get()) == ("<p>a�b", "a�b")


# JSON.


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"[NaN]", None),
        (b'"\\ud83d"', "\ud83d"),
    ],
)
def test_json(body: bytes, expected: object) -> None:
    """JSON is read with or without a byte order mark, and even if it is only nearly JSON."""
    answer = Response(URL, body=body).json()
    assert answer == expected or (expected is None and answer[0] != answer[0])


def test_json_in_a_named_encoding() -> None:
    """JSON that is not UTF-8 is read in the encoding that its header or its user names."""
    body = '{"a": "é"}'.encode("latin-1")
    assert Response(URL, body=body, headers={"Content-Type": "application/json; charset=latin1"}).json() == {"a": "é"}
    assert Response(URL, body='"あ"'.encode("iso2022_jp"), encoding="iso-2022-jp").json() == "あ"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json(body: bytes) -> None:
    """What is no JSON is a ValueError that names the page."""
    with pytest.raises(ValueError, match=r"<200 http://a\.example/b/c> is not JSON: "):
        Response(URL, body=body).json()


def test_jmespath() -> None:
    """`jmespath` searches the JSON; an expression that is not understood is named, as is a page that is not JSON."""
    response = Response(URL, body=b'{"a": [{"b": 1}, {"b": 2}]}')
    assert response.jmespath("a[*].b").getall() == [1, 2]
    assert response.jmespath("a").jmespath("b").getall() == [1, 2]
    assert response.jmespath("c").get() is None
    with pytest.raises(ValueError, match=r"the JMESPath expression 'a\[' is not understood"):
        response.jmespath("a[")
    with pytest.raises(ValueError, match=r"<200 http://a\.example/b/c> is not JSON: "):
        Response(URL, body=b"<p>").jmespath("a")
    assert Response(URL, body=b'"text"').jmespath("@").getall() == ["text"]


# Where it leads.


def test_urljoin() -> None:
    """A reference is resolved against the page's URL; what is no URL stays as it is."""
    response = html("")
    assert response.urljoin("d?e=f#g") == "http://a.example/b/d?e=f#g"
    assert response.urljoin(" \n/x\t") == "http://a.example/x"
    assert response.urljoin("") == URL
    assert response.urljoin("http://[") == "http://["


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<base href="/x/">', "http://a.example/x/"),
        ('<BASE target="_top"><base href="http://b.example/">', "http://b.example/"),
        ('<base href="/x/"><base href="/y/">', "http://a.example/x/"),
        ('<!-- <base href="/x/"> -->', URL),
        ('<script>"<base href=/x/>"</script>', URL),
        ('<base href="javascript:x">', URL),
        ('<base href="http://[">', URL),
        ('<base href="">', URL),
        ('<base href><base href="/y/">', URL),
        ('<base target><base href="/y/">', "http://a.example/y/"),
        ('<svg><base href="/x/"></svg><base href="/y/">', "http://a.example/y/"),
        ('<svg><g><base href="/x/"></g></svg>', URL),
        ('<math><base href="/x/"></math>', URL),
        ('<head><noscript><base href="/x/"></noscript><base href="/y/"></head>', "http://a.example/y/"),
        ('<head><noscript></noscript><base href="/x/"></head>', "http://a.example/x/"),
        ('<head><noscript><base href="/x/"></noscript></head><p>', URL),
        ('<body><noscript><base href="/x/"></noscript><base href="/y/">', "http://a.example/y/"),
        ('<template><base href="/x/"></template><base href="/y/">', "http://a.example/y/"),
        ('<title><base href="/x/"></title><base href="/y/">', "http://a.example/y/"),
        ('<p>text<base href="/x/">', "http://a.example/x/"),
        ('<title>\u0442\u0435\u0441\u0442</title><base href="/\u0442/">', "http://a.example/%D1%82/"),
        ("<p>", URL),
    ],
)
def test_base(page: str, expected: str) -> None:
    """References start from the first `<base href>`, if that is a web URL (HTML, 4.2.3)."""
    assert html(page).base_url == expected
    selected = html(page)
    assert selected.css("x").get() is None
    assert selected.base_url == expected


def test_queries_are_in_the_pages_encoding() -> None:
    """A link's query is encoded as its page is, as browsers do it; its path is UTF-8."""
    response = Response(URL, body='<meta charset="latin1"><a href="/é?q=é">'.encode("latin-1"))
    assert [request.url for request in response.follow_all(css="a")] == ["http://a.example/%C3%A9?q=%E9"]


def test_follow() -> None:
    """A reference, an element or an attribute can be followed, one step deeper and in the same session."""
    page = '<a href=" d ">x</a><link href="/e"><img src="f"><a>y</a><a href="">z</a>'
    response = html(page, request=Request(URL, depth=2, session="s"))
    request = response.follow("d", "parse_d", cb_kwargs={"a": 1}, priority=5)
    assert (request.url, request.callback, request.cb_kwargs) == ("http://a.example/b/d", "parse_d", {"a": 1})
    assert (request.priority, request.depth, request.session) == (5, 3, "s")
    assert response.follow("d", session="t", depth=0).session == "t"
    followed = [response.follow(each).url for each in (*response.css("a")[:1], *response.css("link, img"))]
    assert followed == ["http://a.example/b/d", "http://a.example/e", "http://a.example/b/f"]
    assert response.follow(response.css("a::attr(href)")[0]).url == "http://a.example/b/d"
    assert response.follow(response.css("a")[2]).url == URL


def test_an_address_without_a_value_is_the_page() -> None:
    """An attribute without a value is empty, and an empty reference is the page itself; `href` comes before `src`."""
    response = html("<a href>x</a><img src><embed src='/e'><link href src='/no'>")
    assert [response.follow(each).url for each in response.css("a, img, link")] == [URL, URL, URL]
    assert [*response.follow_all(css="a, embed")] == [*response.follow_all([URL, "/e"])]


def test_follow_links() -> None:
    """What a link extractor found can be followed, one link or all of them."""
    response = html('<a href="/1">1</a><a href="/2#x" rel="nofollow">2</a>')
    links = LinkExtractor().extract_links(response)
    assert response.follow(links[1], "parse_it").url == "http://a.example/2#x"
    assert followed(response, links) == ["http://a.example/1", "http://a.example/2#x"]


def test_a_response_has_no_fragment() -> None:
    """Its address is what the server was asked; that of its request may have a fragment."""
    request = Request(f"{URL}?d#e")
    for url in (request.url, f"{URL}?d#other"):
        response = Response(url, request=request)
        assert (response.url, response.base_url, response.request.url) == (f"{URL}?d", f"{URL}?d", f"{URL}?d#e")
    assert Response(f"{URL}#e").url == URL
    assert pickle.loads(pickle.dumps(response)).url == f"{URL}?d"
    assert response.urljoin("#f") == f"{URL}?d#f"


def test_follow_in_another_encoding() -> None:
    """A query is written in the page's encoding, or in the one that the request is to have."""
    page = Response(URL, body='<meta charset="koi8-r"><a href="?q=Чай">x</a>'.encode("koi8-r"))
    assert page.follow(page.css("a")[0]).url == f"{URL}?q=%FE%C1%CA"
    assert page.follow("?q=Чай", encoding="utf-8").url == f"{URL}?q=%D0%A7%D0%B0%D0%B9"
    assert followed(page, ["?q=Чай"], encoding="cp1251") == [f"{URL}?q=%D7%E0%E9"]


def test_nothing_to_follow() -> None:
    """An element without a reference, and what is neither reference nor element, is a ValueError."""
    response = html("<a>y</a>")
    with pytest.raises(ValueError, match=r"nothing to follow: .* has neither href nor src"):
        response.follow(response.css("a")[0])
    for wrong in (response.css("a"), None, 7):
        with pytest.raises(ValueError, match="a reference is a text, a Selector or a Link, not "):
            response.follow(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a reference is a text, a Selector or a Link, not None"):
        response.follow_all([None])  # type: ignore[list-item]


def followed(response: Response, *args: Any, **kwargs: Any) -> list[str]:
    return [request.url for request in response.follow_all(*args, **kwargs)]


LINKS = '<a href="/1">1</a><a>no</a><a href=" /2 ">2</a><a href="/1#x">3</a><a href="/1">4</a><img src="i.png">'


def test_follow_all() -> None:
    """What a query finds is followed, each URL once, in the order of the page; elements without a reference are not."""
    response = html(LINKS)
    expected = ["http://a.example/1", "http://a.example/2", "http://a.example/1#x"]
    assert followed(response, css="a") == expected
    assert followed(response, css="a::attr(href)") == expected
    assert followed(response, xpath="//a") == expected
    assert followed(response, xpath="//a/@href") == expected
    assert followed(response, response.css("a")) == expected
    assert followed(response, ["/1", " /2 ", "/1#x"]) == expected
    assert followed(response, css="img, a") == [*expected, "http://a.example/b/i.png"]
    assert followed(response, css=".none") == []
    assert followed(response, []) == []


def test_follow_all_makes_one_kind_of_request() -> None:
    """All fields of a request can be given, and hold for each."""
    requests = list(html(LINKS).follow_all(css="a", callback="parse_it", meta={"a": 1}, params={"p": 1}, priority=2))
    assert {(each.callback, each.priority, each.depth, each.meta["a"]) for each in requests} == {("parse_it", 2, 1, 1)}
    assert [each.url for each in requests][:2] == ["http://a.example/1?p=1", "http://a.example/2?p=1"]
    requests[0].meta["a"] = 2
    assert requests[1].meta["a"] == 1


def test_follow_all_takes_one_source() -> None:
    """Neither source, two of them, or one text in the place of a list is a ValueError."""
    for wrong in ({}, {"css": "a", "xpath": "//a"}, {"urls": ["/x"], "css": "a"}, {"urls": "/x"}):
        with pytest.raises(ValueError, match="takes one of urls"):
            html(LINKS).follow_all(**wrong)  # type: ignore[arg-type]


def test_other_schemes_are_left_to_the_limits() -> None:
    """`javascript:` and `mailto:` are followed like any other: refusing them, and counting that, is for the limits."""
    page = '<a href="javascript:void(0)"><a href="MAILTO:x@y.example"><a href="tel:1"><a href="http://[">'
    assert followed(html(page), css="a") == ["javascript:void(0)", "mailto:x@y.example", "tel:1", "http://["]


@pytest.mark.parametrize("reference", ["localhost:8000/x", "b.example:80/", "//["])
def test_a_link_that_is_not_a_url(reference: str) -> None:
    """What a page has in the place of a URL is the page's mistake, and no error of the spider that follows it."""
    response = html(f'<a href="{reference}">x</a>')
    requests = [response.follow(reference), response.follow(reference, meta={"a": 1}), *response.follow_all(css="a")]
    assert [each.url for each in requests] == [reference] * 3


def test_params_are_added_to_a_followed_link() -> None:
    """`params` go into the query of the link, and one that means nothing is named."""
    assert html("").follow("x?a=1#f", params={"b": [2, b"c"], "d": None}).url == "http://a.example/b/x?a=1&b=2&b=c#f"
    with pytest.raises(SpiderError, match=r"params\['b'\] is a dict"):
        html("").follow("x", params={"b": {}})


@pytest.mark.parametrize("body", [bytearray(b"x"), memoryview(b"x"), "x"])
def test_a_body_of_any_kind(body: Any) -> None:
    """A body is bytes, whatever it was given as."""
    assert Response(URL, body=body).body == b"x"


def test_links_can_be_taken_as_urls() -> None:
    """The rest of some links is had at once, without a request being made."""
    links = html(LINKS).follow_all(css="a")
    assert next(links).url == "http://a.example/1"
    rest = links.rest()
    assert isinstance(rest, Links)
    assert rest.urls == ["http://a.example/2", "http://a.example/1#x"]
    assert list(links) == []
    assert rest.request(rest.urls[0]).url == "http://a.example/2"
    assert rest.__length_hint__() == 2


# Copies.


def test_replace() -> None:
    """`replace` makes another response of what it is told and what is left; so does `copy`."""
    response = Response(
        URL, status=201, headers={"A": "b"}, body=b"<meta charset=utf-8>", request=Request(URL, meta={"m": 1})
    )
    assert response.encoding == "utf-8"
    changed = response.replace(body=b"<meta charset=latin1>\xe9", url="http://b.example")
    assert (changed.url, changed.status, changed.headers["a"]) == ("http://b.example/", 201, "b")
    assert (changed.meta, changed.text, changed.encoding) == ({"m": 1}, "<meta charset=latin1>é", "cp1252")
    assert response.replace(encoding="cp1251").encoding == "cp1251"
    again = response.copy()
    assert again is not response
    assert (again.url, again.status, again.body, again.request) == (URL, 201, response.body, response.request)


class Pieces:
    """A body of two pieces."""

    def __init__(self) -> None:
        self.flags: tuple[str, ...] = ()
        self.pieces = iter([b"<p>", b"x"])
        self.calls: list[str] = []

    def begin(self) -> None:
        self.calls.append("begin")

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        piece = next(self.pieces, None)
        if piece is None:
            self.flags = ("truncated_possible",)
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        self.calls.append("aclose")


async def test_a_streamed_body() -> None:
    """A body that is still to come is read once by `stream()`, by a changed response as well, and is no content."""
    pieces = Pieces()
    response = Response(URL, body=pieces, flags=("cached",)).replace(status=206)
    assert (response.status, response.body, response.flags) == (206, b"", ("cached",))
    assert [piece async for piece in response.stream()] == [b"<p>", b"x"]
    assert response.flags == ("cached", "truncated_possible")
    await response.aclose()
    assert pieces.calls == ["begin", "aclose"]
    assert pickle.loads(pickle.dumps(response)).body == b""


async def test_a_body_in_place_of_a_stream() -> None:
    """A response that is given a body has it as its only piece, and its flags are its own."""
    response = Response(URL, body=Pieces(), flags=("cached",)).replace(body="é")
    assert (response.text, response.flags) == ("é", ("cached",))
    assert [piece async for piece in response.stream()] == ["é".encode()]


def test_responses_can_be_pickled() -> None:
    """A response goes to another process with all it was made of, whether it was read before or not."""
    headers = CIMultiDict([("A", "1"), ("a", "2")])
    request = Request(URL, "parse", cb_kwargs={"x": 1})
    response = Response(
        URL, status=404, headers=headers, body=b"<p>\xe9", request=request, encoding="latin1", history=("x",)
    )
    for _ in range(2):
        copy = pickle.loads(pickle.dumps(response))
        assert (copy.url, copy.status, copy.body, copy.request) == (URL, 404, b"<p>\xe9", request)
        assert (copy.headers.getall("A"), copy.text, copy.history) == (["1", "2"], "<p>é", ("x",))
        assert response.css("p::text").get() == "é"


def test_repr_shows_no_secret() -> None:
    """What is printed of a response is its status and its URL, without credentials."""
    assert repr(Response("http://u:p@a.example/", status=404)) == "<404 http://a.example/>"


@given(st.binary(max_size=80), st.one_of(st.none(), st.text(max_size=8)))
def test_reading_never_raises(body: bytes, encoding: str | None) -> None:
    """Whatever the bytes are, text and selectors can be had of them."""
    response = Response(URL, body=body, encoding=encoding)
    assert isinstance(response.text, str)
    assert isinstance(response.selector, Selector)
    assert isinstance(response.css("::text").getall(), list)
