"""From the tables of config.toml to settings: what does not fit is told in words, and what would is a schema."""

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from msgspec.json import schema_components
from msgspec.structs import asdict, fields

from scraper.errors import SettingsError
from scraper.settings import schema as declared
from scraper.settings.environment import plain
from scraper.settings.messages import Place, Problem, composite, keys_at, misfit, nearest
from scraper.settings.schema import Settings
from scraper.settings.table import Table, as_toml, default, misfits, read, something

OWN = frozenset(Settings.__struct_fields__) - {"spiders", "crawl"}
"""The tables that a spider can have of its own."""

SCRAPY = {
    "AUTOTHROTTLE_ENABLED": "limits.adapt",
    "AUTOTHROTTLE_MAX_DELAY": "limits.max_delay",
    "CLOSESPIDER_ERRORCOUNT": "engine.stop_after.errors",
    "CLOSESPIDER_ITEMCOUNT": "engine.stop_after.items",
    "CLOSESPIDER_PAGECOUNT": "engine.stop_after.pages",
    "CLOSESPIDER_TIMEOUT": "engine.stop_after.seconds",
    "CONCURRENT_REQUESTS": "engine.concurrency",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "limits.per_host",
    "COOKIES_ENABLED": "network.cookies",
    "DEFAULT_REQUEST_HEADERS": "network.headers",
    "DEPTH_LIMIT": "limits.max_depth",
    "DOWNLOAD_DELAY": "limits.delay",
    "DOWNLOAD_MAXSIZE": "network.max_body",
    "DOWNLOAD_TIMEOUT": "network.timeout",
    "FEEDS": "sinks",
    "HTTPCACHE_ENABLED": "network.cache.mode",
    "HTTPERROR_ALLOWED_CODES": "network.accept_statuses",
    "LOG_LEVEL": "views.log_level",
    "METAREFRESH_MAXDELAY": "network.meta_refresh",
    "REDIRECT_MAX_TIMES": "network.max_redirects",
    "REFERRER_POLICY": "network.referrer_policy",
    "RETRY_HTTP_CODES": "network.retry_statuses",
    "RETRY_TIMES": "network.retries",
    "ROBOTSTXT_OBEY": "limits.robots",
    "SPIDER_MODULES": "spiders",
    "USER_AGENT": "network.user_agent",
}
"""What Scrapy calls them: many a `custom_settings` comes from there."""


def from_tables(tables: Mapping[str, Any], *, origin: str = "settings") -> Settings:
    """The settings that `tables`, those of config.toml, hold; what they do not name has its default.

    Raises `SettingsError` if something in them is unknown or does not fit; `origin` begins its text.
    """
    refuse([f"{origin}: {problem}" for problem in problems(tables)])
    made = _with_spiders(tables)
    return read({key: value if key == "spiders" else plain(value) for key, value in made.items()}, Settings)


def refuse(errors: Sequence[str]) -> None:
    """Raise a `SettingsError` of one line if there are `errors`: the first, and how many more."""
    if errors:
        raise SettingsError(errors[0] + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""))


def problems(tables: Mapping[str, Any]) -> list[Problem]:
    """All that is wrong with `tables`, the spiders' own included."""
    found = list(_misfits(tables))
    spiders = tables.get("spiders")
    for name, own in spiders.items() if isinstance(spiders, Mapping) else ():
        if isinstance(own, Mapping):
            found += _misfits({key: own[key] for key in own if key in OWN}, within=("spiders", name))
    return found


def _misfits(tables: Mapping[str, Any], *, within: Place = ()) -> Iterator[Problem]:
    # A mistyped key first: it tells more than that the right one is missing.
    for each in sorted(misfits(_with_spiders(tables), Settings), key=lambda each: each.fault != "unknown"):
        place = within + each.place
        match each.fault:
            case "unknown":
                yield Problem(place, _unknown(place, each.given))
            case "missing":
                yield Problem(place, "is missing")
            case _:
                yield Problem(place, misfit(known_schema(), place, given=each.given))


