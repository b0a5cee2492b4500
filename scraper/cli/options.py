"""What commands have in common: their options, and how a command line becomes crawls that are ready to run.

Settings are read before anything is imported that only spiders need: a mistake in them is told at once.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from scraper.cli import debug_option
from scraper.errors import SettingsError, SpiderError
from scraper.process import standard_streams
from scraper.process.signals import INTERRUPTED
from scraper.settings.load import FILE, Loaded, load
from scraper.settings.messages import suggestion
from scraper.settings.schema import Settings

if TYPE_CHECKING:
    from scraper.cli.spiders.find import Found
    from scraper.spider import Spider

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


address_argument = click.argument("url", metavar="URL")


@dataclass(frozen=True, slots=True)
class Job:
    """A spider to crawl with, the arguments to make it with, and its settings; `config_path` is None without a file."""

    spider_class: "type[Spider]"
    arguments: dict[str, Any]
    settings: Settings
    config_path: Path | None


def jobs(
    config: Path | None,
    overrides: Sequence[str],
    spiders: Sequence[str],
    arguments: Sequence[str] = (),
    *,
    url: str | None = None,
) -> list[Job]:
    """The crawls that a command line asks for.

    `spiders` are names and files (`books.py`); with none, those that `chosen` finds. The `arguments`,
    `NAME=VALUE`, are given to each of them. Raises `SettingsError` and `SpiderError`.
    """
    needs_file = not spiders or not all(map(_is_file, spiders))
    loaded = loaded_from(config, overrides, needs_file=needs_file)
    return [job_of(each.spider, loaded, arguments) for each in chosen(spiders, loaded, url=url)]


def one_job(
    config: Path | None, overrides: Sequence[str], spider: str | None, arguments: Sequence[str], url: str | None = None
) -> Job:
    """The crawl of one spider: the one named, the only one for the site of `url`, or the only one there is.

    Raises as `jobs` does, and if several are meant.
    """
    found = jobs(config, overrides, () if spider is None else (spider,), arguments, url=url)
    if len(found) > 1:
        names = ", ".join(job.spider_class.name for job in found)
        raise SettingsError(f"several spiders are meant ({names}), and this is for one: name it with --spider")
    return found[0]


def job_at_hand(config: Path | None, overrides: Sequence[str], spider: str | None, arguments: Sequence[str]) -> Job:
    """The crawl of the spider named; of none in particular, with the settings that hold for all, if none is."""
    if spider is not None:
        return one_job(config, overrides, spider, arguments)
    if arguments:
        raise SettingsError(f"-a {arguments[0]}: of which spider? Name it with --spider")
    loaded = loaded_from(config, overrides, needs_file=False)

    from scraper.spider import Spider

    return Job(type("DefaultSpider", (Spider,), {"name": "default"}), {}, loaded.settings, loaded.path)


def loaded_from(config: Path | None, overrides: Sequence[str], *, needs_file: bool) -> Loaded:
    """The settings, with those of config.toml if it is there, or is needed, or another file is named."""
    path = config or (FILE if needs_file or FILE.exists() else None)
    return load(path, environ=os.environ, overrides=overrides)


def leave() -> NoReturn:
    """End the process now: a callback that does not return would otherwise be waited for."""
    click.echo("scraper: interrupted", err=True)
    standard_streams.unwritten()
    os._exit(INTERRUPTED)


def all_spiders(loaded: Loaded) -> "dict[str, Found]":
    """Every spider of the place that the settings name. Raises `SettingsError` for tables that belong to none."""
    from scraper.cli.spiders.find import in_source

    found = in_source(loaded.settings.spiders.source, loaded.folder)
    for name in loaded.settings.spiders.own:
        if name not in found:
            raise SettingsError(f"{loaded.path}: [spiders.{name}]: no such spider{suggestion(name, found)}")
    return found


def chosen(spiders: Sequence[str], loaded: Loaded, *, url: str | None = None) -> "list[Found]":
    """The spiders that are named, by name or file.

    With none named, the only one that is for the site of `url`; or those of `crawl`, or the only one there is.
    """
    from scraper.cli.spiders.find import in_file, named

    if not spiders:
        return _standard(loaded, url)
    found = {} if all(map(_is_file, spiders)) else all_spiders(loaded)
    by_name: dict[str, Found] = {}
    for each in spiders:
        for one in in_file(Path(each)).values() if _is_file(each) else [named(each, found)]:
            other = by_name.setdefault(one.spider.name, one)
            if other.spider is not one.spider:
                raise SpiderError(f"two spiders are named {one.spider.name!r}: {other.place} and {one.place}")
    return list(by_name.values())


def _standard(loaded: Loaded, url: str | None) -> "list[Found]":
    from scraper.cli.spiders.find import for_site

    found, names = all_spiders(loaded), loaded.settings.crawl
    if url is not None and len(meant := for_site(url, found.values(), loaded.settings.spiders.own)) == 1:
        return meant
    for name in names:
        if name not in found:
            raise SettingsError(f"{loaded.origins['crawl']}: crawl: no spider {name!r}{suggestion(name, found)}")
    if names or len(found) == 1:
        return [found[name] for name in dict.fromkeys(names or found)]
    if not found:
        raise SpiderError(f"no spider in {loaded.settings.spiders.source}: begin one with 'scraper new spider NAME'")
    raise SettingsError(f'which spider? Name some of {", ".join(found)}, or write crawl = ["NAME"] in {loaded.path}')


def _is_file(spider: str) -> bool:
    return spider.endswith(".py")


def job_of(spider: "type[Spider]", loaded: Loaded, given: Sequence[str]) -> Job:
    """The crawl with `spider`, to which the arguments `given`, `NAME=VALUE`, are given. Raises as `jobs` does."""
    from scraper.cli.spiders.arguments import converted, pairs

    own = loaded.for_spider(spider.name, spider.custom_settings, spider.__name__)
    arguments = converted(spider, configured=own.arguments, given=pairs(given), file=str(own.path))
    return Job(spider, arguments, own.settings, own.path)
