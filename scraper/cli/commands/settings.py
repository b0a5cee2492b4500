"""`scraper settings`: the values in effect, and where each comes from, as TOML that config.toml would accept."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from scraper.cli.options import loaded_from, settings_options
from scraper.cli.spiders.choose import chosen, is_file
from scraper.secrets import HIDDEN, PROXIES, STORE, masked, masked_proxy, masked_store
from scraper.settings.environment import Filled
from scraper.settings.load import Loaded
from scraper.settings.messages import Place, is_hidden
from scraper.settings.table import Table
from scraper.settings.tables import flat, known_schema, schema
from scraper.settings.values import ByteSize, SecretStr


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
    hiding = Hiding(loaded)
    settings = hiding.shown(loaded.settings.values(), loaded.tables, ())
    arguments = hiding.shown(loaded.arguments, _arguments(name, loaded), ("spiders", name))
    return {"spider": name or None, "settings": settings, "origins": loaded.origins, "arguments": arguments}


def _toml(name: str, loaded: Loaded) -> Iterator[str]:
    if name:
        yield f"# spider {name}"
    tables: dict[str, list[tuple[str, Any, str]]] = {"": []}
    hiding = Hiding(loaded)
    for key, value in flat(loaded.settings):
        table, _, last = key.rpartition(".")
        place = tuple(key.split("."))
        shown = hiding.shown(value, _at(loaded.tables, place), place)
        tables.setdefault(table, []).append((last, shown, loaded.origins[key]))
    if loaded.arguments:
        shown = hiding.shown(loaded.arguments, _arguments(name, loaded), ("spiders", name))
        own = [(key, value, str(loaded.path)) for key, value in shown.items()]
        tables[f"spiders.{_key(name)}"] = own
    for table, rows in tables.items():
        if table:
            yield f"\n[{table}]"
        yield from _lines(rows)


# What is not shown.


class Hiding:
    """Shows values of settings and arguments without their secrets; a text with a variable as it is written."""

    def __init__(self, loaded: Loaded) -> None:
        own = [each.get("network", {}) for each in loaded.settings.spiders.own.values()]
        named = [loaded.settings.network.secret_headers, *(each.get("secret_headers", ()) for each in own)]
        self._headers = frozenset(header.lower() for headers in named for header in headers)

    def shown(self, value: Any, given: Any, place: Place) -> Any:  # noqa: PLR0911 -- one return a kind
        """`value`, which is set at `place`, as it may be shown; `given` is what a source has there."""
        match value:
            case _ if isinstance(given, Filled):
                return given.written
            case bool() | None | "":
                return value
            case _ if self._is_secret(place):
                return HIDDEN
            case SecretStr():
                return HIDDEN if value.get_secret_value() else ""
            case str():
                if place[-1:] == (STORE,):
                    return masked_store(value)
                return masked_proxy(value) if PROXIES & {*place} else masked(value)
            case Table():
                return self.shown(value.changed(), given, place)
            case Mapping():
                return {key: self.shown(each, _at(given, [key]), (*place, key)) for key, each in value.items()}
            case list() | tuple():
                known = given if isinstance(given, Sequence) and len(given) == len(value) else [None] * len(value)
                pairs = enumerate(zip(value, known, strict=True))
                return [self.shown(each, one, (*place, index)) for index, (each, one) in pairs]
            case _:
                return value

    def _is_secret(self, place: Place) -> bool:
        if place[-2:-1] == ("headers",) and str(place[-1]).lower() in self._headers:
            return True
        return bool(place) and is_hidden(known_schema(), place)


def _arguments(name: str, loaded: Loaded) -> Any:
    """The arguments of a spider as the file has them."""
    return _at(loaded.tables, ["spiders", name])


def _at(tables: Any, names: Iterable[str]) -> Any:
    for name in names:
        tables = tables.get(name) if isinstance(tables, Mapping) else None
    return tables


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
            text = str(value)
            return f'"{text}"' if " " in text else text
        case int() | float():
            return repr(value)
        case Table():
            return _value(value.changed())
        case Mapping():
            return "{" + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return str(value)
