"""The headers of every request, and what must not be in any."""

import pytest

from scraper import FetchError, Request, SettingsError, SpiderError
from scraper.errors import Reason
from scraper.network.headers import check, defaults
from scraper.settings.schema import NetworkSettings
from tests.network.conftest import Open
from tests.network.raw import OK, raw, repeating

URL = "http://a.example/"


def test_the_default_headers() -> None:
    """Every request has User-Agent, Accept, Accept-Language and Accept-Encoding; the settings may change and add."""
    settings = NetworkSettings(user_agent="me/1.0", headers={"accept-language": "de", "X-A": "b"})
    headers = defaults(settings)
    assert headers["User-Agent"] == "me/1.0"
    assert headers["Accept-Encoding"] == "gzip, deflate, br, zstd"
    assert headers["X-A"] == "b"
    assert [value for name, value in headers.items() if name.lower() == "accept-language"] == ["de"]


async def test_headers_are_sent_once(network: Open) -> None:
    """A request's own header takes the place of the default one, in whatever case it is written."""
    async with raw(repeating(OK)) as server:
        net = await network(user_agent="me/1.0", headers={"X-A": "b"})
        await net.fetch(Request(server.url))
        await net.fetch(Request(server.url, headers={"user-agent": "other", "x-a": "c", "ACCEPT": "text/plain"}))
        plain, own = (request.lower() for request in server.heard)
    assert b"\r\nuser-agent: me/1.0\r\n" in plain
    assert b"\r\nx-a: b\r\n" in plain
    for line in (b"\r\nuser-agent: other\r\n", b"\r\nx-a: c\r\n", b"\r\naccept: text/plain\r\n"):
        assert line in own
    for name in (b"user-agent:", b"x-a:", b"accept:", b"accept-encoding:", b"host:"):
        assert own.count(b"\r\n" + name) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Odd": "a\r\nX-Evil: 1"},
        {"X-Odd": "a\nb"},
        {"X-Odd": "a\0b"},
        {"X-Odd\r\nX-Evil": "1"},
        {"X-Odd:": "1"},
        {"X-Odd name": "1"},
        {"": "X-Odd"},
    ],
)
def test_what_would_be_two_headers(headers: dict[str, str]) -> None:
    """A line break or a NUL in a header, and a name that is not one word, is an error that names the header."""
    request = Request(URL)
    request.headers.update(headers)  # as a middleware may
    with pytest.raises(SpiderError) as caught:
        check(request)
    assert "X-Odd" in str(caught.value) or "''" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_header_that_is_no_text() -> None:
    """A header that became something else than text in a middleware is an error that names the header."""
    request = Request(URL)
    request.headers["X-Odd"] = 1
    with pytest.raises(SpiderError, match="X-Odd"):
        check(request)


async def test_headers_that_are_none(network: Open) -> None:
    """They are not sent, neither those of the request nor the default ones of that name, in whatever case."""
    async with raw(repeating(OK)) as server:
        net = await network(user_agent="me/1.0", headers={"X-A": "b"}, referrer_policy="unsafe-url")
        left_out = {"X-Skip": None, "x-a": None, "ACCEPT-language": None, "User-Agent": None, "X-Keep": "yes"}
        await net.fetch(Request(server.url, headers=left_out))
        await net.fetch(Request(server.url))
        asked, plain = (request.lower() for request in server.heard)
    assert b"\r\nx-keep: yes\r\n" in asked
    for name in (b"x-skip", b"x-a", b"accept-language", b"user-agent", b"none"):
        assert name not in asked
    for name in (b"accept:", b"accept-encoding:", b"host:"):
        assert asked.count(b"\r\n" + name) == plain.count(b"\r\n" + name) == 1
    for name in (b"x-a:", b"accept-language:", b"user-agent:"):
        assert plain.count(b"\r\n" + name) == 1


async def test_a_cookie_header_that_is_none(network: Open) -> None:
    """A request with it is sent without the cookies of its jar."""
    async with raw(repeating(OK)) as server:
        net = await network()
        await net.fetch(Request(server.url, cookies={"a": "b"}))
        await net.fetch(Request(server.url, headers={"Cookie": None}))
        await net.fetch(Request(server.url))
        heard = [b"\r\nCookie: a=b\r\n" in request for request in server.heard]
    assert heard == [True, False, True]


async def test_values_of_all_kinds_on_the_wire(network: Open) -> None:
    """Several values of a header are one line, and bytes and numbers are what they say."""
    async with raw(repeating(OK)) as server:
        net = await network()
        await net.fetch(Request(server.url, headers={"X-A": ["1", b"2", 3], b"X-B": 5}))
        [heard] = server.heard
    assert b"\r\nX-A: 1, 2, 3\r\n" in heard
    assert b"\r\nX-B: 5\r\n" in heard


def test_what_would_be_two_lines() -> None:
    """A cookie that became something else on the wire in a middleware is an error, too."""
    for cookies in ({"a": "b\r\nX-Evil: 1"}, {"a": "b; c=d"}, {"a=b; c": "d"}):
        request = Request(URL)
        request.cookies.update(cookies)
        with pytest.raises(SpiderError):
            check(request)
    check(Request(URL, method="PROPFIND", headers={"X-A": "ä b\t"}, cookies={"a": "b=c, d"}))


async def test_a_request_that_must_not_be_sent(network: Open) -> None:
    """Such a request fails on its own as `bad_request`; nothing of it reaches a server, and the crawl goes on."""
    async with raw(repeating(OK)) as server:
        net = await network()
        for field, odd in (("headers", {"X": "a\r\nb"}), ("cookies", {"a": "b\r\nc"})):
            request = Request(server.url)
            getattr(request, field).update(odd)
            with pytest.raises(FetchError) as caught:
                await net.fetch(request)
            assert caught.value.reason == Reason.BAD_REQUEST
            assert isinstance(caught.value.__cause__, SpiderError)
        assert server.heard == []


async def test_settings_that_must_not_be_sent(network: Open) -> None:
    """A header of the settings that would be two is refused before anything is sent."""
    with pytest.raises(SettingsError, match="X-Odd"):
        await network(headers={"X-Odd": "a\nb"})
