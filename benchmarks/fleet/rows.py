"""The rows of the table: each is a crawl or several, and a number beside its bar."""

from __future__ import annotations

import random
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from fleet import faults, namespaces, processes, rounds, verdict
from fleet.faults import BUSIEST, Fault
from fleet.site import Site
from fleet.stand import LOOPBACK, Setup, Stand, stand

COMMANDS, OVERHEAD, PAIR, LANES, WAITING, SEEN = 0.1, 0.9, 1.9, 1.8, 600, 10
"""The bars: commands a page, speeds over Redis and of two, of two lanes, bytes a waiting request and a URL."""

JOINED = 6.0  # seconds, two of which Python takes to start, until a worker that joins has its share
STEADY = "limits.adapt=false"  # or rates would be those that the machine's load suggests
PATIENCE = 400.0
NEARLY = 0.985  # of all pages: so few wait that URLs weigh more
SLOWEST = 15.0  # pages a second of a crawl to which nothing happens


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    seed: int = 1
    folders: str = "own"
    products: int = 5_000
    rounds: int = 3
    urls: int = 60_000
    store: str = "redis"
    keep: bool = False


@dataclass
class Result:
    """A row: what was wrong, lines to print, and all numbers for JSON."""

    name: str
    wrong: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    def compare(self, name: str, value: float, bar: float, *, at_least: bool) -> None:
        """Note a number beside its bar."""
        is_kept = value >= bar if at_least else value <= bar
        word = "at least" if at_least else "at most"
        self.numbers[name] = {"value": round(value, 4), "bar": bar, "holds": is_kept}
        self.lines.append(f"{name}: {value:.3f} (bar: {word} {bar})")
        if not is_kept:
            self.wrong.append(f"{name} is {value:.3f}, and not {word} {bar}")


def judged(name: str, setup: Setup, planned: Sequence[Fault], options: Options) -> Result:
    """A row that is one crawl with faults."""
    if options.store != "redis":
        setup = replace(setup, store=options.store, workers=1)
        planned = [replace(fault, worker=0) for fault in planned]
    outcome = rounds.run(setup, planned, patience=PATIENCE, keep=options.keep)
    result = Result(name, outcome.wrong, numbers={"seed": options.seed, **rounds.as_json(outcome)})
    result.lines = told(outcome)
    return result


def told(outcome: rounds.Outcome) -> list[str]:
    """A round in words, but for what was wrong."""
    waited = f"; taken over within {max(outcome.takeovers):.1f} s" if outcome.takeovers else ""
    folder = [f"kept: {outcome.folder}"] if outcome.folder else []
    first = ", ".join(f"{each:.1f}" for each in outcome.joins)
    joined = [f"joined again, and asked after {first} s"] if first else []
    return [
        *outcome.happened,
        f"{outcome.pages} pages in {outcome.seconds} s, {outcome.again} asked for again{waited}; "
        f"most in flight {outcome.most_in_flight}, smallest gap {outcome.smallest_gap:.4f} s",
        "by machine: " + (", ".join(f"{name} {pages}" for name, pages in outcome.by_machine.items()) or "nothing"),
        *joined,
        *outcome.notes,
        *folder,
    ]


def _shop(options: Options, **given: Any) -> Setup:
    return Setup(site=Site(products=options.products), folders=options.folders, settings=(STEADY,), **given)


def kills(options: Options) -> Result:
    """3 workers, each killed once at a random moment and joined again."""
    setup = _shop(options)
    return judged("kills", setup, faults.kills(setup.workers, random.Random(options.seed)), options)


def stop(options: Options) -> Result:
    """A worker is stopped for 30 s, and continued."""
    at = random.Random(options.seed).uniform(0.15, 0.3)
    return judged("stop", _shop(options), [Fault("stop", at, 30.0, BUSIEST)], options)


def part(options: Options) -> Result:
    """A worker's link is down for 20 s: neither Redis nor the shop can be reached."""
    if not namespaces.possible():
        return Result("part", ["skipped: no network namespaces here (needs root and `ip netns`)"])
    at = random.Random(options.seed).uniform(0.15, 0.3)
    return judged("part", _shop(options, network="namespaces"), [Fault("part", at, 20.0, BUSIEST)], options)


