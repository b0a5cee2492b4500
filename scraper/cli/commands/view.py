"""`scraper view`: a page in the browser, as a spider sees it: before any script has run."""

import sys
from pathlib import Path

import click

from scraper.cli.addresses import address
from scraper.cli.crawl_plan import plan_any_crawl
from scraper.cli.options import address_argument, settings_options, spider_options


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
    plan = plan_any_crawl(config, overrides, spider, arguments)

    from scraper.cli.single_page import ERRORS, answer, inspected, inspection_for, tell_status
    from scraper.views.preview import kept, open_in_browser

    inspection = inspection_for(plan, accepted=ERRORS)
    response = inspected(inspection, answer(inspection, place))
    file = kept(response)
    click.echo(file)
    if not no_open and not open_in_browser(file):
        click.echo("scraper: no browser was found to open it with", err=True)
    sys.exit(tell_status(response))
