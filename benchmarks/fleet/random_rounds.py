"""A long run of crawls, each drawn by its own seed: machines, limits, and what happens to them."""

from __future__ import annotations

import random
import time

from fleet import faults, namespaces, rounds, rows
from fleet.faults import Fault
from fleet.rows import Options, Result
from fleet.site import Site
from fleet.stand import Setup

FIXED = 120.0  # seconds that a round may take besides what its pages and faults need
SHORTEST, LONGEST = 12.0, 60.0  # seconds of a crawl as its limits allow it


def drawn(seed: int, store: str = "redis") -> tuple[Setup, list[Fault], float]:
    """The setup of a round, its faults, and the seconds until it must have ended."""
    rng = random.Random(seed)
    while not SHORTEST <= shortest(setup := _setup(rng, store)) <= LONGEST:
        pass
    kinds = [kind for kind in faults.KINDS if kind != "part" or setup.network == "namespaces"]
    if store != "redis":
        kinds = ["kill", "kill_all", "leave", "stop"]
    planned = faults.drawn(kinds, rng.randint(1, 6), setup.workers, setup.lease, rng)
    away = sum(fault.seconds + 2 * setup.lease + setup.timeout for fault in planned)
    return setup, planned, FIXED + 3 * shortest(setup) + away


def _setup(rng: random.Random, store: str) -> Setup:
    spaces = store == "redis" and rng.random() < 0.5 and namespaces.possible()
    return Setup(
        site=Site(
            hosts=rng.randint(4, 24),
            products=rng.randint(500, 3_000),
            links=rng.randint(0, 20),
            latencies=(rng.choice((1.0, 20.0)), rng.choice((20.0, 100.0, 250.0))),
        ),
        store=store,
        workers=rng.randint(2, 4) if store == "redis" else 1,
        folders=rng.choice(("own", "shared")),
        network="namespaces" if spaces else "loopback",
        per_host=rng.randint(1, 4),
        delay=rng.choice((0.0, 0.02, 0.05, 0.1)),
        lease=rng.choice((3.0, 5.0, 10.0)),
        timeout=rng.choice((1.0, 2.0, 4.0)),
        # A partition is no fault of the site: what fails by it is tried again for longer than it lasts.
        settings=(f"limits.adapt={str(rng.random() < 0.3).lower()}", "network.retries=20", "limits.park_after=0"),
    )


def shortest(setup: Setup) -> float:
    """Seconds that the limits and latencies of the slowest host make of a crawl."""
    apart = max(setup.delay, max(setup.site.latencies) / 1000 / setup.per_host)
    return apart * setup.site.pages / setup.site.hosts


def run(seconds: float, options: Options, told: bool) -> Result:
    """Rounds until the time is over; each prints its seed, and one that is wrong how to repeat it."""
    result = Result("random")
    until = time.monotonic() + seconds
    seed, number = options.seed, 0
    while number == 0 or time.monotonic() < until:
        setup, planned, patience = drawn(seed, options.store)
        if told:
            print(f"seed {seed}: {_in_words(setup)}", flush=True)
        outcome = rounds.run(setup, planned, patience=patience, keep=options.keep)
        result.numbers[str(seed)] = rounds.as_json(outcome)
        # A fault for which the crawl was too short says nothing against the crawl.
        wrong = [line for line in outcome.wrong if not line.startswith("did not happen")]
        result.wrong += [f"seed {seed}: {line}" for line in wrong]
        if told:
            for line in (*rows.told(outcome), *(f"WRONG {line}" for line in wrong)):
                print(f"    {line}", flush=True)
            if wrong:
                print(f"    again: python benchmarks/machines.py --random 0 --seed {seed}", flush=True)
        seed, number = seed + 1, number + 1
    result.lines.append(f"{number} rounds, {len({line.split(':')[0] for line in result.wrong})} of them wrong")
    return result


def _in_words(setup: Setup) -> str:
    site = setup.site
    return (
        f"{setup.workers} workers, {setup.folders} folders, {setup.network}, {site.hosts} hosts, {site.pages} pages, "
        f"per_host {setup.per_host}, delay {setup.delay}, lease {setup.lease}, timeout {setup.timeout}"
    )
