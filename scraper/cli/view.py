"""`scraper view`: a page in the browser, as a spider sees it: before any script has run."""

import sys
from pathlib import Path

import click

from scraper.cli.address import address
from scraper.cli.common import address_argument, job_at_hand, settings_options, spider_options


@click.command()
@address_argument
@spider_options
@click.option("--no-open", is_flag=True, help="Only write the file and print its path.")
@settings_options
def view(
    url: str,
    spider: str | None,
    arguments: tuple[str, ...],
    no_open: bool,
    config: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Open a page in the browser as a spider sees it.

    The page is asked for as `scraper fetch` asks, and written to a temporary file, whose path is printed. Its links
    and pictures are those of the site.
    """
    place = address(url)
    job = job_at_hand(config, overrides, spider, arguments)

    from scraper.cli.glance import ERRORS, answer, at_desk, desk_for, tell_status
    from scraper.views.browser import kept, open_in_browser

    desk = desk_for(job, accepted=ERRORS)
    response = at_desk(desk, answer(desk, place))
    file = kept(response)
    click.echo(file)
    if not no_open and not open_in_browser(file):
        click.echo("scraper: there is no browser to open it with", err=True)
    sys.exit(tell_status(response))
