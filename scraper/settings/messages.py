"""What does not fit, in words: what was found wrong and a JSON Schema become one line that a person can act on."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from typing import Any, TypeAlias

from scraper.secrets import HIDDEN, STORE, is_secret, masked, masked_store, names_secret

Schema: TypeAlias = Mapping[str, Any]
Place: TypeAlias = tuple[str | int, ...]

_KINDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a table",
    "string": "a text",
}
_TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "string": (str,)}
_FORMATS = {
    "date": "a date like 2026-01-31",
    "date-time": "a date and time like 2026-01-31T12:00:00",
    "time": "a time like 12:00:00",
}
_PLURALS = {
    "integer": "whole numbers",
    "number": "numbers",
    "object": "tables",
    "string": "texts",
}

PRIVATE = frozenset({"auth", "headers", "proxies", "proxy"})
"""Keys of config.toml whose values, and those of the tables in them, may be passwords."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of some tables; as a text it names table and key as TOML writes them."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{written(self.place)}: {self.text}"


def written(place: Place) -> str:
    """`place` as TOML writes it, counting from one: `[limits] delay`, `[[sinks]] #1 path`."""
    names = list(takewhile(lambda part: isinstance(part, str), place))
    rest = [f"#{part + 1}" if isinstance(part, int) else part for part in place[len(names) :]]
    if names[-1:] == ["sinks"] and rest:
        return " ".join([f"[[{'.'.join(map(str, names))}]]", *rest])
    *tables, key = names or [""]
    return " ".join([*([f"[{'.'.join(map(str, tables))}]"] if tables else []), str(key), *rest])


def misfit(schema: Schema, place: Place, *, given: object) -> str:
    """What was expected at `place` of a document of this `schema`, and what was `given`.

    A value that is of its type is told how much of it is accepted. What may be secret is not repeated.
    """
    node = node_at(schema, place)
    is_of_its_type = isinstance(given, _TYPES.get(node.get("type", ""), ())) and not isinstance(given, bool)
    wanted = f"expected {expected(schema, node, bounds=is_of_its_type)}"
    if is_private(schema, place):
        return wanted
    if place[-1:] == (STORE,) and isinstance(given, str):
        given = masked_store(given)
    return f"{wanted}, got {shown(given)}"


def expected(schema: Schema, node: Schema, *, bounds: bool = False) -> str:  # noqa: PLR0911 -- one return a kind
    """What `node`, a part of `schema`, accepts; with `bounds`, how much of it too.

    A title that a type was given by hand is what people call it.
    """
    match resolved(schema, node):
        case {"enum": values}:
            return f"one of {', '.join(json.dumps(value, ensure_ascii=False) for value in values)}"
        case {"const": value}:
            return json.dumps(value, ensure_ascii=False)
        case {"type": "object"}:
            return "a table"
        case {"type": "array", **rest}:
            items = resolved(schema, rest.get("items", {}))
            return f"a list of {_PLURALS.get(items.get('type', ''), 'values')}"
        case {"title": title, **rest}:
            return str(title) + (_bounds(rest) if bounds else "")
        case {"anyOf": choices}:
            return " or ".join(dict.fromkeys(expected(schema, each, bounds=bounds) for each in choices))
        case {"type": kind, **rest}:
            words = _FORMATS.get(rest.get("format", "")) or _KINDS.get(kind, "a value")
            return words + (_bounds({"type": kind, **rest}) if bounds else "")
        case _:
            return "another value"


def _bounds(node: Schema) -> str:
    match node:
        case {"minimum": low, "maximum": high}:
            return f" from {low} to {high}"
        case {"minimum": low}:
            return f" of at least {low}"
        case {"exclusiveMinimum": low}:
            return f" greater than {low}"
        case {"maximum": high}:
            return f" of at most {high}"
        case {"type": "string", "minLength": 1}:
            return " that is not empty"
        case _:
            return ""


def shown(value: object) -> str:
    """`value` as an error line shows it: without what is secret in it."""
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return "a table"
        case _:
            text = masked(repr(value))
            if names_secret(text):
                return HIDDEN
            return text if len(text) <= 80 else f"{text[:77]}..."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` was perhaps meant to be."""
    return next(iter(get_close_matches(name, list(known), 1)), None)


def suggestion(name: str, known: Iterable[str]) -> str:
    """The nearest of the `known` names, or all of them: the end of an error line."""
    names = sorted(known)
    if near := nearest(name, names):
        return f"; did you mean {near}?"
    return f" (known: {', '.join(names) or 'none'})"


def node_at(schema: Schema, place: Iterable[str | int]) -> Schema:
    """The part of `schema` that is about `place`; empty where it says nothing of it."""
    node = schema
    for part in place:
        node = composite(resolved(schema, node))
        inner = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        node = inner or node.get("additionalProperties") or {}
    return resolved(schema, node)


def keys_at(schema: Schema, place: Iterable[str | int]) -> list[str]:
    """The keys that the table at `place` may have."""
    return list(composite(node_at(schema, place)).get("properties", {}))


def is_private(schema: Schema, place: Place) -> bool:
    """Whether what is set at `place`, or a part of it, may be secret.

    That are headers, proxies and authorization, and what is so by its name: an argument of a spider, or a key that
    the schema does not know. A key that is near one of these may be meant to be it.
    """
    for depth, part in enumerate(place):
        if part in PRIVATE:
            return True
        if isinstance(part, str) and not _is_spider(place, depth) and part not in keys_at(schema, place[:depth]):
            is_argument = _is_spider(place, depth - 1)
            if is_secret(part) or (not is_argument and nearest(part, PRIVATE)):
                return True
    return False


def is_hidden(schema: Schema, place: Place) -> bool:
    """Whether the value at `place` itself is secret: so the schema says of a key, and of any other its name."""
    *within, key = place
    if not isinstance(key, str) or _is_spider(place, len(within)):
        return False
    if key in keys_at(schema, within):
        return bool(node_at(schema, place).get("writeOnly"))
    return is_secret(key)


def _is_spider(place: Place, depth: int) -> bool:
    """Whether the part of `place` at this depth is the name of a spider."""
    return depth == 1 and place[0] == "spiders"


def composite(node: Schema) -> Schema:
    """Of a choice, what has parts."""
    return next((each for each in node.get("anyOf", ()) if each.get("type") == "object"), node)


def resolved(schema: Schema, node: Schema) -> Schema:
    """`node` with its reference followed; of a choice between something and nothing, the something."""
    if "$ref" in node:
        return resolved(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
    choices = [each for each in node.get("anyOf", ()) if each.get("type") != "null"]
    return resolved(schema, choices[0]) if len(choices) == 1 else node
