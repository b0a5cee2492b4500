"""Options that several commands have, and the settings that they give."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from scraper.cli import debug_option
from scraper.errors import SettingsError
from scraper.settings.load import FILE, Loaded, load
from scraper.settings.schema import SinkSettings

_Command = TypeVar("_Command", bound=Callable[..., Any])

_config = click.option(
    "-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="Read this file instead of config.toml."
)
_overrides = click.option(
    "-s", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Set one setting; may be repeated."
)
_config_alone = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Read this file instead of config.toml."
)
arguments_option = click.option(
    "-a", "arguments", multiple=True, metavar="NAME=VALUE", help="Give the spider an argument; may be repeated."
)


def settings_options(command: _Command) -> _Command:
    """The options -c, -s and --debug; they come as `config: Path | None` and `overrides: tuple[str, ...]`."""
    return _config(_overrides(debug_option(command)))


def shell_settings_options(command: _Command) -> _Command:
    """The same options where -c means something else."""
    return _config_alone(_overrides(debug_option(command)))


_spider = click.option(
    "--spider", metavar="NAME | FILE.py", help="Take the settings, middlewares and limits of this spider."
)


def spider_options(command: _Command) -> _Command:
    """The options --spider and -a; they come as `spider: str | None` and `arguments: tuple[str, ...]`."""
    return _spider(arguments_option(command))


name_option = click.option("--name", metavar="NAME", help="The recording's name, if it is not the spider's.")
address_argument = click.argument("url", metavar="URL")


def output_option(text: str) -> Callable[[_Command], _Command]:
    """The option -o, which `text` explains; its values come as `outputs: tuple[str, ...]`."""
    return click.option("-o", "--output", "outputs", multiple=True, metavar="PATH", help=text)


def sinks_of(outputs: Sequence[str], *, default: str) -> tuple[SinkSettings, ...]:
    """The sinks that -o names, or the `default` one. Raises `SettingsError` for an empty path."""
    if "" in outputs:
        raise SettingsError("-o: expected a path, got an empty text")
    for path in outputs:
        if "\\" in path and os.sep != "\\":
            raise SettingsError(f"-o {path}: a path is written with /, as in {path.replace(chr(92), '/')}")
    return tuple(SinkSettings(path=path) for path in outputs or (default,))


def loaded_from(config: Path | None, overrides: Sequence[str], *, needs_file: bool) -> Loaded:
    """The settings, with those of config.toml if it is there, or is needed, or another file is named."""
    above = found_upward() if config is None and needs_file else None
    path = config or above or (FILE if needs_file or FILE.exists() else None)
    return load(path, environ=os.environ, overrides=overrides, is_above=above not in {None, FILE})


def found_upward() -> Path | None:
    """The config.toml of this folder, or of the nearest one above it, relative to this one; None if there is none."""
    if FILE.exists():
        return FILE
    here = Path.cwd()
    folder = next((each for each in here.parents if (each / FILE).is_file()), None)
    return None if folder is None else Path(os.path.relpath(folder / FILE, here))
