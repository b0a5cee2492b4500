"""Which file a sink's `path` means, and which format that has."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from difflib import get_close_matches

from scraper.errors import SettingsError
from scraper.urls import without_credentials

_OTHER_ENDINGS = {"db": "sqlite"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")  # RFC 3986, 3.1
_LEADS_ELSEWHERE = re.compile(r"\.\.|[/\\\x00-\x1f\x7f]")


def placeholders(spider: str, arguments: Mapping[str, object], started: datetime) -> dict[str, str]:
    """What may stand in braces in a path, and what it is replaced by: always the name of one file or folder."""
    values = {**arguments, "spider": spider, "time": f"{started:%Y-%m-%dT%H-%M-%S}"}
    return {name: _LEADS_ELSEWHERE.sub("_", str(value)) for name, value in values.items()}


def fill(template: str, values: Mapping[str, str], *, path: str = "") -> str:
    """What `template`, a `path` or a piece of it, means with `values`.

    Raises `SettingsError` if it has a placeholder that is not among them.
    """

    def replacement(match: re.Match[str]) -> str:
        try:
            return values[match[1]]
        except KeyError:
            near = get_close_matches(match[1], values, 1)
            known = ", ".join(f"{{{name}}}" for name in values)
            raise SettingsError(
                f"[[sinks]] path {(path or template)!r}: {match[0]} is not known"
                + (f", did you mean {{{near[0]}}}?" if near else "")
                + f" (known: {known})"
            ) from None

    return _PLACEHOLDER.sub(replacement, template)


def require_local(path: str) -> None:
    """Raise `SettingsError` if `path` is a URL: a sink writes files, and would make a folder named `s3:`."""
    if found := _SCHEME.match(path):
        scheme = found[1]
        is_file = scheme.lower() == "file"
        told = "write the path without file://" if is_file else f"the scheme {scheme}:// is not known"
        raise SettingsError(f"[[sinks]] path {without_credentials(path)!r}: {told}; a sink writes a local file")


def format_of(path: str, formats: Collection[str]) -> str:
    """The format that the ending of `path` tells. Raises `SettingsError` if it tells none of `formats`."""
    if path == "-":
        return "jsonl"
    ending = path.removesuffix(".gz").removesuffix(".zst").removesuffix(".xz").rpartition(".")[2]
    name = _OTHER_ENDINGS.get(ending, ending)
    if "." not in path or name not in formats:
        known = " ".join(f".{name}" for name in (*formats, *_OTHER_ENDINGS))
        raise SettingsError(
            f"[[sinks]] path {path!r}: its ending names no format (known: {known}; .jsonl, .json, .csv and .tsv also "
            "with .gz, .zst or .xz); another ending needs `format`"
        )
    return name
