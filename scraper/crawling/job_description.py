"""What a job is said to be, so that no other crawl resumes it: its spider, arguments, settings and source.

Nothing secret is in it: of what may be a password only a digest is kept.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from scraper.crawling.spider_source import digest_of, digests_beside
from scraper.errors import SpiderError
from scraper.frontier.jobs.description import DIGEST, Description
from scraper.http.request import Request
from scraper.markup.links.canonicalize import TRACKING_PARAMS
from scraper.protocols import identity
from scraper.secrets import is_secret
from scraper.settings.schema import FrontierSettings, Settings
from scraper.settings.tables import flat
from scraper.settings.values import ByteSize
from scraper.spider import Spider
from scraper.version import __version__

# What does not change how a page is crawled.
_IRRELEVANT = (
    "sinks",
    "crawl",
    "spiders.",
    "views.",
    "frontier.jobs",
    "frontier.store",
    "engine.stop_after",
    "engine.fail_when",
)
_PRIVATE = "network."  # keys of this table may hold passwords: only a digest of them is kept


def describe(spider: Spider, settings: Settings, arguments: Mapping[str, Any]) -> Description:
    """What a crawl is: one that is something else does not resume its job."""
    return Description(
        spider=spider.name,
        kind=f"{type(spider).__module__}:{type(spider).__qualname__}",
        arguments={name: _kept(name, value) for name, value in sorted(arguments.items())},
        sinks=[sink.values() for sink in settings.sinks],
        settings={
            key: _hidden(value) if key.startswith(_PRIVATE) else _plain(value)
            for key, value in flat(settings)
            if not key.startswith(_IRRELEVANT)
        },
        source=digest_of(type(spider)),
        modules=digests_beside(type(spider)),
        version=__version__,
        started=datetime.now().isoformat(timespec="seconds"),
    )


def identity_of(settings: FrontierSettings) -> Callable[[Request], str]:
    """What is equal for requests of the same page, whatever stands in the parameters that are to be ignored."""
    ignored = (*settings.ignore_params, *(TRACKING_PARAMS if settings.ignore_tracking else ()))
    return partial(identity, drop_params=ignored) if ignored else identity


def job_name(spider: str) -> str:
    """The name of a spider's job directory. Raises `SpiderError` if no folder can have the spider's name."""
    if spider in {".", ".."} or {*"/\\:"} & {*spider} or not spider.isprintable():
        raise SpiderError(f"the spider's name {spider!r} cannot be that of a folder: name its job by --job DIR")
    return spider


def _plain(value: Any) -> Any:
    """A value of JSON that is equal only if `value` is."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, ByteSize):
        return int(value)
    return value if isinstance(value, str | int | float | None | dict) else repr(value)


def _kept(name: str, value: Any) -> Any:
    """An argument as it may be kept: a number or truth value; of anything else, which may be a password, a digest."""
    is_open = isinstance(value, int | float | None) and not is_secret(name)
    return value if is_open else _hidden(_plain(value))


def _hidden(value: Any) -> dict[str, str]:
    """What tells `value` from others, and does not tell what it is."""
    return {DIGEST: hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()}
