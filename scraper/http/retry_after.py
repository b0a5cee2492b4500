"""How long a Retry-After header asks to wait (RFC 9110, 10.2.3): seconds, or a date in one of three forms (5.6.7)."""

from datetime import UTC

LONGEST_REST = 300.0  # seconds for which a site is left alone at most, whatever it asks


def retry_after(value: str, now: float) -> float | None:
    """The seconds that `value` asks to wait; `now` is the time of day in seconds since 1970.

    0 for a date that has passed; None for what is neither a number of seconds nor a date.
    """
    value = value.strip(" \t")
    if value.isascii() and value.isdigit():
        return float(value[:300])
    date = http_date(value)
    return max(date - now, 0.0) if date is not None else None


def http_date(value: str) -> float | None:
    """The moment that an HTTP-date names, in seconds since 1970; None for anything else. A missing zone is GMT."""
    if not 20 <= len(value) <= 40 or not value.isascii():
        return None
    from email.utils import parsedate_to_datetime  # few servers make it worth its import

    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
