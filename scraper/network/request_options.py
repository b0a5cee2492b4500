"""How a request is sent: what it may ask for, its deadlines, headers, proxy and certificates.

Most requests of a crawl are a plain GET. All of these share their options, so that nothing is made for them.
"""

import ssl
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import aiohttp
from yarl import URL

from scraper.errors import FetchError, Reason, SpiderError
from scraper.http.headers import left_out, own_headers
from scraper.http.request import Request
from scraper.network.connection.address_guard import Guard
from scraper.network.connection.deadlines import TICK
from scraper.network.connection.session import timeouts
from scraper.network.connection.tls import Trust
from scraper.network.headers import FRAMING, check
from scraper.network.proxies.address import Proxy, basic, is_socks, proxy
from scraper.settings.schema import NetworkSettings
from scraper.urls import host, is_web, without_credentials


class RequestOptions(NamedTuple):
    """How a request is sent; a plain GET has only the first three. `total` and `head` are seconds for `Deadlines`.

    A `total` of None is left to `timeout`, which is aiohttp's.
    """

    total: float | None
    head: float
    timeout: aiohttp.ClientTimeout
    headers: Mapping[str, str] | None = None
    proxy: URL | None = None
    proxy_headers: Mapping[str, str] | None = None
    tls: ssl.SSLContext | bool = True
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...] | None = None

    @property
    def are_plain(self) -> bool:
        """Whether a request may go the short way: straight to its host, as all others do, with the default headers."""
        return self.proxy is None and self.tls is True and self.timeout.total is None and self.middlewares is None

    @property
    def is_asked_of_proxy(self) -> bool:
        """Whether the answer may be a proxy's: one that speaks SOCKS never answers in HTTP."""
        return self.proxy is not None and not is_socks(self.proxy.scheme)


class RequestRules:
    """Which requests may be sent, and how. Without a `guard`, every host may be reached."""

    def __init__(self, settings: NetworkSettings, *, trust: Trust, guard: Guard | None) -> None:
        self._settings = settings
        self._trust = trust
        self._guard = guard
        self._longest = settings.max_url
        self._proxy = proxy(settings.proxy) if settings.proxy else None
        self._plain = self._timed(settings.timeout)

    def check_url(self, url: str) -> None:
        """Raises `FetchError` if nothing may be sent to `url`."""
        if len(url) > self._longest:
            detail = f"{len(url)} characters, where [network] max_url is {self._longest}"
            raise FetchError(Reason.URL_TOO_LONG, without_credentials(url)[:200], detail)
        if not is_web(url):
            raise FetchError(Reason.SCHEME_NOT_ALLOWED, without_credentials(url))
        if self._guard is not None and (reason := self._guard.refusal(host(url))) is not None:
            raise FetchError(
                reason, without_credentials(url), "not of the public internet, and not in [network] allow_addresses"
            )

    def options(self, request: Request) -> RequestOptions:
        """How `request` is to be sent. Raises `FetchError` if it cannot be."""
        return self._plain if self._is_plain(request) else self._special(request)

    def _is_plain(self, request: Request) -> bool:
        return (
            request.method == "GET"
            and not (request.headers or request.body or request.proxy or self._proxy)
            and request.timeout is None
            and "@" not in request.url
            and not (self._trust.hosts and request.url.startswith("https:"))
        )

    def _special(self, request: Request) -> RequestOptions:
        """The options of a request that is not a plain one."""
        url = request.url
        try:
            check(request)
            via = proxy(request.proxy) if request.proxy else self._proxy
        except (SpiderError, ValueError) as error:
            raise FetchError(Reason.BAD_REQUEST, without_credentials(url), str(error)) from error
        headers = {name: value for name, value in own_headers(request.headers).items() if name.lower() not in FRAMING}
        without = left_out(request.headers) if None in request.headers.values() else frozenset()
        authorization = basic(url) if "@" in url else None
        if authorization is not None and "authorization" not in (*map(str.lower, headers), *without):
            headers["Authorization"] = authorization
        for_proxy = _for_proxy(headers, via, is_tunnel=url.startswith("https:"))
        if via is not None and self._guard is not None:
            self._guard.name_proxy(host(str(via.url)))
        timing = self._plain if request.timeout is None else self._timed(request.timeout)
        return timing._replace(
            headers=headers or None,
            proxy=via.url if via else None,
            proxy_headers=for_proxy,
            tls=self._trust.of(host(url)),
            middlewares=(_without(without),) if without else None,
        )

    def _timed(self, total: float) -> RequestOptions:
        """The options of a plain request; a deadline that is too near for `Deadlines` is left to aiohttp."""
        settings = self._settings
        patience = total if total > settings.timeout else 0.0  # who has more time may wait longer
        head = max(settings.headers_timeout, patience)
        if total < 8 * TICK:
            return RequestOptions(None, head, timeouts(settings, read=patience, total=total))
        return RequestOptions(total, head, timeouts(settings, read=patience))


def _without(names: Iterable[str]) -> aiohttp.ClientMiddlewareType:
    """Takes headers of these `names` from a request that aiohttp is about to send: default ones are among them."""

    async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        for name in names:
            request.headers.popall(name, None)
        return await handler(request)

    return send


def _for_proxy(headers: dict[str, str], via: Proxy | None, *, is_tunnel: bool) -> Mapping[str, str] | None:
    """Puts what only the proxy may read where only the proxy reads it: what goes with CONNECT is returned."""
    given = [headers.pop(name) for name in list(headers) if name.lower() == "proxy-authorization"]
    if via is None:
        return None
    by_socks = is_socks(via.url.scheme)
    word = given[0] if given and not by_socks else via.authorization
    if word is None:
        return None
    if is_tunnel or by_socks:
        return {"Proxy-Authorization": word}
    headers["Proxy-Authorization"] = word
    return None
