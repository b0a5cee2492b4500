"""How numbers and foreign texts are put before people."""

from collections.abc import Mapping, Sequence

from scraper.errors import ScraperError

LONGEST = 1000
"""Characters of a foreign text that are shown at most."""


def visible(text: str, limit: int = LONGEST) -> str:
    r"""`text` in one line that shows all of it, shortened in the middle to `limit` characters.

    What a terminal would obey or hide (control characters, line ends, direction marks, lone surrogates) is
    escaped: a page can neither forge a log line nor move the cursor.
    """
    if len(text) > limit:
        half = (limit - 1) // 2
        text = f"{text[:half]}…{text[-half:]}"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def told(error: BaseException) -> str:
    """`ValueError: no price`, in one line; the framework's own errors say all there is to say without their name."""
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be shown)"
    if text and isinstance(error, ScraperError):
        return visible(text)
    return visible(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def size(number: float) -> str:
    """Bytes as people say them: `812 bytes`, `1.4 MiB`."""
    if number < 1024:
        return plural(int(number), "byte")
    for unit in ("KiB", "MiB", "GiB"):
        number /= 1024
        if number < 999.95:
            return f"{number:.1f} {unit}"
    return f"{number / 1024:,.1f} TiB"


def clock(seconds: float) -> str:
    """Seconds as a clock shows them: `0:07`, `12:30`, `1:00:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """How long something took: `2.1 s`, `1:37`."""
    return f"{seconds:.1f} s" if seconds < 59.95 else clock(round(seconds))


def plural(number: int, noun: str, nouns: str = "") -> str:
    """`1 page`, `1,204 pages`."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def counts(mapping: Mapping[str, int], most: int = 8) -> str:
    """The greatest counts and what they are of: `http_404 12, read_timeout 3, 2 others 2`."""
    ranked = sorted(mapping.items(), key=lambda pair: -pair[1])
    texts = [f"{visible(name, 60)} {count:,}" for name, count in ranked[:most]]
    if rest := ranked[most:]:
        texts.append(f"{plural(len(rest), 'other')} {sum(count for _, count in rest):,}")
    return ", ".join(texts)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """`rows` as lines in which each column begins at one place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
