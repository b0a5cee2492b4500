"""`scraper crawl`: runs spiders, one after the other. People watch on standard error; standard output is for data."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from msgspec import structs

from scraper.cli.crawl_plan import plan_crawls
from scraper.cli.options import arguments_option, output_option, settings_options, sinks_of
from scraper.errors import SettingsError
from scraper.settings.load import DEFAULT_SINK
from scraper.settings.schema import Settings


@click.command()
@click.argument("spiders", nargs=-1, metavar="[SPIDER | FILE.py]...")
@settings_options
@output_option(
    "Write items to this file (.jsonl .json .csv, also with .gz or .zst; .sqlite .parquet; - is standard output) "
    "instead of the configured sinks; may be repeated."
)
@arguments_option
@click.option(
    "--job",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the progress in this job directory instead of one named after the spider.",
)
@click.option("--fresh", is_flag=True, help="Start over, even if the last crawl did not finish.")
@click.option("--finish", is_flag=True, help="Only close the data files of a crawl that did not finish.")
@click.option(
    "--processes",
    metavar="N | auto",
    help="Fetch and parse in N worker processes, or one for each core: -s engine.processes=N.",
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object at the end, and nothing else.")
def crawl(
    spiders: tuple[str, ...],
    config: Path | None,
    overrides: tuple[str, ...],
    outputs: tuple[str, ...],
    arguments: tuple[str, ...],
    folder: Path | None,
    fresh: bool,
    finish: bool,
    processes: str | None,
    is_json: bool,
) -> None:
    """Run spiders: those named, those of a file, or those that config.toml names.

    \b
    scraper crawl                             what config.toml names
    scraper crawl books -o books.csv          one spider, into one file
    scraper crawl books.py -a category=travel the spiders of a file; no config.toml is needed
    scraper crawl books -s limits.delay=0.5   with a setting of its own
    scraper crawl books --fresh               from the beginning, whatever the last crawl left
    scraper crawl books --finish              no more pages: the data files are closed as they stand

    Items go to the configured sinks, or else to data/SPIDER.jsonl. Ctrl-C ends a crawl in good order, a second
    one at once. However it ended, the same command resumes it.

    The exit status is 0 for a success; 1 if a callback, pipeline or sink failed, every start URL failed, or
    [engine.fail_when] holds; 2 for wrong usage, configuration or spider; 130 if interrupted.
    """  # noqa: D301 -- click leaves the lines after a backspace as they are
    if processes is not None:
        overrides = (*overrides, f"engine.processes={processes}")
    plans = [
        plan._replace(settings=_with_sinks(plan.settings, outputs))
        for plan in plan_crawls(config, overrides, spiders, arguments)
    ]
    if folder is not None and len(plans) > 1:
        raise SettingsError(f"--job is for one spider, and this would crawl {len(plans)}")
    if finish and fresh:
        raise SettingsError("--finish closes what a crawl left, --fresh throws it away: give one of them")
    _check_paths([[sink.path for sink in plan.settings.sinks] for plan in plans], is_json=is_json)

    from scraper.cli.crawl_runner import crawl_all  # slow to import, and needed only now

    sys.exit(crawl_all(plans, folder=folder, fresh=fresh, finish=finish, is_json=is_json))


def _with_sinks(settings: Settings, outputs: Sequence[str]) -> Settings:
    """`settings` with the sinks that -o names, or the default one if there is none at all."""
    if not outputs and settings.sinks:
        return settings
    return structs.replace(settings, sinks=sinks_of(outputs, default=DEFAULT_SINK))


def _check_paths(paths: Sequence[Sequence[str]], *, is_json: bool) -> None:
    """Raise `SettingsError` if crawls would write over each other's data, or items among the JSON."""
    seen: set[str] = set()
    for each in paths:
        if is_json and "-" in each:
            raise SettingsError("--json and items (-o -) cannot both have standard output")
        for path in dict.fromkeys(each):
            if path in seen and path != "-" and "{spider}" not in path:
                raise SettingsError(f"{path} would be written by several spiders: put {{spider}} into its name")
            seen.add(path)
