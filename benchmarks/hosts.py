"""How near does a crawl come to the pace that it may keep, and does it keep the delay? Judged at the server.

    python benchmarks/hosts.py                       # 2,000 hosts, a second apart; one host, sixteen at once
    python benchmarks/hosts.py --only many --rounds 5 --json
    python benchmarks/hosts.py --only many --hosts 500 --pages 10

For each row the theory says how many pages a second are possible: hosts ÷ delay, or connections ÷ latency. Linux only:
every address of 127.0.0.0/8 is a host, and the kernel tells when a request arrived (`hosts_server.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import ours

HERE = Path(__file__).resolve().parent
TOLERANCE = 0.005  # seconds by which two requests may be closer than the delay
SPARE = 100  # descriptors for what is no connection to a host


@dataclass(frozen=True, slots=True)
class Row:
    """A crawl of `hosts` with `pages` each, `connections` at once; theory is the rate that is possible."""

    hosts: int
    pages: int
    delay: float
    latency: float
    connections: int

    @property
    def theory(self) -> float:
        return self.possible(self.latency)

    def possible(self, latency: float) -> float:
        """Pages a second, if an answer takes `latency` seconds."""
        return self.hosts / self.delay if self.delay else self.connections / latency

    def command(self, port: int, output: Path) -> list[str]:
        per_host = self.connections if self.hosts == 1 else 8
        settings = (
            f"engine.concurrency={self.connections}",
            f"limits.per_host={per_host}",
            f"limits.delay={self.delay}",
        )
        arguments = [f"port={port}", f"hosts={self.hosts}", f"pages={self.pages}"]
        given = [word for each in arguments for word in ("-a", each)]
        return [*ours.command(str(HERE / "hosts_spider.py"), "", output, settings), *given]


@dataclass(frozen=True, slots=True)
class Measured:
    """Pages a second, µs of processor a page, and the smallest gap between two requests of a host in seconds.

    `share` is the rate as a part of what theory allows; `share_of_server` of what it allows with the latency that the
    server really had, which is late where the machine is busy.
    """

    share: float
    share_of_server: float
    rate: float
    cpu: float
    smallest_gap: float
    hosts: int
    connections: int
    most_in_flight: int


def crawl(row: Row) -> Measured:
    """Run one crawl to its end, in a folder and with a server that are new."""
    serve = [sys.executable, str(HERE / "hosts_server.py"), "--pages", str(row.pages), "--latency", str(row.latency)]
    with (
        tempfile.TemporaryDirectory(prefix="hosts-") as temporary,
        subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        folder = Path(temporary)
        assert server.stdin is not None
        assert server.stdout is not None
        command = row.command(int(server.stdout.readline()), folder / "items.jsonl")
        done = subprocess.run(
            command, cwd=folder, env=ours.project(folder), check=False, capture_output=True, text=True
        )
        server.stdin.close()
        seen = json.loads(server.stdout.readline())
        if done.returncode:
            raise SystemExit(f"the crawl ended with status {done.returncode}\n{done.stderr[-4_000:]}")
        with (folder / "items.jsonl").open("rb") as items:
            count = sum(1 for _ in items)
        if count != row.hosts * row.pages or seen["hosts"] != row.hosts:
            raise SystemExit(f"{count} pages of {seen['hosts']} hosts, and not {row.pages} of {row.hosts} each")
        cost = json.loads((folder / "cost.json").read_text(encoding="utf-8"))
    return Measured(
        share=round(seen["rate"] / row.theory, 4),
        share_of_server=round(seen["rate"] / row.possible(seen["latency"]), 4),
        rate=round(seen["rate"], 1),
        cpu=round(cost * 1e6),
        smallest_gap=round(seen["smallest_gap"], 4),
        hosts=seen["hosts"],
        connections=seen["connections"],
        most_in_flight=seen["most_in_flight"],
    )


def raise_limit(hosts: int) -> None:
    """Allow as many open files as may be. Raises `SystemExit` if that is too few for so many hosts."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    needed = 3 * hosts + SPARE  # a third of them is kept for connections that nobody uses
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(f"ulimit -n is {hard}: {hosts} hosts need {needed}, or take fewer by --hosts")


def show(name: str, row: Row, measured: Measured) -> None:
    """Print a line of the table."""
    gap = f"{measured.smallest_gap:.4f}" if row.delay else "-"
    kept = "" if not row.delay or measured.smallest_gap >= row.delay - TOLERANCE else "   closer than the delay"
    shares = f"{measured.share:>7.1%} {measured.share_of_server:>9.1%}"
    numbers = (
        f"{measured.rate:>8.1f} {row.theory:>8.0f} {shares} {measured.cpu:>7.0f} {gap:>9} {measured.connections:>8}"
    )
    print(f"{name:14} {numbers}{kept}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=("many", "one"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--pages", type=int, default=20, help="of each of the many hosts")
    parser.add_argument("--json", action="store_true", help="print the best of each row, and all rounds, as JSON")
    given = parser.parse_args()
    rows = {
        "many": Row(given.hosts, given.pages, delay=1.0, latency=0.05, connections=256),
        "one": Row(hosts=1, pages=1_600, delay=0.0, latency=0.1, connections=16),
    }
    if given.only:
        rows = {given.only: rows[given.only]}
    raise_limit(max(row.hosts for row in rows.values()))
    os.environ.setdefault("PYTHONHASHSEED", "0")
    found: dict[str, list[Measured]] = {name: [] for name in rows}
    if not given.json:
        shares = f"{'share':>7} {'÷ server':>9}"
        print(f"{'':14} {'pages/s':>8} {'theory':>8} {shares} {'CPU µs':>7} {'least gap':>9} {'sockets':>8}")
    for number in range(1, given.rounds + 1):
        for name, row in rows.items():
            found[name].append(crawl(row))
            if not given.json:
                show(f"{name}, round {number}", row, found[name][-1])
    best = {
        name: {
            "theory": rows[name].theory,
            "share": max(each.share for each in rounds),
            "share_of_server": max(each.share_of_server for each in rounds),
            "cpu": min(each.cpu for each in rounds),
            "smallest_gap": min(each.smallest_gap for each in rounds),
            "rounds": [asdict(each) for each in rounds],
        }
        for name, rounds in found.items()
    }
    if given.json:
        print(json.dumps(best, indent=2))
        return
    for name, each in best.items():
        shares = f"{each['share']:.1%} of theory, {each['share_of_server']:.1%} of what the server allowed"
        print(f"{name}: best {shares}, {each['cpu']} µs of processor a page")


if __name__ == "__main__":
    main()
