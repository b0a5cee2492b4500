"""Single pages for a command: an inspection is opened in an event loop, used once, and closed in good order."""

from collections.abc import Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from scraper.cli.addresses import answer_of
from scraper.cli.crawl_plan import CrawlPlan
from scraper.cli.event_loop import runner
from scraper.cli.interrupt import leave
from scraper.crawling.inspection import Inspection
from scraper.events import Broke, Retried
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.secrets import HIDDEN, is_secret, masked
from scraper.settings.schema import NetworkSettings
from scraper.views.formatting import visible
from scraper.views.log import Log, configure
from scraper.views.standard_error import StandardError

ERRORS = range(400, 600)
"""Statuses of answers that are worth a glance, too."""

_T = TypeVar("_T")


def inspection_for(plan: CrawlPlan, *, accepted: Collection[int] = (), has_pipelines: bool = False) -> Inspection:
    """An inspection that is not open yet; retries, and what breaks as it is closed, are told on standard error."""
    configure(plan.settings.views.log_level, StandardError())
    log = Log()
    log.wants = (Retried, Broke)
    return Inspection(
        plan.spider_class,
        plan.settings,
        arguments=plan.arguments,
        observers=[log],
        accepted=accepted,
        has_pipelines=has_pipelines,
    )


def inspected(inspection: Inspection, work: Coroutine[Any, Any, _T]) -> _T:
    """What `work` gives, done while `inspection` is open, in a new event loop. Ctrl-C ends the process."""

    async def open_and_work() -> _T:
        try:
            async with inspection:
                return await work
        finally:
            work.close()  # the inspection may not have opened

    with runner() as running:
        try:
            return running.run(open_and_work())
        except KeyboardInterrupt:
            leave()


async def answer(inspection: Inspection, place: str | Path | Request) -> Response:
    """The answer to a request, or of an address. Raises `FetchError` if there is none."""
    if isinstance(place, Path):
        return answer_of(place)
    return await inspection.fetch(Request(place) if isinstance(place, str) else place)


def tell_status(response: Response) -> int:
    """The exit status that an answer is worth; of an error status a line on standard error tells."""
    if response.status < 400:
        return 0
    click.echo(f"scraper: error: http_{response.status}: {visible(masked(response.url))}", err=True)
    return 1


def shown_headers(headers: Mapping[str, str], network: NetworkSettings) -> list[tuple[str, str]]:
    """Headers as they may be shown."""
    secret = {name.lower() for name in network.secret_headers}
    return [
        (visible(name), HIDDEN if is_secret(name) or name.lower() in secret else visible(masked(value)))
        for name, value in headers.items()
    ]
