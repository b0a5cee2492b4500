"""Cookies that a request is given as a list: each goes where its domain, its path and `secure` say."""

from typing import Any

import pytest

from scraper import FetchError, Request, Response
from scraper.errors import Reason, SpiderError
from scraper.network.cookies.middleware import Cookies
from scraper.network.policies.redirects import Redirects
from scraper.protocols import Attempts
from scraper.recording.redaction import stripped
from scraper.settings.schema import NetworkSettings
from scraper.verdict import Redirect

NOW = 1_700_000_000.0
WAY: list[dict[str, Any]] = [
    {"name": "plain", "value": "1"},
    {"name": "deep", "value": "2", "path": "/deep"},
    {"name": "below", "value": "3", "domain": ".x.example"},
    {"name": "only", "value": "4", "secure": True},
    {"name": "other", "value": "5", "domain": "Y.example"},
    {"name": "odd", "value": "6", "path": "deep"},
]


class Wire:
    """Answers everything, and notes the Cookie header of each request."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, request: Request) -> Response:
        self.heard.append(request.headers.get("Cookie", ""))
        return Response(request.url, request=request)


async def heard(*requests: Request, is_on: bool = True) -> list[str]:
    """What the wire hears of the cookies of one request after the other."""
    cookies, wire = Cookies(is_on=is_on, wall=lambda: NOW), Wire()
    for request in requests:
        await cookies(request, wire)
    return wire.heard


async def test_each_goes_where_it_belongs() -> None:
    """To its path, its domain and those below, over https alone if it is secure; without a domain to its host alone."""
    given = Request("http://x.example/", cookies=WAY)
    paths = ["http://x.example/deep/page", "https://x.example/", "http://www.x.example/", "http://y.example/"]
    assert await heard(given, *map(Request, paths)) == [
        "plain=1; below=3; odd=6",
        "deep=2; plain=1; below=3; odd=6",
        "plain=1; below=3; only=4; odd=6",
        "below=3",
        "other=5",
    ]


async def test_those_given_on_https_stay_there() -> None:
    """As plain ones do, unless they say that they are not secure."""
    given = Request(
        "https://x.example/",
        cookies=[{"name": "a", "value": "1", "path": "/p"}, {"name": "b", "value": "2", "secure": False}],
    )
    assert await heard(given, Request("http://x.example/p")) == ["b=2", "b=2"]


@pytest.mark.parametrize("is_on", [True, False])
async def test_cookies_of_one_request(is_on: bool) -> None:
    """Without a jar a request has its own cookies, as far as they are for its URL, and no other has them."""
    meta = {} if not is_on else {"dont_merge_cookies": True}
    given = Request("http://x.example/deep/", cookies=WAY, meta=meta)
    other = Request("http://x.example/deep/", meta=meta)
    assert await heard(given, other, is_on=is_on) == ["deep=2; plain=1; below=3; odd=6", ""]


@pytest.mark.parametrize("domain", ["127.0.0.1", "x.localhost", "localhost"])
async def test_a_domain_that_nobody_is_below(domain: str) -> None:
    """A cookie for an address, or for a host that is a public suffix itself, is for that host."""
    given = Request(f"http://{domain}:8000/", cookies=[{"name": "a", "value": "b", "domain": domain}])
    assert await heard(given) == ["a=b"]


async def test_a_domain_of_everybody() -> None:
    """A cookie for all hosts of a public suffix is a mistake, and its request is not sent."""
    given = Request("http://x.co.uk/", cookies=[{"name": "a", "value": "b", "domain": "co.uk"}])
    with pytest.raises(FetchError, match=r"the cookie 'a' is for 'co\.uk', where anybody can") as caught:
        await heard(given)
    assert caught.value.reason == Reason.BAD_REQUEST


async def test_a_refused_cookie_leaves_no_session() -> None:
    """None of the cookies of such a request is kept, and its session has no jar."""
    cookies = Cookies(is_on=True, wall=lambda: NOW)
    given: list[dict[str, Any]] = [{"name": "good", "value": "1", "path": "/p"}]
    given += [{"name": "a", "value": "b", "domain": "co.uk"}]
    with pytest.raises(FetchError):
        await cookies(Request("http://x.co.uk/", cookies=given, session="s"), Wire())
    assert (repr(cookies), cookies.changes()) == ("<Cookies of 0 sessions>", {})


async def test_cookies_in_a_list_are_of_their_session() -> None:
    """They go with the requests of their session, which outlives the process, and with no others."""
    cookies, wire = Cookies(is_on=True, wall=lambda: NOW), Wire()
    await cookies(Request("http://x.example/deep/", cookies=WAY, session="s"), wire)
    again = Cookies(is_on=True, wall=lambda: NOW)
    again.recall(cookies.changes())
    for session in ("s", "t", ""):
        await again(Request("http://www.x.example/", session=session), wire)
    assert wire.heard == ["deep=2; plain=1; below=3; odd=6", "below=3", "", ""]


@pytest.mark.parametrize("cookie", [{"name": "a", "value": "b; c=d"}, {"name": "a=b", "value": "c"}])
async def test_a_cookie_that_would_be_two(cookie: dict[str, str]) -> None:
    """What would be something else on the wire is refused, in a list as well."""
    with pytest.raises(SpiderError, match=r"cookies\['a'\] has a line break|cookies has the name 'a=b'"):
        await heard(Request("http://x.example/", cookies=[{**cookie, "path": "/p"}]))


def test_redirects() -> None:
    """Cookies go along on the same origin, unless the answer sets them anew, and nowhere else."""
    policy = Redirects(NetworkSettings())
    request = Request("http://x.example/", cookies=WAY)

    def following(target: str) -> Request:
        headers = {"Location": target, "Set-Cookie": "deep=9"}
        sequel = policy(request, Response(request.url, status=302, headers=headers, request=request), Attempts())
        assert isinstance(sequel, Redirect)
        return sequel.request

    assert following("/there").cookies == [each for each in WAY if each["name"] != "deep"]
    assert following("http://y.example/").cookies == {}


def test_a_recording_has_no_values() -> None:
    """What is recorded of a request has the names of its cookies."""
    names = ("plain", "deep", "below", "only", "other", "odd")
    assert stripped(Request("http://x.example/", cookies=WAY)).cookies == dict.fromkeys(names, "stripped")
