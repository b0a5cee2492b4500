"""A request is a frozen value that can be stored."""

import copy
import pickle
from functools import partial
from typing import Any

import msgspec
import pytest

from scraper.errors import SpiderError
from scraper.http.form_request import FormRequest
from scraper.http.json_request import JsonRequest
from scraper.http.request import Request

URL = "https://a.example/b"


class Someone:
    """A stand-in for a spider: its methods are all that counts here."""

    def parse(self, response: Any) -> None: ...
    def failed(self, failure: Any) -> None: ...
    def __private(self, response: Any) -> None: ...

    def request_privately(self) -> Request:
        return Request(URL, self.__private)


def test_url_becomes_canonical() -> None:
    """A request's URL is in canonical form; what is not a URL is kept as it is, to be refused by name."""
    assert Request("HTTP://A.example:80/x y").url == "http://a.example/x%20y"
    assert Request("http://no url").url == "http://no url"


@pytest.mark.parametrize("url", [None, 7, b"http://a.example/"])
def test_url_must_be_a_text(url: Any) -> None:
    """A URL that was not found is an error where the request is made."""
    with pytest.raises(SpiderError, match=r"a request needs a URL, not "):
        Request(url)


def test_only_url_and_callback_are_positional() -> None:
    """All but the URL and the callback is given by name."""
    assert Request(URL, "parse").callback == "parse"
    with pytest.raises(TypeError):
        Request(URL, "parse", "POST")  # type: ignore[misc]


def test_method() -> None:
    """The method is GET unless told otherwise, and in upper case."""
    assert Request(URL).method == "GET"
    assert Request(URL, method="post").method == "POST"


def test_params_are_folded_into_the_url() -> None:
    """Params become the query, so equal requests are equal however they were written."""
    request = Request(URL, params={"q": "x y", "page": 2})
    assert request.url == "https://a.example/b?q=x+y&page=2"
    assert request.params is None
    assert request == Request("https://a.example/b?q=x+y&page=2")


def test_json_is_encoded() -> None:
    """`json` becomes the body, sets the Content-Type and makes the method POST."""
    request = Request(URL, json={"a": [1, None, "é"]})
    assert request.body == '{"a":[1,null,"é"]}'.encode()
    assert (request.method, request.headers) == ("POST", {"Content-Type": "application/json"})
    assert Request(URL, json=None).body == b"null"


def test_form_is_encoded() -> None:
    """`form` becomes the body as browsers send it; lists repeat a name, None leaves it out."""
    request = Request(URL, form={"q": "tea & é", "t": ["a", "b"], "n": None})
    assert request.body == b"q=tea+%26+%C3%A9&t=a&t=b"
    assert (request.method, request.headers) == ("POST", {"Content-Type": "application/x-www-form-urlencoded"})
    assert Request(URL, form=[("q", "1"), ("q", "2")]).body == b"q=1&q=2"
    assert Request(URL, form={"q": "é"}, encoding="latin-1").body == b"q=%E9"


def test_named_method_and_content_type_win() -> None:
    """A method and a Content-Type that are given stay."""
    request = Request(URL, json={}, method="PUT", headers={"content-type": "application/vnd.api+json"})
    assert (request.method, request.headers) == ("PUT", {"content-type": "application/vnd.api+json"})


def test_body_may_be_text() -> None:
    """A body of text is encoded; it changes neither method nor headers."""
    request = Request(URL, body="é", encoding="latin-1")
    assert (request.body, request.method, request.headers) == (b"\xe9", "GET", {})


@pytest.mark.parametrize(
    "contents", [{"body": b"x", "json": 1}, {"json": 1, "form": {}}, {"body": "x", "form": {"a": 1}}]
)
def test_one_content_at_most(contents: dict[str, Any]) -> None:
    """Two contents at once are an error."""
    with pytest.raises(SpiderError, match="give one of body, json and form"):
        Request(URL, **contents)


