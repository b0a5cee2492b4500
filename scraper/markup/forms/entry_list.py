"""What a form sends, as name and value pairs: the standard's entry list (HTML, 4.10.22.4).

A control gives what a browser would send if nobody had touched the page. A file is never one the page names: an
`<input type=file>` gives an empty one, whatever its value is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from typing import Self

from scraper.markup.forms.control_values import DIRECTIONAL_KINDS, selected_values, text_direction, value_of
from scraper.markup.forms.controls import Control


@dataclass(frozen=True, slots=True)
class File:
    """A file to be sent with a form: its bytes, and the name and type that the server is told.

    Raises `ValueError` for a type that is not printable ASCII.
    """

    content: bytes
    name: str = "file"
    content_type: str = "application/octet-stream"

    def __post_init__(self) -> None:
        if not (self.content_type.isprintable() and self.content_type.isascii()):
            raise ValueError(f"the type of the file {self.name!r} cannot be {self.content_type!r}")

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """A file of this machine, its type guessed by its name. Raises `OSError` if it cannot be read."""
        path = Path(path)
        return cls(path.read_bytes(), path.name, guess_type(path.name)[0] or "application/octet-stream")


NO_FILE = File(b"", "")
"""What a file control gives if no file was chosen."""

Value = str | File
Entry = tuple[str, Value]


def entries_of(controls: Sequence[Control], button: Control | None, encoding: str) -> list[Entry]:
    """What `controls` of a form give if `button` is clicked; `encoding` is the name of what they are sent in."""
    checked = {control.name: control for control in controls if control.kind == "radio" and _is_checked(control)}
    found: list[Entry] = []
    for control in controls:
        if control.is_suggestion or (control.is_disabled and control is not button):
            continue
        if control.kind in {"submit", "image", "reset", "button"} and control is not button:
            continue
        if control.kind == "radio" and control is not checked.get(control.name):
            continue
        if control.kind == "checkbox" and not _is_checked(control):
            continue
        found += _entries(control, encoding)
    return found


def _is_checked(control: Control) -> bool:
    return "checked" in control.attributes


def _entries(control: Control, encoding: str) -> Iterator[Entry]:
    """What one control gives that takes part."""
    name = control.name
    if control.kind == "image":
        prefix = f"{name}." if name else ""
        yield from ((f"{prefix}x", "0"), (f"{prefix}y", "0"))
    if not name or control.kind == "image":
        return
    if control.kind == "select":
        yield from ((name, value) for value in selected_values(control))
    elif control.kind == "file":
        yield name, NO_FILE
    elif control.kind == "hidden" and name.lower() == "_charset_":
        yield name, encoding
    else:
        value = value_of(control)
        yield name, value
        if control.kind in DIRECTIONAL_KINDS and (label := control.attribute("dirname")):
            yield label, text_direction(control, value)
