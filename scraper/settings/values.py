"""Two values of config.toml with types of their own: a size in bytes, and a text that nothing shows."""

import re
from typing import Any, ClassVar

_POWERS = {letter: power for power, letter in enumerate("kmgtpe", 1)}
_SIZE = re.compile(r"\s*(\d*\.?\d+)\s*(?:([kmgtpe]?)(i?)(b?|bit)\s*)?", re.IGNORECASE)


class ByteSize(int):
    """A number of bytes, which may be written with its unit: `"32 MiB"` (of 1,024²), `"32 MB"` (of 1,000²)."""

    NODE: ClassVar[dict[str, Any]] = {
        "anyOf": [
            {"pattern": r"^\s*(\d*\.?\d+)\s*(\w+)?", "type": "string"},
            {"exclusiveMinimum": 0, "type": "integer"},
        ],
        "title": 'a number of bytes, or a text like "32 MiB"',
    }

    @classmethod
    def read(cls, value: object) -> "ByteSize":
        """The number that `value` says. Raises `ValueError` if it says none, or nothing above 0."""
        size = _bytes_in(value) if isinstance(value, str) else value
        if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
            raise ValueError(cls.NODE["title"])
        return cls(size)

    def __str__(self) -> str:
        """As people write it: in the largest unit of which it is a whole number."""
        for unit, bytes_ in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if self and self % bytes_ == 0:
                return f"{self // bytes_} {unit}"
        return int.__repr__(self)


def _bytes_in(text: str) -> int | None:
    """The number of bytes that a text says; None if it says none."""
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    number, letter, is_binary, unit = found.groups(default="")
    if is_binary and not (letter and unit):
        return None
    factor = (1024 if is_binary else 1000) ** _POWERS.get(letter.lower(), 0)
    try:
        return int(float(number) * factor / (8 if unit.lower() == "bit" else 1))
    except OverflowError:
        return None


class SecretStr:
    """A text that no repr shows."""

    NODE: ClassVar[dict[str, Any]] = {"format": "password", "type": "string", "writeOnly": True}

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def read(cls, value: object) -> "SecretStr":
        """`value`, kept out of sight. Raises `ValueError` if it is not a text."""
        if not isinstance(value, str):
            raise ValueError("a text")
        return cls(value)

    def get_secret_value(self) -> str:
        """The text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Whether both hide the same text."""
        return isinstance(other, SecretStr) and other._text == self._text

    def __hash__(self) -> int:
        """That of the text."""
        return hash(self._text)

    def __repr__(self) -> str:
        """Stars, or nothing for an empty text."""
        return f"SecretStr({'*' * 10 if self._text else ''!r})"
