"""A spider's arguments: texts and TOML values become what the spider declares them to be.

`declarations` finds out which arguments a spider reads; what it does not read is a mistake, and refused.
A text may be written as pydantic reads it (`2026-01-31`, `yes`), as TOML (`["a", "b"]`), or, for a list, with commas.
What is declared without a type stays as it is.
"""

import re
import tomllib
from collections import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from scraper.cli.masking import shown_argument
from scraper.cli.spiders.declarations import Declared, Reader
from scraper.errors import SettingsError
from scraper.secrets import is_secret
from scraper.settings.environment import plain
from scraper.settings.messages import Schema, expected, resolved, shown, suggestion
from scraper.settings.tables import OWN
from scraper.spider import Spider

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """The arguments that `-a NAME=VALUE` gives, the last of a name. Raises `SettingsError` for what is no pair."""
    given = {}
    for text in texts:
        name, is_complete, value = text.partition("=")
        if not is_complete or not name.strip().isidentifier():
            raise SettingsError(f"-a {shown_argument(text)}: expected NAME=VALUE, as in -a category=travel")
        given[name.strip()] = value
    return given


def converted(
    spider: type[Spider], *, configured: Mapping[str, Any], given: Mapping[str, str], file: str = "config.toml"
) -> dict[str, Any]:
    """What to make `spider` with: the arguments `configured` in `file`, and over them those `given` with -a.

    Raises `SettingsError` for an argument that the spider does not read, that does not fit, or that is missing.
    """
    reader = Reader(spider)
    arguments = {
        name: _read(reader, spider, name, value, origin=f"{file}: [spiders.{spider.name}] {name}")
        for name, value in configured.items()
    }
    arguments |= {
        name: _read(reader, spider, name, text, origin=f"-a {shown_argument(f'{name}={text}')}")
        for name, text in given.items()
    }
    for each in reader.required:
        # What no text can be, the spider gets elsewhere.
        if each.name not in arguments and (adapter := _adapter(each)):
            kind = f", {_words(adapter)}" if each.has_type else ""
            raise SettingsError(
                f"spider {spider.name!r} needs the argument {each.name}{kind}: "
                f"give it with -a {each.name}=VALUE, or in [spiders.{spider.name}]"
            )
    return arguments


def _read(reader: Reader, spider: type[Spider], name: str, value: Any, *, origin: str) -> Any:
    if not reader.reads(name):
        known = [*reader.declared, *(OWN if isinstance(value, Mapping) else ())]
        raise SettingsError(f"{origin}: {spider.__name__} reads no such argument{suggestion(name, known)}")
    declared = reader.declared.get(name)
    return plain(value) if declared is None or not declared.has_type else _fitting(declared, value, origin=origin)


def _fitting(declared: Declared, value: Any, *, origin: str) -> Any:
    """`value` as its type. Raises `SettingsError`, which tells a variable by its name, if it is none of that type."""
    from pydantic import ValidationError  # needed only for an argument with a type

    adapter = _adapter(declared)
    if adapter is None:
        raise SettingsError(f"{origin}: no text can be {declared.type}: make it in the spider")
    for attempt in _attempts(adapter, plain(value)):
        try:
            return attempt()
        except ValidationError:
            continue
    got = "" if is_secret(declared.name) else f", got {shown(value)}"
    raise SettingsError(f"{origin}: expected {_words(adapter)}{got}")


def _attempts(adapter: "TypeAdapter[Any]", value: Any) -> Iterator[Callable[[], Any]]:
    """The ways to read `value`, the most literal first."""
    yield lambda: adapter.validate_python(value)
    if isinstance(value, str):
        yield lambda: adapter.validate_strings(value)
        try:
            written = tomllib.loads(f"value = {value}")
        except tomllib.TOMLDecodeError:
            written = {}
        if len(written) == 1:
            yield lambda: adapter.validate_python(written["value"])
        if _schema(adapter).get("type") == "array":
            # A comma may stand in a URL: of several URLs, each begins anew.
            parts = re.split(r",(?=\s*https?://)" if "://" in value else ",", value)
            yield lambda: adapter.validate_python([part.strip() for part in parts if part.strip()])


def _adapter(declared: Declared) -> "TypeAdapter[Any] | None":
    """What makes values of the declared type; None if pydantic does not know it."""
    from pydantic import PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(_concrete(declared.type) if declared.has_type else Any)
    except PydanticUserError:
        return None


def _concrete(annotation: Any) -> Any:
    """`annotation` with lists in place of whatever else can be gone through once."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return reduce(or_, map(_concrete, inner))
    if annotation is abc.Iterable or origin is abc.Iterable:
        return GenericAlias(list, inner or (Any,))
    return annotation


def _schema(adapter: "TypeAdapter[Any]") -> Schema:
    from pydantic import PydanticUserError

    try:
        schema = adapter.json_schema()
    except PydanticUserError:  # JSON has nothing like it
        return {}
    return resolved(schema, schema)


def _words(adapter: "TypeAdapter[Any]") -> str:
    schema = _schema(adapter)
    return expected(schema, schema, bounds=True)