def leave(options: Options) -> Result:
    """The busiest worker is told to end by SIGTERM, and joins again."""
    at = random.Random(options.seed).uniform(0.15, 0.3)
    result = judged("leave", _shop(options), [Fault("leave", at, 4.0, BUSIEST)], options)
    for seconds in result.numbers["joins"]:
        if seconds is None or seconds > JOINED:
            when = "nothing any more" if seconds is None else f"something only {seconds} s"
            result.wrong.append(f"asked the shop for {when} after it was started again; the bar is {JOINED:.0f} s")
    return result


def redis(options: Options) -> Result:
    """Redis is killed twice, and started again."""
    rng = random.Random(options.seed)
    planned = [Fault("redis", rng.uniform(*when), rng.uniform(0.1, 3.0)) for when in ((0.1, 0.4), (0.5, 0.75))]
    return judged("redis", _shop(options), planned, options)


def cut(options: Options) -> Result:
    """Redis is killed, and has lost the last second of its writes when it comes back."""
    rng = random.Random(options.seed)
    return judged("cut", _shop(options), [Fault("cut", rng.uniform(0.2, 0.7), rng.uniform(0.1, 3.0))], options)


@contextmanager
def _stand(setup: Setup, result: Result) -> Iterator[Stand]:
    """A stand in a folder that is kept if something of it is wrong."""
    before = len(result.wrong)
    with rounds.kept_if(lambda: len(result.wrong) > before) as folder:
        with stand(setup, folder) as standing:
            yield standing
        if len(result.wrong) > before:
            result.lines.append(f"kept: {folder}")


def _calm(setup: Setup, result: Result, watch: Callable[[Stand], None] | None = None) -> Stand:
    """A crawl to which nothing happens; what must hold of it holds, or the row is wrong."""
    with _stand(setup, result) as standing:
        if watch is not None:
            watch(standing)
        standing.start()
        patience = 60.0 + setup.site.pages / SLOWEST
        if not standing.wait(patience):
            result.wrong.append(f"did not end in {patience:.0f} s; {standing.shop.done:.1%} were answered")
            standing.dump()
        ended = [each for worker in standing.workers for each in worker.exits]
        result.wrong += [f"{each.machine} ended with {each.status}: {each.said}" for each in ended if each.status]
        result.wrong += verdict.items(standing.folder, setup.site)
        result.wrong += verdict.politeness(standing.shop.look(), per_host=setup.per_host, delay=setup.delay)
    return standing


