"""A machine that shares its crawl with no other one, and owns all sites of a test from the start."""

from scraper.frontier.order import Order
from scraper.frontier.redis.store import RedisStore
from scraper.frontier.shared.frontier import SharedFrontier
from scraper.frontier.shared.units import Lanes
from scraper.protocols import identity
from scraper.settings.schema import FrontierSettings
from tests.frontier.redis.desk import LEASE

SITES = ("a.example", "b.example", "c.example")


async def joined(store: RedisStore, order: Order) -> SharedFrontier:
    """The frontier of a machine that joins the job in `store`."""
    look = await store.look()
    news = await store.join(b"D", replaces=look.description if look else None, fresh=False)
    settings = FrontierSettings(order=order, lease=LEASE)
    frontier = SharedFrontier(store, news, settings=settings, lanes=Lanes({}, identity))
    await frontier.take_units(0, SITES, pause=0.0)
    return frontier
