"""`scraper list`: the spiders there are."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.options import loaded_from, settings_options
from scraper.cli.spiders.choose import all_spiders
from scraper.views.formatting import columns

if TYPE_CHECKING:
    from scraper.cli.spiders.find import Found


@click.command("list")
@click.argument("files", nargs=-1, metavar="[FILE.py]...", type=click.Path(path_type=Path))
@settings_options
def listing(files: tuple[Path, ...], config: Path | None, overrides: tuple[str, ...]) -> None:
    """List the spiders there are: name, class, file, and what each is for.

    They are looked for where config.toml says, or in the files named.
    """
    if files:
        from scraper.cli.spiders.find import in_file

        found = [each for file in files for each in in_file(file).values()]
    else:
        found = list(all_spiders(loaded_from(config, overrides, needs_file=True)).values())
    if not found:
        click.echo("no spiders yet: write one with 'scraper new spider NAME'", err=True)
    for line in columns([_row(each) for each in found]):
        click.echo(line)


def _row(found: "Found") -> tuple[str, ...]:
    from scraper.cli.spiders.find import shown

    own = vars(found.spider).get("__doc__") or ""
    return found.spider.name, found.spider.__name__, shown(found.file), next(iter(own.strip().splitlines()), "")
