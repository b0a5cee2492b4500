"""Do several machines crawl one job over Redis, whatever happens to them? Judged by the command line alone.

    python benchmarks/machines.py                    # all rows, some twenty minutes; Linux, gcc, redis-server
    python benchmarks/machines.py --only kills,cut --seed 7 --folders shared
    python benchmarks/machines.py --random 3600 --seed 1000
    python benchmarks/machines.py --self-test        # does it notice what is wrong? over SQLite, a minute

Each machine is a process, or a network namespace with a process (root only); its shop stamps each request
(`fleet/shop.c`). A row fails if an item is missing or doubled, if a sum does not add up, if a host was asked for
more than it allows, or if a bar is missed. The folder of a round that failed is kept: logs, stamps, data files, Redis.
"""

from __future__ import annotations

import argparse
import json

from fleet import processes, random_rounds, self_test
from fleet.rows import ROWS, Options, Result


def show(result: Result) -> None:
    """Print a row."""
    state = "ok" if not result.wrong else "skipped" if result.wrong[0].startswith("skipped") else "WRONG"
    print(f"{result.name:10} {state}")
    for line in (*result.lines, *(f"WRONG {line}" for line in result.wrong if state == "WRONG")):
        print(f"    {line}")
    if state == "skipped":
        print(f"    {result.wrong[0]}")
    print(end="", flush=True)


def names(given: str) -> list[str]:
    """The rows that were asked for by name."""
    chosen = [each.strip() for each in given.split(",")]
    if unknown := [each for each in chosen if each not in ROWS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(ROWS)}")
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", type=names, default=list(ROWS), metavar="ROW,ROW", help=", ".join(ROWS))
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")
    parser.add_argument("--rounds", type=int, default=3, help="of the rows that compare speeds")
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--urls", type=int, default=60_000, help="of the row memory")
    parser.add_argument("--folders", choices=("own", "shared"), default="own", help="a project each, or one for all")
    parser.add_argument("--store", choices=("redis", "sqlite"), default="redis", help="sqlite: one worker, no lease")
    parser.add_argument("--random", type=float, metavar="SECONDS", help="random rounds for so long, one at least")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folders of rounds that went well, too")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    processes.raise_on_termination()
    options = Options(given.seed, given.folders, given.products, given.rounds, given.urls, given.store, given.keep)
    results = []
    if given.self_test:
        results.append(self_test.run())
    elif given.random is not None:
        results.append(random_rounds.run(given.random, options, told=not given.json))
    for name in () if results else given.only:
        try:
            results.append(ROWS[name](options))
        except RuntimeError as error:
            results.append(Result(name, [str(error)]))
        if not given.json:
            show(results[-1])
    if given.json:
        print(json.dumps({each.name: {"wrong": each.wrong, **each.numbers} for each in results}, indent=2))
    elif given.self_test or given.random is not None:
        show(results[-1])
    raise SystemExit(any(each.wrong and not each.wrong[0].startswith("skipped") for each in results))


if __name__ == "__main__":
    main()
