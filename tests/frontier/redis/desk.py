"""What tests ask a Redis, and the stores that they make of it."""

from typing import Any

from scraper.frontier.redis.store import RedisStore
from scraper.frontier.store import SEEDS, Commit, Held, News, Unit
from tests.redis_server import RedisServer

JOB = "books"
PREFIX = f"scraper:{{{JOB}}}:"
LEASE = 3600.0  # seconds: no lease of a test runs out by itself
TIMEOUT = 10_000.0  # seconds: and a unit rests for long
A, B, C = "a.example", "b.example", "c.example"

Waiting = tuple[str, int, int, bytes, bool]


class Desk:
    """A Redis that is empty at first."""

    def __init__(self, server: RedisServer, **options: Any) -> None:
        import redis

        self.server = server
        self.redis: Any = redis.Redis(port=server.port, **options)
        self.stores: list[RedisStore] = []

    async def close(self) -> None:
        self.redis.close()
        for store in self.stores:
            await store.close()

    def store(self, url: str = "", **limits: Any) -> RedisStore:
        chosen = {"lease": LEASE, "keep": 1_000_000, "timeout": TIMEOUT} | limits
        store = RedisStore(url or self.server.url, JOB, **chosen)
        self.stores.append(store)
        return store

    async def worker(self, description: bytes = b"D", *, fresh: bool = False, **limits: Any) -> RedisStore:
        """A store that has joined the job."""
        store = self.store(**limits)
        await join(store, description, fresh=fresh)
        return store

    def key(self, name: str) -> str:
        return PREFIX + name

    def stored(self) -> set[str]:
        """The keys that the job has."""
        return {each.decode().removeprefix(PREFIX) for each in self.redis.keys("*")}

    def has_new_file(self) -> bool:
        """Whether the server has written its file anew since it was started, so that nothing torn is in it."""
        info = self.redis.info("persistence")
        is_under_way = info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"]
        return bool(info.get("aof_rewrites", 1)) and not is_under_way

    def tokens(self) -> list[bytes]:
        """The tokens of the workers, by their numbers."""
        tokens = self.redis.zrange(self.key("workers"), 0, -1)
        return sorted(tokens, key=lambda each: int(self.redis.hget(self.key(f"worker:{each.decode()}"), "number")))

    def expire(self, token: bytes, ago: float = 0.001) -> None:
        """Have the lease of a worker run out `ago` seconds ago."""
        seconds, microseconds = self.redis.time()
        self.redis.zadd(self.key("workers"), {token: seconds * 1000 + microseconds // 1000 - round(ago * 1000)})


async def join(store: RedisStore, description: bytes = b"D", *, fresh: bool = False) -> News:
    """Join the job as it is."""
    look = await store.look()
    joined = await store.join(description, replaces=look.description if look else None, fresh=fresh)
    return joined.news


async def take(store: RedisStore, *names: str) -> list[Held]:
    return await store.take(0, names=names)


async def end_seeds(store: RedisStore) -> None:
    """Nothing comes of start() any more."""
    await take(store, SEEDS)
    await store.commit(Commit(seeds=b"all", seeds_ended=True))


def waiting(*numbers: int, site: str = A, high: int = 0, request: bytes = b"request", is_start: bool = False) -> Unit:
    """What adds requests of these numbers to a unit."""
    return Unit(waiting=[(site, high, number, request, is_start) for number in numbers])


def gone(*numbers: int, site: str = A, high: int = 0) -> Unit:
    """What removes them."""
    return Unit(gone=[(site, high, number) for number in numbers])
