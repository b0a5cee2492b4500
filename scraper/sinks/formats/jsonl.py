"""JSON Lines: one item a line (https://jsonlines.org)."""

from collections.abc import Sequence
from typing import Any

from scraper.protocols import Position
from scraper.sinks.files.standing import Standing
from scraper.sinks.formats.values import json_lines, json_object


class JsonLines:
    """Items as JSON, one a line; `fields` are the ones to write, all unless given."""

    def __init__(self, fields: tuple[str, ...] = ()) -> None:
        self._fields = fields

    def encode(self, items: Sequence[Any]) -> bytes:
        """The lines of `items`. Raises if one of them cannot be written."""
        return json_lines([json_object(each, self._fields) for each in items])

    def end(self) -> bytes:
        """Nothing closes such a file."""
        return b""

    def state(self) -> dict[str, Any]:
        """One line says nothing about the next."""
        return {}

    def resume(self, position: Position) -> None:
        """Nothing has to be known."""

    def extend(self, there: Standing) -> bytes:
        """What ends the last line of a file that is `there`, if it has no end."""
        return b"" if there.last == b"\n" else b"\n"
