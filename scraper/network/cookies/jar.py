"""Cookies by RFC 6265bis: which of them are kept, and where each is sent. Pure: no clock, no files, no network.

Where a cookie goes:

* to the host that set it, or with a Domain to that domain and all hosts below it; never to a domain under which
  anybody can have a name, and never from an IP address to another;
* to the paths below its Path, or below the folder of the page that set it;
* with Secure, to https only; such a cookie is neither set nor replaced by way of http.

Names that begin with `__Host-` and `__Secure-` keep what they promise, in whatever case they are written. SameSite is
read and kept and makes no difference: whoever follows a link comes to a site as one who typed its address, and
nothing that a crawler sends is sent from within a page of somebody else's.

A jar holds 180 cookies a domain, 3,000 and 2 MiB of them in all, and sends 8 KiB at most. Beyond that, expired
cookies go first, and then those that were not sent for longest, of a domain that has too many those without Secure
before the others.

A site chooses how many cookies an answer sets, and for what domains and paths. So whatever is asked for each of them
takes time that does not grow with the number of cookies there are: see `_Secure`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

from scraper import urls
from scraper.network.cookies.set_cookie import SetCookie, parse

MOST_A_DOMAIN = 180
MOST = 3_000
MOST_BYTES = 2 * 1024 * 1024
OVERHEAD = 512  # bytes that a cookie takes besides its text
LONGEST_HEADER = 8 * 1024  # bytes

Key = tuple[str, str, bool]
"""What tells cookies of one domain apart: name, path, and whether it is for its host alone."""


@dataclass(slots=True)
class Cookie:
    """A cookie as it is kept. `expires` is in seconds since 1970, inf for never; `used` orders by last use.

    `is_told` says that `changes()` has given it, or one in its place.
    """

    name: str
    value: str = field(repr=False)
    domain: str
    path: str = "/"
    expires: float = inf
    is_secure: bool = False
    is_http_only: bool = False
    is_host_only: bool = True
    same_site: str = ""
    created: int = 0
    used: int = 0
    is_told: bool = False

    @property
    def pair(self) -> str:
        """The cookie as the Cookie header has it."""
        return f"{self.name}={self.value}"

    @property
    def key(self) -> Key:
        """What tells cookies of one domain apart."""
        return self.name, self.path, self.is_host_only

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return len(self.name) + len(self.value) + len(self.domain) + len(self.path) + OVERHEAD


class Jar:
    """Keeps the cookies of one session; `is_public_suffix` tells the domains that no cookie can be for.

    `size` is about how many bytes of memory they take.
    """

    def __init__(self, *, is_public_suffix: Callable[[str], bool]) -> None:
        self._is_public_suffix = is_public_suffix
        self._domains: dict[str, dict[Key, Cookie]] = {}
        self._secure = _Secure()
        self._changed: dict[tuple[str, Key], Cookie | None] = {}
        self._number = 0
        self._turn = 0
        self.size = 0

    def store(self, url: str, fields: Iterable[str], now: float) -> None:
        """Take the Set-Cookie `fields` of an answer of `url`; those that are not allowed are ignored."""
        host, is_secure = urls.host(url), url.startswith("https:")
        hides = None if is_secure else self._secure.hides()
        for each in fields:
            said = parse(each, now)
            cookie = self._allowed(said, url, host, is_secure=is_secure) if said is not None else None
            if cookie is not None and (hides is None or not hides(cookie)):
                self._keep(cookie, now)

    def put(self, url: str, cookies: Iterable[tuple[str, str]], now: float) -> None:
        """Take `cookies` as if the host of `url` had set them for all its paths; those given on https stay there."""
        host, is_secure = urls.host(url), url.startswith("https:")
        for name, value in cookies:
            self._keep(Cookie(name, value, host, is_secure=is_secure), now)

    def add(self, cookie: Cookie, now: float) -> None:
        """Take `cookie` as it is, unless it has expired or is for a public suffix and all below it."""
        if cookie.is_host_only or not (is_address(cookie.domain) or self._is_public_suffix(cookie.domain)):
            self._keep(cookie, now)

    def matching(self, url: str, now: float) -> list[Cookie]:
        """The cookies to send to `url`: those of longer paths first, and then those that were there first."""
        host, is_secure, path = urls.host(url), url.startswith("https:"), _path(url)
        found = [
            cookie
            for domain in self._domains_of(host)
            for cookie in self._domains[domain].values()
            if (domain == host or not cookie.is_host_only)
            and (is_secure or not cookie.is_secure)
            and cookie.expires > now
            and (cookie.path == "/" or path_matches(path, cookie.path))
        ]
        if not found:
            return found
        if len(found) > 1:
            found.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
        self._turn += 1
        size, last = 0, len(found)
        for index, cookie in enumerate(found):
            size += len(cookie.pair if cookie.value.isascii() else cookie.pair.encode()) + 2
            if size > LONGEST_HEADER + 2:
                last = index
                break
            cookie.used = self._turn
        return found[:last]

    def __iter__(self) -> Iterator[Cookie]:
        """All cookies, the oldest first."""
        found = [cookie for cookies in self._domains.values() for cookie in cookies.values()]
        return iter(sorted(found, key=lambda cookie: cookie.created))

    def __len__(self) -> int:
        return self._number

    def changes(self, session: str = "") -> dict[str, tuple[Any, ...] | None]:
        """The cookies that were set since this was last asked, as plain values, or None for those that are gone.

        Each by a text that tells it apart from the others, of other sessions as well.
        """
        changed, self._changed = self._changed, {}
        told: dict[str, tuple[Any, ...] | None] = {}
        for (domain, (name, path, is_host_only)), cookie in changed.items():
            key = f"{domain}\0{name}\0{path}\0{is_host_only:d}\0{session}"
            if cookie is None:
                told[key] = None
                continue
            cookie.is_told = True
            told[key] = (
                session, name, cookie.value, domain, path, None if cookie.expires == inf else cookie.expires,
                cookie.is_secure, cookie.is_http_only, is_host_only, cookie.same_site, cookie.created, cookie.used,
            )  # fmt: skip
        return told

    def clear(self) -> None:
        """Forget all cookies."""
        for cookie in list(self):
            self._drop(cookie)

    def recall(self, kept: Iterable[Iterable[Any]]) -> None:
        """Take back what `changes()` gave, in whatever order; nothing has changed by that."""
        changed, self._changed = self._changed, {}
        for _, name, value, domain, path, expires, secure, http_only, host_only, same_site, created, used in kept:
            lasts = inf if expires is None else float(expires)
            cookie = Cookie(name, value, domain, path, lasts, secure, http_only, host_only, same_site)
            self._keep(cookie, -inf)
            cookie.created, cookie.used, cookie.is_told = created, used, True
            self._turn = max(self._turn, created, used)
        self._changed = changed

    # What is kept.

    def _allowed(self, said: SetCookie, url: str, host: str, *, is_secure: bool) -> Cookie | None:
        """The cookie that a field sets, or None if its host may not set it (RFC 6265bis, 5.7)."""
        domain = canonical_domain(said.domain) if said.domain else None
        if domain is not None and domain != host and not domain_matches(host, domain):
            return None
        if domain is not None and (is_address(host) or self._is_public_suffix(domain)):
            if domain != host:
                return None
            domain = None
        if said.is_secure and not is_secure:
            return None
        path = said.path if said.path is not None else default_path(url)
        if not _keeps_promise(said, is_host_only=domain is None):
            return None
        return Cookie(
            _sendable(said.name), _sendable(said.value), domain or host, path, said.expires,
            said.is_secure, said.is_http_only, domain is None, said.same_site,
        )  # fmt: skip

    def _keep(self, cookie: Cookie, now: float) -> None:
        key = cookie.key
        cookies = self._domains.get(cookie.domain, {})
        old = cookies.get(key)
        if cookie.expires <= now:
            if old is not None:
                self._drop(old)
            return
        self._turn += 1
        cookie.created, cookie.used = self._turn if old is None else old.created, self._turn
        place = cookie.domain, key
        cookie.is_told = old.is_told if old is not None else self._changed.get(place, cookie) is None
        self._domains.setdefault(cookie.domain, cookies)[key] = cookie
        self._changed[place] = cookie
        if cookie.is_secure is not (old is not None and old.is_secure):
            self._secure.count(cookie, 1 if cookie.is_secure else -1)
        if old is not None:
            self.size += len(cookie.value) - len(old.value)
        else:
            self._number += 1
            self.size += cookie.size
            if len(cookies) > MOST_A_DOMAIN:
                self._drop(min(cookies.values(), key=lambda each: (each.expires > now, each.is_secure, each.used)))
        if self._number > MOST or self.size > MOST_BYTES:
            self._make_room(now)

    def _make_room(self, now: float) -> None:
        """Drop a tenth of the cookies, or of their size, whichever there is too much of."""
        for each in sorted(self, key=lambda each: (each.expires > now, each.used)):
            if self._number <= MOST - MOST // 10 and self.size <= MOST_BYTES - MOST_BYTES // 10:
                return
            self._drop(each)

    def _drop(self, cookie: Cookie) -> None:
        cookies, key = self._domains[cookie.domain], cookie.key
        del cookies[key]
        if not cookies:
            del self._domains[cookie.domain]
        if cookie.is_told:
            self._changed[cookie.domain, key] = None
        else:  # nobody needs to know that it was there
            self._changed.pop((cookie.domain, key), None)
        if cookie.is_secure:
            self._secure.count(cookie, -1)
        self._number -= 1
        self.size -= cookie.size

    def _domains_of(self, host: str) -> list[str]:
        """The domains with cookies that `host` may have a part in: itself, and those above it."""
        if len(self._domains) == 1:
            [domain] = self._domains
            return [domain] if domain_matches(host, domain) else []
        found = [host] if host in self._domains else []
        if is_address(host):
            return found
        dot = host.find(".")
        while dot >= 0:
            if host[dot + 1 :] in self._domains:
                found.append(host[dot + 1 :])
            dot = host.find(".", dot + 1)
        return found

    def __repr__(self) -> str:
        return f"<Jar of {self._number} cookies>"


class _Secure:
    """The cookies with Secure, which none that comes by http may come in the way of: by name, then one by one.

    An answer has few domains to set cookies for, and what is secure of one name in their way is looked up once for all
    of its cookies; a cookie's own path then has fewer parts than there may be paths.
    """

    def __init__(self) -> None:
        self._names: dict[str, dict[str, Counter[str]]] = {}  # by name and domain: paths, and how many cookies each

    def count(self, cookie: Cookie, number: int) -> None:
        """There is one more like `cookie` from now on, or one fewer."""
        domains = self._names.setdefault(cookie.name, {})
        paths = domains.setdefault(cookie.domain, Counter())
        paths[cookie.path] += number
        if not paths[cookie.path]:
            del paths[cookie.path]
        if not paths:
            del domains[cookie.domain]
        if not domains:
            del self._names[cookie.name]

    def hides(self) -> Callable[[Cookie], bool] | None:
        """Tells the cookies of one answer that hide, or replace, a secure one (RFC 6265bis, 5.7); None if none can."""
        if not self._names:
            return None
        known: dict[tuple[str, str], set[str]] = {}

        def hides(cookie: Cookie) -> bool:
            if cookie.name not in self._names:
                return False
            place = (cookie.name, cookie.domain)
            paths = known.get(place)
            if paths is None:
                paths = known[place] = self._paths(*place)
            if len(paths) < cookie.path.count("/"):
                return any(path_matches(cookie.path, each) for each in paths)
            return not paths.isdisjoint(_above(cookie.path))

        return hides

    def _paths(self, name: str, domain: str) -> set[str]:
        """The paths of secure cookies of this name for `domain`, a domain above it, or one below it."""
        below = f".{domain}"
        return set[str]().union(
            *(
                paths
                for other, paths in self._names[name].items()
                if other == domain or other.endswith(below) or domain_matches(domain, other)
            )
        )


def domain_matches(host: str, domain: str) -> bool:
    """Whether `host` is `domain` or below it, both in lower case (RFC 6265bis, 5.1.3)."""
    return host == domain or (host.endswith(f".{domain}") and bool(domain) and not is_address(host))


def path_matches(path: str, cookie_path: str) -> bool:
    """Whether a cookie of `cookie_path` is for `path` (RFC 6265bis, 5.1.4)."""
    return path == cookie_path or (
        path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )


def _above(path: str) -> Iterator[str]:
    """The paths whose cookies are for `path`: see `path_matches`."""
    yield path
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        yield path[: at + 1]
        at = path.find("/", at + 1)


def default_path(url: str) -> str:
    """The path of a cookie that `url` sets without a Path: its folder, without the slash at the end."""
    path = _path(url)
    return path[: path.rfind("/")] or "/"


def _path(url: str) -> str:
    """The path of a canonical URL."""
    start = url.find("/", 8)
    path = url[start:] if start >= 0 else "/"
    return path.partition("#")[0].partition("?")[0] if "?" in path or "#" in path else path


def is_address(host: str) -> bool:
    """Whether a canonical host is an IP address: no name ends with a label of digits."""
    return host[-1:] == "]" or host[host.rfind(".") + 1 :].isdigit()


def canonical_domain(domain: str) -> str:
    """A Domain as hosts are written."""
    if domain.isascii():
        return domain.lower()
    url = urls.canonical(f"http://{domain}/")
    return urls.host(url) if url is not None else domain


def _keeps_promise(said: SetCookie, *, is_host_only: bool) -> bool:
    """Whether a cookie has what its name promises."""
    name = said.name.lower()
    if name.startswith("__host-"):
        return said.is_secure and is_host_only and said.domain is None and said.path == "/"
    return said.is_secure or not name.startswith("__secure-")


def _sendable(text: str) -> str:
    """`text` without bytes that are no UTF-8, which could be neither stored nor sent."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode(errors="replace")