def test_auth_becomes_a_header() -> None:
    """`auth` is Basic authentication; the example is that of RFC 7617, 2."""
    request = Request(URL, auth=("Aladdin", "open sesame"), headers={"X": "1"})
    assert request.headers == {"X": "1", "Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}
    assert request.auth is None


def test_requests_are_frozen() -> None:
    """A request is never changed."""
    with pytest.raises(AttributeError):
        Request(URL).url = "x"  # type: ignore[misc]


def test_replace() -> None:
    """`replace` changes what it is told and keeps the rest, and the kind of the request."""
    request = FormRequest(URL, "parse", formdata={"a": 1}, meta={"m": 1}, priority=3)
    changed = request.replace(url="https://a.example/c", priority=4)
    assert (changed.url, changed.priority, changed.meta, changed.callback) == (
        "https://a.example/c",
        4,
        {"m": 1},
        "parse",
    )
    assert (changed.body, changed.method, type(changed)) == (b"a=1", "POST", FormRequest)
    assert request.priority == 3


def test_replacing_the_content() -> None:
    """New content takes the place of the old one, with its Content-Type and its method."""
    as_json = Request(URL, form={"a": 1}).replace(json={"b": 2})
    assert (as_json.body, as_json.headers) == (b'{"b":2}', {"Content-Type": "application/json"})
    as_form = Request(URL).replace(form={"a": 1})
    assert (as_form.body, as_form.method) == (b"a=1", "POST")
    assert Request(URL, method="PUT").replace(json=1).method == "PUT"
    assert Request(URL).replace(params={"a": 1}).url == f"{URL}?a=1"
    assert JsonRequest(URL, data=1).replace(data=2).body == b"2"


def test_meta_has_what_scrapy_has_there() -> None:
    """`cookiejar`, `download_timeout` and `proxy` are fields here, which say more than `meta`, and stay in it."""
    meta = {"cookiejar": 1, "download_timeout": 5, "proxy": "http://p.example:1"}
    request = Request(URL, meta=meta)
    assert (request.session, request.timeout, request.proxy) == ("1", 5, "http://p.example:1")
    assert request.meta == meta
    assert Request(URL, meta=meta, session="own").session == "own"
    direct = request.replace(proxy=None)
    assert (direct.proxy, direct.timeout, direct.meta) == (None, 5, {"cookiejar": 1, "download_timeout": 5})


def test_no_dict_is_shared() -> None:
    """What is put into a request's dicts is seen neither by those it was made of nor by its copies."""
    meta: dict[str, Any] = {"a": 1}
    first = Request(URL, meta=meta)
    second = first.replace(url="https://a.example/c")
    first.meta["b"] = 2
    assert (meta, second.meta) == ({"a": 1}, {"a": 1})
    empty = Request(URL)
    other = empty.replace(priority=1)
    for name in ("meta", "cb_kwargs", "headers", "cookies"):
        getattr(empty, name)["x"] = "y"
        assert getattr(other, name) == {}
        assert getattr(Request(URL), name) == {}


def test_callbacks_are_kept_by_name() -> None:
    """Callback and errback may be methods; their names are kept."""
    someone = Someone()
    request = Request(URL, someone.parse, errback=someone.failed)
    assert (request.callback, request.errback) == ("parse", "failed")


def test_private_methods_are_found_again() -> None:
    """A method with two leading underscores is kept by the name that Python gives it."""
    request = Someone().request_privately()
    assert isinstance(request.callback, str)
    assert hasattr(Someone(), request.callback)


@pytest.mark.parametrize("callback", [lambda response: None, len, partial(print, 1), Someone.parse, [].append])
def test_other_callbacks_are_refused(callback: Any) -> None:
    """What cannot be found again by its name, such as a lambda, is refused, and the error says what to do."""
    with pytest.raises(
        SpiderError, match=r"is not a method of the spider: pass self\.method or 'method', .* cb_kwargs"
    ):
        Request(URL, callback)
    with pytest.raises(SpiderError, match="is not a method of the spider"):
        Request(URL, errback=callback)


def test_everything_survives_storing() -> None:
    """Every field of a request is the same after it was written as MessagePack and read back."""
    request = Request(
        URL, "parse", method="PATCH", headers={"A": "b"}, body=b"\xff", cookies={"c": "d"}, priority=-2,
        meta={"m": [1, {"n": None}]}, cb_kwargs={"k": "é"}, errback="failed", dont_filter=True, timeout=1.5,
        proxy="http://p.example:1", session="s", encoding="latin-1", depth=3, stream=True,
    )  # fmt: skip
    plain = Request(URL)
    left_out = {"params", "json", "form", "auth"}  # folded into the URL, the body and the headers
    left_out |= {"files", "body_file"}  # in the place of a body
    for name in set(Request.__struct_fields__) - left_out - {"url"}:
        assert getattr(request, name) != getattr(plain, name), f"this test has forgotten {name}"
    from_files = (Request(URL, files={"a": "b"}), Request(URL, body_file="c"))
    for each in (request, plain, *from_files, Request(URL, params={"a": 1}, json={"b": 2}, auth=("u", "p"))):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=Request) == each


@pytest.mark.parametrize("request_", [FormRequest(URL, formdata={"a": 1}), JsonRequest(URL, "parse", data={"a": 1})])
def test_special_requests_are_stored_as_plain_ones(request_: Request) -> None:
    """A form or JSON request, stored and read back as a plain request, asks the same."""
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(request_), type=Request)
    assert all(getattr(stored, name) == getattr(request_, name) for name in Request.__struct_fields__)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_requests_can_be_copied(how: Any) -> None:
    """Copying and pickling give an equal request."""
    request = JsonRequest(URL, "parse", data={"a": 1}, meta={"m": 1}, auth=("u", "p"))
    assert how(request) == request
    assert request.copy() == request


