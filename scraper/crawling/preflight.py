"""What can be said against a crawl before it begins: it is refused then before there is a job, a file or a connection.

What the settings say is checked in any case. What the spider says is not if it has a `lifespan()`, which may give it
other start URLs, pipelines or middlewares; then it is checked where it is used.
"""

import random
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from scraper.crawling.spider_attributes import check_attributes
from scraper.limits import before_sending
from scraper.network import Guard, check_network
from scraper.pipelines import build as build_pipelines
from scraper.settings.schema import Settings
from scraper.sinks import open_sinks
from scraper.spider import Spider


def check(spider: Spider, settings: Settings, arguments: Mapping[str, Any]) -> None:
    """Raises `SettingsError` and `SpiderError` for what a crawl of `spider` would be refused for.

    `arguments` are what may stand in the paths of sinks.
    """
    check_attributes(type(spider))
    is_ready = type(spider).lifespan is Spider.lifespan
    if is_ready:
        spider.check_start()
    open_sinks(settings.sinks, spider=spider.name, arguments=arguments, started=datetime.now())
    build_pipelines(settings.pipelines, _known(spider.pipelines, is_ready=is_ready), spider)
    check_network(settings.network, middlewares=_known(spider.middlewares, is_ready=is_ready))
    Guard(settings.network.allow_addresses)
    before_sending(
        settings.limits,
        allowed_domains=spider.allowed_domains if is_ready else (),
        user_agent=settings.network.user_agent,
        rng=random.Random(),
        wall=time.time,
    )


def _known(parts: Any, *, is_ready: bool) -> Sequence[Any]:
    """Parts of a spider that can be looked at without being used up."""
    return parts if is_ready and isinstance(parts, Sequence) else ()
