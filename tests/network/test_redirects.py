"""Which request follows a redirect."""

from typing import Any

import pytest

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.network.policies.redirects import Redirects
from scraper.protocols import Attempts
from scraper.settings.schema import NetworkSettings
from scraper.verdict import Fail, Redirect, Sequel

HERE = "http://a.example/dir/page?q=1"
FOLLOWED = (301, 302, 303, 307, 308)


def answered(request: Request, location: str | None, status: int = 302, cookies: tuple[str, ...] = ()) -> Response:
    fields = [("Set-Cookie", each) for each in cookies]
    if location is not None:
        fields.append(("Location", location))
    from multidict import CIMultiDict

    return Response(request.url, status=status, headers=CIMultiDict(fields), request=request)


def sequel(
    request: Request, location: str | None, status: int = 302, *, most: int = 20, hops: int = 0
) -> Sequel | None:
    """What follows an answer of `status` that points to `location`."""
    attempts = Attempts(hops=("http://a.example/",) * hops)
    return Redirects(NetworkSettings(max_redirects=most))(request, answered(request, location, status), attempts)


def followed(request: Request, location: str, status: int = 302) -> Request:
    """The request that follows."""
    found = sequel(request, location, status)
    assert isinstance(found, Redirect), found
    return found.request


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/other", "http://a.example/other"),
        ("other", "http://a.example/dir/other"),
        ("?q=2", "http://a.example/dir/page?q=2"),
        ("//b.example", "http://b.example/"),
        ("https://b.example/a b", "https://b.example/a%20b"),
        ("  /spaced  ", "http://a.example/spaced"),
        ("\\other", "http://a.example/other"),
        ("/\u00e4", "http://a.example/%C3%A4"),
        ("/\udce4", "http://a.example/%E4"),
        ("http://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_where_it_leads(location: str, target: str) -> None:
    """A Location is resolved as browsers do; bytes that are not UTF-8 are percent-encoded."""
    assert followed(Request(HERE), location).url == target


def test_the_fragment_is_inherited() -> None:
    """A target without a fragment has that of the request (RFC 9110, 10.2.2)."""
    request = Request("http://a.example/#part")
    assert followed(request, "/other").url == "http://a.example/other#part"
    assert followed(request, "/other#own").url == "http://a.example/other#own"


@pytest.mark.parametrize("status", FOLLOWED)
def test_what_stays(status: int) -> None:
    """Callback, errback, meta, arguments, priority, depth, session and the rest go with the request."""
    request = Request(
        HERE,
        "parse_page",
        errback="fail",
        meta={"a": 1},
        cb_kwargs={"b": 2},
        priority=3,
        depth=4,
        session="s",
        dont_filter=True,
        timeout=5.0,
        proxy="http://p.example",
        headers={"X-A": "b"},
    )
    assert followed(request, "/other", status) == request.replace(url="http://a.example/other")


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (303, "PUT", "GET"),
        (307, "PUT", "PUT"),
        (301, "HEAD", "HEAD"),
        (303, "HEAD", "HEAD"),
        (303, "GET", "GET"),
    ],
)
def test_the_method(status: int, method: str, expected: str) -> None:
    """303 makes GET of all but HEAD, 301 and 302 of POST, 307 and 308 of none; content goes where its method goes."""
    body = b"" if method in {"GET", "HEAD"} else b"x=1"
    headers = {"Content-Type": "text/plain", "content-language": "de", "X-A": "b"}
    request = followed(Request(HERE, method=method, body=body, headers=headers), "/other", status)
    assert request.method == expected
    if expected == method:
        assert (request.body, request.headers) == (body, headers)
    else:
        assert (request.body, request.headers) == (b"", {"X-A": "b"})


