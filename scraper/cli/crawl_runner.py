"""Runs crawls from the command line: watched by the log and the progress display, and told in a summary."""

import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack, redirect_stdout
from pathlib import Path

import click

from scraper.cli.crawl_plan import CrawlPlan
from scraper.cli.event_loop import runner
from scraper.cli.interrupt import leave
from scraper.cli.masking import shown_command
from scraper.crawling.crawl import Crawl
from scraper.crawling.result import INTERRUPTED, Result
from scraper.crawling.run import run_until_signalled
from scraper.errors import StorageError
from scraper.process.garbage import calm_collector
from scraper.process.standard_streams import Dispensable
from scraper.views import summary
from scraper.views.formatting import visible
from scraper.views.log import Log, configure
from scraper.views.progress import Progress
from scraper.views.standard_error import StandardError

FAILED = "storage failed"


class Watched(Crawl):
    """A crawl that says when it was told to stop."""

    def stop(self, reason: str = INTERRUPTED) -> None:
        """End the crawl in good order."""
        logging.getLogger("scraper").info(
            "%s: stopping when the requests in flight are done; press Ctrl-C again to stop at once",
            visible(self.spider.name),
        )
        super().stop(reason)


def crawl_all(plans: Sequence[CrawlPlan], *, folder: Path | None, fresh: bool, finish: bool, is_json: bool) -> int:
    """Crawl one after the other, until one is interrupted; tell how each ended. Returns the worst exit status.

    With `finish` nothing is crawled: the data files that were left are closed.
    """
    console = StandardError()
    crawls = [
        Watched(plan.spider_class, plan.settings, arguments=plan.arguments, observers=[Log()], job=folder)
        for plan in plans
    ]
    results = []
    for crawl in () if finish else crawls:
        crawl.check()
    for crawl in crawls:
        result = crawled(crawl, console, fresh=fresh, finish=finish, is_json=is_json)
        results.append(result)
        if result.reason == INTERRUPTED:
            break
    if is_json:
        click.echo(summary.as_json(results))
    return max((result.exit_status for result in results), default=0)


def crawled(
    crawl: Watched, console: StandardError, *, fresh: bool = False, finish: bool = False, is_json: bool = False
) -> Result:
    """Run one crawl in a new event loop. A sink or a job that cannot be opened is told in one line."""
    level = crawl.settings.views.log_level
    configure("WARNING" if is_json and level in {"DEBUG", "INFO"} else level, console)
    calm_collector(crawl.settings.engine.concurrency)
    with ExitStack() as stack:
        try:
            if not finish and sys.platform != "win32":
                stack.enter_context(crawl.forked())
            running = stack.enter_context(runner())
            result = running.run(crawl.finish() if finish else _watch(crawl, console, fresh=fresh, is_json=is_json))
        except KeyboardInterrupt:
            leave()
        except StorageError as error:
            click.echo(f"scraper: error: {visible(str(error))}", err=True)
            return Result(crawl.spider.name, FAILED, crawl.statistics(), problems=(str(error),))
    if not is_json:
        again = [word for word in sys.argv[1:] if word != "--fresh"]  # what was crawled is not thrown away
        summary.show(result, console, command=shown_command(["scraper", *again]))
    return result


async def _watch(crawl: Watched, console: StandardError, *, fresh: bool, is_json: bool) -> Result:
    """Run `crawl` with its display.

    What the spider prints keeps clear of data on standard output, and fails no callback if nobody can read it.
    """
    settings = crawl.settings
    has_items = any(sink.path == "-" for sink in settings.sinks)
    is_shown = settings.views.progress and not is_json and not (has_items and sys.stdout.isatty())
    async with AsyncExitStack() as stack:
        printed = Dispensable(sys.stderr if is_json or has_items else sys.stdout)
        stack.callback(_tell_unprinted, printed)
        stack.enter_context(redirect_stdout(printed))
        if is_shown:
            stop_after, interval = settings.engine.stop_after, settings.views.interval
            await stack.enter_async_context(
                Progress(crawl.statistics, console, interval=interval, stop_after=stop_after)
            )
        return await run_until_signalled(crawl, fresh=fresh)


def _tell_unprinted(printed: Dispensable) -> None:
    """Say so if what the spider printed could not be written."""
    if reason := printed.end():
        click.echo(f"scraper: warning: what the spider printed cannot be written: {reason}", err=True)
