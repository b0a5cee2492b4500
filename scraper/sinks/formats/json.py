"""A JSON array (RFC 8259): one item a line between `[` and `]`, and `[]` where there are none."""

from collections.abc import Sequence
from typing import Any

from scraper.protocols import Position
from scraper.sinks.formats.values import json_lines, json_object


class JsonArray:
    """Items as one JSON array; `fields` are the ones to write, all unless given."""

    def __init__(self, fields: tuple[str, ...] = ()) -> None:
        self._fields = fields
        self._is_empty = True

    def encode(self, items: Sequence[Any]) -> bytes:
        """The lines of `items`, after what came before them. Raises if one of them cannot be written."""
        lines = json_lines([json_object(each, self._fields) for each in items])
        start = b"[\n" if self._is_empty else b",\n"
        self._is_empty = False
        return start + lines[:-1].replace(b"\n", b",\n")  # JSON holds line feeds between items alone

    def end(self) -> bytes:
        """The closing bracket."""
        return b"[]\n" if self._is_empty else b"\n]\n"

    def state(self) -> dict[str, Any]:
        """Whether it is empty is told by its bytes."""
        return {}

    def resume(self, position: Position) -> None:
        """The bracket is there if anything is."""
        self._is_empty = not position.bytes
