"""What may be given to a request: what Scrapy takes, and a clear error in the line that gives anything else."""

import io
from collections import UserDict
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scraper import FormRequest, JsonRequest, Request, Response, SpiderError
from scraper.frontier.serialization.requests import decoded, encoded

URL = "https://a.example/b"


class Word(StrEnum):
    TEA = "tea"


class Mixed(str, Enum):  # noqa: UP042 -- whose str() is not its value
    TEA = "tea"


class Number(IntEnum):
    ONE = 1


class Odd:
    """Something that has no form on the wire."""

    def __str__(self) -> str:
        return "<Odd>"


def stored(request: Request) -> Request:
    """The request as a job gives it back."""
    return decoded(encoded(request))


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ({"X-A": "b"}, {"X-A": "b"}),
        ([("X-A", "b"), ("X-C", "d")], {"X-A": "b", "X-C": "d"}),
        ((("X-A", "b"),), {"X-A": "b"}),
        ([["X-A", "b"]], {"X-A": "b"}),
        (UserDict({"X-A": "b"}), {"X-A": "b"}),
        ({b"X-A": b"\xc3\xa9"}, {"X-A": "é"}),
        ({"X-A": 5, "X-B": Number.ONE}, {"X-A": "5", "X-B": "1"}),
        ({"X-A": Word.TEA, "X-B": Mixed.TEA}, {"X-A": "tea", "X-B": "tea"}),
        ({"X-A": ["1", b"2", 3]}, {"X-A": "1, 2, 3"}),
        ({"X-A": ("1",), "X-B": []}, {"X-A": "1", "X-B": None}),
        ([("X-A", "1"), ("x-a", "2")], {"X-A": "1, 2"}),
        ([("Cookie", "a=1"), ("Cookie", "b=2")], {"Cookie": "a=1; b=2"}),
        ({"X-A": None, "X-B": "c"}, {"X-A": None, "X-B": "c"}),
        ({"X-A": ["1", None]}, {"X-A": "1"}),
        (None, {}),
        ([], {}),
    ],
)  # fmt: skip
def test_headers(given: Any, headers: dict[str, str | None]) -> None:
    """A mapping or pairs of text, bytes, whole numbers, and lists of these; None says that a header is not sent."""
    request = Request(URL, headers=given)
    assert request.headers == headers
    assert stored(request) == request
    assert JsonRequest(URL, data=1, headers=given).headers.items() >= headers.items()