def test_form_request() -> None:
    """A form request posts its data, or, where the method is GET, puts it in the place of the URL's query."""
    posted = FormRequest(URL, formdata={"a": "1"})
    assert (posted.method, posted.body, posted.url) == ("POST", b"a=1", URL)
    asked = FormRequest(URL, formdata={"a": "1"}, method="get")
    assert (asked.method, asked.body, asked.url) == ("GET", b"", f"{URL}?a=1")
    assert FormRequest(URL, method="GET").replace(formdata={"a": 1}).url == f"{URL}?a=1"
    assert FormRequest(f"{URL}?a=0&z=9#x", method="GET", formdata={"a": "1"}).url == f"{URL}?a=1#x"
    assert FormRequest(f"{URL}?a=0", method="GET", formdata={}).url == f"{URL}?a=0"
    assert FormRequest(f"{URL}?a=0", formdata={"a": "1"}).url == f"{URL}?a=0"


def test_the_encoding_of_a_request() -> None:
    """Its URL's query, its parameters and its form are in its encoding; the path is in UTF-8, as browsers have it."""
    asked = Request("http://e.example/µ?c=£", encoding="latin1")
    assert asked.url == "http://e.example/%C2%B5?c=%A3"
    assert Request("http://e.example/µ?c=£").url == "http://e.example/%C2%B5?c=%C2%A3"
    assert asked.replace(params={"d": "£"}).url == "http://e.example/%C2%B5?c=%A3&d=%A3"
    assert Request("http://e.example/?c=£€", encoding="latin1").url == "http://e.example/?c=%A3%26%238364%3B"
    assert Request(URL, params={"d": "£"}, encoding="latin1").url == f"{URL}?d=%A3"
    assert Request(URL, form={"d": "£"}, encoding="latin1").body == b"d=%A3"
    assert FormRequest(URL, method="GET", formdata={"d": "£"}, encoding="latin1").url == f"{URL}?d=%A3"


def test_json_request() -> None:
    """A JSON request posts its data and accepts JSON, unless its headers say otherwise."""
    request = JsonRequest(URL, data={"a": 1})
    assert (request.method, request.body) == ("POST", b'{"a":1}')
    assert request.headers == {"Accept": "application/json, */*;q=0.5", "Content-Type": "application/json"}
    assert JsonRequest(URL, data=1, headers={"Accept": "x"}).headers["Accept"] == "x"
    for each in (JsonRequest(URL), JsonRequest(URL, method="POST", body='{"x":1}'), JsonRequest(URL).replace(data=1)):
        assert each.headers == request.headers
    own = {"accept": "x", "content-type": "application/ld+json"}
    assert JsonRequest(URL, body="{}", headers=own).headers == own


def test_a_request_shows_no_secret() -> None:
    """What is printed of a request is its method and its URL, without credentials."""
    assert repr(Request("http://user:secret@a.example/", method="HEAD")) == "<HEAD http://a.example/>"
    assert repr(Request("mailto:a@b.example")) == "<GET mailto:a@b.example>"


@pytest.mark.parametrize(
    "request_",
    [
        Request(URL, "parse", priority=3, depth=2, session="s"),
        Request(URL, headers={"X-A": None, "X-B": ["1", "2"]}, cookies={"a": 1}),
        Request(URL, cookies=[{"name": "a", "value": "b", "domain": "a.example"}], meta={"proxy": "http://p.example"}),
        Request(URL, files={"file": "a.txt"}, form={"b": ["c", "d"]}),
        Request(URL, json={"a": 1}),
        JsonRequest(URL, data=[1], headers={b"X-A": 5}),
        FormRequest(URL, formdata={"a": "b"}),
    ],
    ids=repr,
)
def test_at_is_replace(request_: Request) -> None:
    """`at` gives what `replace` gives, and neither shares what can be changed in place."""
    other = "https://a.example/c"
    made = request_.at(other)
    assert type(made) is type(request_)
    assert made == request_.replace(url=other)
    for name in ("meta", "cb_kwargs", "headers", "cookies", "files"):
        assert getattr(made, name) is not getattr(request_, name)
    if request_.cookies and isinstance(request_.cookies, list):
        assert made.cookies[0] is not request_.cookies[0]
    if request_.form is not None:
        assert made.form is not request_.form


def test_at_heeds_what_was_changed_in_place() -> None:
    """Dicts that were changed since the request was made mean in its copies what they would have meant at first."""
    request = Request(URL)
    request.headers["X-A"] = ["1", b"2"]
    request.meta["proxy"] = "http://p.example"
    request.cookies["a"] = 1  # type: ignore[call-overload]
    made = request.at(URL)
    assert (made.headers, made.proxy, made.cookies) == ({"X-A": "1, 2"}, "http://p.example", {"a": "1"})
    request.headers["X-A"] = {}
    with pytest.raises(SpiderError, match=r"headers\['X-A'\] is a dict"):
        request.at(URL)


@pytest.mark.parametrize("method", [None, 7, b"GET"])
def test_the_method_of_a_form(method: Any) -> None:
    """None is no method, and a form is POSTed then; anything else that is not text is named."""
    if method is None:
        assert FormRequest(URL, method=method, formdata={"a": "b"}).method == "POST"
    else:
        with pytest.raises(SpiderError, match="method is a"):
            FormRequest(URL, method=method, formdata={"a": "b"})