@pytest.mark.parametrize("status", FOLLOWED)
@pytest.mark.parametrize(
    "target", ["http://b.example/", "https://a.example/", "http://a.example:8080/", "http://www.a.example/"]
)
def test_secrets_stay_at_their_origin(status: int, target: str) -> None:
    """What was meant for one origin is not sent to another scheme, host or port, in whatever case it is written."""
    for spelling in (str.title, str.lower, str.upper):
        secret = {spelling(name): "s" for name in ("Authorization", "Cookie", "Proxy-Authorization", "Host")}
        request = Request(HERE, headers={**secret, "X-A": "b"}, cookies={"s": "1"})
        at_home, abroad = followed(request, "/other", status), followed(request, target, status)
        assert (abroad.headers, abroad.cookies) == ({"X-A": "b"}, {})
        assert (at_home.headers, at_home.cookies) == (request.headers, {"s": "1"})
        assert followed(abroad, HERE, status).headers == {"X-A": "b"}


def test_a_password_in_the_address_stays_there() -> None:
    """User and password in the address hold for the same host only."""
    request = Request("http://u:p@a.example/")
    assert followed(request, "/other").url == "http://u:p@a.example/other"
    assert followed(request, "//b.example/").url == "http://b.example/"


def test_a_cookie_that_was_changed_is_not_changed_back() -> None:
    """A cookie of the request that the redirect sets anew is not sent as it was."""
    request = Request(HERE, cookies={"a": "1", "b": "2"})
    found = Redirects(NetworkSettings())(request, answered(request, "/other", cookies=("a=3; Path=/",)), Attempts())
    assert isinstance(found, Redirect)
    assert found.request.cookies == {"b": "2"}


@pytest.mark.parametrize("location", ["http://", "http://a.example:99999/", "http://[::1/", "http://a b/"])
def test_a_target_that_is_none(location: str) -> None:
    """A Location that is no address fails as bad_redirect."""
    assert sequel(Request(HERE), location) == Fail(Reason.BAD_REDIRECT)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "data:text/html,x", "ftp://a.example/", "javascript:x", "unix:/x"]
)
def test_other_schemes(location: str) -> None:
    """A Location of another scheme than http and https fails as scheme_not_allowed."""
    assert sequel(Request(HERE), location) == Fail(Reason.SCHEME_NOT_ALLOWED)


def test_two_targets() -> None:
    """Two Locations are one if they are equal, and else an error."""
    from multidict import CIMultiDict

    request = Request(HERE)
    for second, expected in (
        ("/a", Redirect(request.replace(url="http://a.example/a"))),
        ("/b", Fail(Reason.BAD_REDIRECT)),
    ):
        headers = CIMultiDict([("Location", "/a"), ("Location", second)])
        response = Response(HERE, status=301, headers=headers, request=request)
        assert Redirects(NetworkSettings())(request, response, Attempts()) == expected


def test_too_many() -> None:
    """More than max_redirects in a row fail; with none allowed the first does."""
    assert isinstance(sequel(Request(HERE), "/other", most=20, hops=19), Redirect)
    assert sequel(Request(HERE), "/other", most=20, hops=20) == Fail(Reason.TOO_MANY_REDIRECTS)
    assert sequel(Request(HERE), "/other", most=0) == Fail(Reason.TOO_MANY_REDIRECTS)


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 306, 399, 404])
def test_other_statuses(status: int) -> None:
    """Any other status is no redirect, Location or not: 300 and 304 are answers."""
    assert sequel(Request(HERE), "/other", status) is None


@pytest.mark.parametrize("location", [None, ""])
def test_a_redirect_that_leads_nowhere(location: str | None) -> None:
    """A redirect without a Location is an answer like any other."""
    assert sequel(Request(HERE), location) is None


def test_redirects_that_are_asked_for() -> None:
    """`dont_redirect`, and a status that somebody handles, leave a redirect as it is, as in Scrapy."""
    for meta in ({"dont_redirect": True}, {"handle_httpstatus_list": [302]}, {"handle_httpstatus_all": True}):
        assert sequel(Request(HERE, meta=meta), "/other") is None
    request = Request(HERE)
    assert Redirects(NetworkSettings(), accepted=[302])(request, answered(request, "/other"), Attempts()) is None


