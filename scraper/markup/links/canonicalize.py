"""When two URLs are taken for one page: what of a URL makes no difference, and what only counts visitors.

On top of the URL standard, which `scraper.urls` follows, a URL that is only compared may lose more: its fragment, the
order of its query, and the difference between `%7E` and `~` (RFC 3986, 6.2.2). Servers are free to see a difference
there, so such a URL is for comparison, and is asked for only where somebody wants it so.
"""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from urllib.parse import quote_plus, unquote_to_bytes

from scraper import urls

TRACKING_PARAMS = (
    *("utm_*", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "_ga", "_gl", "srsltid"),
    *("fbclid", "igshid", "igsh", "msclkid", "twclid", "ttclid", "li_fat_id", "epik", "rdt_cid", "yclid", "ysclid"),
    *("mc_cid", "mc_eid", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsctatracking", "mkt_tok", "oly_*_id"),
    *("vero_id", "vero_conv", "wickedid", "_openstat", "pk_*", "mtm_*", "piwik_*", "matomo_*", "irclickid"),
)
"""Query parameters that tell where a visitor came from, and change nothing of the page."""

_PLAIN = re.compile(r"[\w.~-]+=[\w.~-]*", re.ASCII).fullmatch  # a piece that is written as it is


def canonicalize_url(url: str, *, keep_fragments: bool = False, drop_params: Iterable[str] = ()) -> str:
    """The URL by which the page at `url` is recognised; the same again for its own result.

    It is in the URL standard's form; its query is sorted by names and values, written as forms are (WHATWG URL, 5.2)
    but for `~` and `*`, and without the parameters `drop_params` (see `without_params`); percent-encoded letters,
    digits and `-._~` are written out, other triplets in upper case (RFC 3986, 6.2.2); the fragment is dropped unless
    `keep_fragments`. What is no absolute URL comes back as it is.
    """
    whole = urls.canonical(url)
    if whole is None:
        return url
    page, hash_, fragment = whole.partition("#")
    path, _, query = page.partition("?")
    query = _ordered(_pieces(query, _pattern(tuple(drop_params))))
    end = f"#{fragment}" if keep_fragments and hash_ else ""
    return f"{urls.with_few_escapes(path) if '%' in path else path}{'?' if query else ''}{query}{end}"


def without_params(url: str, names: Iterable[str]) -> str:
    """`url` without the query parameters `names`, the rest of it untouched.

    Names ignore case, and `*` in a name stands for anything: `utm_*`.
    """
    page, hash_, fragment = url.partition("#")
    path, mark, query = page.partition("?")
    if not mark:
        return url
    kept = "&".join(_pieces(query, _pattern(tuple(names))))
    return url if kept == query else f"{path}{'?' if kept else ''}{kept}{hash_}{fragment}"


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """What the names of dropped parameters match."""
    return re.compile("|".join(map(translate, names)), re.IGNORECASE) if names else None


def _pieces(query: str, dropped: re.Pattern[str] | None) -> list[str]:
    """The `name=value` pieces of a query whose names are not dropped."""
    return [
        piece
        for piece in query.split("&")
        if piece and (dropped is None or not dropped.match(_pair(piece)[0].decode("utf-8", "replace")))
    ]


def _ordered(pieces: list[str]) -> str:
    """The pieces as a query: sorted by their names and values, and written as forms are."""
    if all(map(_PLAIN, pieces)):
        return "&".join(f"{name}={value}" for name, _, value in sorted(piece.partition("=") for piece in pieces))
    pairs = sorted(map(_pair, pieces))
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)


def _pair(piece: str) -> tuple[bytes, bytes]:
    name, _, value = piece.replace("+", " ").partition("=")
    return unquote_to_bytes(name), unquote_to_bytes(value)
