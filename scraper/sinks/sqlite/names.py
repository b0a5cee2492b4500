"""Names of tables and columns as SQL has them."""

from collections.abc import Iterable
from string import ascii_lowercase, ascii_uppercase

LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
"""Makes names equal that are one name to SQLite."""


def quoted(name: str) -> str:
    """`name` as an identifier, whatever is in it (https://www.sqlite.org/lang_keywords.html)."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> str:
    """`names` as a list of identifiers."""
    return ", ".join(map(quoted, names))
