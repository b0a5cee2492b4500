"""Where settings come from, and which of two sources wins.

From the weakest to the strongest:

    default                      what `scraper.settings.schema` says
    config.toml                  the file
    custom_settings              of the spider class
    [spiders.NAME]               of the file
    SCRAPER_LIMITS__DELAY=1      the environment: the key in capitals, with two underscores for a dot
    -s limits.delay=1            the command line, the last one last

Tables are merged key by key; a list, such as that of the sinks, is replaced as a whole. Every source is checked by
itself, so that an error names the place where it was made, even if a stronger source would have hidden it.

In the texts of the file `${NAME}` stands for a variable of the environment, so that a secret need not stand there:
see `scraper.settings.environment`.
"""

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scraper.errors import SettingsError
from scraper.secrets import HIDDEN, masked, names_secret
from scraper.settings.environment import filled
from scraper.settings.messages import Problem, is_private, keys_at, nearest, shown
from scraper.settings.schema import Settings
from scraper.settings.tables import OWN, SCRAPY, flat, from_tables, known_schema, problems, refuse

FILE = Path("config.toml")
DEFAULT_SINK = "data/{spider}.jsonl"
PREFIX = "SCRAPER_"


@dataclass(frozen=True, slots=True)
class Source:
    """Tables that come from one place; `name` is what `Loaded.origins` calls it."""

    name: str
    tables: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, the plain tables they were made of, and for every key (`limits.delay`) the source it is from.

    `arguments` are those that the file has for the spider at hand, where variables are still known as such: see
    `for_spider`.
    """

    path: Path | None
    tables: dict[str, Any]
    settings: Settings
    origins: dict[str, str]
    arguments: dict[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()

    @property
    def folder(self) -> Path:
        """What the place of the spiders is relative to."""
        return self.path.parent if self.path is not None else Path()

    def for_spider(self, name: str, custom_settings: Mapping[str, Any], class_name: str) -> "Loaded":
        """The settings of one spider, and the arguments that `[spiders.NAME]` has for it.

        Arguments are all keys that are not the names of tables; they are not checked yet. Raises `SettingsError`
        if something in `custom_settings`, those of the class `class_name`, does not fit.
        """
        custom = Source(f"{class_name}.custom_settings", _custom(custom_settings, class_name))
        own = self.settings.spiders.own.get(name, {})
        tables = Source(f"[spiders.{name}]", {key: own[key] for key in own if key in OWN})
        is_file = [source for source in self.sources if source.name == str(self.path)]
        stronger = [source for source in self.sources if source not in is_file]
        return _merged(
            self.path,
            [*is_file, custom, tables, *stronger],
            arguments={key: own[key] for key in own if key not in OWN},
        )


def load(path: Path | None, *, environ: Mapping[str, str], overrides: Sequence[str], is_above: bool = False) -> Loaded:
    """The settings that the file at `path` (None for none), the environment and `-s` give.

    If the file `is_above` the working folder, the paths in it are relative to the file's folder. Raises
    `SettingsError` if a source cannot be read, or something in it is unknown or does not fit.
    """
    sources = [] if path is None else [_file(path, environ)]
    if path is not None and is_above:
        sources = [Source(each.name, _from_above(each.tables, path.parent)) for each in sources]
    sources += _environment(environ)
    sources += [_override(text) for text in overrides]
    return _merged(path, sources)


def _merged(path: Path | None, sources: Sequence[Source], *, arguments: dict[str, Any] | None = None) -> Loaded:
    tables: dict[str, Any] = {}
    for source in sources:
        tables = laid_over(tables, source.tables)
    settings = from_tables(tables)
    origins = {key: _origin(key, sources) for key, _ in flat(settings)}
    return Loaded(path, tables, settings, origins, arguments or {}, tuple(sources))


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below`, with what `above` says put in its place."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = laid_over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _origin(key: str, sources: Sequence[Source]) -> str:
    return next((source.name for source in reversed(sources) if _has(source.tables, key)), "default")


def _has(tables: Any, key: str) -> bool:
    for name in key.split("."):
        if not isinstance(tables, Mapping) or name not in tables:
            return False
        tables = tables[name]
    return True


# The sources.


def _file(path: Path, environ: Mapping[str, str]) -> Source:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tables = filled(tomllib.loads(text), environ)
    except FileNotFoundError:
        if path == FILE:
            raise SettingsError(
                f"no {path} in {Path.cwd()}: create one with 'scraper new project NAME', or name a spider file"
            ) from None
        raise SettingsError(f"{path}: no such file") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        is_utf16 = error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        what = "it is UTF-16: save it as UTF-8" if is_utf16 else f"not UTF-8 at byte {error.start + 1}"
        raise SettingsError(f"{path}: not valid TOML: {what}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {_misspelt(str(error), text)}") from None
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    refuse([f"{path}: {problem}" for problem in problems(tables)])
    return Source(str(path), _spelt_out(tables))


_PATHS = (
    ("frontier", "jobs"), ("network", "load_cookies"), ("network", "save_cookies"), ("network", "ca_file"),
    ("network", "client_cert"), ("network", "client_key"), ("network", "cache", "path"),
)  # fmt: skip


def _from_above(tables: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """`tables` of a file that was found in a `folder` above this one, with what they name in that folder."""
    defaults = {"frontier": {"jobs": Settings().frontier.jobs}, "network": {"cache": {"path": "cache.sqlite"}}}
    moved = laid_over(defaults, tables)
    for keys in _PATHS:
        table: Any = moved
        for key in keys[:-1]:
            table = table.get(key, {})
        if isinstance(given := table.get(keys[-1]), str):
            table[keys[-1]] = str(folder / given)
    sinks = moved.get("sinks") or ({"path": DEFAULT_SINK},)
    moved["sinks"] = [
        {**sink, "path": sink["path"] if sink["path"] == "-" else str(folder / sink["path"])} for sink in sinks
    ]
    return moved


def _misspelt(error: str, text: str) -> str:
    """What is wrong with a text that is not TOML."""
    if re.search(r"^\s*spiders\s*=", text, re.MULTILINE) and re.search(r"^\s*\[spiders\.", text, re.MULTILINE):
        return 'not valid TOML: beside [spiders.NAME], write the folder as [spiders] source = "…", not spiders = "…"'
    message, _, position = error.rpartition(" (at ")
    return f"{position.removesuffix(')')}: not valid TOML: {message}"


def _spelt_out(tables: Mapping[str, Any]) -> dict[str, Any]:
    """`tables`, with the short form of the table `spiders` replaced by the long one, which can be merged."""
    spiders = tables.get("spiders")
    return {**tables, "spiders": {"source": spiders}} if isinstance(spiders, str) else dict(tables)


def _custom(settings: object, class_name: str) -> dict[str, Any]:
    where = f"{class_name}.custom_settings"
    if not isinstance(settings, Mapping):
        example = '{"limits": {"delay": 0.5}}'
        raise SettingsError(f"{where}: expected a dict of tables like {example}, got {shown(settings)}")
    misplaced = [f"{where}: {key}: belongs in {FILE} alone" for key in ("spiders", "crawl") if key in settings]
    refuse([*misplaced, *(f"{where}: {problem}" for problem in problems(settings))])
    return dict(settings)


def _environment(environ: Mapping[str, str]) -> Iterator[Source]:
    """The variables that name a table and a key; any other may be somebody else's."""
    for variable in sorted(environ):
        path = variable.removeprefix(PREFIX).lower().split("__")
        if variable.startswith(PREFIX) and ((path[0] in Settings.__struct_fields__ and path[1:]) or path in _LONE):
            yield Source(variable, _fitting(path, environ[variable], origin=variable))


