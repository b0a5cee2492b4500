"""Cookies: a jar for each named session, filled from every answer and asked before every request."""

import aiohttp
from yarl import URL

from scraper.protocols import Fetch
from scraper.request import Request
from scraper.response import Response


class Cookies:
    """The middleware that keeps cookies (RFC 6265), one jar for each `Request.session`.

    A request's own `cookies` are put into the jar for its host, and stay there as if the host had set them.
    """

    def __init__(self) -> None:
        self._jars: dict[str, aiohttp.CookieJar] = {}

    async def __call__(self, request: Request, fetch: Fetch) -> Response:
        jar = self._jars.get(request.session)
        if jar is not None or request.cookies:
            request = self._with_cookies(request)
        response = await fetch(request)
        if "Set-Cookie" in response.headers:
            self._jar(request.session).update_cookies_from_headers(
                response.headers.getall("Set-Cookie"), URL(request.url, encoded=True)
            )
        return response

    def _jar(self, session: str) -> aiohttp.CookieJar:
        jar = self._jars.get(session)
        if jar is None:
            jar = self._jars[session] = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
        return jar

    def _with_cookies(self, request: Request) -> Request:
        """`request` with a Cookie header of all that is its host's; one given by hand comes first."""
        jar, url = self._jar(request.session), URL(request.url, encoded=True)
        if request.cookies:
            jar.update_cookies(request.cookies, url)
        pairs = [f"{each.key}={each.coded_value}" for each in jar.filter_cookies(url).values()]
        if not pairs:
            return request
        given = [value for name, value in request.headers.items() if name.lower() == "cookie"]
        headers = {name: value for name, value in request.headers.items() if name.lower() != "cookie"}
        return request.replace(headers={**headers, "Cookie": "; ".join([*given, *pairs])})
