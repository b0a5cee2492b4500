"""The one pooled aiohttp session that all workers share, without any policy of its own.

It keeps no cookies, follows no redirects, decodes nothing, limits nothing, reads no environment variables and never
sends a request twice: all of that is decided elsewhere. What it does is pool connections and remember addresses.
"""

import socket
import ssl
from contextvars import ContextVar
from math import inf
from typing import Any

import aiohttp

from scraper.errors import SettingsError
from scraper.network.headers import defaults
from scraper.settings import NetworkSettings

DNS_SECONDS = 300
IDLE_SECONDS = 15.0  # that a connection nobody uses is kept
HEADER_BYTES = 32 * 1024  # one header; a Content-Security-Policy may be longer than aiohttp's 8 KB
MOST_HEADERS = 256


def open_session(settings: NetworkSettings) -> aiohttp.ClientSession:
    """The session that `[network]` asks for; closed by leaving its context.

    Raises `SettingsError` if `ca_file` cannot be read or `headers` cannot be sent.
    """
    headers, tls = defaults(settings), _tls(settings)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            limit_per_host=0,
            ttl_dns_cache=DNS_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            ssl=tls,
            socket_factory=_open_socket,
        ),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeouts(settings),
        auto_decompress=False,
        trust_env=False,
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
        max_headers=MOST_HEADERS,
    )
    session._retry_connection = False  # it would send twice what a server refuses to answer; see `Fetcher`
    return session


def timeouts(settings: NetworkSettings, *, read: float = 0.0, total: float | None = None) -> aiohttp.ClientTimeout:
    """What aiohttp keeps an eye on: connecting, each piece that is read, and the whole request if `total` is given.

    `read` seconds may pass before a piece comes if that is more than the settings allow.
    """
    return aiohttp.ClientTimeout(
        total=total,
        connect=settings.connect_timeout,
        sock_read=max(settings.read_timeout, read),
        ceil_threshold=inf,  # to the moment, not to the next whole second
    )


# Whether a request went out on a connection that was in use before decides whether it may be sent again. Every
# socket that is opened on behalf of a task counts in the list that `opened()` gives to that task.

_opened: ContextVar[list[int]] = ContextVar("_opened")


def opened() -> list[int]:
    """A list of one number, which grows with every socket that is opened for the running task."""
    count = _opened.get(None)
    if count is None:
        count = [0]
        _opened.set(count)
    return count


def _open_socket(address: tuple[Any, ...]) -> socket.socket:
    opened()[0] += 1
    family, kind, protocol, *_ = address
    return socket.socket(family, kind, protocol)


def _tls(settings: NetworkSettings) -> ssl.SSLContext | bool:
    """How certificates are checked: True is aiohttp's own, which trusts what the system trusts."""
    if not settings.verify_tls:
        return False
    if settings.ca_file is None:
        return True
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_verify_locations(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"[network] ca_file: {settings.ca_file} is no file of certificates: {error}") from None
    return context