@pytest.mark.parametrize(
    ("given", "cookies"),
    [
        ({"a": "b"}, {"a": "b"}),
        ({"a": 1, "b": 1.5, "c": b"d", b"e": "f", "g": None}, {"a": "1", "b": "1.5", "c": "d", "e": "f"}),
        ([{"name": "a", "value": "b"}], {"a": "b"}),
        ([{"name": "a", "value": 1, "path": "/"}, {"name": "c", "value": "d", "expiry": 5}], {"a": "1", "c": "d"}),
        (
            [{"name": "a", "value": "b", "domain": ".a.example", "path": "/p", "secure": True, "httpOnly": True}],
            [{"name": "a", "value": "b", "domain": ".a.example", "path": "/p", "secure": True}],
        ),
        (
            ({"name": "a", "value": "b", "domain": "a.b"}, {"name": "c", "value": None}, {"name": "e", "value": 5}),
            [{"name": "a", "value": "b", "domain": "a.b"}, {"name": "e", "value": "5"}],
        ),
        (None, {}),
        ([], {}),
    ],
)  # fmt: skip
def test_cookies(given: Any, cookies: Any) -> None:
    """A mapping, or a list of mappings with name and value, and domain, path and secure if need be."""
    request = Request(URL, cookies=given)
    assert request.cookies == cookies
    assert stored(request) == request
    assert request.replace(priority=1).cookies == cookies


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({"a": "b", "c": 5, "d": None, "e": 1.5, "f": Decimal("9.90")}, b"a=b&c=5&e=1.5&f=9.90"),
        ({"a": ["b", 1, None], "c": ("d",), "e": []}, b"a=b&a=1&c=d"),
        ([("a", "b"), ("a", "c")], b"a=b&a=c"),
        ({"a": (each for each in "bc")}, b"a=b&a=c"),
        ({b"a": b"\xff", "é": Word.TEA, "m": Mixed.TEA, "n": Number.ONE}, b"a=%FF&%C3%A9=tea&m=tea&n=1"),
        (UserDict({"a": True}), b"a=True"),
    ],
)
def test_forms_and_queries(given: Any, body: bytes) -> None:
    """A mapping or pairs of text, bytes, numbers, and whatever holds several of these; None is left out."""
    given = dict(given) if isinstance(given, dict) else given
    values = {key: list(value) if hasattr(value, "__next__") else value for key, value in dict(given).items()}
    again = given if isinstance(given, list) else values
    assert Request(URL, form=again).body == body
    assert FormRequest(URL, formdata=again).body == body
    assert Request(URL, params=again).url == f"{URL}?{body.decode()}"
    assert FormRequest(URL, formdata=again, method="GET").url == f"{URL}?{body.decode()}"


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("body", "é", "é".encode()),
        ("body", bytearray(b"x"), b"x"),
        ("body", memoryview(b"x"), b"x"),
        ("body", None, b""),
        ("meta", [("a", 1)], {"a": 1}),
        ("meta", UserDict(a=1), {"a": 1}),
        ("meta", None, {}),
        ("cb_kwargs", (("a", 1),), {"a": 1}),
        ("cb_kwargs", None, {}),
        ("timeout", 5, 5.0),
        ("timeout", Decimal("0.5"), 0.5),
        ("priority", True, 1),
        ("priority", Number.ONE, 1),
        ("method", "post", "POST"),
        ("method", Word.TEA, "TEA"),
        ("method", None, "GET"),
        ("session", 5, "5"),
        ("session", None, ""),
        ("files", None, {}),
        ("body_file", None, ""),
        ("dont_filter", 1, True),
        ("stream", None, False),
        ("files", {"a": Path("b")}, {"a": "b"}),
        ("body_file", Path("b"), "b"),
    ],
)
def test_other_fields(field: str, given: Any, kept: Any) -> None:
    """What means the same is taken, and kept in one form."""
    request = Request(URL, **{field: given})
    assert getattr(request, field) == kept
    assert type(getattr(request, field)) is type(kept)
    assert stored(request) == request


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"headers": {"X-A": {"b": 1}}}, "headers['X-A'] is a dict; give text, bytes, a whole number, or a list of"),
        ({"headers": {"X-A": 1.5}}, "headers['X-A'] is a float; give text"),
        ({"headers": {"X-A": [Odd()]}}, "headers['X-A'] is an Odd; give text"),
        ({"headers": {"X-A": b"\xff"}}, "headers['X-A'] is bytes that are not UTF-8"),
        ({"headers": {5: "a"}}, "headers has the name 5; give text or bytes"),
        ({"headers": "X-A: b"}, "headers is a str; give a dict, or pairs of name and value"),
        ({"headers": ["X-A: b"]}, "headers[0] is a str; give a pair of name and value"),
        ({"headers": ("X-A", "b")}, "headers[0] is a str; give a pair of name and value"),
        ({"headers": 5}, "headers is an int; give a dict, or pairs"),
        ({"headers": {"X-A": "b\r\nX-Evil: s3cret"}}, "headers['X-A'] has a line break or a NUL"),
        ({"headers": {"X-A": ["b", "c\0"]}}, "headers['X-A'] has a line break or a NUL"),
        ({"headers": {"X A": "b"}}, "headers has the name 'X A', which is not one word"),
        ({"headers": [("", "b")]}, "headers has the name '', which is not one word"),
        ({"headers": {"X-A:": None}}, "headers has the name 'X-A:', which is not one word"),
        ({"cookies": {"a": "b; c=s3cret"}}, "cookies['a'] has a line break, a NUL or a semicolon"),
        ({"cookies": {"a": b"b\r\n"}}, "cookies['a'] has a line break, a NUL or a semicolon"),
        ({"cookies": [{"name": "a", "value": "b\0", "path": "/p"}]}, "cookies['a'] has a line break, a NUL or"),
        ({"cookies": {"a=b": "c"}}, "cookies has the name 'a=b': it may have no space, and none of ; , ="),
        ({"cookies": [{"name": "a b", "value": "c", "path": "/p"}]}, "cookies has the name 'a b': it may have no"),
        ({"cookies": {"a": {"b": 1}}}, "cookies['a'] is a dict; give text, bytes or a number"),
        ({"cookies": {"a": Odd()}}, "cookies['a'] is an Odd; give text"),
        ({"cookies": "a=b"}, "cookies is a str; give a dict, or a list of dicts with name and value"),
        ({"cookies": [("a", "b")]}, "cookies[0] is a tuple; give a dict with name and value"),
        ({"cookies": [{"name": "a"}]}, "cookies[0] has no value"),
        ({"cookies": [{"name": "a", "value": "b"}, {"value": "b"}]}, "cookies[1] has no name"),
        ({"cookies": [{"name": "a", "value": ["b"]}]}, "cookies[0]['value'] is a list; give text"),
        ({"cookies": [{"name": "a", "value": "b", "path": Odd()}]}, "cookies[0]['path'] is an Odd; give text"),
        ({"body": {"a": 1}}, "body is a dict; give text or bytes, or the data as json or form"),
        ({"body": {}}, "body is a dict; give text or bytes"),
        ({"body": 0}, "body is an int; give text or bytes"),
        ({"body": "é", "encoding": "ascii"}, "body has '\\xe9', which is not in ascii"),
        ({"form": {"a": {"b": 1}}}, "form['a'] is a dict; give text, bytes or a number"),
        ({"form": {"a": [Odd()]}}, "form['a'] is an Odd; give text"),
        ({"form": "a=b"}, "form is a str; give a dict, or pairs of name and value; what is encoded already is a body"),
        ({"form": 12}, "form is an int; give a dict"),
        ({"form": {"a": "é"}, "encoding": "ascii"}, "form has '\\xe9', which is not in ascii"),
        ({"params": {"a": "é"}, "encoding": "ascii"}, "params has '\\xe9', which is not in ascii"),
        ({"params": {"a": Odd()}}, "params['a'] is an Odd; give text"),
        ({"params": "a=b"}, "params is a str; give a dict, or pairs of name and value"),
        ({"json": {"a": [1, {"b": Odd()}]}}, "json['a'][1]['b'] is an Odd, which JSON cannot hold"),
        ({"json": Odd()}, "json is an Odd, which JSON cannot hold"),
        ({"meta": "a"}, "meta is a str; give a dict, or pairs of name and value"),
        ({"meta": 5}, "meta is an int; give a dict"),
        ({"meta": {"download_timeout": "5"}}, "timeout is a str; give a number of seconds above 0"),
        ({"meta": {"proxy": 5}}, "proxy is an int; give text"),
        ({"cb_kwargs": {1: 2}}, "cb_kwargs has the key 1; they are names of arguments, and so text"),
        ({"cb_kwargs": ["a"]}, "cb_kwargs[0] is a str; give a pair of name and value"),
        ({"auth": "user:password"}, "auth is a str; give a pair, (user, password)"),
        ({"auth": "ab"}, "auth is a str; give a pair, (user, password)"),
        ({"auth": ("user", None)}, "auth[1] is None; give text"),
        ({"auth": ("a", "b", "c")}, "auth is a tuple; give a pair"),
        ({"auth": ("a:b", "c")}, "auth[0] has a colon, which begins the password"),
        ({"proxy": "ftp://me:s3cret@p.example:1"}, "proxy is not an address: write http://host:port, or with https"),
        ({"proxy": "http://me:s3cret@p.example:99999"}, "proxy is not an address"),
        ({"meta": {"proxy": "socks4://p.example:1"}}, "proxy is not an address"),
        ({"proxy": 8080}, "proxy is an int; give text"),
        ({"proxy": b"http://p.example:1"}, "proxy is a bytes; give text"),
        ({"timeout": "5"}, "timeout is a str; give a number of seconds above 0"),
        ({"timeout": 0}, "timeout is 0; give a number of seconds above 0"),
        ({"timeout": float("nan")}, "timeout is nan; give a number of seconds above 0"),
        ({"timeout": True}, "timeout is True; give a number of seconds above 0"),
        ({"priority": 1.5}, "priority is 1.5; give a whole number"),
        ({"priority": "1"}, "priority is '1'; give a whole number"),
        ({"priority": 2**70}, "priority is 1180591620717411303424; give a number between"),
        ({"method": b"GET"}, "method is a bytes; give text"),
        ({"method": "GET / HTTP/1.1"}, "method is 'GET / HTTP/1.1', which is not one word"),
        ({"method": "A\r\nB"}, "method is 'A\\r\\nB', which is not one word"),
        ({"method": 5}, "method is an int; give text"),
        ({"session": ["a"]}, "session is a list; give text"),
        ({"encoding": "utf-88"}, "encoding is 'utf-88', which Python does not know"),
        ({"encoding": None}, "encoding is None; give text"),
        ({"files": {"a": io.BytesIO()}}, "files['a'] is a BytesIO; give the path of the file"),
        ({"files": "a.csv"}, "files is a str; give a dict"),
        ({"body_file": io.BytesIO(b"x")}, "body_file is a BytesIO; give the path of the file"),
    ],
)  # fmt: skip
def test_what_means_nothing(fields: dict[str, Any], problem: str) -> None:
    """It is an error where it is given, which names request, field and key, and says what to give."""
    with pytest.raises(SpiderError) as caught:
        Request(URL, **fields)
    assert str(caught.value).startswith(f"Request({URL!r}): {problem}")
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(SpiderError):
        Request(URL).replace(**fields)


