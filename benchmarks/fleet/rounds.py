"""One crawl by several machines to its end, with what happens to them, judged by what must hold of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet import verdict
from fleet.faults import Fault, Faults, Happened
from fleet.stand import PAUSE, Setup, Stand, stand
from fleet.workers import OUTPUT, Exit

RESTARTS = 5  # of a worker that refused to work: Redis was away, or had lost what it had acknowledged
HANDED_OVER = 3.0  # seconds within which others ask the hosts of a worker that leaves in good order
ALONE = 10.0  # seconds after which a fault is over for those that it happened to
NAMED = 5  # errors that are shown
EARLY = 0.95  # of all pages: a worker that ends before is worth a note


@dataclass
class Outcome:
    """A round: what was wrong, and what is to be known of it besides."""

    wrong: list[str]
    notes: list[str]
    seconds: float
    pages: int
    again: int  # pages that were asked for more than once
    rate: float
    happened: list[str]
    by_machine: dict[str, int]
    joins: list[float]  # seconds from when a worker was started again until it asked the shop
    takeovers: list[float] = field(default_factory=list)
    most_in_flight: int = 0
    smallest_gap: float = 0.0
    folder: str = ""

    @property
    def is_well(self) -> bool:
        return not self.wrong


@dataclass
class _Crawl:
    """A crawl under way."""

    stand: Stand
    faults: Faults
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _started_anew: Counter[str] = field(default_factory=Counter)

    def run(self, seconds: float) -> None:
        """Until all workers have ended, or so much time has passed."""
        self.stand.start()
        deadline = time.monotonic() + seconds
        while self.stand.running or not self.faults.is_quiet:
            if time.monotonic() > deadline:
                names = ", ".join(worker.name for worker in self.stand.running)
                self.wrong.append(f"{names} did not end in {seconds:.0f} s; {self.stand.shop.done:.1%} were answered")
                self.faults.mend()
                self.stand.dump()
                return
            time.sleep(PAUSE)
            self.stand.shop.look()
            if self.stand.redis is not None:
                self.stand.redis.note_size()
            for worker in self.stand.workers:
                if (ended := worker.look()) is not None:
                    self._take(ended)
            self.faults.act()

    def _take(self, ended: Exit) -> None:
        """A worker that ended with an error is wrong, unless it may refuse to go on. Then it is started again."""
        if ended.is_expected:
            if not ended.sent and self.stand.shop.done < EARLY:
                self.notes.append(f"{ended.machine} ended at {self.stand.shop.done:.1%}: {ended.said[:200]}")
            return
        line = f"{ended.machine} ended with status {ended.status}: {ended.said[:200]}"
        worker = next(each for each in self.stand.workers if each.name == ended.machine)
        may_refuse = self.faults.writes_were_lost or self.faults.was_away(worker.started)
        if not may_refuse or not ended.said:
            self.wrong.append(line)
            return
        self.notes.append(line)
        if self._started_anew[ended.machine] < RESTARTS:
            self._started_anew[ended.machine] += 1
            self.faults.join_later(worker)


def run(setup: Setup, faults: Sequence[Fault] = (), *, patience: float = 300.0, keep: bool = False) -> Outcome:
    """One round in a new folder, which is kept if something is wrong, or if told to."""
    with kept_if(lambda: keep or not outcome.is_well) as folder:
        outcome = _run(setup, faults, folder, patience)
        outcome.folder = str(folder) if keep or not outcome.is_well else ""
    return outcome


@contextmanager
def kept_if(is_kept: Callable[[], bool]) -> Iterator[Path]:
    """A new folder, which is kept if that holds after the block, or if the block raised an error."""
    folder = Path(tempfile.mkdtemp(prefix="machines-"))
    try:
        yield folder
    except Exception:
        print(f"kept: {folder}", file=sys.stderr)
        raise
    except BaseException:  # Ctrl-C
        shutil.rmtree(folder)
        raise
    if not is_kept():
        shutil.rmtree(folder)


def _run(setup: Setup, planned: Sequence[Fault], folder: Path, patience: float) -> Outcome:
    began = time.monotonic()
    with stand(setup, folder) as standing:
        faults = Faults(standing, planned)
        crawl = _Crawl(standing, faults)
        crawl.run(patience)
        seconds = time.monotonic() - began
    outcome = judge(standing, faults, crawl.wrong, crawl.notes, seconds)
    (folder / "round.txt").write_text("\n".join((repr(setup), repr(planned), repr(outcome), "")), encoding="utf-8")
    return outcome


def judge(standing: Stand, faults: Faults, wrong: Sequence[str], notes: Sequence[str], seconds: float) -> Outcome:
    """All that must hold of a crawl that has ended."""
    setup, shop = standing.setup, standing.shop
    stamps = shop.stamps
    found, notes = list(wrong), [*notes, *faults.notes]
    ended = [each for worker in standing.workers for each in worker.exits]
    errors = [line for each in ended for line in each.errors]
    found += sorted({"a worker printed a traceback" for line in errors if line.startswith("Traceback")})
    notes += [line for line in errors if not line.startswith("Traceback")][:NAMED]
    if _is_refused(standing, faults):
        notes.append("REFUSED: the writes that Redis has lost were noticed, and no data file claims to be whole")
    else:
        found += verdict.items(standing.folder, setup.site)
        found += verdict.sums((each.summary for each in ended if each.summary), setup.site)
    cuts = [
        (standing.workers[each.fault.worker].name, each.moment) for each in faults.happened if each.fault.kind == "part"
    ]
    held_back = verdict.delayed(stamps, cuts)
    in_time = [stamp for stamp in stamps if stamp not in held_back]
    found += verdict.politeness(in_time, per_host=setup.per_host, delay=setup.delay)
    found += [f"did not happen: {fault}" for fault in faults.left]
    took, late = _takeovers(faults.happened, standing)
    answered = sum(1 for stamp in stamps if stamp.status == 200)
    return Outcome(
        wrong=found + late,
        notes=[*notes, *([f"{len(held_back)} requests held back by a link"] if held_back else [])],
        seconds=round(seconds, 1),
        pages=len(shop.answered),
        again=answered - len(shop.answered),
        rate=round(verdict.rate(stamps), 1),
        happened=[f"{each.fault}{', ' * bool(each.note)}{each.note}" for each in faults.happened],
        by_machine=dict(sorted(Counter(stamp.machine for stamp in stamps if stamp.status == 200).items())),
        joins=[round(verdict.first_request(stamps, *each), 2) for each in faults.joined],
        takeovers=[round(each, 2) for each in took],
        most_in_flight=max(verdict.in_flight(in_time).values(), default=0),
        smallest_gap=round(verdict.smallest_gap(in_time), 4),
    )


def _is_refused(standing: Stand, faults: Faults) -> bool:
    """Did all workers end with an error and a line about it, after writes were lost, and is there no data file?"""
    last = [worker.exits[-1] if worker.exits else None for worker in standing.workers]
    refused = all(each is not None and each.status > 0 and each.said and not each.sent for each in last)
    return faults.writes_were_lost and refused and not any(standing.folder.rglob(OUTPUT))


def _takeovers(happened: Sequence[Happened], standing: Stand) -> tuple[list[float], list[str]]:
    """How long hosts of machines that went away waited, and a line for each fault for which that was too long.

    Only a fault that was alone for so long is judged: else it may be that there was nobody to take over.
    """
    setup, took, late = standing.setup, list[float](), list[str]()
    if setup.store != "redis" or not setup.signed:
        return took, late
    for each in happened:
        bar = HANDED_OVER if each.fault.kind == "leave" else setup.lease + setup.timeout + verdict.SPARE
        is_alone = all(
            other is each
            or other.moment > each.moment + bar
            or other.moment + other.fault.seconds + ALONE < each.moment
            for other in happened
        )
        if each.fault.kind not in ("stop", "part", "leave") or each.fault.seconds <= bar or not is_alone:
            continue
        name = standing.workers[each.fault.worker].name
        waited = verdict.takeovers(standing.shop.stamps, setup.site, name, each.moment)
        took += sorted(waited.values())
        if not waited and len(happened) == 1:
            late.append(f"{each.fault}: it had no hosts, so that there was nothing to take over")
        if over := {host: wait for host, wait in waited.items() if wait > bar}:
            late.append(f"{each.fault}: {len(over)} of {len(waited)} hosts not taken over within {bar:.0f} s")
    return took, late


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The round as JSON has it; what waited for ever has null."""
    told = {name: getattr(outcome, name) for name in Outcome.__dataclass_fields__}
    for name in ("takeovers", "joins"):
        told[name] = [each if each < float("inf") else None for each in told[name]]
    return told