def test_failures_are_left_to_others() -> None:
    """A failure is no redirect."""
    assert Redirects(NetworkSettings())(Request(HERE), FetchError(Reason.RESET, HERE), Attempts()) is None


def sequel_with(request: Request, location: str, status: int = 302, **settings: Any) -> Sequel | None:
    """What follows an answer of `status` under these settings."""
    return Redirects(NetworkSettings(**settings))(request, answered(request, location, status), Attempts())


@pytest.mark.parametrize("status", FOLLOWED)
def test_headers_that_settings_call_secret(status: int) -> None:
    """`secret_headers` stay at their origin as Authorization does, in whatever case, all of them."""
    request = Request(HERE, headers={"X-API-Key": "s", "x-api-key": "s", "X-A": "b"})
    found = sequel_with(request, "http://b.example/", status, secret_headers=["x-Api-key"])
    assert isinstance(found, Redirect)
    assert found.request.headers == {"X-A": "b"}


@pytest.mark.parametrize("status", [307, 308])
def test_content_stays_at_its_origin(status: int) -> None:
    """Content is not sent to another origin, unless `resend_bodies` says so."""
    request = Request(HERE, method="POST", body=b"secret")
    assert sequel_with(request, "http://b.example/", status) == Fail(Reason.BAD_REDIRECT)
    assert isinstance(sequel_with(request, "/other", status), Redirect)
    found = sequel_with(request, "http://b.example/", status, resend_bodies=True)
    assert isinstance(found, Redirect)
    assert found.request.body == b"secret"


def test_a_referer_is_written_anew() -> None:
    """A Referer tells the next host no more than the policy of settings or answer allows, and nothing after https."""
    request = Request("https://a.example/", headers={"Referer": "https://u:p@c.example/page?q#part"})

    def told(location: str, **settings: Any) -> str | None:
        found = sequel_with(request, location, **settings)
        assert isinstance(found, Redirect)
        return found.request.headers.get("Referer")

    assert told("/other") == "https://c.example/page?q"
    assert told("http://a.example/other") is None
    assert told("/other", referrer_policy="origin") == "https://c.example/"
    assert told("/other", referrer_policy="same-origin") is None


def page(content: str, **fields: Any) -> Response:
    body = f'<html><head><meta http-equiv="refresh" content="{content}"></head></html>'
    request = Request(HERE, **fields)
    return Response(HERE, headers={"Content-Type": "text/html"}, body=body, request=request)


def refreshed(response: Response, **settings: Any) -> Sequel | None:
    return Redirects(NetworkSettings(**settings))(response.request, response, Attempts())


def test_a_page_that_sends_everybody_away() -> None:
    """A refresh of less than `meta_refresh` seconds is a redirect, by GET, under the same rules."""
    answer = page("0; url=http://b.example/", method="POST", body=b"x", headers={"Cookie": "s", "X-A": "b"})
    found = refreshed(answer)
    assert isinstance(found, Redirect)
    assert (found.request.url, found.request.method, found.request.body) == ("http://b.example/", "GET", b"")
    assert found.request.headers == {"X-A": "b"}
    assert refreshed(page("0; url=/other"), max_redirects=0) == Fail(Reason.TOO_MANY_REDIRECTS)


@pytest.mark.parametrize("content", ["5; url=/other", "300", "0; url=", "1; url=#part", "0; url=file:///etc/passwd"])
def test_a_page_that_may_stay(content: str) -> None:
    """A page that is shown for a while, comes back to itself, or points to no page is a page like any other."""
    assert refreshed(page(content)) is None


def test_refreshes_that_are_not_wanted() -> None:
    """With `meta_refresh = 0`, and for a request with `dont_redirect`, no page is a redirect."""
    assert refreshed(page("0; url=/other"), meta_refresh=0.0) is None
    assert refreshed(page("0; url=/other", meta={"dont_redirect": True})) is None
