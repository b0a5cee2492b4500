"""What a key of config.toml takes: read from a value of TOML or Python, and described in JSON Schema.

A type annotation says it (`Annotated[int, Bounds(ge=1)]`, `tuple[str, ...]`, `Literal["a", "b"]`), and becomes a
`Kind`. Kinds are made when a key is read or described, since a command that starts needs few of them. (pydantic could
do the same, but to load it and to build its models takes longer than the rest of the start.)
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias, Union, cast, get_args, get_origin

Node: TypeAlias = dict[str, Any]
"""A part of a JSON Schema (2020-12)."""


class Misfit(NamedTuple):
    """A value that cannot be taken: `is_of_its_type` but out of bounds, or not even that; or a key nobody knows."""

    place: tuple[str | int, ...]
    given: object
    is_of_its_type: bool = False
    fault: Literal["value", "unknown", "missing"] = "value"


class Reading:
    """What is wrong with a value, found while it is read."""

    def __init__(self) -> None:
        self.misfits: list[Misfit] = []

    def refuse(self, place: tuple[str | int, ...], given: object, *, is_of_its_type: bool = False) -> None:
        """Note that what is `given` at `place` cannot be taken."""
        self.misfits.append(Misfit(place, given, is_of_its_type))


class Kind(Protocol):
    """What a key takes."""

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> Any:
        """`value` as settings hold it. What does not fit is noted in `reading`."""

    def node(self, tables: dict[str, Node]) -> Node:
        """Its JSON Schema; the tables that it refers to are added to `tables`."""


class Bounds(NamedTuple):
    """How much of a type is taken. A `title` says what is expected, where the type alone would not."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    min_length: int = 0
    pattern: str | None = None
    title: str | None = None

    def hold(self, value: float) -> bool:
        """Whether a number is within them."""
        above = (self.ge is None or value >= self.ge) and (self.gt is None or value > self.gt)
        return above and (self.le is None or value <= self.le)

    def node(self) -> Node:
        """The keywords of JSON Schema that say so."""
        words = {
            "exclusiveMinimum": self.gt,
            "maximum": self.le,
            "minLength": self.min_length or None,
            "minimum": self.ge,
            "pattern": self.pattern,
            "title": self.title,
        }
        return {word: value for word, value in words.items() if value is not None}


@lru_cache(maxsize=256)
def kind_of(annotation: Any, bounds: Bounds = Bounds()) -> Kind:  # noqa: B008, PLR0911 -- frozen; one return a kind
    """What a key with this `annotation` takes."""
    if hasattr(annotation, "read"):
        return cast("Kind", annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation](bounds)
    inner = get_args(annotation)
    match get_origin(annotation):
        case origin if origin is Annotated:
            return kind_of(inner[0], inner[1])
        case origin if origin is Literal:
            return _Choice(inner)
        case origin if origin is UnionType or origin is Union:
            [one] = [each for each in inner if each is not NoneType]
            return _Maybe(kind_of(one))
        case origin if origin is tuple:
            return _List(kind_of(inner[0]))
        case origin if origin is dict:
            return _Mapping(kind_of(inner[1]))
    raise TypeError(f"settings have no kind of value for {annotation!r}")


class _Flag:
    def __init__(self, bounds: Bounds) -> None:
        pass

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        if not isinstance(value, bool):
            reading.refuse(place, value)
        return value

    def node(self, tables: dict[str, Node]) -> Node:
        return {"type": "boolean"}


class _Integer:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        if not isinstance(value, int) or isinstance(value, bool):
            reading.refuse(place, value)
        elif not self._bounds.hold(value):
            reading.refuse(place, value, is_of_its_type=True)
        return value

    def node(self, tables: dict[str, Node]) -> Node:
        return {**self._bounds.node(), "type": "integer"}


class _Number:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        if not isinstance(value, int | float) or isinstance(value, bool):
            reading.refuse(place, value)
            return value
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if not isfinite(number) or not self._bounds.hold(number):
            reading.refuse(place, value, is_of_its_type=True)
        return number

    def node(self, tables: dict[str, Node]) -> Node:
        return {**self._bounds.node(), "type": "number"}


