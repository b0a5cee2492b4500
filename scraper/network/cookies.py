"""Cookies: a jar for each named session, filled from every answer and asked before every request.

RFC 6265 decides which cookie goes where. A request's own `cookies` are put into the jar as if its host had set them,
so they go with this request and with those that follow. A session that never met a cookie has no jar, and costs
nothing.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from http.cookies import CookieError, Morsel
from math import inf
from typing import Protocol

import aiohttp
from aiohttp.hdrs import SET_COOKIE
from yarl import URL

from scraper import urls
from scraper.errors import FetchError, Reason, SpiderError
from scraper.network.headers import check
from scraper.protocols import Fetch
from scraper.request import Request
from scraper.response import Response

MOMENT = 1.0  # seconds
MOST_FOUND = 1_000  # origins
_NOT_FOUND: tuple[float, dict[str, str]] = (-inf, {})


class Jar(Protocol):
    """Keeps the cookies of one session."""

    def store(self, url: str, fields: Iterable[str]) -> None:
        """Take the Set-Cookie `fields` of the answer of `url`; those that are not allowed are ignored."""
        ...

    def put(self, url: str, cookies: Mapping[str, str]) -> None:
        """Take `cookies` as if the host of `url` had set them for all its paths."""
        ...

    def matching(self, url: str) -> dict[str, str]:
        """The cookies to send to `url`; not to be changed."""
        ...


class Cookies:
    """The middleware that keeps cookies, in one jar for each `Request.session`.

    A request with `meta["dont_merge_cookies"]`, Scrapy's word, is sent with its own cookies only, and what the
    answer sets is not kept. All requests are such if there is no `new_jar`.
    """

    def __init__(self, new_jar: Callable[[], Jar] | None) -> None:
        self._new_jar = new_jar
        self._jars: dict[str, Jar] = {}

    async def __call__(self, request: Request, fetch: Fetch) -> Response:
        if request.cookies:
            _check(request)
        if self._new_jar is None or (request.meta and request.meta.get("dont_merge_cookies")):
            return await (_sent(request, request.cookies, fetch) if request.cookies else fetch(request))
        jar = self._jars.get(request.session)
        if jar is None and not request.cookies:
            response = await fetch(request)
        else:
            jar = jar or self._jar(request.session, self._new_jar)
            if request.cookies:
                jar.put(request.url, request.cookies)
            response = await _sent(request, jar.matching(request.url), fetch)
        if SET_COOKIE in response.headers:
            fields = response.headers.getall(SET_COOKIE)
            self._jar(request.session, self._new_jar).store(request.url, fields)
        return response

    def _jar(self, session: str, new: Callable[[], Jar]) -> Jar:
        jar = self._jars.get(session)
        if jar is None:
            jar = self._jars[session] = new()
        return jar

    def __repr__(self) -> str:
        return f"<Cookies of {len(self._jars)} sessions>"


async def _sent(request: Request, cookies: Mapping[str, str], fetch: Fetch) -> Response:
    """The answer to `request`, sent with `cookies` after those in a Cookie header that was given by hand."""
    if not cookies:
        return await fetch(request)
    given = "; ".join(value for name, value in request.headers.items() if name.lower() == "cookie")
    by_hand = {each.partition("=")[0].strip() for each in given.split(";")}
    pairs = [f"{name}={value}" for name, value in cookies.items() if name not in by_hand]
    headers = {name: value for name, value in request.headers.items() if name.lower() != "cookie"}
    headers["Cookie"] = "; ".join([given, *pairs] if given else pairs)
    response = await fetch(request.replace(headers=headers))
    response.request = request  # with today's cookies in a header it could not be sent again tomorrow
    return response


def _check(request: Request) -> None:
    try:
        check(request)
    except SpiderError as error:
        raise FetchError(Reason.BAD_REQUEST, urls.without_credentials(request.url), str(error)) from error


class MemoryJar:
    """A jar by aiohttp, which bounds the number and the size of cookies.

    Where all cookies are for all paths, as most are, what matches an origin is remembered for a moment: a cookie may
    be sent so much longer than it should.
    """

    def __init__(self) -> None:
        self._jar = _Rectified(unsafe=True)  # an IP address may set cookies, too
        self._found: dict[str, tuple[float, dict[str, str]]] = {}

    def store(self, url: str, fields: Iterable[str]) -> None:
        """Take the Set-Cookie `fields` of the answer of `url`."""
        self._found.clear()
        self._jar.update_cookies_from_headers(tuple(fields), URL(url, encoded=True))

    def put(self, url: str, cookies: Mapping[str, str]) -> None:
        """Take `cookies` of the host of `url`; those given on https stay on https."""
        self._found.clear()
        is_secure = url.startswith("https://")
        morsels = [(name, _morsel(name, str(value), is_secure=is_secure)) for name, value in cookies.items()]
        self._jar.update_cookies(morsels, URL(url, encoded=True))

    def matching(self, url: str) -> dict[str, str]:
        """The cookies to send to `url`."""
        origin, now = urls.origin(url), time.monotonic()
        until, cookies = self._found.get(origin, _NOT_FOUND)
        if now < until:
            return cookies
        found = self._jar.filter_cookies(URL(url, encoded=True))
        cookies = {name: morsel.coded_value for name, morsel in found.items()}
        if not any(path for _, path in self._jar.cookies):
            if len(self._found) >= MOST_FOUND:
                self._found.clear()
            self._found[origin] = now + MOMENT, cookies
        return cookies

    def __repr__(self) -> str:
        return f"<MemoryJar of {len(self._jar)} cookies>"


class _Rectified(aiohttp.CookieJar):
    """aiohttp's jar, right in two points where it is not."""

    def _build_morsel(self, cookie: "Morsel[str]") -> "Morsel[str]":
        """A value goes back letter by letter (RFC 6265, 5.4); aiohttp adds and takes away quotes."""
        return _morsel(cookie.key, cookie.coded_value)

    @classmethod
    def _parse_date(cls, date_str: str) -> int | None:
        """The first second of 1970, by which many a site deletes its cookies, is a date; to aiohttp it is none."""
        seconds = super()._parse_date(date_str)
        return max(seconds, 1) if seconds is not None else None


def _morsel(name: str, value: str, *, is_secure: bool = False) -> "Morsel[str]":
    morsel: Morsel[str] = Morsel()
    try:
        morsel.set(name, value, value)
    except CookieError:  # http.cookies allows fewer names than servers use; this is what unpickling does
        morsel.__setstate__({"key": name, "value": value, "coded_value": value})  # type: ignore[attr-defined]
    morsel["path"] = "/"
    morsel["secure"] = is_secure
    return morsel
