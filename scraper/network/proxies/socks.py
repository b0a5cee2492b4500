"""Proxies that speak SOCKS5 (RFC 1928), by aiohttp-socks (extra `socks`): a pool of connections for each of them.

The proxy finds the address of a host's name. All else is done as without it.
"""

import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import aiohttp

from scraper.errors import FetchError, Reason, SettingsError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.network.proxies.address import proxy
from scraper.protocols import Fetch
from scraper.urls import without_credentials

OpenSession = Callable[[aiohttp.BaseConnector], aiohttp.ClientSession]


class Socks:
    """Fetches through the SOCKS proxy that a request names, by a session and a fetcher of its own.

    `ssl` is how certificates are checked.
    """

    def __init__(
        self,
        open_session: OpenSession,
        fetcher: Callable[[aiohttp.ClientSession], Fetch],
        *,
        ssl: ssl.SSLContext | bool,
    ) -> None:
        self._open_session = open_session
        self._fetcher = fetcher
        self._ssl = ssl
        self._fetches: dict[str, Fetch] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def __call__(self, request: Request) -> Response:
        """The answer to `request` by way of its proxy."""
        assert request.proxy is not None
        fetch = self._fetches.get(request.proxy) or await self._open(request)
        try:
            response = await fetch(request.replace(proxy=None))
        except FetchError as error:
            if _is_of_proxy(error.__cause__):
                detail = f"proxy {without_credentials(request.proxy)}: {error.detail}"
                raise FetchError(Reason.PROXY, error.url, detail) from error.__cause__
            raise
        response.request = request
        return response

    async def _open(self, request: Request) -> Fetch:
        assert request.proxy is not None
        try:
            proxy(request.proxy)
            connector = _library().ProxyConnector.from_url(_by_name(request.proxy), limit=0, ssl=self._ssl)
        except (SettingsError, ValueError) as error:
            raise FetchError(Reason.BAD_REQUEST, without_credentials(request.url), str(error)) from None
        session = await self._stack.enter_async_context(self._open_session(connector))
        fetch = self._fetches[request.proxy] = self._fetcher(session)
        return fetch

    def __repr__(self) -> str:
        return f"<Socks {len(self._fetches)} proxies>"


def require() -> None:
    """Raises `SettingsError` if SOCKS proxies cannot be used, for want of the extra."""
    _library()


def _library() -> Any:
    try:
        import aiohttp_socks
    except ImportError:
        raise SettingsError("SOCKS proxies need the extra: pip install 'scraper[socks]'") from None
    return aiohttp_socks


def _by_name(address: str) -> str:
    """`address` as the library reads it; to both spellings the proxy is given names, not addresses."""
    return "socks5" + address[address.index("://") :]


def _is_of_proxy(error: BaseException | None) -> bool:
    library = _library()
    return isinstance(error, (library.ProxyError, library.ProxyConnectionError, library.ProxyTimeoutError))
