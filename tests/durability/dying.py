"""A crawl in a process of its own, which may die at a chosen point: `python -m tests.durability.dying JSON`.

The JSON object has the site's `url`, the `folder` for jobs and data, the names of the data files, and perhaps
`die_at`, a step of a checkpoint or of the end, with `time`, the how-manieth to die at; `size`, beyond which no file can
grow, as on a full disk; `is_picky`, whether a pipeline raises now and then; `sinks`, more settings of a data file by
its name; and `clock`, by how many seconds the time of day is wrong.
"""

import asyncio
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from scraper import Response, Spider
from scraper.crawling.crawl import Crawl
from scraper.crawling.run import run_until_signalled
from scraper.engine.checkpoints import Checkpoints
from scraper.errors import StorageError
from scraper.events import Broke, Event
from scraper.frontier.jobs.directory import Job
from scraper.frontier.sqlite import SqliteFrontier
from scraper.process.event_loop import loop_factory
from scraper.sinks import DataFile
from scraper.sinks.files.destination import Destination

STEPS: dict[str, tuple[type[Any], str, bool]] = {
    "before a sink is synced": (DataFile, "sync", False),
    "after a sink is synced": (DataFile, "sync", True),
    "before the frontier commits": (SqliteFrontier, "commit", False),
    "while the frontier commits": (SqliteFrontier, "commit", True),
    "after a checkpoint": (Checkpoints, "commit", True),
    "before a file is completed": (Destination, "complete", False),
    "after a file is completed": (Destination, "complete", True),
    "after a file is published": (Destination, "publish", True),
    "before the job is finished": (Job, "finish", False),
    "after the job is finished": (Job, "finish", True),
}
"""By name: a method, and whether the process dies after it, rather than before."""


class Picky:
    """Raises at each tenth number, and drops each eleventh."""

    def process(self, item: dict[str, Any]) -> dict[str, Any] | None:
        if item["number"] % 10 == 0:
            raise ValueError("a tenth")
        return item if item["number"] % 11 else None


class TreeSpider(Spider):
    """Crawls a site whose pages are numbered, and gives two items for each."""

    name = "tree"

    def parse(self, response: Response) -> Iterator[Any]:
        number = int(response.css("h1::text").get() or "")
        self.state.setdefault("met", {})[str(number)] = True
        yield {"number": number, "text": response.css("p::text").get()}
        yield {"number": -number, "text": "the other side"}
        yield {"number": number, "text": "dropped by `unique`"}
        yield from response.follow_all(css="a", meta={"from": (number, response.url)})

    def closed(self, reason: str) -> None:
        Path(sys.argv[2]).write_text(json.dumps(self.state))


def settings(given: dict[str, Any]) -> dict[str, Any]:
    folder = Path(given["folder"])
    return {
        "engine": {"concurrency": 16},
        "frontier": {"jobs": str(folder / "jobs"), "interval": 0.03},
        "limits": {"per_host": 16, "adapt": False},
        "pipelines": {"unique": ["number"]},
        "sinks": [{"path": str(folder / name), **given.get("sinks", {}).get(name, {})} for name in given["files"]],
    }


def die_at(step: str, number: int) -> None:
    """Have this process killed when it comes to a step for the how-manieth time."""
    owner, name, is_after = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    calls = count(1)

    def kill() -> None:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    if asyncio.iscoroutinefunction(real):

        async def slow(self: Any, *arguments: Any) -> Any:
            if not is_after:
                kill()
            result = await real(self, *arguments)
            if is_after:
                kill()
            return result

        setattr(owner, name, slow)
    else:

        def quick(self: Any, *arguments: Any) -> Any:
            if not is_after:
                kill()
            result = real(self, *arguments)
            if is_after:
                kill()
            return result

        setattr(owner, name, quick)


def tell(event: Event) -> None:
    if isinstance(event, Broke):
        sys.stderr.write(f"{event.error}\n")


def main() -> int:
    given = json.loads(sys.argv[1])
    if "die_at" in given:
        die_at(given["die_at"], given.get("time", 1))
    if "size" in given:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (given["size"], given["size"]))
    if given.get("is_picky"):
        TreeSpider.pipelines = [Picky()]
    if "clock" in given:
        right = time.time
        time.time = lambda: right() + given["clock"]
    crawl = Crawl(TreeSpider, settings(given), arguments={"start_urls": [given["url"]]}, observers=[tell])
    Response("http://a.example/", body="<p>").css("p").getall()  # or it would be the first page, whenever it dies
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        try:
            result = runner.run(run_until_signalled(crawl))
        except StorageError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    told = {"reason": result.reason, "problems": result.problems, "items": result.statistics.items}
    sys.stdout.write(f"{json.dumps(told)}\n")
    assert result.statistics.is_balanced, result.statistics
    return result.exit_status


if __name__ == "__main__":
    sys.exit(main())
