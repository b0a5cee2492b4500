"""Which addresses belong to the crawl at all: decided by the address alone, when a link is found.

Three limits, each the smallest possible. `Scheme` lets web addresses pass, `Scope` those of the spider's
allowed domains, `Depth` those that are not too many links away from a start URL.

They judge every new link and every redirect's target, so they must cost next to nothing. What the first two
look at ends where the path begins (no path, query or fragment makes a web URL invalid: WHATWG URL, 4.4), and a
crawl sees few such heads: what was said of one is remembered, and repeated for each URL that starts with it.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from scraper import urls
from scraper.errors import Reason, SpiderError
from scraper.http.request import Request
from scraper.protocols import Limit
from scraper.verdict import GO, Refuse, Verdict

HEADS = 16_384  # how many heads' verdicts are remembered
USUAL_PORTS = {"http": 80, "https": 443}

_INVALID = Refuse(Reason.INVALID_URL)
_NO_WEB = Refuse(Reason.SCHEME_NOT_ALLOWED)
_OFFSITE = Refuse(Reason.OFFSITE)
_TOO_DEEP = Refuse(Reason.DEPTH)
_PORT = re.compile(r":([0-9]{1,5})\Z").search


class Scheme(Limit):
    """Only valid http and https URLs are asked for."""

    def __init__(self) -> None:
        self._judge_head = lru_cache(HEADS)(_judge_validity)

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or a refusal as INVALID_URL or SCHEME_NOT_ALLOWED."""
        url = request.url
        if not url.startswith(urls.WEB_SCHEMES):
            return _INVALID if urls.canonical(url) is None else _NO_WEB
        end = url.find("/", 8)
        head = url if end < 0 else url[: end + 1]  # a blank before the slash is part of the host
        return self._judge_head(head) if len(head) <= urls.LONG else _judge_validity(head)

    def __repr__(self) -> str:
        return "<Scheme http, https>"


def _judge_validity(head: str) -> Verdict:
    return _INVALID if urls.canonical(head) is None else GO


class Scope(Limit):
    """Only hosts of `allowed_domains` are asked: those equal to one of them or below it; any host, if it is empty.

    `example.com` admits example.com and shop.example.com, on any port; `example.com:8080` only that port of
    them. A URL stands for its host, and for its port if it names one. Case, leading dots and a trailing dot
    make no difference; names in other scripts are compared in ASCII, as `urls.canonical` writes them.

    Raises `SpiderError` for an entry that names no host.
    """

    def __init__(self, allowed_domains: Iterable[str]) -> None:
        if isinstance(allowed_domains, str):
            raise SpiderError(f"allowed_domains is a list of names, not one text ({allowed_domains!r})")
        self._ports: dict[str, set[int] | None] = {}  # by name; None is any port
        for entry in allowed_domains:
            name, port = _name_and_port(entry)
            ports = self._ports.setdefault(name, set())
            if port is None or ports is None:
                self._ports[name] = None
            else:
                ports.add(port)
        self._judge_head = lru_cache(HEADS)(self._judge_host)

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or a refusal as OFFSITE."""
        url = request.url
        end = url.find("/", 8)
        head = url if end < 0 else url[: end + 1]  # a blank before the slash is part of the host
        return self._judge_head(head) if len(head) <= urls.LONG else self._judge_host(head)

    def _judge_host(self, head: str) -> Verdict:
        if not self._ports:
            return GO
        port = _port(urls.site(head), head.partition(":")[0])
        name = urls.host(head).removesuffix(".")
        while name:
            ports = self._ports.get(name, ())
            if ports is None or port in ports:
                return GO
            name = name.partition(".")[2]
        return _OFFSITE

    def __repr__(self) -> str:
        return f"<Scope {', '.join(self._ports) or 'any host'}>"


def _name_and_port(entry: str) -> tuple[str, int | None]:
    """The canonical host that an entry of allowed_domains names, and the port, if it names one."""
    scheme, colon, rest = entry.strip().rpartition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2].removeprefix("*").lstrip(".")
    if authority.count(":") > 1 and not authority.startswith("["):
        authority = f"[{authority}]"  # an IPv6 address, bare
    canonical = urls.canonical(f"http://{authority}/") if authority else None
    if canonical is None or (colon and scheme.lower() not in USUAL_PORTS):
        raise SpiderError(f"allowed_domains: {entry!r} is no host name (like 'example.com')")
    return urls.host(canonical).removesuffix("."), _port(authority)


def _port(authority: str, scheme: str = "") -> int | None:
    """The port that `authority` names, or the usual one of `scheme`."""
    found = _PORT(authority)
    return int(found[1]) if found else USUAL_PORTS.get(scheme)


class Depth(Limit):
    """Only pages at most `max_depth` links away from a start URL are asked for; any, if it is 0."""

    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or a refusal as DEPTH."""
        return _TOO_DEEP if 0 < self._max_depth < request.depth else GO

    def __repr__(self) -> str:
        return f"<Depth {self._max_depth or 'any'}>"
