"""URLs as browsers read them: one parser (WHATWG, by ada) for joining, identity and the wire.

A *canonical* URL here is ada's `href`: scheme and host in lower case, IDN in ASCII, default port dropped, dot
segments resolved, illegal characters percent-encoded, an empty path written as `/`. Two requests are the same
page when the `key()` of their canonical URLs is: the fragment, which never reaches a server, is not in it, nor is the
`?` of an empty query, and what need not be percent-encoded stands as it is. The wire has the canonical URL without
the fragment and the `?` of an empty query.

Joining dominates the cost of following links, and pages of one site repeat each other's links, so joins are
remembered. Except for `?query`, `#fragment`, empty and `scheme:` references, a join depends on the base only up
to the last slash of its path (RFC 3986, 5.2.3), which makes pages of one folder share their answers.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from ada_url import URL, join_url

_ESCAPE = re.compile(  # an unreserved character, or in lower case; most are neither, and passed over quickly
    "%(?:2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee]|[0-9A-Fa-f][a-f]|[a-f][0-9A-F])"
)
_HEXADECIMAL = frozenset("0123456789ABCDEFabcdef")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
WEB_SCHEMES = ("http://", "https://")


def canonical(url: str) -> str | None:
    """`url` in canonical form, or None if it is not an absolute URL (WHATWG URL, 4.4).

    A byte order mark before it, as in the first line of a list that Windows wrote, makes no difference.
    `a.example:8000/` and `localhost:8000` are none either: by the letter, their scheme is `a.example`.
    """
    return _canonical(url) if len(url) <= LONG else _canonical.__wrapped__(url)


def lacks_scheme(url: str) -> bool:
    """Whether `url` is relative, or an address without its scheme: `/page`, `//a.example/`, `a.example/page`.

    Not so `//[`, which would be no URL with one.
    """
    url = url.lstrip(_BLANK)
    if _SCHEME.match(url):
        return _HOST_AND_PORT.match(url) is not None
    return url[:2] not in {"//", "\\\\", "/\\", "\\/"} or canonical(f"http:{url}") is not None


_BLANK = "".join(map(chr, range(0x21)))  # controls and spaces before a URL are ignored
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST_AND_PORT = re.compile(r"(?:localhost|[A-Za-z][A-Za-z0-9+-]*\.[A-Za-z0-9+.-]*):\d+(?:[/?#]|$)", re.IGNORECASE)

LONG = 2048  # characters of the longest URL that is worth remembering


@lru_cache(maxsize=4096)
def _canonical(url: str) -> str | None:
    try:
        href: str = URL(url).href
    except (ValueError, UnicodeEncodeError):
        return _canonical(url[1:]) if url.startswith("\ufeff") else None
    return href if href.startswith(WEB_SCHEMES) or not _HOST_AND_PORT.match(href) else None


def join(base: str, reference: str) -> str | None:
    """`reference` resolved against the canonical URL `base`, or None if that cannot be a URL."""
    if len(reference) > LONG or len(base) > LONG:
        return _join.__wrapped__(base, reference)
    if reference[:1] in _NEEDS_WHOLE_BASE or (":" in reference and not reference.startswith(WEB_SCHEMES)):
        return _join(base, reference)
    return _join(folder(base), reference)


def join_all(base: str, references: Iterable[str]) -> list[str | None]:
    """`references` resolved against the canonical URL `base`; None for each that cannot be a URL."""
    if len(base) > LONG:
        return [join(base, reference) for reference in references]
    here = folder(base)  # of which most references start: those are looked up without a call of `join`
    return [
        join(base, reference)
        if ":" in reference or reference[:1] in _NEEDS_WHOLE_BASE or len(reference) > LONG
        else _join(here, reference)
        for reference in references
    ]


_NEEDS_WHOLE_BASE = frozenset(("", "?", "#", *_BLANK))


@lru_cache(maxsize=256)
def folder(url: str) -> str:
    """The part of a canonical web URL up to the last slash of its path: what relative references start from.

    Other URLs are returned whole.
    """
    if not url.startswith(WEB_SCHEMES):
        return url
    page = without_fragment(url)
    query = page.find("?")
    return page[: page.rfind("/", 0, query if query >= 0 else len(page)) + 1]


@lru_cache(maxsize=16_384)
def _join(base: str, reference: str) -> str | None:
    try:
        return str(join_url(base, reference))
    except (ValueError, UnicodeEncodeError):
        return None


def without_fragment(url: str) -> str:
    """A canonical URL without its `#fragment`: what is sent, and what tells pages apart."""
    cut = url.find("#")
    return url if cut < 0 else url[:cut]


def key(url: str) -> str:
    """What tells the page of a canonical URL apart: without fragment and empty query, with `~` for `%7E`.

    `/x?` and `/x` are one page to servers, as to w3lib and Heritrix, though not to the standards (RFC 3986, 6.2.3).
    """
    page = without_fragment(url) if "#" in url else url
    if page and page[-1] == "?" and page.find("?") == len(page) - 1:
        page = page[:-1]
    return with_few_escapes(page) if "%" in page else page


def with_few_escapes(text: str) -> str:
    """`text` with percent-encoded letters, digits and `-._~` written out, and other triplets in upper case.

    (RFC 3986, 6.2.2.) What would make a triplet of a lone `%` before it, as in `%2%46`, stays encoded.
    """
    return _ESCAPE.sub(_normal, text)


def _normal(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    if character not in _UNRESERVED or (character in _HEXADECIMAL and _follows_lone_percent(escape)):
        return escape[0].upper()
    return character


def _follows_lone_percent(escape: re.Match[str]) -> bool:
    """Whether a `%` of no triplet stands right before, or with one digit between: together they would be a triplet."""
    before = escape.string[max(escape.start() - 2, 0) : escape.start()]
    return before.endswith("%") or (before.startswith("%") and before[1:] in _HEXADECIMAL)


def is_web(url: str) -> bool:
    """Whether a canonical URL has a scheme that is fetched: http or https."""
    return url.startswith(WEB_SCHEMES)


def origin(url: str) -> str:
    """Scheme, host and port of a canonical web URL, with user info removed: `http://a.example:8080`."""
    head = _head(url)
    return _origin(head) if len(head) <= LONG else _origin.__wrapped__(head)


def host(url: str) -> str:
    """The host of a canonical web URL, without its port: `a.example`, `127.0.0.1`, `[::1]`."""
    head = _head(url)
    return _host(head) if len(head) <= LONG else _host.__wrapped__(head)


def site(url: str) -> str:
    """The server that a canonical web URL is asked of: its host, with the port unless it is the usual one.

    `http://a.example/` and `https://a.example/` are one site, since one server answers both; ports 8001 and
    8002 of a host are two. It is the key of the per-host limits.
    """
    end = url.find("/", 8)  # as `_head` has it, which would be a call more; every page asks some eight times
    if end > LONG or end < 0:
        return _site.__wrapped__(_head(url))
    return _site(url[:end])


def _head(url: str) -> str:
    """All up to the path of a canonical web URL; few differ in a crawl, so what they mean is remembered."""
    end = url.find("/", 8)
    return url if end < 0 else url[:end]


@lru_cache(maxsize=16_384)
def _origin(head: str) -> str:
    scheme, _, authority = head.partition("://")
    return f"{scheme}://{authority.rpartition('@')[2]}"


@lru_cache(maxsize=16_384)
def _site(head: str) -> str:
    return head.partition("://")[2].rpartition("@")[2]


@lru_cache(maxsize=16_384)
def _host(head: str) -> str:
    authority = _site.__wrapped__(head)
    name, colon, port = authority.rpartition(":")
    return name if colon and port.isdigit() else authority


def without_query(url: str) -> str:
    """`url` without its query."""
    page, hash_, fragment = url.partition("#")
    return f"{page.partition('?')[0]}{hash_}{fragment}"


def with_params(url: str, params: Mapping[str, Any] | Iterable[tuple[str | bytes, Any]]) -> str:
    """`url` with `params` (a mapping or a sequence of pairs) added to its query.

    A value that is a list or tuple gives one `name=value` each; None leaves the name out. Bytes are sent as they are,
    text in UTF-8.
    """
    pairs: Iterable[tuple[str | bytes, Any]] = params.items() if isinstance(params, Mapping) else params
    query = urlencode([(name, value) for name, value in pairs if value is not None], doseq=True)
    if not query:
        return url
    page, hash_, fragment = url.partition("#")
    glue = "" if page.endswith(("?", "&")) else "&" if "?" in page else "?"
    return f"{page}{glue}{query}{hash_}{fragment}"


def without_credentials(url: str) -> str:
    """`url` with `user:password@` removed: the form that may be shown and logged.

    Of what is not a URL nobody can tell where its password ends: all before the last `@` is removed.
    """
    if "@" not in url:
        return url
    scheme, colon, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        return f"{scheme}{colon}{authority.rpartition('@')[2]}{slash}{path}"
    if canonical(url) is not None:
        return url
    return f"{scheme}{colon}{rest.rpartition('@')[2]}" if colon else url.rpartition("@")[2]


def in_encoding(reference: str, codec: str) -> str:
    """`reference` with its query percent-encoded as a page in another encoding than UTF-8 means it.

    What the encoding cannot express becomes a character reference (WHATWG URL, 5.1, as for HTML documents).
    """
    page, hash_, fragment = reference.partition("#")
    path, mark, query = page.partition("?")
    if query.isascii() or not mark or codec.startswith("utf"):
        return reference
    return f"{path}{mark}{''.join(_percent_encoded(char, codec) for char in query)}{hash_}{fragment}"


def _percent_encoded(char: str, codec: str) -> str:
    if char.isascii():
        return char
    try:
        return "".join(chr(byte) if 0x40 <= byte < 0x7F else f"%{byte:02X}" for byte in char.encode(codec))
    except UnicodeEncodeError:
        return f"%26%23{ord(char)}%3B"
