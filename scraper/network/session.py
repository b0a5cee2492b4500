"""The one pooled aiohttp session that all workers share."""

import ssl

import aiohttp

from scraper.errors import SettingsError
from scraper.settings import NetworkSettings

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CODINGS = "gzip, deflate, br, zstd"
DNS_SECONDS = 300
IDLE_SECONDS = 30.0


def timeout_of(settings: NetworkSettings, total: float | None = None) -> aiohttp.ClientTimeout:
    """The deadlines of a request; `total` seconds for the whole of it if the request names its own."""
    whole = settings.timeout if total is None else total
    return aiohttp.ClientTimeout(
        total=whole,
        sock_connect=min(settings.connect_timeout, whole),
        sock_read=min(settings.read_timeout, whole),
    )


def open_session(settings: NetworkSettings) -> aiohttp.ClientSession:
    """A session without any policy of its own: no cookies, no redirects, no decoding, no limits, no environment.

    Raises `SettingsError` if `ca_file` cannot be read.
    """
    defaults = {"User-Agent": settings.user_agent, "Accept": ACCEPT, "Accept-Language": "en", "Accept-Encoding": CODINGS}
    given = {name.lower() for name in settings.headers}
    headers = {name: value for name, value in defaults.items() if name.lower() not in given} | settings.headers
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, limit_per_host=0, ttl_dns_cache=DNS_SECONDS, keepalive_timeout=IDLE_SECONDS, ssl=_tls(settings)
        ),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout_of(settings),
        auto_decompress=False,
        trust_env=False,
    )


def _tls(settings: NetworkSettings) -> ssl.SSLContext | bool:
    if not settings.verify_tls:
        return False
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"[network] ca_file: {settings.ca_file} is no file of certificates: {error}") from None