def test_what_scrapy_leaves_open_in_meta() -> None:
    """A time of 0 and a proxy without a name mean that nothing is said."""
    request = Request(URL, meta={"download_timeout": 0, "proxy": "", "cookiejar": 0})
    assert (request.timeout, request.proxy, request.session) == (None, None, "0")


@pytest.mark.parametrize("method", [b"GET", 5])
def test_a_form_with_a_method_that_means_nothing(method: Any) -> None:
    """It is the same error as of any request."""
    with pytest.raises(SpiderError, match=r"method is an? (bytes|int); give text"):
        FormRequest(URL, formdata={"a": "b"}, method=method)


@pytest.mark.parametrize("given", ["a=b", 12, [1], {"a": Odd()}])
def test_what_is_no_form(given: Any) -> None:
    """A `FormRequest` names its own field, whatever its method."""
    for method in ("POST", "GET"):
        with pytest.raises(SpiderError, match=r"^FormRequest\('https://a.example/b'\): (formdata|params)\b"):
            FormRequest(URL, formdata=given, method=method)


@pytest.mark.parametrize(
    "fields",
    [
        {"cookies": {"a": ["s3cret"]}},
        {"headers": {"A": {"a": "s3cret"}}},
        {"auth": ("u", ["s3cret"])},
        {"body": {"s3cret"}},
        {"form": {"a": {"b": "s3cret"}}},
        {"json": {"s3cret": object()}, "method": b"s3cret"},
    ],
)
def test_errors_show_no_values(fields: dict[str, Any]) -> None:
    """What is refused may be a secret: its type is told, and it is not, and neither is the password of a URL."""
    with pytest.raises(SpiderError) as caught:
        Request("https://user:s3cret@a.example/b", **fields)
    assert "s3cret" not in str(caught.value)


