"""All that a crawl by several machines needs: the shop, Redis, workers, and where they stand in the network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fleet import namespaces
from fleet.namespaces import Namespaces
from fleet.redis_server import Redis
from fleet.redis_server import serve as serve_redis
from fleet.site import Shop, Site
from fleet.site import serve as serve_shop
from fleet.workers import Worker, command

LOOPBACK = "127.1.0.1"
PAUSE = 0.02  # seconds between two looks at everything


@dataclass(frozen=True, slots=True)
class Setup:
    """What is crawled, by how many workers, and how. `settings` are given to the command besides."""

    site: Site = field(default_factory=Site)
    store: str = "redis"  # or sqlite, or memory
    workers: int = 3
    folders: str = "own"  # or shared
    network: str = "loopback"  # or namespaces
    per_host: int = 2
    delay: float = 0.1
    lease: float = 10.0
    timeout: float = 4.0
    settings: tuple[str, ...] = ()
    items: bool = True
    signed: bool = True

    def all_settings(self, url: str) -> list[str]:
        """The settings of each worker; those of a lease only where there is one."""
        chosen = [
            f"limits.per_host={self.per_host}",
            f"limits.delay={self.delay}",
            f"network.timeout={self.timeout}",
            'network.allow_addresses=["127.0.0.0/8", "10.77.0.0/16"]',
        ]
        if self.store == "redis":
            return [*chosen, f"frontier.store={url}", f"frontier.lease={self.lease}", *self.settings]
        return [*chosen, f"frontier.store={self.store}", *self.settings]


@dataclass
class Stand:
    """What runs."""

    setup: Setup
    folder: Path
    shop: Shop
    redis: Redis | None
    spaces: Namespaces | None
    workers: list[Worker]

    @property
    def running(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.runs]

    def start(self) -> None:
        for worker in self.workers:
            worker.start()

    def look(self) -> None:
        """Read new stamps, and see which workers have ended."""
        self.shop.look()
        if self.redis is not None:
            self.redis.note_size()
        for worker in self.workers:
            worker.look()

    def wait(self, seconds: float, *, until: float = 2.0) -> bool:
        """Wait until no worker runs, or so much of all pages is answered; False if that takes too long."""
        deadline = time.monotonic() + seconds
        while self.running and self.shop.done < until:
            if time.monotonic() > deadline:
                return False
            time.sleep(PAUSE)
            self.look()
        self.look()
        return True

    def dump(self) -> None:
        """Have workers that do not end write to their logs where they are; they end by it."""
        for worker in self.running:
            worker.send("ABRT")
        time.sleep(1.0)

    def leave(self, seconds: float) -> None:
        """Have all workers leave in good order, and wait for them."""
        for worker in self.running:
            worker.send("TERM")
        if not self.wait(seconds):
            raise RuntimeError("a worker does not end after SIGTERM")


@contextmanager
def stand(setup: Setup, folder: Path) -> Iterator[Stand]:
    """Bring everything up but the workers, which are only made; end all of it with the block."""
    names = [f"m{number + 1}" for number in range(setup.workers)]
    (folder / "logs").mkdir(parents=True)
    with ExitStack() as stack:
        spaces: Namespaces | None = None
        if setup.network == "namespaces":
            spaces = stack.enter_context(namespaces.network(setup.site.hosts, names))

        def within(part: str) -> tuple[str, ...]:
            return tuple(spaces.within(part)) if spaces else ()

        redis: Redis | None = None
        if setup.store == "redis":
            address, port = (namespaces.REDIS, 6379) if spaces else ("127.0.0.1", 0)
            redis = stack.enter_context(
                serve_redis(folder / "redis", address=address, port=port, within=within("redis"))
            )
        first = namespaces.SHOP if spaces else LOOPBACK
        shop = stack.enter_context(serve_shop(setup.site, folder / "stamps", first=first, within=within("shop")))
        arguments = [f"first={first}", f"port={shop.port}", f"hosts={setup.site.hosts}", f"items={setup.items}"]
        settings = setup.all_settings(redis.url if redis else "")
        workers = [
            Worker(
                name,
                folder / ("all" if setup.folders == "shared" else name),
                folder / "logs",
                command(arguments, settings, within(name)),
                setup.signed,
            )
            for name in names
        ]
        for worker in workers:
            stack.callback(worker.end)
        yield Stand(setup, folder, shop, redis, spaces, workers)
