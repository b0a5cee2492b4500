"""Let every contestant crawl the same shop, in turn, and print what each took of time, processor and memory.

A contestant is a child process; `wait4` tells what it and its own children used. The rounds are interleaved
(A B C D, A B C D, …), so that a machine that grows slower does so for all. Every run must end with the same
items as the first one, or there is no result.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import ours
from catalogue import Shop
from compare import compare
from nginx import free_port, serve
from shop import write

HERE = Path(__file__).resolve().parent
CACHE = Path(tempfile.gettempdir()) / "scraper-benchmarks"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one crawl took: seconds on the clock and on the processors, and MiB at its peak."""

    pages: int
    seconds: float
    cpu: float
    peak: float

    @property
    def speed(self) -> float:
        return self.pages / self.seconds


# How each contestant is started.

Start = Callable[[str, Path, list[str]], list[str]]


def start_hand_fast(url: str, output: Path, _: list[str]) -> list[str]:
    return [sys.executable, str(HERE / "hand_fast.py"), url, str(output)]


def start_hand_std(url: str, output: Path, _: list[str]) -> list[str]:
    return [sys.executable, str(HERE / "hand_std.py"), url, str(output)]


def start_scrapy(url: str, output: Path, _: list[str]) -> list[str]:
    return [str(scrapy_python()), str(HERE / "scrapy_spider.py"), url, str(output)]


def start_ours(spider: str, *always: str) -> Start:
    """Our own command with one of the spiders of `shop_spider.py`, and settings that it always has."""

    def start(url: str, output: Path, settings: list[str]) -> list[str]:
        return ours.command(spider, url, output, [*ours.SETTINGS, *always, *settings])

    return start


CONTESTANTS: dict[str, Start] = {
    "hand_fast": start_hand_fast,
    "hand_std": start_hand_std,
    "ours": start_ours("shop"),
    "ours_follow": start_ours("shop_follow"),
    "ours_request": start_ours("shop_request"),
    "ours_async": start_ours("shop_async"),
    "ours_async_follow": start_ours("shop_async_follow"),
    "ours_memory": start_ours("shop", "frontier.store=memory"),
    "ours_2": start_ours("shop", "engine.processes=2"),
    "ours_follow_2": start_ours("shop_follow", "engine.processes=2"),
    "ours_process": start_ours("shop", "parsing.executor=process"),
    "scrapy": start_scrapy,
}
USUAL = ("hand_fast", "hand_std", "ours_memory", "ours", "ours_follow", "scrapy")
"""The contestants if none are named."""


def scrapy_python() -> Path:
    """The interpreter of a virtual environment that has nothing but Scrapy; made at the first call."""
    folder = CACHE / "scrapy-venv"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        print(f"installing Scrapy into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", "scrapy"], check=True)
        ready.touch()
    return python


# One crawl.


def crawl(name: str, shop: Shop, settings: list[str], output: Path) -> Cost:
    """Run one contestant to its end in a new folder that holds nothing else."""
    command = CONTESTANTS[name](shop.url, output, settings)
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        environment = dict(ours.project(Path(folder)))
        said, complained = Path(folder, "stdout"), Path(folder, "stderr")
        with said.open("wb") as stdout, complained.open("wb") as stderr:
            began = time.perf_counter()
            child = subprocess.Popen(command, cwd=folder, env=environment, stdout=stdout, stderr=stderr)
            try:
                _, status, usage = os.wait4(child.pid, 0)
            except BaseException:
                child.kill()
                raise
            seconds = time.perf_counter() - began
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            last_words = complained.read_text(errors="replace")[-4_000:]
            raise SystemExit(f"{name} ended with status {child.returncode}\n{last_words}")
        report = last_report(said.read_text())
    for key, count in {"pages": shop.pages, "items": shop.products}.items():
        if report[key] != count:
            raise SystemExit(f"{name} counted {report[key]} {key}, and the shop has {count}")
    return Cost(shop.pages, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def last_report(text: str) -> dict[str, Any]:
    """The JSON object of the last line; of `scraper crawl --json`, the part of its only spider."""
    report: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    while "pages" not in report:
        inner = next(iter(report.values()))
        report = inner[0] if isinstance(inner, list) else inner
    return report


# The tables.


def print_round(title: str, costs: dict[str, Cost]) -> None:
    print(f"\n{title:<18} {'seconds':>9} {'CPU s':>9} {'peak MiB':>9} {'pages/s':>9}")
    for name, cost in costs.items():
        print(f"{name:<18} {cost.seconds:>9.2f} {cost.cpu:>9.2f} {cost.peak:>9.0f} {cost.speed:>9.0f}")
    sys.stdout.flush()


def print_ratios(costs: dict[str, Cost]) -> None:
    """What the others took for each second of `hand_fast`, Scrapy for each of ours, and ours of it in memory."""
    for base, names in {
        "hand_fast": [*costs],
        "ours_memory": ["ours"],
        "ours": ["ours_process", "scrapy"],
        "ours_follow": ["ours_async_follow", "scrapy"],
    }.items():
        others = [name for name in names if name in costs and name != base]
        if base in costs and others:
            print(f"\n{f'÷ {base}':<18} {'time':>9} {'CPU':>9}")
            for name in others:
                one, other = costs[name], costs[base]
                print(f"{name:<18} {one.seconds / other.seconds:>9.2f} {one.cpu / other.cpu:>9.2f}")


def combine(costs: Iterable[Cost], choose: Callable[[Iterable[float]], float]) -> Cost:
    """One cost of several rounds: each number is chosen by itself."""
    costs = list(costs)
    return Cost(
        pages=costs[0].pages,
        seconds=choose(cost.seconds for cost in costs),
        cpu=choose(cost.cpu for cost in costs),
        peak=choose(cost.peak for cost in costs),
    )


def names_of(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in CONTESTANTS:
            raise argparse.ArgumentTypeError(f"no contestant {name!r}; there are {', '.join(CONTESTANTS)}")
    return names


def main() -> None:
    arguments = argparse.ArgumentParser(description="Crawl one shop with every contestant, and compare.")
    arguments.add_argument("--products", type=int, default=5_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", type=names_of, default=list(USUAL), metavar="NAME,NAME")
    arguments.add_argument(
        "--spider-setting",
        action="append",
        default=[],
        metavar="TABLE.KEY=VALUE",
        help="for ours; repeatable",
    )
    options = arguments.parse_args()
    settings = options.spider_setting
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    if "scrapy" in options.only:
        scrapy_python()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = Path(temporary)
        shop = Shop(products=options.products, port=free_port())
        write(shop, folder)
        rounds: list[dict[str, Cost]] = []
        with serve(folder, shop.port):
            print(f"{shop.pages} pages, {shop.products} items, {options.rounds} rounds", flush=True)
            for number in range(1, options.rounds + 1):
                costs: dict[str, Cost] = {}
                for name in options.only:
                    output = folder / f"{name}.jsonl"
                    output.unlink(missing_ok=True)
                    costs[name] = crawl(name, shop, settings, output)
                    compare(output, folder / f"{options.only[0]}.jsonl")
                rounds.append(costs)
                print_round(f"round {number}", costs)
    choices: dict[str, Callable[[Iterable[float]], float]] = {"median": median, "best": min}
    for title, choose in choices.items():
        chosen = {name: combine((costs[name] for costs in rounds), choose) for name in options.only}
        print_round(title, chosen)
        print_ratios(chosen)


if __name__ == "__main__":
    main()
