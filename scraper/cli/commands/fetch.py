"""`scraper fetch`: what a server answers, as the spider would have it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.addresses import address
from scraper.cli.crawl_plan import plan_any_crawl
from scraper.cli.options import address_argument, settings_options, spider_options
from scraper.errors import ScraperError

if TYPE_CHECKING:
    from scraper.crawling.inspection import Inspection
    from scraper.http.request import Request
    from scraper.http.response import Response

_TEXT = bytes({9, 10, 12, 13, *range(0x20, 0x7F), *range(0x80, 0x100)})  # what does not steer a terminal


@click.command()
@address_argument
@click.option("--headers", "wants_headers", is_flag=True, help="Print the headers of request and answer instead.")
@spider_options
@click.option("--no-redirect", is_flag=True, help="Print the answer that redirects, and do not follow it.")
@settings_options
def fetch(
    url: str,
    wants_headers: bool,
    spider: str | None,
    arguments: tuple[str, ...],
    no_redirect: bool,
    config: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Print what is at a URL, decompressed.

    It is asked for as a crawl would ask: robots.txt is obeyed (-s limits.robots=false), and a spider's
    allowed_domains hold. An answer with an error status is printed, too, and the exit status is 1 then.
    """
    place = address(url)
    plan = plan_any_crawl(config, overrides, spider, arguments)

    from scraper.cli.single_page import ERRORS, answer, inspected, inspection_for, tell_status
    from scraper.http.request import Request

    asked = Request(place, meta={"dont_redirect": no_redirect}) if isinstance(place, str) else place
    inspection = inspection_for(plan, accepted=ERRORS)
    response = inspected(inspection, answer(inspection, asked))
    if wants_headers:
        _print_headers(inspection, response)
    else:
        _print_body(response)
    sys.exit(tell_status(response))


def _print_body(response: "Response") -> None:
    """Raises `ScraperError` for what would only confuse a terminal."""
    if sys.stdout.isatty() and response.body.translate(None, _TEXT):
        from scraper.views.formatting import visible

        kind = visible(response.headers.get("Content-Type", "no Content-Type"), 60)
        size = f"{len(response.body):,} bytes"
        raise ScraperError(f"{response!r} is not text for a terminal ({kind}, {size}): send it to a file, with > FILE")
    click.echo(response.body, nl=False)


def _print_headers(inspection: "Inspection", response: "Response") -> None:
    from scraper.cli.single_page import shown_headers
    from scraper.http.headers import own_headers
    from scraper.network.headers import defaults
    from scraper.secrets import masked
    from scraper.urls import without_credentials

    network = inspection.settings.network
    asked: Request = inspection.sent or response.request
    given = {name.lower() for name in asked.headers}
    sent = {name: value for name, value in defaults(network).items() if name.lower() not in given}
    click.echo(f"> {asked.method} {masked(without_credentials(asked.url))}")
    for name, value in shown_headers({**sent, **own_headers(asked.headers)}, network):
        click.echo(f"> {name}: {value}")
    click.echo(f"\n< {response.status}")
    for name, value in shown_headers(response.headers, network):
        click.echo(f"< {name}: {value}")