def _with_spiders(tables: Mapping[str, Any]) -> dict[str, Any]:
    """`tables`, with that of the spiders, which has two ways to write it, as `SpidersSettings` has it."""
    match tables.get("spiders"):
        case str(source):
            return {**tables, "spiders": {"source": plain(source)}}
        case Mapping() as spiders:
            own = {name: each for name, each in spiders.items() if name != "source" and isinstance(each, Mapping)}
            rest = {name: plain(each) for name, each in spiders.items() if name not in own}
            return {**tables, "spiders": {"own": own, **rest}}
        case _:
            return dict(tables)


def _unknown(place: Place, given: object) -> str:
    name, known = str(place[-1]), keys_at(known_schema(), place[:-1])
    elsewhere = [key for key, _ in flat(Settings()) if key.rpartition(".")[2] == name.lower()]
    kind = "table" if isinstance(given, Mapping) else "key"
    if better := SCRAPY.get(name) or nearest(name, known) or next(iter(elsewhere), None):
        return f"unknown {kind}; did you mean {better}?"
    return f"unknown {kind} (known: {', '.join(known)})"


def flat(settings: Table, *, within: str = "") -> Iterator[tuple[str, Any]]:
    """Every key, with dots, and its value; what is set for single spiders is left out."""
    for name, value in asdict(settings).items():
        key = within + name
        if isinstance(value, Table):
            yield from flat(value, within=f"{key}.")
        elif key != "spiders.own":
            yield key, value


def _described() -> dict[tuple[str, str], str]:
    """The docstrings of all keys."""
    found: dict[tuple[str, str], str] = {}
    tables = [each for each in ast.parse(inspect.getsource(declared)).body if isinstance(each, ast.ClassDef)]
    for table in tables:
        for each in pairwise(table.body):
            match each:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(text))):
                    found[table.name, name] = text
    return found


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of config.toml."""
    made = deepcopy(known_schema())
    nodes = made["$defs"] | {"Settings": made}
    for (table, key), text in _described().items():
        if key in (keys := composite(nodes[table])["properties"]):
            keys[key]["description"] = text
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "config.toml"}


@cache
def known_schema() -> dict[str, Any]:
    """The JSON Schema of config.toml without what its keys mean; not to be changed."""
    defined = schema_components([Settings], schema_hook=_node, ref_template="#/$defs/{name}")[1]
    for table in Table.__subclasses__():
        _complete(table, defined)
    root = defined.pop("Settings")
    made = {"$defs": dict(sorted(defined.items())), **root}
    tables = {name: node for name, node in made["properties"].items() if name in OWN}
    spiders = made["$defs"]["SpidersSettings"]
    own = {"type": "object", "properties": tables, "description": "A spider's own: its arguments, and any table."}
    made["$defs"]["SpidersSettings"] = {
        "title": "the name of a folder or module, or a table",
        "description": spiders["description"],
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "properties": {"source": spiders["properties"]["source"]},
                "additionalProperties": own,
            },
        ],
    }
    return made


def _node(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a value with a type of ours."""
    node: dict[str, Any] = kind.NODE
    return node


def _complete(table: type[Table], defined: dict[str, Any]) -> None:
    """Give msgspec's schema of `table` our defaults, choices in their order, and only those bounds that limit."""
    for key in fields(table):
        node = defined[table.__name__]["properties"][key.name]
        if "$ref" in node:
            continue
        if not key.required:
            node["default"] = as_toml(default(key))
        if get_origin(kind := something(key.type)) is Literal:
            node = node.get("anyOf", [node])[0]
            node |= {"enum": list(get_args(kind)), "type": "string"}
        for each in node.get("anyOf", [node]):
            if each.get("maximum") == declared.MOST:
                del each["maximum"]
