"""Request in, response out: middlewares around one pooled aiohttp session, and policies on what follows an answer.

    the spider's middlewares ─▶ cookies ─▶ auth ─▶ cache ─▶ proxies ─▶ fetcher ─▶ the wire     a request, as often as
    redirects, retry, status                            what is to follow its answer           it is sent

Sending is not repeated in here. A redirect's next hop and a retry go back to the engine, and through every limit.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from scraper.errors import SettingsError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.network.cache.counts import Counts
from scraper.network.chain import chain
from scraper.network.connection.address_guard import Guard
from scraper.network.connection.deadlines import Deadlines
from scraper.network.connection.pool import room
from scraper.network.connection.resolver import Resolver
from scraper.network.connection.session import open_session
from scraper.network.connection.tls import trust
from scraper.network.cookies.middleware import Cookies
from scraper.network.fetcher import Fetcher
from scraper.network.headers import defaults
from scraper.network.policies.redirects import Redirects
from scraper.network.policies.referrer import Referrers
from scraper.network.policies.retry import Retries
from scraper.network.policies.status import Statuses
from scraper.network.proxies.address import FORM, is_socks, proxy, shown
from scraper.network.proxies.socks import SocksPool, require
from scraper.protocols import Fetch, Middleware, Policy
from scraper.settings.schema import CacheSettings, NetworkSettings

if TYPE_CHECKING:
    from scraper.network.auth.middleware import Auth
    from scraper.network.cache.middleware import Cache

__all__ = ["Counts", "Guard", "Network", "check_network", "open_network", "open_wire", "policies"]

logger = logging.getLogger("scraper")


class Network(msgspec.Struct, frozen=True):
    """How requests are sent, and the policies that decide what follows an answer, in their order.

    `cookies` are what may outlive the crawl; `cached` counts what the cache was good for, if there is one. `refers` has
    requests tell on which page they were found, if they are to.
    """

    fetch: Fetch
    policies: tuple[Policy, ...]
    cookies: Cookies
    cached: Counts | None = None
    refers: Referrers | None = None


@asynccontextmanager
async def open_network(  # noqa: PLR0913 -- settings, the spider's part, and what tests replace
    settings: NetworkSettings,
    *,
    middlewares: Sequence[Middleware] = (),
    wire: Middleware | None = None,
    accept_statuses: Collection[int] = (),
    guard: Guard | None = None,
    remote: Fetch | None = None,
    rng: Random,
    wall: Callable[[], float] = time.time,
) -> AsyncIterator[Network]:
    """The network that `[network]` asks for, open while the context is.

    `middlewares` go around the built-in ones, and `wire` inside of these, around what is sent; answers of
    `accept_statuses` are delivered besides those of the settings. Without a `guard`, every host may be reached. A
    `remote` fetch sends in place of what would be opened here.
    Raises `SettingsError` for anything in the settings that cannot be used, `SpiderError` for what is not a
    middleware, and on leaving `StorageError` if the cookies cannot be saved.
    """
    auth = _auth(settings) if settings.auth else None
    cookies = Cookies(is_on=settings.cookies, wall=wall)
    if settings.load_cookies is not None:
        cookies.load(settings.load_cookies)
    async with AsyncExitStack() as stack:
        sent = open_wire(settings, accept_statuses=accept_statuses, guard=guard)
        fetch = remote if remote is not None else await stack.enter_async_context(sent)
        cache = await _open_cache(stack, settings.cache, settings) if settings.cache.mode != "off" else None
        if cache is not None:
            fetch = partial(cache, fetch=fetch)
        if auth is not None:
            fetch = partial(auth, fetch=fetch)
        if wire is not None:
            fetch = chain([wire], fetch)
        yield Network(
            fetch=chain(middlewares, partial(cookies, fetch=fetch)),
            policies=policies(settings, accept_statuses=accept_statuses, rng=rng, wall=wall),
            cookies=cookies,
            cached=cache.counts if cache is not None else None,
            refers=Referrers(settings.referrer_policy) if settings.referrer_policy != "no-referrer" else None,
        )
    if settings.save_cookies is not None and cookies.is_worth_saving:
        cookies.save(settings.save_cookies)


def check_network(settings: NetworkSettings, *, middlewares: Sequence[Middleware] = ()) -> None:
    """Raises what `open_network` would for settings that cannot be used, and opens nothing."""
    _proxies(settings)
    if settings.auth:
        _auth(settings)
    if settings.load_cookies is not None:
        Cookies(is_on=settings.cookies, wall=time.time).load(settings.load_cookies)
    if settings.cache.mode == "rfc":
        from scraper.network.cache.middleware import require as require_cache

        require_cache()
    defaults(settings)
    trust(settings)
    chain(middlewares, _nothing)


async def _nothing(request: Request) -> Response:
    raise AssertionError(f"{request!r} was sent before the network was open")


@asynccontextmanager
async def open_wire(
    settings: NetworkSettings, *, accept_statuses: Collection[int] = (), guard: Guard | None = None
) -> AsyncIterator[Fetch]:
    """What sends requests, by way of proxies if there are any, open while the context is. Raises as `open_network`."""
    proxies, trusted = _proxies(settings), trust(settings)
    if not settings.verify_tls:
        logger.warning("no certificates are checked ([network] verify_tls = false)")
    most, most_idle = room()
    async with AsyncExitStack() as stack:
        deadlines = stack.enter_context(closing(Deadlines(rate=settings.min_rate, window=settings.read_timeout)))
        pool = SocksPool(most_idle=most_idle, ssl=trusted.usual, resolver=Resolver(guard))
        session = await stack.enter_async_context(open_session(settings, pool))
        fetcher = Fetcher(
            session,
            structs.replace(settings, proxy=None),  # proxies are given to requests before
            deadlines,
            is_followed=_redirects(settings, accept_statuses).is_followed,
            trust=trusted,
            guard=guard,
            most=most,
        )
        fetch: Fetch = stack.enter_context(closing(fetcher))
        if proxies:
            from scraper.network.proxies.rotation import Proxies

            fetch = partial(Proxies(proxies, per=settings.proxy_per, clock=time.monotonic), fetch=fetch)
        yield fetch


def policies(
    settings: NetworkSettings,
    *,
    accept_statuses: Collection[int] = (),
    rng: Random,
    wall: Callable[[], float] = time.time,
) -> tuple[Policy, ...]:
    """What decides what follows an answer, in this order."""
    accepted = frozenset({*accept_statuses, *settings.accept_statuses})
    return _redirects(settings, accept_statuses), Retries(settings, rng=rng, wall=wall), Statuses(accepted)


def _redirects(settings: NetworkSettings, accept_statuses: Collection[int]) -> Redirects:
    return Redirects(settings, accepted=frozenset({*accept_statuses, *settings.accept_statuses}))


async def _open_cache(stack: AsyncExitStack, settings: CacheSettings, network: NetworkSettings) -> "Cache":
    from scraper.network.cache.middleware import AlwaysCache, RfcCache
    from scraper.network.cache.store import Store

    store = await stack.enter_async_context(Store(settings.path, max_size=int(settings.max_size)))
    return AlwaysCache(store) if settings.mode == "always" else RfcCache(store, defaults=defaults(network))


def _auth(settings: NetworkSettings) -> "Auth":
    from scraper.network.auth.middleware import Auth

    return Auth(settings.auth)


def _proxies(settings: NetworkSettings) -> tuple[str, ...]:
    """The proxies of requests that name none. Raises `SettingsError`, without the password, for a bad address."""
    if settings.proxy and settings.proxies:
        raise SettingsError("[network] proxy and proxies: give one of them")
    key, given = ("proxy", (settings.proxy,)) if settings.proxy else ("proxies", settings.proxies)
    for each in given:
        try:
            proxy(each)
            if "://" not in each:
                raise ValueError(f"{shown(each)} has no scheme: {FORM}")
        except ValueError as error:
            raise SettingsError(f"[network] {key}: {error}") from None
    if any(map(is_socks, given)):
        require()
    return given
