"""A proxy as settings and requests write it: an address, and what to say to be let through."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache

from yarl import URL

from scraper import urls

SOCKS = ("socks5", "socks5h")
_HOST = re.compile(r"[\w.-]+(?::\d{1,5})?")
FORM = "a proxy is written http://host:port, or with https or socks5, and with user:password@ before a host that asks"


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where to connect to, and the Proxy-Authorization header's value if there is one."""

    url: URL
    authorization: str | None = field(repr=False)


@lru_cache(maxsize=4096)
def proxy(text: str) -> Proxy:
    """The proxy that `[http://][user:password@]host[:port]` names. Raises `ValueError`, without the password."""
    url = urls.canonical(text if "://" in text else f"http://{text}")
    if url is None or not (urls.is_web(url) or (is_socks(url) and _names_port(url))):
        raise ValueError(FORM)
    return Proxy(URL(urls.without_credentials(url), encoded=True), basic(url))


def shown(text: str) -> str:
    """What may be shown of a proxy as somebody wrote it: its host and port, if these are all that is behind an @."""
    name = text.rpartition("@")[2]
    return repr(name) if _HOST.fullmatch(name) else "an address"


def _names_port(url: str) -> bool:
    address = URL(url, encoded=True)
    return bool(address.host) and address.explicit_port is not None


def is_socks(text: str) -> bool:
    """Whether `text`, an address or its scheme, names a SOCKS proxy; others speak HTTP."""
    return text.partition(":")[0] in SOCKS


def basic(url: str) -> str | None:
    """The user and password in a canonical URL as a Basic Authorization header's value (RFC 7617)."""
    address = URL(url, encoded=True)
    if address.user is None and address.password is None:
        return None
    pair = f"{address.user or ''}:{address.password or ''}"
    return "Basic " + b64encode(pair.encode()).decode()
