"""Connections by way of SOCKS5 proxies (RFC 1928, RFC 1929), by python-socks (extra `socks`).

They stand in the one pool of all connections, each under its proxy and its user. So another user for each request, as
proxies that rotate addresses want it, takes no more descriptors than another host for each request.

The proxy finds the address of a host's name. To the site a request looks as if there were no proxy.
"""

import socket
from base64 import b64decode
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.hdrs import PROXY_AUTHORIZATION

from scraper.errors import SettingsError
from scraper.network.connection.pool import Pool
from scraper.network.proxies.address import is_socks

if TYPE_CHECKING:
    from aiohttp.connector import Connection

PATIENCE = 120.0  # seconds until the library gives up; aiohttp's deadline for connecting comes before that


class SocksPool(Pool):
    """The connections of a crawl: direct, by HTTP proxies, and by the SOCKS proxies that requests name as `proxy`.

    A SOCKS proxy finds its user and password where an HTTP proxy does, in the headers that are for the proxy alone.
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- aiohttp's word
    ) -> "Connection":
        """A connection for `req`, open already or new."""
        connection = await super().connect(req, traces, timeout)
        if req.proxy is not None and is_socks(req.proxy.scheme):
            req.proxy = None  # a proxy that speaks HTTP would be told the whole URL
        return connection

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- aiohttp's word
    ) -> ResponseHandler:
        if req.proxy is None or not is_socks(req.proxy.scheme):
            return await super()._create_connection(req, traces, timeout)
        self._prepare_socket()
        tls = self._get_ssl_context(req)
        _, protocol = await self._wrap_existing_connection(
            self._factory,
            req=req,
            timeout=timeout,
            ssl=tls,
            sock=await _connected(req),
            server_hostname=req.host.rstrip(".") if tls is not None else None,
        )
        return protocol


async def _connected(request: aiohttp.ClientRequest) -> socket.socket:
    """A socket that leads to the host of `request`. Raises `ClientProxyConnectionError` if the proxy makes none."""
    assert request.proxy is not None
    assert request.port is not None
    socks = _library()
    proxy = socks.proxy(socks.socks5, request.proxy.host, request.proxy.port, *_login(request.proxy_headers))
    try:
        connected: socket.socket = await proxy.connect(request.host, request.port, PATIENCE)
    except socks.errors as error:
        told = OSError(getattr(error, "errno", None), str(error))
        raise aiohttp.ClientProxyConnectionError(request.connection_key, told) from error
    return connected


def _login(headers: Any) -> tuple[str, str]:
    """User and password, as Basic authorization has them (RFC 7617); both empty without one."""
    word: str = headers.get(PROXY_AUTHORIZATION, "") if headers else ""
    user, _, password = b64decode(word.removeprefix("Basic ")).decode().partition(":")
    return user, password


def require() -> None:
    """Raises `SettingsError` if SOCKS proxies cannot be used, for want of the extra."""
    _library()


class _Library(NamedTuple):
    proxy: Any
    socks5: Any
    errors: tuple[type[Exception], ...]


@cache
def _library() -> _Library:
    try:
        import python_socks
        from python_socks.async_.asyncio import Proxy
    except ImportError:
        raise SettingsError("SOCKS proxies need the extra: pip install 'scraper[socks]'") from None
    errors = (python_socks.ProxyError, python_socks.ProxyConnectionError, python_socks.ProxyTimeoutError)
    return _Library(Proxy, python_socks.ProxyType.SOCKS5, errors)
