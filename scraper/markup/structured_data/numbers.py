"""Numbers as people write them: `1.234,56 €`, `$1,234.56`, `1 234,5`, `-12 %`.

A space or an apostrophe between digits sets thousands apart. Of points and commas, one that is met once, and last,
marks the decimals; one that is repeated sets thousands apart. Where a text leaves it open, as `1.234` and `1,234` do,
thousands are meant: prices have two decimals more often than three. Digits of any script count.
"""

import re
import unicodedata
from decimal import Decimal
from typing import Literal

LONGEST = 400
"""Characters that a number may have; what is longer is none."""

Mark = Literal[".", ","]

_SPACES = " \u00a0\u2007\u2009\u202f'\u2019\u066c"
_NUMBER = re.compile(rf"(?:\d{{1,3}}(?:[{_SPACES}]\d{{3}}(?!\d))+|\d+)(?:[.,\u066b]\d+)*|(?<![\w.,])[.,]\d+")
_CURRENCY = r"(?:[A-Z]{3}\s?|[A-Z]{0,3}[^\w\s.,;:()\[\]\u2212\u2013-]\s?)"
_MINUS = re.compile(rf"(?:^\s*[-\u2212\u2013]\s*|(?<![\w.,)\]])[-\u2212\u2013]){_CURRENCY}?$")
_BEFORE = 16
"""Characters before a number in which its minus may stand."""


def read_number(text: str, decimal: Mark | None = None) -> Decimal | None:
    """The first number in `text`, or None; `decimal` is the mark of decimals, where that is known.

    A minus counts if it stands right before the digits or their currency, or if the text begins with it. A percentage
    is the number before its sign. A date or a version, `1.2.3`, is no number.
    """
    for found in _NUMBER.finditer(text):
        plain = _plain(found[0], decimal) if len(found[0]) <= LONGEST else None
        if plain is not None:
            start = found.start()
            is_negative = _MINUS.search(text, max(0, start - _BEFORE), start)
            return Decimal(f"-{plain}" if is_negative else plain)
    return None


def _plain(number: str, decimal: Mark | None) -> str | None:
    """A number without marks but a point before its decimals; None if its marks make no sense."""
    joined = re.sub(rf"[{_SPACES}]", "", number)
    digits = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in joined)
    whole, *groups = re.split(r"[.,\u066b]", digits)
    marks = re.findall(r"[.,\u066b]", digits)
    if not marks:
        return whole
    place = _decimal_place(marks, decimal)
    if decimal is None and len(marks) == 1 and joined == number and _is_thousands(whole, groups):
        place = None
    if place is None:
        return whole + "".join(groups) if len(set(marks)) == 1 and _is_thousands(whole, groups) else None
    is_sound = place == len(groups) - 1 and (place == 0 or _is_thousands(whole, groups[:-1]))
    return f"{whole or 0}{''.join(groups[:-1])}.{groups[-1]}" if is_sound else None


def _decimal_place(marks: list[str], decimal: Mark | None) -> int | None:
    """Which of the marks is that of the decimals, by number."""
    for mark in ("\u066b", decimal):
        if mark in marks:
            return marks.index(mark)
    return len(marks) - 1 if decimal is None and marks.count(marks[-1]) == 1 else None


def _is_thousands(whole: str, groups: list[str]) -> bool:
    """Whether groups of digits are those of 1,234,567, or of India's 12,34,567."""
    sizes = [len(group) for group in groups]
    is_even = len(set(sizes[:-1])) <= 1 and all(size in {2, 3} for size in sizes[:-1])
    return 0 < len(whole) <= 3 and whole.lstrip("0") != "" and sizes[-1] == 3 and is_even