class _Text:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        if not isinstance(value, str):
            reading.refuse(place, value)
            return value
        pattern = self._bounds.pattern
        if len(value) < self._bounds.min_length or (pattern is not None and not re.fullmatch(pattern, value)):
            reading.refuse(place, value, is_of_its_type=True)
        return str.__str__(value)  # no longer one that knows how it was written

    def node(self, tables: dict[str, Node]) -> Node:
        return {**self._bounds.node(), "type": "string"}


class _Anything:
    def __init__(self, bounds: Bounds) -> None:
        pass

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        return value

    def node(self, tables: dict[str, Node]) -> Node:
        return {}


_PLAIN: dict[Any, Callable[[Bounds], Kind]] = {bool: _Flag, int: _Integer, float: _Number, str: _Text, Any: _Anything}


class _Choice:
    """One of some texts."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        self._choices = choices

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        if isinstance(value, str) and value in self._choices:
            return str.__str__(value)
        reading.refuse(place, value)
        return value

    def node(self, tables: dict[str, Node]) -> Node:
        return {"enum": list(self._choices), "type": "string"}


class _Maybe:
    """A value or nothing."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        return None if value is None else self._kind.read(value, place, reading)

    def node(self, tables: dict[str, Node]) -> Node:
        return {"anyOf": [self._kind.node(tables), {"type": "null"}]}


class _List:
    """Any number of values; a tuple, once it is read."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        if not isinstance(value, list | tuple | set | frozenset | deque):
            reading.refuse(place, value)
            return value
        values: Iterable[object] = value
        return tuple([self._kind.read(each, (*place, index), reading) for index, each in enumerate(values)])

    def node(self, tables: dict[str, Node]) -> Node:
        return {"items": self._kind.node(tables), "type": "array"}


class _Mapping:
    """Any keys, with values of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def read(self, value: object, place: tuple[str | int, ...], reading: Reading) -> object:
        if not isinstance(value, Mapping):
            reading.refuse(place, value)
            return value
        made = {}
        for key, each in value.items():
            if not isinstance(key, str):
                reading.refuse((*place, str(key)), key)
            made[key] = self._kind.read(each, (*place, str(key)), reading)
        return made

    def node(self, tables: dict[str, Node]) -> Node:
        return {"additionalProperties": self._kind.node(tables), "type": "object"}


# Two values with types of their own.

_POWERS = {letter: power for power, letter in enumerate("kmgtpe", 1)}
_SIZE = re.compile(r"\s*(\d*\.?\d+)\s*(?:([kmgtpe]?)(i?)(b?|bit)\s*)?", re.IGNORECASE)


class ByteSize(int):
    """A number of bytes, which may be written with its unit: `"32 MiB"` (of 1,024²), `"32 MB"` (of 1,000²)."""

    @classmethod
    def read(cls, value: object, place: tuple[str | int, ...], reading: Reading) -> Any:
        """The number that `value` says."""
        size = _bytes_in(value) if isinstance(value, str) else value
        if not isinstance(size, int) or isinstance(size, bool):
            reading.refuse(place, value)
            return value
        if size <= 0:
            reading.refuse(place, value, is_of_its_type=True)
        return cls(size)

    @classmethod
    def node(cls, tables: dict[str, Node]) -> Node:
        """A number or a text."""
        text = {"pattern": r"^\s*(\d*\.?\d+)\s*(\w+)?", "type": "string"}
        number = {"exclusiveMinimum": 0, "type": "integer"}
        return {"anyOf": [text, number], "title": 'a number of bytes, or a text like "32 MiB"'}

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

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def read(cls, value: object, place: tuple[str | int, ...], reading: Reading) -> Any:
        """`value`, kept out of sight."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            reading.refuse(place, value)
            return value
        return cls(str.__str__(value))

    @classmethod
    def node(cls, tables: dict[str, Node]) -> Node:
        """A text, written and never read."""
        return {"format": "password", "type": "string", "writeOnly": True}

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

    __str__ = __repr__
