"""Request in, response out: a chain of middlewares around one pooled aiohttp session."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from scraper.network.chain import chain
from scraper.network.cookies import Cookies
from scraper.network.fetcher import Fetcher
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
) -> AsyncIterator[Network]:
    """The network that `[network]` asks for, open while the context is.

    `middlewares` go around the built-in ones. Raises `SettingsError` if a certificate file cannot be read.
    """
    async with open_session(settings) as session:
        built_in: tuple[Middleware, ...] = (Cookies(),) if settings.cookies else ()
        yield Network(
            fetch=chain((*middlewares, *built_in), Fetcher(session, settings)),
            policies=(
                Redirects(settings.max_redirects),
                Retries(settings, rng=rng),
                Statuses({*accept_statuses, *settings.accept_statuses}),
            ),
        )