def test_what_is_nested_too_deeply() -> None:
    """Data that holds itself is an error, not a crash."""
    data: list[Any] = []
    data.append(data)
    with pytest.raises(SpiderError, match="json is nested too deeply, or contains itself"):
        Request(URL, json=data)


@pytest.mark.parametrize(
    "url",
    ["/rel", "rel.html", "", "?q=1", "#top", "//a.example/x", "a.example/x", "a.example:80/x", "localhost:80", " /r"],
)  # fmt: skip
def test_a_url_that_is_not_absolute(url: str) -> None:
    """It is the spider's mistake: an error where it is made, which says `response.follow`."""
    for kind in (Request, FormRequest, JsonRequest):
        with pytest.raises(SpiderError, match=r"not an absolute URL; use response\.follow\(\) for a link of a page"):
            kind(url)
    with pytest.raises(SpiderError, match=r"response\.follow\(\)"):
        Request(URL).replace(url=url)


@pytest.mark.parametrize(
    "url", ["http://", "http://[", "//[", "//exa mple/", "mailto:a@b.example", "tel:123", "javascript:void(0)"]
)
def test_a_url_that_a_page_may_have(url: str) -> None:
    """What a page links to, and nobody can ask for, is refused later, by its reason."""
    assert Request(Response(URL).urljoin(url)).url == Response(URL).follow(url).url


