"""Small crawls by workers that die, freeze and lose their server at any moment: each item comes out, and once.

A worker here is a task with a store of its own. It does what a frontier does, as plainly as can be: pages are numbers,
each belongs to a unit, links to others and gives one item.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import repeat
from struct import pack, unpack

import pytest

from scraper.errors import StorageError
from scraper.frontier.redis.store import RedisStore
from scraper.frontier.store import ITEMS, SEEDS, Commit, Held, News, Unit
from tests.frontier.redis.desk import Desk
from tests.redis_server import Fsync, RedisServer

PAGES = 600
UNITS = 12
LEASE = 0.6  # seconds
AT_ONCE = 1  # pages of a unit in one commit


def unit_of(page: int) -> str:
    return f"{page % UNITS}.example"


def links(page: int) -> list[int]:
    """So that all pages are reached from page 0, most of them more than once."""
    return [each % PAGES for each in (page + 1, page * 2 + 1, page * 7 + 3)]


class Crawler:
    """A process that crawls: it joins, works until the job is over, and joins again when it has lost its lease."""

    def __init__(self, store: RedisStore, chance: random.Random, files: dict[bytes, list[bytes]]) -> None:
        self.store = store
        self.chance = chance
        self.files = files  # by the numbers of workers

    async def run(self) -> None:
        while True:
            with suppress(StorageError):  # also of a server that is just being started
                if await self.work():
                    return
            await asyncio.sleep(0.05)

    async def work(self) -> bool:
        """Whether the job is over."""
        look = await self.store.look()
        joined = await self.store.join(b"D", replaces=look and b"D", fresh=False)
        self.number, self.next = joined.number, 0
        self.seen: dict[str, set[bytes]] = {}
        self.has_items = False
        news = joined.news
        while news.ended is None:
            if news.free:
                self.take(await self.store.take(1, names=[SEEDS, ITEMS]))
            commit = await self.crawled(news)
            if self.chance.random() < 0.02:
                await asyncio.sleep(LEASE * 2.5)  # frozen, and what it believes is old
            news = await self.store.commit(commit)
            for unit, written in commit.units.items():
                if written.released:
                    del self.seen[unit]
            if self.has_items:
                await self.write(news)
        await self.store.leave()
        return True

    def take(self, units: list[Held]) -> None:
        for held in units:
            if held.name == ITEMS:
                self.has_items, self.following = True, -1
            elif held.name != SEEDS:
                self.seen[held.name] = {held.fingerprints[at : at + 8] for at in range(0, len(held.fingerprints), 8)}
            else:
                self.seen[SEEDS] = set()

    async def crawled(self, news: News) -> Commit:
        """A round of pages of each unit of this worker."""
        commit = Commit(statistics=b"%d" % self.next, is_idle=len(self.seen) < 2)
        if SEEDS in self.seen and news.seeds != b"all":
            commit.seeds, commit.seeds_ended = b"all", True
            commit.found[unit_of(0)] = [pack(">Q", 0)]
        for unit in self.seen:
            if unit != SEEDS:
                await self.crawl(unit, commit)
        return commit

    async def crawl(self, unit: str, commit: Commit) -> None:
        written = commit.units[unit] = Unit()
        found = await self.store.found(unit, 20)
        written.drained = len(found)
        self.add(unit, found, written)
        for high, low, page, _ in await self.store.read(unit, unit, None, AT_ONCE):
            written.gone.append((unit, high, low))
            commit.items += page
            for link in links(unpack(">Q", page)[0]):
                if unit_of(link) == unit:
                    self.add(unit, [pack(">Q", link)], written)
                else:
                    commit.found.setdefault(unit_of(link), []).append(pack(">Q", link))
        written.released = self.chance.random() < 0.05

    def add(self, unit: str, pages: list[bytes], written: Unit) -> None:
        for page in pages:
            if page not in self.seen[unit]:
                self.seen[unit].add(page)
                self.next += 1
                written.waiting.append((unit, 0, self.number << 32 | self.next, page, False))
                written.fingerprints += page

    async def write(self, news: News) -> None:
        """Write the items that came; at first, all that another has written on its machine."""
        if self.following < 0:
            self.file = self.files[b"%d" % self.number] = []
            self.following = 0
            behind = (await self.store.collected()).following
            while self.following < behind:
                self.append(await self.store.batches(self.following, 200))
        while batches := await self.store.batches(self.following, 200):
            self.append(batches)
        await self.store.collect(self.following, b"%d" % len(self.file), [])
        if news.is_over:
            with suppress(StorageError):  # a worker may have joined since
                await self.store.finish(b"%d" % self.number)

    def append(self, batches: list[bytes]) -> None:
        self.file += [batch[at : at + 8] for batch in batches for at in range(0, len(batch), 8)]
        self.following += len(batches)


async def crawl(desk: Desk, chance: random.Random, disturb: Callable[[], Iterator[float]] | None) -> list[int]:
    """The items, in the file of whoever finished. `disturb` does something to the server, and waits, by turns."""
    files: dict[bytes, list[bytes]] = {}

    def started() -> asyncio.Task[None]:
        return asyncio.create_task(Crawler(desk.store(lease=LEASE, keep=10**9, timeout=0.1), chance, files).run())

    tasks = [started() for _ in range(3)]
    pauses = disturb() if disturb else repeat(0.3)
    async with asyncio.timeout(100):
        while not any(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=next(pauses), return_when="FIRST_COMPLETED")
            victim = chance.randrange(3)
            if not any(task.done() for task in tasks) and chance.random() < 0.7:
                tasks[victim].cancel()  # dies, whatever it awaits
                await asyncio.wait([tasks[victim]])
                tasks[victim] = started()
        await asyncio.gather(*tasks)
    look = await desk.store().look()
    assert look is not None
    assert look.ended is not None
    return [unpack(">Q", each)[0] for each in files[look.ended]]


def each_once(items: list[int]) -> None:
    counted = Counter(items)
    assert {page: number for page, number in counted.items() if number > 1} == {}
    assert set(range(PAGES)) - set(counted) == set()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("seed", range(2))
async def test_workers_that_die_and_freeze(desk: Desk, seed: int) -> None:
    """Three workers that are killed and frozen at random moments, and start again, give each item once."""
    each_once(await crawl(desk, random.Random(seed), None))


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("fsync", "cut"), [("always", 0), ("everysec", 20_000)])
async def test_a_server_that_is_killed(
    start: Callable[..., RedisServer], desk_at: Callable[..., Desk], fsync: Fsync, cut: int
) -> None:
    """The same holds when the server is killed, too, even if the end of its file is lost."""
    server, chance = start(fsync=fsync), random.Random(cut)

    def disturb() -> Iterator[float]:
        for _ in range(3):
            yield chance.uniform(0.1, 0.3)
            while kills and cut and not desk.has_new_file():
                yield 0.02
            kills.append(server.kill())
            server.cut_aof(chance.randrange(cut) if cut else 0)
            server.start()
        yield from repeat(0.5)

    kills: list[None] = []
    desk = desk_at(server)
    each_once(await crawl(desk, chance, disturb))
    assert len(kills) == 3
