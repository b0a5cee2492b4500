"""The shop that many machines crawl: compiled from `fleet/shop.c`, run as a process, and what it stamped."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from fleet import processes

SOURCE = Path(__file__).resolve().parent / "shop.c"
MIXED = 0xFFFFFFFF
LATELY = 3.0  # seconds


class Stamp(NamedTuple):
    """A request at the server: its host, from when to when in seconds of the clock, its status, who sent it, its path.

    The status is 0 if its client closed the connection before it was answered. Connections are numbered.
    """

    host: int
    arrived: float
    ended: float
    status: int
    machine: str
    connection: int
    path: str


@dataclass(frozen=True, slots=True)
class Site:
    """What the shop has. Latencies are in milliseconds, of hosts with an even and an odd number."""

    hosts: int = 20
    products: int = 5_000
    listing: int = 20
    links: int = 8
    latencies: tuple[float, float] = (20.0, 250.0)

    @property
    def pages(self) -> int:
        """Pages that a crawl delivers, each once: the index, listings, products."""
        return 1 + -(-self.products // self.listing) + self.products

    def items(self) -> Counter[tuple[int, int, str]]:
        """Number, variant and check of all items that a crawl writes."""
        return Counter(
            (number, variant, f"{mixed(number + 1):08x}")
            for number in range(self.products)
            for variant in range(1 if number % 10 else 3)
        )

    def pages_of(self, host: int) -> int:
        """Pages at this host."""
        count = sum(1 for number in range(self.products) if number % self.hosts == host)
        return count + sum(1 for number in range(self.pages - 1 - self.products) if number % self.hosts == host)


def mixed(value: int) -> int:
    """The finalizer of MurmurHash3, as in the shop's source."""
    value ^= value >> 16
    value = value * 0x85EBCA6B & MIXED
    value ^= value >> 13
    value = value * 0xC2B2AE35 & MIXED
    return value ^ value >> 16


@cache
def program() -> Path:
    """The shop, compiled. Raises `SystemExit` if there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("skipped: the shop is written in C, and there is no gcc (apt-get install gcc libc6-dev)")
    folder = tempfile.mkdtemp(prefix="machines-shop-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Path(folder, "shop")
    subprocess.run([compiler, "-O2", "-o", made, SOURCE], check=True)
    return made


class Shop:
    """The shop as a process, and its stamps as far as they are written."""

    def __init__(self, site: Site, first: str, port: int, stamps: Path) -> None:
        self.site, self.first, self.port = site, first, port
        self._path = stamps
        self._file = stamps.open("r", encoding="ascii")
        self._rest = ""
        self.stamps: list[Stamp] = []
        self.answered: set[str] = set()

    @property
    def done(self) -> float:
        """The part of all pages that was answered at least once."""
        return len(self.answered) / self.site.pages

    def seconds_left(self) -> float:
        """How long the rest takes at the rate of the last few seconds; infinity if nobody asks."""
        pages = sum(1 for stamp in self.lately() if stamp.status == 200)
        return (self.site.pages - len(self.answered)) * LATELY / pages if pages else float("inf")

    def lately(self) -> Sequence[Stamp]:
        """The stamps of the last few seconds."""
        since = time.time() - LATELY
        return [stamp for stamp in self.stamps[-5_000:] if stamp.ended > since]

    def look(self) -> Sequence[Stamp]:
        """All stamps until now; the server writes them every 50 ms."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            host, arrived, ended, status, machine, connection, path = line.split(" ")
            moments = int(arrived) / 1e9, int(ended) / 1e9
            self.stamps.append(Stamp(int(host), *moments, int(status), machine, int(connection), path))
            if status == "200":
                self.answered.add(path)
        return self.stamps

    def address(self, host: int) -> str:
        return str(IPv4Address(self.first) + host)


@contextmanager
def serve(site: Site, stamps: Path, *, first: str, within: Sequence[str] = ()) -> Iterator[Shop]:
    """Run the shop, by a command that begins with `within`."""
    numbers = (site.hosts, site.products, site.listing, site.links, *site.latencies)
    command = [*within, str(program()), "0", first, *map(str, numbers), str(stamps)]
    with processes.run(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        shop = Shop(site, first, port, stamps)
        try:
            yield shop
        finally:
            process.terminate()
            process.wait(10)
            shop.look()
            shop._file.close()