def commands(options: Options) -> Result:
    """Commands that a client sends for each page, at 200 pages a second, by MONITOR."""
    site = Site(hosts=10, products=min(options.products, 3_000), latencies=(50.0, 50.0))
    setup = Setup(site=site, workers=1, per_host=8, delay=0.05, settings=(STEADY,), signed=False)
    result = Result("commands")
    with tempfile.NamedTemporaryFile(prefix="machines-monitor-") as seen:
        monitor: list[subprocess.Popen[bytes]] = []

        def watch(standing: Stand) -> None:
            path = str(standing.folder / "redis" / "socket")
            monitor.append(
                processes.begin(["redis-cli", "-s", path, "MONITOR"], stdout=seen.file, stderr=subprocess.DEVNULL)
            )

        try:
            standing = _calm(setup, result, watch)
        finally:
            for each in monitor:
                processes.end(each)
        stamps = sorted(stamp.ended for stamp in standing.shop.stamps if stamp.status == 200)
        sent = list(_sent(Path(seen.name)))
    if not stamps or not sent:
        result.wrong.append("nothing to count")
        return result
    first, last = stamps[len(stamps) // 10], stamps[len(stamps) * 9 // 10]
    within = Counter(name for when, name in sent if first < when <= last)
    pages = sum(1 for stamp in stamps if first < stamp <= last)
    result.numbers["by name"] = dict(within)
    result.numbers["pages a second"] = round(pages / (last - first), 1)
    result.compare("commands a page", sum(within.values()) / pages, COMMANDS, at_least=False)
    result.numbers["of the whole crawl"] = round(len(sent) / len(stamps), 4)
    rate, whole = result.numbers["pages a second"], result.numbers["of the whole crawl"]
    result.lines.append(
        f"at {rate} pages/s, {whole} with start and end: "
        + ", ".join(f"{name} {number}" for name, number in within.most_common())
    )
    return result


def _sent(path: Path) -> Iterator[tuple[float, str]]:
    """When each command was sent over TCP, and its name; not those within scripts, nor ours."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            moment, _, rest = line.partition(" ")
            client, _, words = rest.partition("] ")
            if words and not client.endswith(" lua") and "unix:" not in client:
                yield float(moment), words.split(" ", 1)[0].strip('"\n').upper()


def overhead(options: Options) -> Result:
    """One worker over Redis, and over SQLite: rounds in turn."""
    site = Site(products=options.products, latencies=(2.0, 2.0))
    setup = Setup(site=site, workers=1, per_host=8, delay=0.0, settings=(STEADY,), signed=False)
    result = Result("overhead")
    speeds: dict[str, list[float]] = {"sqlite": [], "redis": []}
    cpu: dict[str, list[float]] = {"sqlite": [], "redis": []}
    for _ in range(options.rounds):
        for store, found in speeds.items():
            standing = _calm(replace(setup, store=store), result)
            found.append(verdict.rate(standing.shop.stamps, 0.0, 1.0))
            cpu[store].append(sum(each.cpu for worker in standing.workers for each in worker.exits))
    result.numbers |= {"speeds": speeds, "cpu": cpu}
    ratios = [over / max(alone, 1.0) for over, alone in zip(speeds["redis"], speeds["sqlite"], strict=True)]
    for store, found in speeds.items():
        result.lines.append(f"{store}: {median(found):.0f} pages/s, {median(cpu[store]):.2f} s of processor")
    result.compare("speed over Redis ÷ SQLite", median(ratios), OVERHEAD, at_least=True)
    return result


def pair(options: Options) -> Result:
    """Two workers against one: ten requests at once each, ten hosts that answer in 50 ms."""
    site = Site(hosts=10, products=options.products, latencies=(50.0, 50.0))
    setup = Setup(site=site, per_host=8, delay=0.0, settings=(STEADY, "engine.concurrency=10"))
    return _of_two("pair", setup, PAIR, options)


def _of_two(name: str, setup: Setup, bar: float, options: Options) -> Result:
    """How much faster two workers are than one; between a tenth and nine tenths of the pages."""
    result = Result(name)
    rates: dict[int, list[float]] = {1: [], 2: []}
    whole: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for workers, found in rates.items():
            stamps = _calm(replace(setup, workers=workers), result).shop.stamps
            found.append(verdict.rate(stamps))
            whole[workers].append(verdict.rate(stamps, 0.0, 1.0))
    result.numbers |= {"rates": rates, "whole": whole}
    ratios = [two / max(one, 1.0) for two, one in zip(rates[2], rates[1], strict=True)]
    ends = [two / max(one, 1.0) for two, one in zip(whole[2], whole[1], strict=True)]
    result.lines.append(f"one {median(rates[1]):.0f} pages/s, two {median(rates[2]):.0f}; whole: {median(ends):.3f}")
    result.compare("two ÷ one", median(ratios), bar, at_least=True)
    return result


def lanes(options: Options) -> Result:
    """One host in two lanes: its limits, and the speed of two workers where the limits allow it."""
    cut_up = f'frontier.lanes={{"{LOOPBACK}" = 2}}'
    site = Site(hosts=1, products=min(options.products, 3_000), latencies=(50.0, 50.0))
    wide = Setup(site=site, per_host=20, delay=0.0, settings=(STEADY, cut_up, "engine.concurrency=10"))
    result = _of_two("lanes", wide, LANES, options)
    narrow = replace(
        wide, site=replace(site, products=500, latencies=(150.0, 150.0)), per_host=4, delay=0.05, workers=2
    )
    stamps = _calm(narrow, result).shop.stamps
    if not stamps:
        return result
    gap, of_lanes = verdict.smallest_gap(stamps), verdict.smallest_gap(stamps, apart=2)
    most, machines = max(verdict.in_flight(stamps).values()), len({stamp.machine for stamp in stamps})
    result.numbers |= {"smallest gap": gap, "smallest gap of three": of_lanes, "most in flight": most}
    result.lines.append(
        f"per_host 4, delay 0.05: most in flight {most}, smallest gap {gap:.4f} s, of three requests {of_lanes:.4f} s, "
        f"{verdict.rate(stamps):.1f} pages/s by {machines} machines"
    )
    if machines < 2:
        result.wrong.append("only one machine asked the host in two lanes")
    return result


def memory(options: Options) -> Result:
    """What Redis holds of a waiting request and of a URL: twice weighed, with many waiting and with few."""
    site = Site(products=options.urls, listing=1_000, links=0, latencies=(2.0, 2.0))
    setup = Setup(site=site, workers=2, per_host=8, delay=0.0, settings=(STEADY,), items=False, signed=False)
    result = Result("memory")
    weighed: list[tuple[int, float, Counter[str]]] = []
    with _stand(setup, result) as standing:
        empty = _used(standing)
        for step in (_until_found, _until_nearly_done):
            standing.start()
            step(standing)
            standing.leave(60.0)
            time.sleep(1.0)
            weighed.append((site.pages - len(standing.shop.answered), _used(standing) - empty, _by_key(standing)))
    (many, heavy, _), (few, light, _) = weighed
    result.numbers["weighed"] = weighed
    if many - few < site.pages / 4:
        result.wrong.append(f"only {many} waited at first, and {few} later: too few to tell")
        return result
    for number, weight, keys in weighed:
        largest = ", ".join(f"{name} {size:,}" for name, size in keys.most_common(4))
        result.lines.append(f"{number} waiting of {site.pages}: {weight:,.0f} bytes; {largest}")
    waiting = (heavy - light) / (many - few)
    url = (light - waiting * few) / site.pages  # and what tables have not given back yet of what waited before
    result.lines.append(f"so {waiting:.0f} bytes a waiting request, {url:.1f} a URL")
    for name, number, weight in (("many", many, heavy), ("few", few, light)):
        bar = WAITING * number + SEEN * site.pages
        result.compare(f"memory ÷ what it may take, while {name} wait", weight / bar, 1.0, at_least=False)
    return result


def _until_found(standing: Stand) -> None:
    """Wait until all pages but products are answered, so that all URLs are known."""
    others = standing.shop.site.pages - standing.shop.site.products
    deadline = time.monotonic() + PATIENCE
    while sum(1 for path in standing.shop.answered if not path.startswith("/p/")) < others:
        if time.monotonic() > deadline or not standing.running:
            raise RuntimeError("the listings are not crawled")
        time.sleep(0.1)
        standing.look()


def _until_nearly_done(standing: Stand) -> None:
    if not standing.wait(PATIENCE, until=NEARLY) or not standing.running:
        raise RuntimeError(f"{standing.shop.done:.1%} were answered, and not {NEARLY:.0%} in time")


def _used(standing: Stand) -> float:
    """Bytes that Redis holds, but for what its clients and scripts take."""
    assert standing.redis is not None
    told = standing.redis.info("memory")
    besides = ("used_memory_scripts_eval", "mem_clients_normal", "mem_aof_buffer")
    return float(told["used_memory"]) - sum(float(told.get(name, 0)) for name in besides)


def _by_key(standing: Stand) -> Counter[str]:
    """Bytes of the keys, those of one kind together."""
    assert standing.redis is not None
    connection = standing.redis.connect()
    sizes: Counter[str] = Counter()
    for key in connection.ask("KEYS", "*"):
        kind = re.sub(r"[0-9a-f]{8,}|\d+(\.\d+)+", "*", key)
        sizes[kind] += connection.ask("MEMORY", "USAGE", key, "SAMPLES", "0") or 0
    connection.close()
    return sizes


ROWS: dict[str, Callable[[Options], Result]] = {
    row.__name__: row for row in (kills, leave, stop, part, redis, cut, commands, overhead, pair, lanes, memory)
}
