"""Worker processes are opened as stages of a crawl: `fetch`, `parse`, and what pages permit."""

import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from scraper.errors import SettingsError
from scraper.events import Fetched, by_kind
from scraper.http.response import Response
from scraper.limits import Directives
from scraper.network import Guard
from scraper.parsing import HardPages, bounds
from scraper.process.crash_marks import NoMarks
from scraper.protocols import Fetch, Observer, Parse
from scraper.settings.schema import Settings
from scraper.spider import Spider
from scraper.verdict import Permits
from scraper.workers.duties import Duties
from scraper.workers.number import cores, processes, workers
from scraper.workers.pool import Pool
from scraper.workers.process import Newborn
from scraper.workers.remote_page import RemotePage
from scraper.workers.remote_parse import ProcessExecutor, RemoteParse
from scraper.workers.spider_copy import SpiderCopy

logger = logging.getLogger("scraper")


class Remote(msgspec.Struct, frozen=True):
    """The stages that worker processes are behind; `fetch` is None where they run callbacks alone."""

    parse: Parse
    fetch: Fetch | None = None


@asynccontextmanager
async def open_workers(  # noqa: PLR0913 -- what is known of a crawl when it opens
    spider: Spider,
    copy: SpiderCopy,
    settings: Settings,
    *,
    hard: HardPages,
    guard: Guard,
    marks: NoMarks,
    observers: Sequence[Observer],
    looks_at_answers: bool,
    is_recrawl: bool,
    newborn: Sequence[Newborn] = (),
) -> AsyncIterator[Remote]:
    """The worker processes that settings ask for, open while the context is.

    Where somebody `looks_at_answers` before their callbacks are called (middlewares, the cache), callbacks wait for
    that. All links are told in a recrawl, which keeps them, and where one may lead to the target of a redirect, which
    counts as seen until that fails. Raises as `Pool` does, and `SettingsError` on Windows.
    """
    if sys.platform == "win32":
        raise SettingsError(
            'worker processes need a Unix system: set [engine] processes = 1 and [parsing] executor = "thread"'
        )
    number, fetches = workers(settings), processes(settings) > 1
    if number > cores():
        logger.warning(
            "%d worker processes on %d cores: more than there are cores make a crawl slower", number, cores()
        )
    duties = Duties(
        copy,
        settings,
        parent=os.getpid(),
        marks="",
        fetches=fetches,
        is_called_at_once=not (looks_at_answers or is_recrawl or settings.network.auth),
        needs_bodies=looks_at_answers or is_recrawl or bool(by_kind(observers)[Fetched]),
        takes_early=not is_recrawl,
        filters_links=not (is_recrawl or settings.frontier.unique_redirects),
    )
    async with Pool(
        duties, number, hard=hard, guard=guard if fetches else None, observers=observers, newborn=newborn
    ) as pool:
        if fetches:
            yield Remote(RemoteParse(spider, pool), pool.fetch)
        else:
            yield Remote(ProcessExecutor(spider, pool, **bounds(settings.parsing), marks=marks, hard=hard))


def permits(directives: Directives) -> Callable[[Response], Permits]:
    """What pages permit: as `directives` read them, or as a worker did that has the page."""

    def permitted(response: Response) -> Permits:
        known = response.permits if isinstance(response, RemotePage) else None
        return known if known is not None else directives(response)

    return permitted