_LONE = (["spiders"], ["crawl"], ["sinks"])
"""What stands before the first table of config.toml, or is a list."""


def _override(text: str) -> Source:
    key, is_complete, value = text.partition("=")
    path, told = key_path(key), f"-s {shown_override(text)}"
    if not is_complete or path is None:
        raise SettingsError(f"{told}: expected TABLE.KEY=VALUE, as in -s limits.delay=0.5")
    return Source("-s", _fitting(path, value.strip(), origin=told))


def shown_override(text: str) -> str:
    """`TABLE.KEY=VALUE` as it may be shown: without the value if that may be secret.

    It may be if the key is one of a secret, or of nobody knows what.
    """
    key, equals, value = text.partition("=")
    names = key_path(key)
    path = tuple(names or _NAME.findall(key))
    is_open = _is_known(path) or (equals and _PLAIN.fullmatch(value))
    if is_open and not is_private(known_schema(), path) and not names_secret(value):
        return masked(text)
    return f"{key}={HIDDEN}" if equals and names else HIDDEN


_NAME = re.compile(r"[\w-]+")
_PLAIN = re.compile(r"\s*+(true|false|[-+.\d]*+)\s*+")
"""No secret is empty, a number or a truth value, unless it is called one."""


def _is_known(path: Sequence[str]) -> bool:
    """Whether `path` is that of a setting or of a spider's argument, or near to one."""
    meant: tuple[str, ...] = ()
    for part in path:
        known = keys_at(known_schema(), meant)
        if not known or (meant == ("spiders",) and part not in known):
            return True
        near = nearest(part, known)
        if near is None:
            return part in SCRAPY
        meant = (*meant, near)
    return bool(path)


def key_path(key: str) -> list[str] | None:
    """The names of a dotted key as TOML writes it; None if it is not one."""
    try:
        node: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return None
    path = []
    while isinstance(node, dict) and len(node) == 1:
        [(name, node)] = node.items()
        path.append(name)
    return path if node == 0 else None


def _fitting(path: Sequence[str], text: str, *, origin: str) -> dict[str, Any]:
    """Tables with the value that `text` is at `path`.

    The text is a TOML value if it can be one that fits there (`0.5`, `true`, `["a", "b"]`), and else a text.
    """
    errors: list[str] = []
    for value in _values(text):
        tables: dict[str, Any] = {path[-1]: value}
        for name in reversed(path[:-1]):
            tables = {name: tables}
        wrong = problems(tables)
        if not wrong:
            return _spelt_out(tables)
        errors = errors or [f"{origin}: {_text(problem, path)}" for problem in wrong]
    refuse(errors)
    raise AssertionError("a text has at least one value")


def _text(problem: Problem, path: Sequence[str]) -> str:
    """What is wrong, with its place unless that is the `path` that the user wrote."""
    return problem.text if problem.place == tuple(path) else str(problem)


def _values(text: str) -> Iterator[Any]:
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        document = {}
    if len(document) == 1:
        yield document["value"]
    yield text
