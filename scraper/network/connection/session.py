"""The one pooled aiohttp session that all workers share, without any policy of its own.

It keeps no cookies, follows no redirects, decodes nothing, limits nothing, reads no environment variables and never
sends a request twice: all of that is decided elsewhere. What it does is pool connections and remember addresses.
"""

import re
from math import inf
from typing import TypedDict

import aiohttp

from scraper.network.headers import defaults
from scraper.settings.schema import NetworkSettings

HEADER_BYTES = 32 * 1024  # one header; a Content-Security-Policy may be longer than aiohttp's 8 KB


class Heads(TypedDict):
    """The bounds of an answer's head."""

    max_line_size: int
    max_field_size: int
    max_headers: int


HEADS: Heads = {"max_line_size": HEADER_BYTES, "max_field_size": HEADER_BYTES, "max_headers": 256}

OLDEST = (3, 14, 3)  # of aiohttp: those before tell other origins of repeated credentials, and remember all addresses


def check_version(version: str) -> None:
    """Raises `ImportError` if this `version` of aiohttp, which was installed by force, is not safe to crawl with."""
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise ImportError(f"aiohttp {version} has known holes: install aiohttp>={needed}", name="aiohttp")


check_version(aiohttp.__version__)


def open_session(settings: NetworkSettings, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    """The session that `[network]` asks for, over `connector`; closed by leaving its context.

    Raises `SettingsError` if `headers` cannot be sent.
    """
    session = aiohttp.ClientSession(
        connector=connector,
        headers=defaults(settings),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeouts(settings),
        auto_decompress=False,
        trust_env=False,
        **HEADS,
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
