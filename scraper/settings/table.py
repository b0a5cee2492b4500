"""A table of config.toml as a struct of msgspec: how one is read, and what is wrong with what cannot be.

msgspec ends at the first value that does not fit, so a table in which it found one is read once more, key by key.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from msgspec import NODEFAULT, Struct, ValidationError, convert
from msgspec.structs import FieldInfo, asdict, fields

from scraper.settings.environment import plain
from scraper.settings.messages import PRIVATE, Place
from scraper.settings.values import ByteSize, SecretStr


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen values by key. Made in Python, they are taken as they are; `read` checks and converts them."""

    def values(self) -> dict[str, Any]:
        """The keys and values, as TOML could hold them."""
        return {key: as_toml(value) for key, value in asdict(self).items()}

    def changed(self) -> dict[str, Any]:
        """The keys and values that differ from their defaults."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) != default(each)}

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The keys and values, without those that may be secret."""
        return [each for each in asdict(self).items() if each[0] not in PRIVATE]

    def __repr__(self) -> str:
        """The same as a text."""
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.__rich_repr__())})"


class Misfit(NamedTuple):
    """What cannot be taken: a value, a key that nobody knows, or a table without a key that it needs."""

    place: Place
    given: object
    fault: Literal["value", "unknown", "missing"] = "value"


T = TypeVar("T")


def read(value: object, kind: type[T]) -> T:
    """`value`, of TOML or Python, as a `kind`. Raises `msgspec.ValidationError` if it does not fit."""
    return convert(value, kind, dec_hook=_own)


def misfits(value: object, kind: Any, place: Place = ()) -> Iterator[Misfit]:
    """All that is wrong with `value`, which is at `place` and should be a `kind`."""
    try:
        read(plain(value), kind)
    except ValidationError:
        kind = something(kind)
        match value:
            case Mapping() if isinstance(kind, type) and issubclass(kind, Table):
                yield from _misfits_of_table(value, kind, place)
            case Mapping() if get_origin(kind) is dict:
                for key, each in value.items():
                    inner = (*place, str(key))
                    yield from misfits(each, get_args(kind)[1], inner) if isinstance(key, str) else [Misfit(inner, key)]
            case list() | tuple() | set() | frozenset() | deque() if get_origin(kind) is tuple:
                for index, each in enumerate(value):
                    yield from misfits(each, get_args(kind)[0], (*place, index))
            case _:
                yield Misfit(place, value)


def _misfits_of_table(values: Mapping[Any, object], kind: type[Table], place: Place) -> Iterator[Misfit]:
    known = {each.name: each for each in fields(kind)}
    for key, each in known.items():
        if key in values:
            yield from misfits(values[key], each.type, (*place, key))
        elif each.required:
            yield Misfit((*place, key), values, "missing")
    for key in values:
        if key not in known:
            yield Misfit((*place, str(key)), values[key], "unknown")


def something(kind: Any) -> Any:
    """A type without its bounds, and without the None that stands for nothing."""
    if get_origin(kind) is Annotated:
        return something(get_args(kind)[0])
    if get_origin(kind) is UnionType or NoneType in get_args(kind):
        [kind] = [each for each in get_args(kind) if each is not NoneType]
        return something(kind)
    return kind


def default(key: FieldInfo) -> Any:
    """What a key that can be left out then holds."""
    return key.default if key.default_factory is NODEFAULT else key.default_factory()


def _own(kind: type, value: object) -> object:
    """A value with a type of ours."""
    if isinstance(value, kind):
        return value
    return kind.read(value)  # type: ignore[attr-defined]


def as_toml(value: object) -> Any:
    """A value of settings as TOML could hold it."""
    match value:
        case Table():
            return value.values()
        case ByteSize():
            return int(value)
        case SecretStr():
            return value.get_secret_value()
        case Mapping():
            return {key: as_toml(each) for key, each in value.items()}
        case list() | tuple():
            return [as_toml(each) for each in value]
        case _:
            return value
