"""`scraper record`: crawls some pages and keeps what sites answered, and what the spider made of it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.crawl_plan import plan_crawl
from scraper.cli.options import arguments_option, loaded_from, name_option, settings_options
from scraper.cli.spiders.choose import chosen, is_file
from scraper.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from scraper.cli.crawl_plan import CrawlPlan
    from scraper.recording.accepted import Header
    from scraper.settings.load import Loaded
    from scraper.spider import Spider

PAGES = 50


@click.command()
@click.argument("spider", metavar="SPIDER | FILE.py")
@settings_options
@arguments_option
@click.option(
    "--pages", type=click.IntRange(1), default=PAGES, show_default=True, metavar="N", help="Pages to record at most."
)
@name_option
@click.option(
    "--ignore", "ignored", multiple=True, metavar="FIELD", help="A field that differs each time; may be repeated."
)
@click.option("--keep-secrets", is_flag=True, help="Keep cookies, authorization and passwords, too.")
def record(
    spider: str,
    config: Path | None,
    overrides: tuple[str, ...],
    arguments: tuple[str, ...],
    pages: int,
    name: str | None,
    ignored: tuple[str, ...],
    keep_secrets: bool,
) -> None:
    """Record a crawl, to replay it without the network: in recordings/SPIDER, beside config.toml.

    \b
    scraper record books --pages 5                            five pages, and what the spider made of them
    scraper record books -a shelf=new --name books-new        another recording of the same spider
    scraper record books --ignore scraped_at                  a field that changes every time

    What is there is replaced once the new recording is whole. The spider is then replayed, and what it makes of the
    pages is what 'scraper check' compares with.
    """  # noqa: D301 -- click leaves the lines after a backspace as they are
    loaded = loaded_from(config, overrides, needs_file=not is_file(spider))
    found = chosen([spider], loaded)
    if name is not None and len(found) > 1:
        raise SettingsError(f"--name is for one spider, and {spider} has {len(found)}")
    plans = [(plan_crawl(each.spider, loaded, arguments), _replayed(each.spider, loaded, arguments)) for each in found]

    from scraper.crawling.job_description import job_name
    from scraper.crawling.recordings.folder import FOLDER
    from scraper.recording.accepted import Header

    statuses = []
    for plan, (kept, again) in plans:
        called = plan.spider_class.name
        header = Header(called, arguments=kept, ignored=list(ignored))
        folder = loaded.folder / FOLDER / job_name(name or called)
        statuses.append(_record(plan, again, folder, header, pages=pages, keep_secrets=keep_secrets))
    sys.exit(max(statuses))


def _replayed(spider: "type[Spider]", loaded: "Loaded", arguments: Sequence[str]) -> "tuple[list[str], CrawlPlan]":
    """The `arguments` that a recording keeps, which hold no secrets, and how the spider is replayed with them.

    A secret that `stripped` cannot stand for, a number say, is left out. Raises `SettingsError` if it is needed.
    """
    from scraper.crawling.recordings.record import kept_arguments

    kept, plan = list(arguments), plan_crawl(spider, loaded, arguments)
    for place, stand_in in reversed(list(enumerate(kept_arguments(arguments)))):
        left_out = kept[:place] + kept[place + 1 :]
        try:
            plan = plan_crawl(spider, loaded, [*kept[:place], stand_in, *kept[place + 1 :]])
            kept[place] = stand_in
        except SettingsError:
            try:
                kept, plan = left_out, plan_crawl(spider, loaded, left_out)
            except SettingsError:
                name = arguments[place].partition("=")[0].strip()
                raise SettingsError(
                    f"-a {name}: a recording keeps no secrets, and its replays need this one: "
                    f'write {name} = "${{{name.upper()}}}" in [spiders.{spider.name}] of config.toml instead'
                ) from None
    return kept, plan


def _record(
    plan: "CrawlPlan", again: "CrawlPlan", folder: Path, header: "Header", *, pages: int, keep_secrets: bool
) -> int:
    """Record one spider, and replay it as `again` says; the exit status."""
    from scraper.cli.crawl_runner import Watched, crawled
    from scraper.cli.event_loop import runner
    from scraper.crawling.recordings.record import discard, limited, recorder, settle
    from scraper.crawling.result import INTERRUPTED
    from scraper.sinks.memory import Collect
    from scraper.views.formatting import plural, visible
    from scraper.views.log import Log, configure
    from scraper.views.standard_error import StandardError

    console = StandardError()
    settings = limited(plan.settings, pages)
    tap = recorder(folder, plan.spider_class.name, settings, secrets=keep_secrets)
    crawl = Watched(
        plan.spider_class, settings, arguments=plan.arguments, observers=[Log(), tap], sinks=[Collect()], tap=tap
    )
    try:
        result = crawled(crawl, console)
        tap.check()
        if result.reason == INTERRUPTED:
            click.echo(f"scraper: interrupted: {visible(str(folder))} is as it was", err=True)
            return result.exit_status
        if not result.statistics.fetched:
            raise StorageError(f"no page was fetched, so nothing is recorded: {folder} is as it was")
        if result.has_failed and folder.exists():
            raise StorageError(f"the crawl failed, so nothing is recorded: {folder} is as it was")
        configure("ERROR", console)  # what the spider says has been said
        with runner() as running:
            replayed = running.run(settle(folder, plan.spider_class, plan.settings, again.arguments, header, tap.ended))
    finally:
        discard(folder)
    items = plural(replayed.statistics.items, "item")
    click.echo(f"{visible(str(folder))} is ready: {plural(replayed.statistics.fetched, 'page')}, {items}", err=True)
    if len(result.items) != len(replayed.items):
        click.echo(
            f"scraper: warning: the crawl gave {plural(len(result.items), 'item')}, its replay {items}: "
            "the spider depends on more than the answers (time, chance, a secret, or the order of pages)",
            err=True,
        )
    return result.exit_status
