"""Request in, response out: middlewares around one pooled aiohttp session, and policies on what follows an answer.

    the spider's middlewares ─▶ cookies ─▶ fetcher ─▶ the wire        a request, as often as it is sent
    redirects, retry, status                                          what is to follow its answer

Sending is not repeated in here. A redirect's next hop and a retry go back to the engine, and through every limit.
"""

import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from random import Random

from scraper.errors import SettingsError
from scraper.network.chain import chain
from scraper.network.cookies import Cookies, MemoryJar
from scraper.network.deadlines import Deadlines
from scraper.network.fetcher import Fetcher
from scraper.network.proxy import proxy
from scraper.network.redirects import Redirects
from scraper.network.retry import Retries
from scraper.network.session import open_session
from scraper.network.status import Statuses
from scraper.protocols import Fetch, Middleware, Policy
from scraper.settings import NetworkSettings

__all__ = ["Network", "open_network"]


@dataclass(frozen=True, slots=True)
class Network:
    """How requests are sent, and the policies that decide what follows an answer, in their order."""

    fetch: Fetch
    policies: tuple[Policy, ...]


@asynccontextmanager
async def open_network(
    settings: NetworkSettings,
    *,
    middlewares: Sequence[Middleware] = (),
    accept_statuses: Collection[int] = (),
    rng: Random,
    wall: Callable[[], float] = time.time,
) -> AsyncIterator[Network]:
    """The network that `[network]` asks for, open while the context is.

    `middlewares` go around the built-in ones; answers of `accept_statuses` are delivered besides those of the
    settings. Raises `SettingsError` for a proxy, a header or a certificate file that cannot be used, `SpiderError`
    for a middleware that is none.
    """
    _check_proxy(settings)
    accepted = frozenset({*accept_statuses, *settings.accept_statuses})
    redirects = Redirects(settings.max_redirects, accepted=accepted)
    async with open_session(settings) as session:
        with closing(Deadlines()) as deadlines:
            fetcher = Fetcher(session, settings, deadlines, is_followed=redirects.is_followed)
            cookies = Cookies(MemoryJar if settings.cookies else None)
            yield Network(
                fetch=chain(middlewares, partial(cookies, fetch=fetcher)),
                policies=(redirects, Retries(settings, rng=rng, wall=wall), Statuses(accepted)),
            )


def _check_proxy(settings: NetworkSettings) -> None:
    if settings.proxy:
        try:
            proxy(settings.proxy)
        except ValueError as error:
            raise SettingsError(f"[network] proxy: {error}") from None
