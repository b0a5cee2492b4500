"""What the durable frontier costs: a million requests put in, the process gone, all of them handed out again.

    python benchmarks/frontier.py                    # 1, 1,000 and 1,000,000 sites
    python benchmarks/frontier.py --requests 100000 --sites 1000
    python benchmarks/frontier.py --pages 5000       # one request added and done a page, as in a small crawl

Each part is a process of its own, so that its peak memory is its own. It commits every half second, as the engine does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.frontier import Description, Job
from scraper.http.request import Request
from scraper.protocols import Checkpoint

if TYPE_CHECKING:
    from scraper.protocols import Frontier

INTERVAL = 0.5  # seconds between two commits
IN_FLIGHT = 32


class Committing:
    """Commits when it is time to, and lets the commit go on beside the work."""

    def __init__(self, frontier: Frontier) -> None:
        self.frontier = frontier
        self.last = time.monotonic()
        self.slowest = 0.0

    async def tick(self) -> None:
        if time.monotonic() - self.last >= INTERVAL:
            started = time.monotonic()
            durable = self.frontier.commit(Checkpoint())
            self.slowest = max(self.slowest, time.monotonic() - started)
            await durable
            self.last = time.monotonic()


def url(number: int, sites: int) -> str:
    return f"http://www.site-{number % sites}.example/category/{number % 97}/product-{number}.html"


async def build(folder: Path, requests: int, sites: int) -> None:
    """Put requests in, each one met for the first time."""
    async with Job(folder, Description("benchmark")) as job:
        committing = Committing(job.frontier)
        started = time.perf_counter()
        for number in range(requests):
            request = Request(url(number, sites), "parse", depth=1)
            job.frontier.remember(request.url, request.url)
            job.frontier.add(request)
            if number % 40 == 0:
                await committing.tick()
        await job.frontier.commit(Checkpoint())
        say(folder, "built", time.perf_counter() - started, requests)


async def drain(folder: Path, requests: int, sites: int) -> None:
    """Open the file, and hand all out, the sites by turns."""
    started = time.perf_counter()
    async with Job(folder, Description("benchmark")) as job:
        frontier = job.frontier
        say(folder, "reopened", time.perf_counter() - started, frontier.waiting)
        committing = Committing(frontier)
        spent: list[float] = []
        drained, part = time.perf_counter(), time.process_time()
        names = list(frontier.sites())
        flying = []
        count = 0
        while names:
            left = []
            for name in names:
                entry = frontier.take(name)
                if entry is None:
                    continue
                left.append(name)
                flying.append(entry)
                count += 1
                if len(flying) == IN_FLIGHT:
                    for each in flying:
                        frontier.done(each)
                    flying.clear()
                    await committing.tick()
                if count % (requests // 10) == 0:
                    spent.append(time.process_time() - part)
                    part = time.process_time()
            names = left
        for each in flying:
            frontier.done(each)
        await frontier.commit(Checkpoint())
        assert count == requests, count
        say(folder, "drained", time.perf_counter() - drained, requests)
        print("    µs of processor each, by tenths: " + " ".join(f"{each / requests * 1e7:.1f}" for each in spent))


async def crawl(folder: Path, pages: int) -> None:
    """A small crawl: each page leads to one more and to forty that were met."""
    met = [f"http://127.0.0.1/met/{number}" for number in range(40)]
    async with Job(folder, Description("benchmark")) as job:
        frontier = job.frontier
        for number in range(IN_FLIGHT):
            frontier.add(Request(f"http://127.0.0.1/product-{number}.html", "parse"))
        gc.collect()
        pure = time.process_time()
        for number in range(pages):  # what such a page costs without a frontier
            Request(f"http://127.0.0.1/product-{number}-.html", "parse", depth=1)
        pure = time.process_time() - pure
        processor = time.process_time()
        for number in range(pages):
            entry = frontier.take("127.0.0.1")
            assert entry is not None
            request = Request(f"http://127.0.0.1/product-{number + IN_FLIGHT}.html", "parse", depth=1)
            for each in met:
                frontier.remember(each, each)
            frontier.remember(request.url, request.url)
            frontier.add(request)
            frontier.done(entry)
            if number % 500 == 499:  # a thousand pages a second
                await frontier.commit(Checkpoint())
        spent = time.process_time() - processor - pure
        print(f"  {pages:,} pages: {spent / pages * 1e6:.1f} µs of processor each, writer thread included")


def say(folder: Path, what: str, seconds: float, requests: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(each.stat().st_size for each in folder.iterdir()) / 2**20
    cost = seconds / requests * 1e6
    print(f"  {what:9} {seconds:6.2f} s  {cost:5.1f} µs each  peak {peak:4.0f} MiB  files {size:4.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--sites", type=int, nargs="*", default=[1, 1000, 1_000_000])
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--part", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        what, folder, first, second = given.part
        parts = {"build": build, "drain": drain}
        if what == "crawl":
            asyncio.run(crawl(Path(folder), int(first)))
        else:
            asyncio.run(parts[what](Path(folder), int(first), int(second)))
        return
    with tempfile.TemporaryDirectory() as folder:
        part(["crawl", f"{folder}/crawl", str(given.pages), "1"])
        for sites in given.sites:
            print(f"{given.requests:,} requests for {sites:,} sites")
            for what in ("build", "drain"):
                part([what, f"{folder}/{sites}", str(given.requests), str(sites)])


def part(arguments: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run([sys.executable, __file__, "--part", *arguments], check=True, env=environment)


if __name__ == "__main__":
    main()
