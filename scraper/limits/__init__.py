"""May a request be sent, and when? Limits are judged in order, and the first that does not say Go is heard.

The order goes from what is cheap and final to what takes time: no robots.txt is asked for on behalf of a request
that the scope refuses, and no request waits for its turn to be refused then.
"""

from collections.abc import Callable, Iterable, Mapping
from random import Random

from scraper.errors import SettingsError
from scraper.limits.backpressure import Backpressure
from scraper.limits.budget import Budget
from scraper.limits.circuit_breaker import Breaker
from scraper.limits.pace import Pace
from scraper.limits.quarantine import Quarantine
from scraper.limits.robots import Robots, product_token
from scraper.limits.robots_meta import Directives
from scraper.limits.scope import Depth, Scheme, Scope
from scraper.limits.traps import Traps
from scraper.protocols import Limit
from scraper.settings.schema import LimitsSettings

__all__ = ["Backpressure", "Directives", "before_sending", "on_discovery"]


def on_discovery(settings: LimitsSettings, *, allowed_domains: Iterable[str]) -> list[Limit]:
    """The limits that are judged when a link is found, before it enters the frontier.

    Raises `SpiderError` for an entry of `allowed_domains` that names no host.
    """
    return [*_always(settings, allowed_domains), Traps(settings)]


def _always(settings: LimitsSettings, allowed_domains: Iterable[str]) -> list[Limit]:
    """The limits that look at the address alone, and so may be judged as often as there is one."""
    limits: list[Limit] = [Scheme()]
    domains = allowed_domains if isinstance(allowed_domains, str) else tuple(allowed_domains)
    if domains:
        limits.append(Scope(domains))
    if settings.max_depth:
        limits.append(Depth(settings.max_depth))
    return limits


def before_sending(
    settings: LimitsSettings,
    *,
    allowed_domains: Iterable[str],
    user_agent: str,
    rng: Random,
    wall: Callable[[], float],
    crashes: Mapping[str, int] | None = None,
) -> list[Limit]:
    """The limits that are judged when a request is about to be sent, a redirect's next hop as well.

    `rng` varies delays, `wall` is the time of day in seconds since 1970, `crashes` counts at which pages
    the process has died. Raises as `on_discovery` does, and `SettingsError` if no
    robots.txt could address `user_agent`.
    """
    limits = _always(settings, allowed_domains)
    if crashes:
        limits.append(Quarantine(crashes))
    if settings.max_per_host:
        limits.append(Budget(settings.max_per_host))
    if settings.park_after:
        limits.append(Breaker(settings.park_after))
    robots = None
    if settings.robots:
        robots = Robots(_addressable(user_agent), max_delay=settings.max_delay, parks=bool(settings.park_after))
    if robots is not None:
        limits.append(robots)
    limits.append(Pace(settings, rng=rng, wall=wall, crawl_delay=robots.delay if robots is not None else None))
    return limits


def _addressable(user_agent: str) -> str:
    """`user_agent`, which has a name. Raises `SettingsError` if it has none."""
    if product_token(user_agent):
        return user_agent
    raise SettingsError(
        f"[network] user_agent = {user_agent!r} has no name by which a robots.txt could address it: "
        'begin it with one, as in "mybot/1.0", or set [limits] robots = false'
    )
