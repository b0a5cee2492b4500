"""What a worker process is told first: which spider it is for, and what it has to do."""

import msgspec

from scraper.settings.schema import Settings
from scraper.workers.spider_copy import SpiderCopy


class Duties(msgspec.Struct, frozen=True):
    """What a worker does for the process `parent`, its owner. Its crash marks are in the file `marks`.

    If it `fetches`, callbacks are called as soon as their page is there, if it `is_called_at_once`, and bodies are told
    if the owner `needs_bodies`. With `takes_early` items of asynchronous generators are told while these go on, with
    `filters_links` no links that were told before. `hosts` were named by the user. `log_levels` are those of the
    owner's loggers, by name.
    """

    spider: SpiderCopy
    settings: Settings
    parent: int
    marks: str
    fetches: bool
    is_called_at_once: bool = False
    needs_bodies: bool = False
    takes_early: bool = False
    filters_links: bool = True
    hosts: tuple[str, ...] = ()
    log_levels: dict[str, int] = {}
