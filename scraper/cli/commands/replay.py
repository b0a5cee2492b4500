"""`scraper replay`: runs a spider on what was recorded. No socket is opened, and nothing is waited for."""

import sys
from pathlib import Path

import click
from msgspec import structs

from scraper.cli.crawl_plan import plan_crawl
from scraper.cli.options import arguments_option, loaded_from, name_option, output_option, settings_options, sinks_of
from scraper.cli.spiders.choose import chosen, is_file
from scraper.errors import SettingsError


@click.command()
@click.argument("spider", metavar="SPIDER | FILE.py")
@settings_options
@output_option("Write items to this file instead of standard output; may be repeated.")
@arguments_option
@name_option
def replay(
    spider: str,
    config: Path | None,
    overrides: tuple[str, ...],
    outputs: tuple[str, ...],
    arguments: tuple[str, ...],
    name: str | None,
) -> None:
    """Run a spider on what was recorded, as often as you like: the same pages, in the same order, at once.

    \b
    scraper replay books                      items on standard output, as JSON Lines
    scraper replay books -o books.csv         into a file

    Configured sinks are left alone. The spider has the arguments it was recorded with, and those given by -a. A
    request that the recording has no answer to fails as not_recorded; the exit status is 1 then.
    """  # noqa: D301 -- click leaves the lines after a backspace as they are
    sinks = sinks_of(outputs, default="-")
    loaded = loaded_from(config, overrides, needs_file=not is_file(spider))
    found = chosen([spider], loaded)
    if len(found) > 1:
        raise SettingsError(
            f"{spider} has {len(found)} spiders: which? {', '.join(each.spider.name for each in found)}"
        )

    from scraper.cli.crawl_runner import Watched, crawled
    from scraper.crawling.recordings.folder import FOLDER, open_recording
    from scraper.views.log import Log
    from scraper.views.standard_error import StandardError

    kind = found[0].spider
    recording = open_recording(loaded.folder / FOLDER / (name or kind.name), kind.name)
    plan = plan_crawl(kind, loaded, [*recording.accepted.header.arguments, *arguments])
    settings = structs.replace(plan.settings, sinks=sinks)
    crawl = Watched(kind, settings, arguments=plan.arguments, observers=[Log()], tap=recording.tap())
    sys.exit(crawled(crawl, StandardError()).exit_status)
