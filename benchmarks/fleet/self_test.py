"""Does the judge notice? A crawl over SQLite that was killed and resumed is right; after each forgery it is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet import rounds, verdict
from fleet.faults import Fault
from fleet.rows import Result
from fleet.site import Site, Stamp
from fleet.stand import Setup
from fleet.workers import OUTPUT

SITE = Site(hosts=10, products=600, latencies=(5.0, 40.0))


def run() -> Result:
    """The crawl, and all forgeries."""
    result = Result("self-test")
    setup = Setup(site=SITE, store="sqlite", workers=1, delay=0.05)
    outcome = rounds.run(setup, [Fault("kill", 0.2, 0.1), Fault("kill_all", 0.6, 0.5)], patience=120.0, keep=True)
    result.wrong += outcome.wrong
    result.lines += outcome.happened
    folder = Path(outcome.folder)
    try:
        result.wrong += _forged_items(folder)
    finally:
        shutil.rmtree(folder)
    result.wrong += [*_forged_sums(), *_forged_stamps()]
    result.lines.append(f"{outcome.pages} pages, {outcome.again} again; forgeries of items, sums and stamps are told")
    return result


def _changed(line: str, field: str, value: object) -> str:
    return json.dumps({**json.loads(line), field: value}) + "\n"


def _forged_items(folder: Path) -> list[str]:
    """What is not noticed of a data file that was tampered with."""
    forgeries: dict[str, Callable[[list[str]], list[str]]] = {
        "an item is missing": lambda lines: lines[:100] + lines[101:],
        "an item is there twice": lambda lines: [*lines, lines[7]],
        "an item is there in place of another": lambda lines: [*lines[1:], lines[7]],
        "an item is another": lambda lines: [_changed(lines[0], "variant", 9), *lines[1:]],
        "a check is wrong": lambda lines: [_changed(lines[0], "check", "0"), *lines[1:]],
        "a line is torn": lambda lines: [*lines[:-1], lines[-1][:9]],
        "the file is empty": lambda lines: [],
    }
    (path,) = folder.rglob(OUTPUT)
    whole = path.read_text(encoding="utf-8")
    missed = []
    for name, forge in forgeries.items():
        path.write_text("".join(forge(whole.splitlines(keepends=True))), encoding="utf-8")
        if not verdict.items(folder, SITE):
            missed.append(f"not noticed: {name}")
    path.write_text(whole, encoding="utf-8")
    if verdict.items(folder, SITE):
        missed.append("the right file is called wrong")
    shutil.copy(path, folder / "logs" / OUTPUT)
    if not verdict.items(folder, SITE):
        missed.append("not noticed: a second data file")
    (folder / "logs" / OUTPUT).unlink()
    path.rename(path.with_name(f"{OUTPUT}.part"))
    if not verdict.items(folder, SITE):
        missed.append("not noticed: the data file is a part")
    return missed


def _forged_sums() -> list[str]:
    right = {"discovered": SITE.pages, "pages": SITE.pages, "waiting": 0, "items": 0, "refused": {}, "failed": {}}
    halves = [{**right, "discovered": half, "pages": half} for half in (100, SITE.pages - 100)]
    missed = [f"called wrong: {each}" for each in ([right], [right, right], halves) if verdict.sums(each, SITE)]
    short = {**right, "pages": SITE.pages - 1}
    forgeries: tuple[list[dict[str, Any]], ...] = (
        [],
        [short],
        [{**short, "failed": {"status": 1}}],
        [{**right, "discovered": 5}],
        halves[:1],
    )
    return [*missed, *(f"not noticed: {each}" for each in forgeries if not verdict.sums(each, SITE))]


def _stamps(*rows: tuple[int, float, float, str]) -> list[Stamp]:
    return [
        Stamp(host, arrived, ended, 200, machine, host, f"/p/{number}")
        for number, (host, arrived, ended, machine) in enumerate(rows)
    ]


def _forged_stamps() -> list[str]:
    """What is not noticed of stamps that break a limit, or come too late."""
    right = _stamps((0, 0.0, 0.5, "m1"), (0, 0.1, 0.6, "m1"), (1, 0.1, 0.2, "m2"), (0, 0.6, 0.7, "m1"))
    over = [*right, *_stamps((0, 0.3, 0.4, "m2"))]
    close = [*right, *_stamps((1, 0.19, 0.3, "m1"))]
    missed = [f"called wrong: {each}" for each in verdict.politeness(right, per_host=2, delay=0.1)]
    missed += [
        f"not noticed: {name}"
        for name, stamps in (("more in flight than per_host", over), ("closer than the delay", close))
        if not verdict.politeness(stamps, per_host=2, delay=0.1)
    ]
    if verdict.politeness(close, per_host=2, delay=0.094):
        missed.append("called wrong: closer than the delay by less than 5 ms")
    taken = [*right, *_stamps((0, 9.0, 9.1, "m2"), (1, 9.0, 9.1, "m1"))]
    if verdict.takeovers(taken, SITE, "m1", 1.0) != {0: 8.0}:
        missed.append(f"a take-over after 8 s is {verdict.takeovers(taken, SITE, 'm1', 1.0)}")
    resent = [*right, *_stamps((0, 0.65, 0.8, "m1"), (0, 0.85, 0.9, "m1"))]
    if [each.arrived for each in verdict.delayed(resent, [("m1", 0.62), ("m2", 0.62)])] != [0.65]:
        missed.append("the request that a dead link has held back is another")
    if verdict.takeovers(right, SITE, "m2", 1.0) != {1: float("inf")}:
        missed.append("not noticed: a host that nobody took over")
    return missed
