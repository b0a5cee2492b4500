"""What a Set-Cookie field says (RFC 6265bis, 5.6), read by the algorithm that browsers follow and not by the grammar.

Nothing here raises: a field that means nothing is None, and an attribute that means nothing is as if it were absent.
A cookie without a name is ignored, as RFC 6265 has it: on the wire its value could pass for another cookie.
"""

import re
from datetime import UTC, datetime
from math import inf
from typing import NamedTuple

LONGEST = 4096  # bytes of name and value
LONGEST_ATTRIBUTE = 1024  # bytes of an attribute's value
LONGEST_LIFE = 400 * 86_400.0  # seconds until a cookie expires at most

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DELIMITERS = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D.*)?", re.ASCII | re.DOTALL)
_DAY = re.compile(r"(\d{1,2})(?:\D.*)?", re.ASCII | re.DOTALL)
_YEAR = re.compile(r"(\d{2,4})(?:\D.*)?", re.ASCII | re.DOTALL)
_SECONDS = re.compile(r"-?\d+", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SAME_SITE = frozenset({"none", "lax", "strict"})


class SetCookie(NamedTuple):
    """A Set-Cookie field. `domain` and `path` are None where there is none that counts; `expires` is inf for never."""

    name: str
    value: str
    expires: float = inf
    domain: str | None = None
    path: str | None = None
    is_secure: bool = False
    is_http_only: bool = False
    same_site: str = ""


def parse(field: str, now: float) -> SetCookie | None:
    """What `field` sets at `now`, in seconds since 1970; None if it is to be ignored."""
    pair, _, rest = field.partition(";")
    name, equals, value = pair.partition("=")
    name, value = name.strip(" \t"), value.strip(" \t")
    if not equals or not name or _is_longer(name + value, LONGEST) or _CONTROLS.search(field):
        return None
    if not rest:
        return SetCookie(name, value)
    found = _attributes(rest)
    same_site = found.get("samesite", "").lower()
    return SetCookie(
        name,
        value,
        _expiry(found, now),
        found.get("domain", "").removeprefix(".").lower() or None,
        path if (path := found.get("path", "")).startswith("/") else None,
        "secure" in found,
        "httponly" in found,
        same_site if same_site in _SAME_SITE else "",
    )


def _attributes(text: str) -> dict[str, str]:
    """The attributes by name in lower case; the last one of a name counts, unless it is not a date."""
    found: dict[str, str] = {}
    for each in text.split(";"):
        name, _, value = each.partition("=")
        name, value = name.strip(" \t").lower(), value.strip(" \t")
        is_nothing = (name == "max-age" and not _SECONDS.fullmatch(value)) or (
            name == "expires" and cookie_date(value) is None
        )
        if not is_nothing and not _is_longer(value, LONGEST_ATTRIBUTE):
            found[name] = value
    return found


def _expiry(found: dict[str, str], now: float) -> float:
    """Max-Age counts before Expires, and no cookie lives longer than 400 days."""
    if "max-age" in found:
        seconds = float(found["max-age"][:20])
        return now + min(seconds, LONGEST_LIFE) if seconds > 0 else -inf
    date = cookie_date(found["expires"]) if "expires" in found else None
    return min(date, now + LONGEST_LIFE) if date is not None else inf


def cookie_date(text: str) -> float | None:
    """The seconds since 1970 that a cookie's date means (RFC 6265bis, 5.6.1); None if it is no date."""
    time = day = month = year = None
    for token in _DELIMITERS.split(text[:LONGEST_ATTRIBUTE]):
        if time is None and (found := _TIME.fullmatch(token)):
            time = found.groups()
        elif day is None and (found := _DAY.fullmatch(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.fullmatch(token)):
            year = int(found[1])
    if time is None or day is None or month is None or year is None:
        return None
    year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
    if year < 1601:
        return None
    hour, minute, second = map(int, time)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _is_longer(text: str, most: int) -> bool:
    return len(text) > most or (not text.isascii() and len(text.encode(errors="replace")) > most)
