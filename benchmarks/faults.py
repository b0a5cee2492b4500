"""What faulty servers cost: 10,000 requests, half of them to servers at which everything goes wrong that can.

    python benchmarks/faults.py
    python benchmarks/faults.py --requests 2000 --rounds 1

Healthy servers, which take their time for each page, are crawled alone and then together with faulty ones, in turn.
Told is how much longer their pages took, that every request ended once and with the reason that its fault stands for,
how memory grew while the second half of the requests was made, and what was left open. The faults are drawn by lot,
from a seed, and are those of the tests (`tests/flow/faulty.py`). The servers run in a process of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scraper import Crawl, Failure, Request, Response, Spider  # noqa: E402
from tests.flow.faulty import SETTINGS, Faults, reason_of, serve, whole  # noqa: E402
from tests.flow.site import Servers, Talk  # noqa: E402

HEALTHY, FAULTY = 4, 8  # hosts of each kind
LATENCY = 0.05  # seconds that a healthy page takes
PER_HOST = 4
SEED = 20261123


class Asking(Spider):
    """Asks for all addresses, and notes what becomes of each, and when."""

    name = "asking"

    def __init__(self, addresses: list[str]) -> None:
        super().__init__()
        self.addresses = addresses
        self.ends: list[tuple[str, str | None, float]] = []
        self.memory: list[int] = []

    async def start(self) -> Any:
        for url in self.addresses:
            yield Request(url, errback=self.failed, meta={"asked": url})

    def parse(self, response: Response) -> None:
        self._note(response.meta["asked"], None)

    def failed(self, failure: Failure) -> None:
        self._note(failure.request.meta["asked"], getattr(failure.error, "reason", repr(failure.error)))

    def _note(self, url: str, reason: str | None) -> None:
        self.ends.append((url, reason, time.perf_counter()))
        if len(self.ends) % 100 == 0:
            self.memory.append(rss())


def rss() -> int:
    """KiB of memory in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def healthy(talk: Talk) -> None:
    """A server whose pages take a while."""
    while True:
        await talk.hear()
        await asyncio.sleep(LATENCY)
        await talk.say(whole(b"<title>healthy</title>" + b"<p>text</p>" * 500))


def serve_all() -> None:
    """Open all servers, tell their addresses, and serve until standard input is closed."""
    with Servers() as servers:
        roots = [servers.raw(healthy) for _ in range(HEALTHY)] + [servers.raw(serve) for _ in range(FAULTY)]
        print(*roots, flush=True)
        sys.stdin.read()


async def crawl(addresses: list[str]) -> tuple[Asking, Any, float]:
    """One crawl; its spider, its result and when it began."""
    spider = Asking(addresses)
    limits = {**SETTINGS["limits"], "per_host": PER_HOST}
    settings = {**SETTINGS, "limits": limits, "engine": {"concurrency": 64}, "frontier": {"store": "memory"}}
    began = time.perf_counter()
    result = await Crawl(spider, settings).run()
    assert asyncio.all_tasks() == {asyncio.current_task()}, "tasks are left"
    return spider, result, began


def seconds(spider: Asking, began: float, hosts: list[str]) -> float:
    """How long the pages of the healthy hosts took."""
    return max(when for url, _, when in spider.ends if url.startswith(tuple(hosts))) - began


def check(spider: Asking, result: Any) -> None:
    """Every request ended once, with its reason, and is counted so."""
    now = result.statistics
    wrong = [(url, reason) for url, reason, _ in spider.ends if reason != reason_of("/" + url.split("/", 3)[3])]
    assert not wrong, wrong[:5]
    assert Counter(url for url, *_ in spider.ends) == Counter(spider.addresses), "not each request ended once"
    ended = now.fetched + sum(now.failed.values()) + sum(now.refused.values())
    assert now.discovered == len(spider.addresses) == ended, now


def main() -> None:
    arguments = argparse.ArgumentParser(description="Crawl healthy servers beside faulty ones.")
    arguments.add_argument("--requests", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.serve:
        serve_all()
        return
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdin=-1, stdout=-1, text=True)
    assert server.stdout is not None
    try:
        run(server.stdout.readline().split(), options.requests, options.rounds)
    finally:
        server.communicate("")


def run(roots: list[str], requests: int, rounds: int) -> None:
    """Crawl in turn, without and with the faulty servers, and print what it came to."""
    good, bad = roots[:HEALTHY], roots[HEALTHY:]
    plain = [f"{root}/good/{number}" for number in range(requests // 2 // HEALTHY) for root in good]
    ratios = []
    for number in range(1, rounds + 1):
        faults = Faults(seed=SEED + number, share=0.7)
        faulty = [f"{root}{path}" for root in bad for path in faults.paths(requests // 2 // FAULTY)]
        spider, result, began = asyncio.run(crawl(plain))
        check(spider, result)
        alone, files = seconds(spider, began, good), open_files()
        mixed = [url for pair in zip(plain, faulty, strict=False) for url in pair]
        spider, result, began = asyncio.run(crawl(mixed))
        check(spider, result)
        gc.collect()
        ratios.append(seconds(spider, began, good) / alone)
        half = spider.memory[len(spider.memory) // 2 :]
        print(
            f"round {number}: healthy pages {alone:.1f} s alone, {ratios[-1]:.3f} times that beside faults; "
            f"{len(mixed)} requests, {sum(result.statistics.failed.values())} failed with "
            f"{len(result.statistics.failed)} reasons; memory {min(half) // 1024} to {max(half) // 1024} MiB in the "
            f"second half; {open_files() - files} more files open",
            flush=True,
        )
    print(f"median ratio {median(ratios):.3f}, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
