"""`scraper settings`: the values in effect, and where each comes from, as TOML that config.toml would accept."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import ByteSize, SecretStr

from scraper.cli.options import loaded_from, settings_options
from scraper.cli.spiders.choose import chosen, is_file
from scraper.settings.environment import Filled
from scraper.settings.load import Loaded
from scraper.settings.schema import Table
from scraper.settings.tables import flat, schema

HIDDEN = "***"
SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})  # headers
_PASSWORD = re.compile(r"(?<=//)[^/?#\s]*@")


@click.command("settings")
@click.argument("spider", required=False, metavar="[SPIDER | FILE.py]")
@click.option("--schema", "wants_schema", is_flag=True, help="Print the JSON Schema of config.toml instead.")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@settings_options
def settings(
    spider: str | None, wants_schema: bool, wants_json: bool, config: Path | None, overrides: tuple[str, ...]
) -> None:
    """Show the settings in effect, for one spider or for all, and where each comes from.

    What is printed could stand in config.toml. Secrets are not shown. With --schema, an editor can check config.toml
    as it is written.
    """
    if wants_schema:
        click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
        return
    loaded = loaded_from(config, overrides, needs_file=spider is not None and not is_file(spider))
    shown = [("", loaded)]
    if spider is not None:
        classes = [found.spider for found in chosen([spider], loaded)]
        shown = [(each.name, loaded.for_spider(each.name, each.custom_settings, each.__name__)) for each in classes]
    if wants_json:
        answers = [_json(name, each) for name, each in shown]
        click.echo(json.dumps(answers if len(answers) > 1 else answers[0], indent=2, ensure_ascii=False, default=str))
        return
    for name, each in shown:
        for line in _toml(name, each):
            click.echo(line)


def _json(name: str, loaded: Loaded) -> dict[str, Any]:
    secrets = _secrets(loaded)
    settings = _shown(loaded.settings.model_dump(mode="json", by_alias=True), loaded.tables, secrets)
    arguments = _shown(loaded.arguments, _arguments(name, loaded), frozenset())
    return {"spider": name or None, "settings": settings, "origins": loaded.origins, "arguments": arguments}


def _toml(name: str, loaded: Loaded) -> Iterator[str]:
    if name:
        yield f"# spider {name}"
    tables: dict[str, list[tuple[str, Any, str]]] = {"": []}
    secrets = _secrets(loaded)
    for key, value in flat(loaded.settings):
        table, _, last = key.rpartition(".")
        shown = _shown(value, _at(loaded.tables, key.split(".")), secrets)
        tables.setdefault(table, []).append((last, shown, loaded.origins[key]))
    if loaded.arguments:
        shown = _shown(loaded.arguments, _arguments(name, loaded), frozenset())
        own = [(key, value, str(loaded.path)) for key, value in shown.items()]
        tables[f"spiders.{_key(name)}"] = own
    for table, rows in tables.items():
        if table:
            yield f"\n[{table}]"
        yield from _lines(rows)


# What is not shown.


def _secrets(loaded: Loaded) -> frozenset[str]:
    """The names, in lower case, whose values in a table are secret: of headers."""
    return SECRET | {name.lower() for name in loaded.settings.network.secret_headers}


def _arguments(name: str, loaded: Loaded) -> Any:
    """The arguments of a spider as the file has them."""
    return _at(loaded.tables, ["spiders", name])


def _at(tables: Any, names: Iterable[str]) -> Any:
    for name in names:
        tables = tables.get(name) if isinstance(tables, Mapping) else None
    return tables


def _shown(value: Any, given: Any, secrets: frozenset[str]) -> Any:  # noqa: PLR0911 -- one return a kind
    """`value` without secrets; a text with a variable of the environment as it was `given`."""
    match value:
        case _ if isinstance(given, Filled):
            return given.written
        case SecretStr():
            return HIDDEN if value.get_secret_value() else ""
        case str():
            return _PASSWORD.sub(f"{HIDDEN}@", value)
        case Table():
            return _shown({key: getattr(value, key) for key in _set_keys(value)}, given, secrets)
        case Mapping():
            return {key: _shown_at(key, each, given, secrets) for key, each in value.items()}
        case list() | tuple():
            known = given if isinstance(given, Sequence) and len(given) == len(value) else [None] * len(value)
            return [_shown(each, one, secrets) for each, one in zip(value, known, strict=True)]
        case _:
            return value


def _shown_at(key: str, value: Any, given: Any, secrets: frozenset[str]) -> Any:
    """The `value` of a table's `key`."""
    inner = _at(given, [key])
    if isinstance(value, str) and key.lower() in secrets and not isinstance(inner, Filled):
        return HIDDEN
    return _shown(value, inner, secrets)


def _set_keys(table: Table) -> list[str]:
    """The keys of `table` that differ from their defaults."""
    return list(table.model_dump(exclude_defaults=True))


def _lines(rows: Iterable[tuple[str, Any, str]]) -> Iterator[str]:
    for key, value, origin in rows:
        text = f"# {_key(key)} is not set" if value is None else f"{_key(key)} = {_value(value)}"
        yield f"{text:<40}  # {origin}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:  # noqa: PLR0911 -- one return a kind
    """`value` as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case ByteSize():
            return _size(value)
        case int() | float():
            return repr(value)
        case Table():
            return _value(value.model_dump(by_alias=True, exclude_defaults=True))
        case Mapping():
            return "{" + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return str(value)


def _size(value: ByteSize) -> str:
    for unit, bytes_ in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value and value % bytes_ == 0:
            return f'"{value // bytes_} {unit}"'
    return str(int(value))
