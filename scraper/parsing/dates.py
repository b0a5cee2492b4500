"""Points in time as sitemaps and feeds write them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

LONG = 64  # characters of a text that is no date

_W3C = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ]\s?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?"
    r"\s?(?:(Z)|([+-])(\d{2}):?(\d{2})?)?)?)?)?",
    re.IGNORECASE | re.ASCII,
)
_MAIL = re.compile(
    r"(?:[a-z]+,?\s*)?\d{1,2}\s+[a-z]{3,}\s+\d{2,4}\s+\d{1,2}:\d{2}(?::\d{2})?\s+[a-z+-]", re.IGNORECASE | re.ASCII
)


def moment(text: str) -> datetime | None:
    """`text` as a date with a time zone; None if it is no date.

    It is a W3C date (https://www.w3.org/TR/NOTE-datetime), as in sitemaps and Atom, from the year alone to fractions
    of a second, or a date of RFC 5322, 3.3, as in RSS. What a W3C date does not say is the earliest it may be, and
    its zone is UTC then; of RSS, a date without a zone is none.
    """
    text = text.strip()
    if not text or len(text) > LONG:
        return None
    try:
        return _w3c(found) if (found := _W3C.fullmatch(text)) else _mail(text)
    except (ValueError, OverflowError):
        return None


def _w3c(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, _, sign, ahead, ahead_minutes = found.groups()
    offset = timedelta(hours=int(ahead or 0), minutes=int(ahead_minutes or 0))
    return datetime(
        int(year),
        int(month or 1),
        int(day or 1),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0")[:6].ljust(6, "0")),
        UTC if not offset else timezone(-offset if sign == "-" else offset),
    )


def _mail(text: str) -> datetime | None:
    if not _MAIL.match(text):
        return None
    found = parsedate_to_datetime(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
