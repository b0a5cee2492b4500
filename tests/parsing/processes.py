"""Callbacks in worker processes, without a crawl around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from scraper.network import Guard
from scraper.parsing import HardPages, open_parse
from scraper.process.crash_marks import NO_MARKS
from scraper.protocols import Parse
from scraper.settings.schema import ParsingSettings, Settings
from scraper.spider import Spider
from scraper.workers.opening import open_workers
from scraper.workers.spider_copy import SpiderCopy


@asynccontextmanager
async def in_processes(
    spider: Spider, workers: int = 1, *, hard: HardPages | None = None, **parsing: Any
) -> AsyncIterator[Parse]:
    """Runs callbacks of `spider` in so many processes, which tell all links."""
    settings = Settings(parsing=ParsingSettings(executor="process", workers=workers, **parsing))
    opened = open_workers(
        spider,
        SpiderCopy.of(spider),
        settings,
        hard=hard or HardPages(),
        guard=Guard(),
        marks=NO_MARKS,
        observers=(),
        looks_at_answers=False,
        is_recrawl=True,
    )
    async with opened as remote, remote.parse as parse:
        yield parse


@asynccontextmanager
async def opened(executor: Any, spider: Spider, **parsing: Any) -> AsyncIterator[Parse]:
    """The executor of this name."""
    if executor == "process":
        async with in_processes(spider, **parsing) as parse:
            yield parse
    else:
        async with open_parse(ParsingSettings(executor=executor, **parsing), spider) as parse:
            yield parse
