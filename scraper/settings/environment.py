"""`${NAME}` in the texts of config.toml: the environment's variable of that name, which no output shows.

A text that was filled in knows how it was written, and that is what errors and `scraper settings` show of it.
`$${` is a plain `${`.
"""

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from scraper.errors import SettingsError
from scraper.secrets import is_secret
from scraper.settings.messages import PRIVATE, Place, written

_PLACE = re.compile(r"\$(\$?)\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Filled(str):
    """A text with variables filled in; `written` is what stands in the file, and what its repr shows."""

    __slots__ = ("written",)
    written: str

    def __repr__(self) -> str:
        return repr(self.written)


def filled(value: Any, environ: Mapping[str, str], *, place: Place = ()) -> Any:
    """`value`, of TOML, with variables of `environ` filled in all its texts.

    Raises `SettingsError`, which names table and key, for a variable that is not there.
    """
    match value:
        case str():
            return _text(value, environ, place) if "${" in value else value
        case Mapping():
            return {key: filled(each, environ, place=(*place, key)) for key, each in value.items()}
        case list():
            return [filled(each, environ, place=(*place, index)) for index, each in enumerate(value)]
        case _:
            return value


def _text(text: str, environ: Mapping[str, str], place: Place) -> str:
    def variable(found: re.Match[str]) -> str:
        dollar, name = found.groups()
        if dollar:
            return found[0][1:]
        if not _NAME.fullmatch(name) or not found[0].endswith("}"):
            what = "${…}" if any(part in PRIVATE or is_secret(str(part)) for part in place) else found[0]
            raise SettingsError(f"{written(place)}: {what} names no variable; a plain ${{ is written $${{")
        if name not in environ:
            raise SettingsError(f"{written(place)}: the environment has no {name}")
        return environ[name]

    made = Filled(_PLACE.sub(variable, text))
    made.written = text
    return made


def plain(value: Any) -> Any:
    """`value` with texts that no longer know how they were written, and with lists for other collections."""
    match value:
        case str():
            return str.__str__(value)
        case Mapping():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset() | deque():
            return [plain(each) for each in value]
        case _:
            return value
