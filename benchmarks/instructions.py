"""Count the instructions of a crawl, by hand and by `scraper`, and hold the ratios to what was accepted.

    python benchmarks/instructions.py             # counts, and prints the ratios
    python benchmarks/instructions.py --check     # exits with 1 if a ratio is more than 3 % above the accepted one
    python benchmarks/instructions.py --accept    # writes the ratios to instructions.json
    python benchmarks/instructions.py --parts     # what a product page's callback takes, and what all else does

Valgrind's cachegrind counts what a processor would execute: the same program gives the same number to 0.1 %, however
busy the machine is. Accepted ratios hold for one version of Python and of the libraries that do the work; with other
versions `--check` only warns. Where valgrind or nginx is missing, it says so and counts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import ours
from catalogue import Shop
from nginx import free_port, serve
from shop import write

HERE = Path(__file__).resolve().parent
ACCEPTED = HERE / "instructions.json"
LIBRARIES = ("ada-url", "aiohttp", "msgspec", "multidict", "pydantic", "selectolax", "uvloop", "yarl")
SMALL, LARGE = 20, 220  # products of two shops: what the large one costs more is what its pages cost
CALLBACKS = 40, 140  # pages that callback.py reads
TOLERANCE = 0.03
CRAWLS = ("hand_fast", "follow_all", "follow")

_COUNT = re.compile(r"I\s+refs:\s+([\d,]+)")
_VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")


def commands(url: str, folder: Path) -> dict[str, list[str]]:
    """What is counted, by name: the hand-written loop, both ways to follow links, and two imports."""
    return {
        "hand_fast": [sys.executable, str(HERE / "hand_fast.py"), url, str(folder / "hand_fast.jsonl")],
        "follow_all": ours.command("shop", url, folder / "follow_all.jsonl"),
        "follow": ours.command("shop_follow", url, folder / "follow.jsonl"),
        "libraries": [sys.executable, "-c", "import aiohttp, selectolax, pydantic"],
        "import": [sys.executable, "-c", "from scraper import Request, Response, Spider"],
    }


def count(command: list[str], folder: Path) -> int:
    """The instructions that `command` executes, after a run that leaves its bytecode compiled."""
    environment = {**ours.project(folder), "PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    for file in folder.glob("*.jsonl"):  # or the counted run would have a file to replace
        file.unlink()
    done = subprocess.run(
        [*_VALGRIND, *command], cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    found = _COUNT.search(done.stderr)
    if done.returncode or found is None:
        raise SystemExit(f"{' '.join(command)} ended with status {done.returncode}\n{done.stderr[-4_000:]}")
    return int(found[1].replace(",", ""))


def counts(products: int, names: Iterable[str]) -> dict[str, int]:
    """The instructions of the commands with these `names`, for a shop with so many products."""
    with tempfile.TemporaryDirectory(prefix="instructions-") as temporary:
        folder = Path(temporary)
        shop = Shop(products=products, port=free_port())
        write(shop, folder)
        with serve(folder, shop.port):
            found = {}
            for name in names:
                found[name] = count(commands(shop.url, folder)[name], folder)
                print(f"{shop.pages:>6} pages  {name:<10} {found[name] / 1e6:>9,.0f} M instructions", flush=True)
    return found


def measure() -> dict[str, float]:
    """What is held to the accepted ratios: pages and start of a crawl, and what a spider's file imports."""
    small = counts(SMALL, (*CRAWLS, "libraries", "import"))
    large = counts(LARGE, CRAWLS)
    pages = {name: large[name] - small[name] for name in CRAWLS}
    return {
        "a page, follow_all ÷ hand_fast": pages["follow_all"] / pages["hand_fast"],
        "a page, follow ÷ hand_fast": pages["follow"] / pages["hand_fast"],
        "a crawl of a few pages ÷ import of the libraries": small["follow"] / small["libraries"],
        "import of a spider's names ÷ import of the libraries": small["import"] / small["libraries"],
    }


def print_parts() -> None:
    """Print the instructions of a page's callback, and of all else that a page takes."""
    small, large = counts(SMALL, CRAWLS), counts(LARGE, CRAWLS)
    print(f"\n{'M instructions a page':<24}{'callback':>10}{'all else':>10}{'sum':>10}")
    for name in CRAWLS:
        with tempfile.TemporaryDirectory(prefix="instructions-") as folder:
            few, many = (
                count([sys.executable, str(HERE / "callback.py"), name, str(number)], Path(folder))
                for number in CALLBACKS
            )
        callback = (many - few) / (CALLBACKS[1] - CALLBACKS[0])
        page = (large[name] - small[name]) / (Shop(LARGE, 0).pages - Shop(SMALL, 0).pages)
        print(f"{name:<24}{callback / 1e6:>10.2f}{(page - callback) / 1e6:>10.2f}{page / 1e6:>10.2f}")


def versions() -> dict[str, str]:
    """What the accepted ratios hold for."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def compare(ratios: dict[str, float]) -> int:
    """Print each ratio beside the accepted one. Returns how many are above it by more than `TOLERANCE`."""
    accepted = json.loads(ACCEPTED.read_text(encoding="utf-8"))
    differ = [name for name, number in versions().items() if accepted["versions"].get(name) != number]
    if differ:
        print(f"the accepted ratios are of other versions of {', '.join(differ)}: nothing fails")
    worse = 0
    for name, ratio in ratios.items():
        before = accepted["ratios"][name]
        is_worse = ratio > before * (1 + TOLERANCE)
        worse += is_worse
        print(f"{name}: {ratio:.3f}, accepted {before:.3f}{' — more than 3 % worse' * is_worse}")
    return 0 if differ else worse


def main() -> None:
    arguments = argparse.ArgumentParser(description="Count the instructions of a crawl, and of the same by hand.")
    arguments.add_argument("--check", action="store_true", help="fail if a ratio is above the accepted one")
    arguments.add_argument("--accept", action="store_true", help="accept the ratios as they are now")
    arguments.add_argument("--parts", action="store_true", help="only tell where the instructions of a page go")
    options = arguments.parse_args()
    for tool in ("valgrind", "nginx"):
        if shutil.which(tool) is None and not os.access(f"/usr/sbin/{tool}", os.X_OK):
            print(
                f"{tool} is not installed: no instructions are counted (Debian: apt-get install valgrind nginx-light)"
            )
            return
    if options.parts:
        print_parts()
        return
    ratios = measure()
    if options.accept:
        kept = {"versions": versions(), "ratios": {name: round(ratio, 4) for name, ratio in ratios.items()}}
        ACCEPTED.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    if ACCEPTED.exists():
        sys.exit(1 if compare(ratios) and options.check else 0)
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.3f}")


if __name__ == "__main__":
    main()
