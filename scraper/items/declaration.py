"""How the class of an item is read: its fields in the order of their declaration, and what is said of each.

    class Book(Item):
        title = Field(input_processor=str.strip)    # a field of any type, as in Scrapy
        pages: int = Field(serializer=str)          # a field with a type, which pydantic validates
        price: Decimal = css(".price")              # a field that is found in a page
        _id = Field()                               # a field, too: MongoDB's name for a key

A class of fields without a type may have other attributes, as in Scrapy: they are not fields. A field may be called as
a method of items is, `keys` or `items`. If it has no type, `item.keys()` stays the method, and the field is
`item["keys"]`; if it has one, `item.keys` is the field.
"""

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, PrivateAttr
from pydantic import Field as _Field
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

_UNTYPED = object()  # stands in for the type of a field that has none
_METHODS = frozenset({each for each in dir(MutableMapping) if each[0] != "_"} | {"copy", "deepcopy", "fields"})
_Body: Any = type(ModelMetaclass.__prepare__("", ()))


class Metadata(dict[str, Any]):
    """What a field was declared with."""


def Field(default: Any = None, **metadata: Any) -> Any:  # noqa: N802 -- Scrapy's name
    """A field of any type, with the value `default` until another is set.

    `metadata` is for those who fill and write the item: `input_processor` and `output_processor` of item loaders,
    `serializer`, which sinks call with the value to get what they write, and whatever else. `Item.fields` holds it.
    """
    field: FieldInfo = _Field(default)
    field.metadata.append(Metadata(metadata if default is None else {"default": default} | metadata))
    return field


class _Namespace(_Body):  # type: ignore[misc]
    """The body of a class as it is run: a field without a type takes its place among those that have one."""

    def __init__(self) -> None:
        super().__init__()
        super().__setitem__("__annotations__", {})

    def __setitem__(self, name: str, value: object) -> None:
        if isinstance(value, FieldInfo):
            self["__annotations__"].setdefault(name, _UNTYPED)
        super().__setitem__(name, value)


class Declared(ModelMetaclass):
    """The class of item classes. Each knows its fields, those of its bases first, as dataclasses do."""

    __own__: Mapping[str, tuple[Metadata, bool]]
    """The fields that its own body declares: what was said of each, and whether it has a type."""
    __declared__: Mapping[str, Metadata]
    """All fields by name, in order, with what was said of each."""
    __untyped__: frozenset[str]
    """The fields without a type."""
    __hidden__: frozenset[str]
    """The fields whose names begin with an underscore: private attributes, to pydantic."""

    @classmethod
    def __prepare__(cls, *_: Any, **__: Any) -> dict[str, object]:
        body: dict[str, object] = _Namespace()
        return body

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        _spread(namespace)
        annotations = namespace.setdefault("__annotations__", {})
        for key, value in namespace.items():
            if isinstance(value, FieldInfo):
                annotations.setdefault(key, _UNTYPED)
        own = {key: annotation is not _UNTYPED for key, annotation in annotations.items()}
        annotations |= {key: Any for key, is_typed in own.items() if not is_typed}
        if not any(own.values()) and not any(_is_typed(base) for base in bases):
            annotations |= dict.fromkeys(_plain(namespace), ClassVar[Any])
        hidden = _hide(namespace)
        covered = [key for key in own if key in _METHODS]
        for key in covered:
            namespace.setdefault(key, _Field())  # or pydantic would take the method for its default
        with _quiet(covered):
            made: Any = super().__new__(cls, name, bases, namespace, **options)
        _read(made, own, hidden)
        for key in covered:
            if key in made.__declared__:
                setattr(made, key, _Covered() if own[key] else _Uncovered(key))
        return made


def _spread(namespace: dict[str, Any]) -> None:
    """Declare what Scrapy lets a class declare in bulk: `fields = {"title": Field()}`."""
    fields = namespace.get("fields")
    if isinstance(fields, dict) and all(isinstance(each, FieldInfo) for each in fields.values()):
        del namespace["fields"]
        for name, field in fields.items():
            namespace.setdefault(name, field)


def _plain(namespace: Mapping[str, Any]) -> list[str]:
    """The attributes of a class's body that are neither fields nor methods."""
    return [
        name
        for name, value in namespace.items()
        if name[0] != "_" and name != "model_config" and not (isinstance(value, FieldInfo) or hasattr(value, "__get__"))
    ]


def _is_typed(base: type) -> bool:
    """Whether a class has a field with a type."""
    return bool(getattr(base, "model_fields", {}).keys() - getattr(base, "__untyped__", ()))


def _hide(namespace: dict[str, Any]) -> dict[str, Metadata]:
    """Make private attributes of the fields whose names begin with an underscore, as pydantic has no such fields."""
    found = {
        name: _metadata(value)
        for name, value in namespace.items()
        if name[0] == "_"
        and isinstance(value, FieldInfo)
        and any(isinstance(each, Metadata) for each in value.metadata)
    }
    for name, metadata in found.items():
        namespace[name] = PrivateAttr(metadata["default"]) if "default" in metadata else PrivateAttr()
    return found


def _metadata(field: FieldInfo) -> Metadata:
    return next((each for each in field.metadata if isinstance(each, Metadata)), Metadata())


def _read(kind: Any, own: Mapping[str, bool], hidden: dict[str, Metadata]) -> None:
    """Note what the fields of a class are, its own and those of its bases: the nearest class that declares it wins."""
    said = {name: _metadata(field) for name, field in kind.model_fields.items()} | hidden
    kind.__own__ = {name: (said[name], is_typed) for name, is_typed in own.items() if name in said}
    found: dict[str, tuple[Metadata, bool]] = {}
    for each in reversed(kind.__mro__):
        found |= vars(each).get("__own__", {})
    found |= {name: (metadata, True) for name, metadata in said.items() if name not in found}  # of no item's class
    kind.__declared__ = MappingProxyType({name: metadata for name, (metadata, _) in found.items()})
    kind.__untyped__ = frozenset(name for name, (_, is_typed) in found.items() if not is_typed)
    kind.__hidden__ = frozenset(found).difference(kind.model_fields)


@contextmanager
def _quiet(names: list[str]) -> Iterator[None]:
    """Without the warning that fields of these `names` shadow methods."""
    if not names:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", rf'Field name "({"|".join(names)})" in .* shadows an attribute')
        yield


class _Covered:
    """Stands in a class for a method whose name a field has. The field's value, in the object, comes before it."""

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError


class _Uncovered(_Covered):
    """Stands in a class for a method whose name a field has, and gives it: the field is had by its key."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            raise AttributeError(self._name)
        inherited = (vars(each)[self._name] for each in owner.__mro__ if self._name in vars(each))
        method = next(each for each in inherited if not isinstance(each, _Covered))
        return method.__get__(instance, owner)

    def __set__(self, instance: Any, value: object) -> None:
        instance.__dict__[self._name] = value

    def __delete__(self, instance: Any) -> None:
        del instance.__dict__[self._name]
