"""A sink's path that differs from item to item: `{part}` counts the files, `{item.category}` is a value of the item."""

import re
from collections.abc import Mapping

import msgspec

from scraper.items.serializers import serialized
from scraper.sinks.files.path_template import fill
from scraper.sinks.split.names import name_of

PART = "part"
ITEM = "item."

_PLACEHOLDER = re.compile(r"\{(part|item\.[^{}]+)\}")
_FIELD = re.compile(r"\{(item\.[^{}]+)\}")
_MARK = "\0"  # stands for the number of the part: no path has it


class Route(msgspec.Struct, frozen=True):
    """Which file an item goes to: `texts` are what stands around `names`, those of placeholders.

    As text, it is the path with these placeholders in it.
    """

    texts: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields whose values are in the path."""
        return tuple(name.removeprefix(ITEM) for name in self.names if name != PART)

    @property
    def has_parts(self) -> bool:
        """Whether the path counts its files."""
        return PART in self.names

    def group(self, item: object) -> str:
        """The path of `item`, but for the number of the part. Raises whatever the item's own code raises."""
        values = item if type(item) is dict else serialized(item)
        path = self.texts[0]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            path += (_MARK if name == PART else name_of(values.get(name[len(ITEM) :]))) + text
        return path

    def path(self, group: str, part: int) -> str:
        """The path of one part of a `group`."""
        return group.replace(_MARK, str(part))

    def __str__(self) -> str:
        braced = (*(f"{{{name}}}" for name in self.names), "")
        return "".join(text + name for text, name in zip(self.texts, braced, strict=True))


def route(template: str, values: Mapping[str, str], *, has_parts: bool) -> Route:
    """What `template` means with `values` for all its other placeholders; `has_parts` if {part} is not one of these.

    Raises `SettingsError` if a placeholder is not known.
    """
    pieces = (_PLACEHOLDER if has_parts else _FIELD).split(template)
    texts = tuple(fill(each, values, path=template) for each in pieces[::2])
    return Route(texts, tuple(pieces[1::2]))