def test_a_response_that_is_made_by_hand() -> None:
    """Its parts are what Scrapy takes; its URL may be any text."""
    page = Response(URL, status="404", headers={b"X-A": [b"1", "2"], "X-B": 3}, body=bytearray(b"x"))  # type: ignore[arg-type]
    assert (page.status, page.body, page.headers.getall("X-A"), page.headers["X-B"]) == (404, b"x", ["1", "2"], "3")
    assert Response(URL, headers=[("Set-Cookie", "a"), ("Set-Cookie", "b")]).headers.getall("Set-Cookie") == ["a", "b"]
    assert (Response("").url, Response("/rel").request.url, Response("x").request.method) == ("", "/rel", "GET")


@pytest.mark.parametrize(
    ("url", "fields", "problem"),
    [
        (b"http://a.example/", {}, "a response needs a URL, not b'http://a.example/'"),
        (None, {}, "a response needs a URL, not None"),
        (URL, {"status": "ok"}, "status is 'ok'; give a number, as 200"),
        (URL, {"status": None}, "status is None; give a number, as 200"),
        (URL, {"body": {"a": 1}}, "body is a dict; give text or bytes"),
        (URL, {"headers": {"X-A": {"b": 1}}}, "headers['X-A'] is a dict; give text"),
        (URL, {"headers": "X-A: b"}, "headers is a str; give a dict, or pairs"),
    ],
)
def test_a_response_that_means_nothing(url: Any, fields: dict[str, Any], problem: str) -> None:
    """It is an error that names the field."""
    with pytest.raises(SpiderError) as caught:
        Response(url, **fields)
    assert problem in str(caught.value)


def test_dicts_that_are_changed_in_place() -> None:
    """A request is stored as it is; what was put into its dicts meanwhile is checked as if it were given."""
    request = Request(URL, headers={"X-A": "b"})
    request.headers["X-C"] = 5  # type: ignore[assignment]
    assert request.replace().headers == {"X-A": "b", "X-C": "5"}
    assert msgspec.structs.asdict(stored(request.replace()))["headers"] == {"X-A": "b", "X-C": "5"}
    request.headers["X-C"] = Odd()  # type: ignore[assignment]
    with pytest.raises(SpiderError, match=r"headers\['X-C'\] is an Odd"):
        request.replace()
