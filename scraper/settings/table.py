"""A table of config.toml as a class: its annotations are the keys, their values the defaults."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NoReturn, Self, dataclass_transform

from scraper.errors import SettingsError
from scraper.settings.messages import PRIVATE, Problem, misfit
from scraper.settings.values import ByteSize, Misfit, Node, Reading, SecretStr, kind_of


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Table:
    """Frozen values, checked and converted when they are given: a key that is not listed is refused.

    Made by keywords, as a dataclass is; `model_validate` makes one of a mapping. Raises `SettingsError`.
    """

    keys: ClassVar[dict[str, Any]]
    """What each key takes, as an annotation."""
    defaults: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        """Take note of the keys."""
        cls.keys = dict(cls.__annotations__)
        cls.defaults = {key: vars(cls)[key] for key in cls.keys if key in vars(cls)}

    def __init__(self, **values: Any) -> None:
        """Take `values`, and defaults for what they do not name."""
        reading = Reading()
        self._fill(values, (), reading)
        for each in reading.misfits:
            raise SettingsError(str(self._problem(each)))

    @classmethod
    def model_validate(cls, values: Mapping[str, Any]) -> Self:
        """A table with these `values`."""
        return cls(**values)

    @classmethod
    def read(cls, value: object, place: tuple[str | int, ...], reading: Reading) -> Any:
        """A table made of a mapping; what does not fit is noted in `reading`."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            reading.refuse(place, value)
            return value
        made = cls.__new__(cls)
        made._fill(value, place, reading)
        return made

    def _fill(self, values: Mapping[str, Any], place: tuple[str | int, ...], reading: Reading) -> None:
        for key, annotation in self.keys.items():
            if key in values:
                self.__dict__[key] = kind_of(annotation).read(values[key], (*place, key), reading)
            elif key in self.defaults:
                default = self.defaults[key]
                self.__dict__[key] = dict(default) if isinstance(default, dict) else default
            else:
                reading.misfits.append(Misfit((*place, key), values, fault="missing"))
        for key in values:
            if key not in self.keys:
                reading.misfits.append(Misfit((*place, key), values[key], fault="unknown"))

    def _problem(self, wrong: Misfit) -> Problem:
        """What is `wrong` with values given in Python, in words."""
        name = type(self).__name__
        match wrong.fault:
            case "missing":
                return Problem((name, *wrong.place), "is missing")
            case "unknown":
                return Problem((name, *wrong.place), f"unknown key (known: {', '.join(self.keys)})")
            case _:
                tables: dict[str, Node] = {}
                schema = {"properties": {name: self.node(tables)}, "$defs": tables}
                place = (name, *wrong.place)
                return Problem(place, misfit(schema, place, given=wrong.given, is_of_its_type=wrong.is_of_its_type))

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """This table with some values replaced, which are not checked."""
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__ | dict(update))
        return made

    def values(self, *, changed: bool = False) -> dict[str, Any]:
        """The keys and values, as TOML could hold them; only those `changed` from their defaults, if wanted."""
        return {
            key: _plain(value, changed=changed)
            for key, value in self
            if not (changed and key in self.defaults and value == self.defaults[key])
        }

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """The keys with their values."""
        return iter([(key, self.__dict__[key]) for key in self.keys])

    @classmethod
    def node(cls, tables: dict[str, Node]) -> Node:
        """A reference to the JSON Schema of this table, which is put into `tables`."""
        name = cls.__name__
        if name not in tables:
            tables[name] = {}  # so that it keeps its place before those that it refers to
            keys = {key: cls._described(key, annotation, tables) for key, annotation in cls.keys.items()}
            required = [key for key in cls.keys if key not in cls.defaults]
            tables[name] |= {
                "additionalProperties": False,
                "description": cls.__doc__,
                "properties": keys,
                **({"required": required} if required else {}),
                "title": name,
                "type": "object",
            }
        return {"$ref": f"#/$defs/{name}"}

    @classmethod
    def _described(cls, key: str, annotation: Any, tables: dict[str, Node]) -> Node:
        node = kind_of(annotation).node(tables)
        if key in cls.defaults and "$ref" not in node:
            node = {**node, "default": _plain(cls.defaults[key])}
        return dict(sorted(node.items()))

    def __eq__(self, other: object) -> bool:
        """Whether all values are the same."""
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        """That of the values, if they can be hashed."""
        return hash(tuple(self.__dict__[key] for key in self.keys))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Nothing can be changed."""
        raise AttributeError(f"{type(self).__name__} is frozen: make another with model_copy(update=...)")

    def __repr__(self) -> str:
        """The values, without those that may be secret."""
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self if key not in PRIVATE)})"


def _plain(value: object, *, changed: bool = False) -> Any:
    match value:
        case Table():
            return value.values(changed=changed)
        case ByteSize():
            return int(value)
        case SecretStr():
            return value.get_secret_value()
        case Mapping():
            return {key: _plain(each, changed=changed) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each, changed=changed) for each in value]
        case _:
            return value
