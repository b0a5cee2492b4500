"""Machines that crawl some small shops together: each is a folder with the same project, and a process in it.

The shops are real servers on addresses of loopback, so each is a site that one machine owns. Their pages are numbered:
a page links to two of its own shop, and to the one of the same number in the next shop. From `held` on none is given
until `release`, so that machines can join, leave and die while there is something left to do.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.flow.site import Asked, Page, Servers, Site, links
from tests.forks import Fork, Forks
from tests.redis_server import RedisServer

PASSWORD = "s3cret/word"
PATIENCE = 40.0  # seconds for what is waited for
HOLD = 0.4  # seconds after which one who asks for a page that is held has to ask again
JOB = "shops"
PREFIX = f"scraper:{{{JOB}}}:"

SPIDER = """
from pathlib import Path

from scraper import Spider


class Shops(Spider):
    name = "shops"
    start_urls = ["START"]

    async def start(self):
        with Path("STARTS").open("a") as file:
            file.write("started\\n")
        async for request in super().start():
            yield request

    def parse(self, response):
        yield {"page": response.url, "number": int(response.url.rpartition("/")[2]), "shop": response.url.split("/")[2]}
        yield from response.follow_all(css="a")
"""
CONFIG = """
[frontier]
store = "STORE"
interval = 0.1
lease = 1
[limits]
robots = false
adapt = false
per_host = 1
[network]
timeout = 1
retries = 100
max_backoff = 0.02
allow_addresses = ["127.0.0.0/8"]
[views]
progress = false
"""


class Shops:
    """The servers: `pages` in each of `number` shops. `pages` of a shop that are given otherwise are `odd`."""

    def __init__(self, servers: Servers, *, number: int, pages: int, latency: float, odd: dict[str, Page]) -> None:
        self.pages = pages
        self.held = 0
        self.sites: list[Site] = []
        self.answered: Counter[str] = Counter()  # how often each page was given
        for shop in range(number):
            self.sites.append(
                servers.site(dict(odd), otherwise=self._of(shop), latency=latency, host=f"127.0.77.{shop + 1}")
            )

    def _of(self, shop: int) -> Page:
        async def answer(asked: Asked) -> str | int:
            name = asked.path.strip("/")
            if not name.isdecimal() or int(name) >= self.pages:
                return 404
            number = int(name)
            deadline = time.monotonic() + HOLD
            while self.held and number >= self.held:
                if time.monotonic() > deadline:
                    return 503
                await asyncio.sleep(0.01)
            self.answered[self.url(shop, name)] += 1
            own = [each for each in (2 * number + 1, 2 * number + 2) if each < self.pages]
            return links(*(f"/{each}" for each in own), self.url(shop + 1, number))

        return answer

    def url(self, shop: int, page: object) -> str:
        return self.sites[shop % len(self.sites)].url(f"/{page}")

    def all(self) -> list[str]:
        """All pages, sorted."""
        return sorted(self.url(shop, page) for shop in range(len(self.sites)) for page in range(self.pages))

    def hold(self, page: int) -> None:
        """Do not answer for pages from number `page` on."""
        self.held = page

    def release(self) -> None:
        """Answer for all pages."""
        self.held = 0


class Fleet:
    """Machines by number, the shops they crawl, and the Redis at which they meet."""

    def __init__(self, folder: Path, forks: Forks, redis: RedisServer, shops: Shops, *, password: str = "") -> None:
        self.folder = folder
        self.shops = shops
        self.redis = redis
        self.store = redis.url.replace("//", f"//:{password.replace('/', '%2F')}@" if password else "//")
        self._forks = forks
        self._running: list[Fork] = []
        self._password = password

    # The machines.

    def place(self, machine: int) -> Path:
        """The folder of a machine, with the project in it."""
        place = self.folder / f"m{machine}"
        if not place.exists():
            place.mkdir(parents=True)
            (place / "config.toml").write_text(CONFIG.replace("STORE", self.store))
            spider = SPIDER.replace("STARTS", str(self.folder / "starts"))
            (place / "shops.py").write_text(spider.replace("START", self.shops.url(0, 0)))
        return place

    def change(self, machine: int, old: str, new: str, *, name: str = "shops.py") -> None:
        """Change a file of the project of a machine."""
        path = self.place(machine) / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def crawl(self, machine: int, *words: str) -> Fork:
        """Start `scraper crawl` on a machine."""
        return self.start(machine, "crawl", "shops.py", "-o", "out.jsonl", *words)

    def start(self, machine: int, *words: str) -> Fork:
        """Start a command on a machine."""
        self._running.append(self._forks.start(*words, cwd=self.place(machine), is_one_stream=True))
        return self._running[-1]

    def run(self, machine: int, *words: str) -> tuple[int, str]:
        """Run a command on a machine: its exit status, and what it said."""
        return self.end(self.start(machine, *words))

    def end(self, process: Fork) -> tuple[int, str]:
        """The exit status of a process, and what it said. It shows no password."""
        self._running.remove(process)
        said, _ = process.communicate()
        assert not self._password or self._password.partition("/")[0] not in said
        return process.wait(), said

    def kill(self, process: Fork) -> None:
        """Have a process die, and wait until it is dead."""
        process.kill()
        self.end(process)

    def crawling(self, *machines: int, words: Sequence[str] = ()) -> list[Fork]:
        """Machines that crawl together, with the pages from 40 on held: one after the other has joined."""
        self.shops.hold(40)
        processes = []
        for number, machine in enumerate(machines):
            processes.append(self.crawl(machine, *words))
            self.wait(lambda needed=number + 1: self.workers() == needed)  # type: ignore[misc]
            if not number:
                self.wait(lambda: self.shops.answered)
        return processes

    def close(self) -> None:
        """End what runs. No file of a machine has the password."""
        self.shops.release()
        for process in list(self._running):
            if process.poll() is None:
                process.kill()
            process.communicate()
        if self._password:
            secret = self._password.partition("/")[0].encode()
            for path in self.folder.rglob("*"):
                if path.is_file() and path.name != "config.toml":
                    assert secret not in path.read_bytes(), path

    # What can be seen.

    def ask(self, *words: object) -> Any:
        """What Redis answers to a command."""
        import redis

        with redis.Redis(port=self.redis.port, password=self._password or None) as client:
            return client.execute_command(*words)

    def workers(self) -> int:
        """How many processes are workers of the job."""
        number: int = self.ask("ZCARD", f"{PREFIX}workers")
        return number

    def keep_alive(self) -> None:
        """No lease of those who are workers now runs out, however slow this machine is, until something is written."""
        for token in self.ask("ZRANGE", f"{PREFIX}workers", 0, -1):
            self.ask("ZADD", f"{PREFIX}workers", 10**14, token)

    def keys(self) -> set[str]:
        """What the job has in Redis."""
        return {each.decode().removeprefix(PREFIX) for each in self.ask("KEYS", "*")}

    def owners(self) -> dict[str, str]:
        """Which worker has which site."""
        own = self.ask("HGETALL", f"{PREFIX}own")
        pairs = own.items() if isinstance(own, dict) else zip(own[::2], own[1::2], strict=True)
        return {unit.decode(): token.decode() for unit, token in pairs if token.startswith(b"=") and unit[:1] != b"#"}

    def wait(self, is_so: Callable[[], Any], what: str = "") -> None:
        """Wait until something is so. Raises `AssertionError`, with what was said, if that takes too long."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > deadline:
                said = "\n".join(each.told() for each in self._running)
                raise AssertionError(f"not so after {PATIENCE:g} s {what}:\n{said}")
            time.sleep(0.01)

    def wait_for(self, process: Fork, words: str) -> None:
        """Wait until a process has said `words`."""
        self.wait(lambda: words in process.told() or process.poll() is not None, words)
        assert words in process.told(), process.told()

    def files(self, name: str = "out.jsonl") -> list[Path]:
        """The data files of this name, on all machines."""
        return sorted(self.folder.glob(f"m*/{name}"))

    def items(self) -> list[dict[str, Any]]:
        """What is in the data file, of which there is one."""
        [path] = self.files()
        return [json.loads(line) for line in path.read_text().splitlines()]

    def pages(self) -> list[str]:
        """The pages whose items are in the data file, sorted."""
        return sorted(each["page"] for each in self.items())

    def starts(self) -> int:
        """How often start() was called."""
        return (self.folder / "starts").read_text().count("started")

    def facts(self, machine: int = 1) -> dict[str, Any]:
        """What `scraper jobs` says of the job."""
        _, said = self.run(machine, "jobs", "--json")
        [found] = json.loads(said)
        facts: dict[str, Any] = found
        return facts


def balance(said: str) -> dict[str, int]:
    """The last line of a summary in numbers: discovered = fetched + refused + failed + waiting."""
    [line] = [each for each in said.splitlines() if each.strip().startswith("discovered ")]
    words = line.replace(",", "").split()
    return {name: int(number) for name, number in _pairs(each for each in words if each not in "=+")}


def _pairs(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    return zip(words, words, strict=True)
