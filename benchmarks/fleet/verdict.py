"""What must hold of a crawl by several machines: each function here says what does not, in one line each.

Items are judged by the data file, politeness and take-overs by the server's stamps, sums by the workers' summaries.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fleet.site import Site, Stamp
from fleet.workers import OUTPUT

TOLERANCE = 0.005  # seconds by which two requests may be closer than the delay
SPARE = 2.0  # seconds that a take-over may last beyond lease and timeout
OWNED = 3.0  # seconds: who asked a host last, and so lately, owns it
LEFT = 0.1  # a host counts as one to be taken over if so much of it is not answered yet
NAMED = 5  # examples in one line
FEW = 50  # pages, of which no rate is told


def items(folder: Path, site: Site) -> list[str]:
    """Is there one data file, with each item once and nothing else?"""
    files = sorted(folder.rglob(OUTPUT))
    if len(files) != 1:
        parts = [str(each.relative_to(folder)) for each in folder.rglob(f"{OUTPUT}*")]
        return [f"{len(files)} data files {OUTPUT}, and not one; there is {', '.join(sorted(parts)) or 'none'}"]
    found: Counter[tuple[int, int, str]] = Counter()
    with files[0].open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                item = json.loads(line)
                found[item["number"], item["variant"], item["check"]] += 1
            except (ValueError, KeyError, TypeError):
                return [f"line {number} of {files[0].name} is no item: {line[:80]!r}"]
    return [
        f"{sum(wrong.values())} items {name}, as {', '.join(map(str, list(wrong)[:NAMED]))}"
        for name, wrong in (("missing", site.items() - found), ("too many", found - site.items()))
        if wrong
    ]


def sums(summaries: Iterable[Mapping[str, Any]], site: Site) -> list[str]:
    """Does the job's summary, or the sum of all workers', count each page once, and add up?"""
    told = [each for each in summaries if "discovered" in each]
    if not told:
        return ["no worker printed a summary"]
    added: dict[str, Any] = {"discovered": 0, "pages": 0, "waiting": 0, "items": 0, "refused": {}, "failed": {}}
    for each in told:
        for name in ("discovered", "pages", "waiting", "items"):
            added[name] += each[name]
        for name in ("refused", "failed"):
            added[name] = dict(Counter(added[name]) + Counter(each[name]))
    wrong = [_sum(each, site) for each in (*told, added)]
    return [] if not all(wrong) else [f"the sum does not add up: {wrong[-1]}"]


def _sum(summary: Mapping[str, Any], site: Site) -> str:
    refused, failed = sum(summary["refused"].values()), sum(summary["failed"].values())
    discovered, pages = summary["discovered"], summary["pages"]
    expected = site.pages
    if discovered == pages + refused + failed == expected == pages:
        return ""
    return (
        f"discovered {discovered}, fetched {pages} + refused {refused} + failed {failed} + "
        f"waiting {summary['waiting']}, of {expected} pages"
    )


def in_flight(stamps: Iterable[Stamp]) -> dict[int, int]:
    """The most requests that each host had at once; one that ends as the next arrives makes room for it."""
    moments: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for stamp in stamps:
        moments[stamp.host] += ((stamp.arrived, 1), (stamp.ended, -1))
    most = {}
    for host, changes in moments.items():
        now = highest = 0
        for _, change in sorted(changes):
            now += change
            highest = max(highest, now)
        most[host] = highest
    return most


def smallest_gap(stamps: Iterable[Stamp], apart: int = 1) -> float:
    """The shortest time between a request and the next but `apart` - 1 of the same host, in seconds."""
    return min((later.arrived - earlier.arrived for earlier, later in _neighbours(stamps, apart)), default=float("inf"))


def _neighbours(stamps: Iterable[Stamp], apart: int) -> Iterable[tuple[Stamp, Stamp]]:
    by_host: dict[int, list[Stamp]] = defaultdict(list)
    for stamp in stamps:
        by_host[stamp.host].append(stamp)
    for of_host in by_host.values():
        of_host.sort(key=lambda stamp: stamp.arrived)
        yield from zip(of_host, of_host[apart:], strict=False)


def politeness(stamps: Sequence[Stamp], *, per_host: int, delay: float) -> list[str]:
    """Was no host asked for more at once than it may be, and never sooner than the delay allows?"""
    wrong = []
    over = {host: most for host, most in in_flight(stamps).items() if most > per_host}
    if over:
        wrong.append(f"{len(over)} hosts with more than {per_host} in flight, at most {max(over.values())}")
    close = [
        (later.arrived - earlier.arrived, earlier, later)
        for earlier, later in _neighbours(stamps, 1)
        if later.arrived - earlier.arrived < delay - TOLERANCE
    ]
    if close:
        gap, earlier, later = min(close)
        wrong.append(
            f"{len(close)} requests closer than {delay} s, at least {gap * 1000:.1f} ms apart: host {earlier.host}, "
            f"{earlier.machine} {earlier.path} then {later.machine} {later.path}"
        )
    return wrong


def delayed(stamps: Iterable[Stamp], partitions: Iterable[tuple[str, float]]) -> set[Stamp]:
    """The requests that a dead link has held back: each the first after a partition on a connection from before it.

    They were sent in time, and arrive when the kernel sends them anew: its client may have given them up long ago.
    `partitions` has machines, and when their links went down, on the clock of the stamps.
    """
    by_connection: dict[tuple[str, int], list[Stamp]] = defaultdict(list)
    for stamp in sorted(stamps, key=lambda stamp: stamp.arrived):
        by_connection[stamp.machine, stamp.connection].append(stamp)
    found = set()
    for machine, moment in partitions:
        for (sender, _), sent in by_connection.items():
            if sender == machine and sent[0].arrived <= moment < sent[-1].arrived:
                found.add(next(stamp for stamp in sent if stamp.arrived > moment))
    return found


def owned(stamps: Iterable[Stamp], machine: str, moment: float) -> set[int]:
    """The hosts that `machine` had lately asked at that moment, and nobody after it."""
    last: dict[int, Stamp] = {}
    for stamp in stamps:
        if stamp.arrived <= moment and (stamp.host not in last or stamp.arrived > last[stamp.host].arrived):
            last[stamp.host] = stamp
    return {host for host, stamp in last.items() if stamp.machine == machine and moment - stamp.arrived < OWNED}


def takeovers(stamps: Sequence[Stamp], site: Site, machine: str, moment: float) -> dict[int, float]:
    """How long hosts of `machine` that had something left waited for another to ask them; infinity if none did.

    `moment` is when the machine was stopped or cut off, on the clock of the stamps.
    """
    found = {}
    for host in owned(stamps, machine, moment):
        of_host = [stamp for stamp in stamps if stamp.host == host]
        before = {stamp.path for stamp in of_host if stamp.status == 200 and stamp.ended <= moment}
        if len(before) > site.pages_of(host) * (1 - LEFT):
            continue
        after = [stamp.arrived for stamp in of_host if stamp.arrived > moment and stamp.machine != machine]
        found[host] = min(after, default=float("inf")) - moment
    return found


def first_request(stamps: Iterable[Stamp], machine: str, moment: float) -> float:
    """Seconds from `moment` until `machine` asked for a page; infinity if it did not."""
    after = [stamp.arrived for stamp in stamps if stamp.machine == machine and stamp.arrived > moment]
    return min(after, default=float("inf")) - moment


def rate(stamps: Iterable[Stamp], begin: float = 0.1, end: float = 0.9) -> float:
    """Pages a second, from when a part `begin` of them was answered until `end` was; 0 for hardly any."""
    ended = sorted(stamp.ended for stamp in stamps if stamp.status == 200)
    if len(ended) < FEW:
        return 0.0
    first, last = int(len(ended) * begin), int(len(ended) * end) - 1
    return (last - first) / (ended[last] - ended[first])
