"""What each format can do: one declaration a format, and what is said of settings that ask for more.

Where the bytes of a format follow each other, a file can be compressed and written to a pipe; a *store* has a file of
its own kind. A file that ends anywhere can be appended to; one that is closed by its last bytes cannot.
"""

from collections.abc import Mapping

import msgspec

from scraper.errors import SettingsError
from scraper.settings.schema import SinkSettings


class Capabilities(msgspec.Struct, frozen=True):
    """What a format can do.

    `modes` are those that a sink may have, `options` the keys of `[[sinks]]` that mean something to the format, and
    `splits` the keys of `split_after`; where there are none, all items are in one file.
    """

    modes: frozenset[str] = frozenset({"replace"})
    options: frozenset[str] = frozenset()
    splits: frozenset[str] = frozenset({"items", "bytes", "seconds"})
    is_stream: bool = True


_TABLE = Capabilities(modes=frozenset({"replace", "append"}), options=frozenset({"formula_guard", "join"}))

CAPABILITIES: Mapping[str, Capabilities] = {
    "jsonl": Capabilities(modes=frozenset({"replace", "append"})),
    "json": Capabilities(),
    "csv": _TABLE,
    "tsv": _TABLE,
    "sqlite": Capabilities(modes=frozenset({"replace", "append", "upsert"}), splits=frozenset(), is_stream=False),
    "parquet": Capabilities(splits=frozenset({"items", "seconds"}), is_stream=False),
}
"""By the format's name in config.toml."""

_OPTIONS = ("formula_guard", "join")


def require(settings: SinkSettings, name: str, path: str, *, is_packed: bool) -> None:
    """Raise `SettingsError` if a sink of these `settings` asks for what its format, `name`, cannot do."""
    able, where = CAPABILITIES[name], f"[[sinks]] path {path!r}"
    if not able.is_stream and (path == "-" or is_packed):
        raise SettingsError(f"{where}: the format {name} needs a file, which is not compressed")
    if settings.mode not in able.modes:
        others = [each for each, can in CAPABILITIES.items() if settings.mode in can.modes]
        raise SettingsError(f'{where}: {name} cannot have mode = "{settings.mode}" (formats that can: {_list(others)})')
    if settings.mode != "replace" and path == "-":
        raise SettingsError(f'{where}: mode = "{settings.mode}" needs a file')
    for option in _OPTIONS:
        if getattr(settings, option) and option not in able.options:
            others = [each for each, can in CAPABILITIES.items() if option in can.options]
            raise SettingsError(f"{where}: {option} is for {_list(others)}, and this is {name}")
    _require_key(settings, where)


def require_splits(settings: SinkSettings, name: str, path: str, *, has_parts: bool) -> None:
    """Raise `SettingsError` if a sink of several files asks for what its format, `name`, cannot do."""
    able, where = CAPABILITIES[name], f"[[sinks]] path {path!r}"
    if not able.splits:
        raise SettingsError(f"{where}: {name} keeps all items in one file: its path cannot have {{part}} or {{item.…}}")
    for key in set(settings.split_after.changed()) - able.splits:
        raise SettingsError(f"{where}: {name} cannot be split after {key} (it can after {_list(sorted(able.splits))})")
    if has_parts and not settings.split_after.changed():
        raise SettingsError(f"{where}: {{part}} needs a split_after: {{ items = 300 }}, for example")
    if settings.split_after.changed() and not has_parts:
        raise SettingsError(f"{where}: split_after needs {{part}} in the path, the number of the file")
    if has_parts and settings.mode != "replace":
        raise SettingsError(f'{where}: mode = "{settings.mode}" needs one file, and {{part}} is many')


def _require_key(settings: SinkSettings, where: str) -> None:
    """Raise `SettingsError` if an upsert has no `key`, or if there is a `key` for nothing."""
    if settings.mode == "upsert" and not settings.key:
        raise SettingsError(f'{where}: mode = "upsert" needs the fields that tell rows apart: key = ["sku"]')
    if settings.key and settings.mode != "upsert":
        raise SettingsError(f'{where}: key is for mode = "upsert", and this is "{settings.mode}"')
    if missing := [each for each in settings.key if settings.fields and each not in settings.fields]:
        raise SettingsError(f"{where}: {missing[0]!r} is in key, but not in fields")


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
