"""A crawl that is killed again and again ends with every item once, in every data file."""

import asyncio
import csv
import gzip
import importlib.util
import json
import random
import re
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.durability.dying import STEPS
from tests.flow.site import Servers, Site, links
from tests.forks import Fork, Forks

ROOT = Path(__file__).resolve().parents[2]
PAGES = 400
FILES = ["tree.jsonl", "tree.json", "tree.csv", "tree.jsonl.gz", "tree.csv.zst", "tree.sqlite"]
if importlib.util.find_spec("pyarrow"):
    FILES.append("tree.parquet")


@pytest.fixture
def site() -> Iterator[Site]:
    """A site whose pages are the numbers from 1 on, each with links to two greater ones and back."""
    pages = {f"/{number}": _page(number) for number in range(1, PAGES + 1)}
    with Servers() as servers:
        yield servers.site(dict(pages), latency=0.004)


def _page(number: int) -> str:
    near = [each for each in (2 * number, 2 * number + 1, number // 2) if 1 <= each <= PAGES]
    return f"<h1>{number}</h1><p>page, “{number}”,\n and more</p>{links(*(f'/{each}' for each in near))}"


@dataclass
class Crawls:
    """Runs the crawl in child processes, and looks at what is left."""

    site: Site
    folder: Path
    forks: Forks
    files: list[str] = field(default_factory=lambda: list(FILES))
    sinks: dict[str, dict[str, Any]] = field(default_factory=dict)
    old: set[int] = field(default_factory=set)  # the numbers of items that were in the files before
    said: str = ""

    def start(self, **faults: Any) -> Fork:
        given = {"url": self.site.url("/1"), "folder": str(self.folder), "files": self.files, "sinks": self.sinks}
        given |= faults
        words = (json.dumps(given), str(self.folder / "state"))
        return self.forks.start(*words, module="tests.durability.dying", cwd=ROOT)

    async def run(self, **faults: Any) -> int:
        """The exit status of a crawl that nobody disturbs."""
        return await self.end(self.start(**faults))

    async def end(self, child: Fork) -> int:
        self.said = "".join(await asyncio.to_thread(child.communicate))
        return child.wait()

    async def killed(self, rng: random.Random, times: int, *, most: int) -> AsyncIterator[None]:
        """Start a crawl again and again, and kill it at a random moment, after up to `most` more requests."""
        for _ in range(times):
            before = len(self.site.asked)
            child = self.start()
            await self.asked(before + rng.randrange(1, most))
            await asyncio.sleep(rng.uniform(0, 0.06))
            assert child.poll() is None, "the site is too small for so many kills"
            child.kill()
            assert await self.end(child) == -signal.SIGKILL
            yield

    async def asked(self, number: int) -> None:
        """Wait until the site was asked for so much."""
        async with asyncio.timeout(20):
            while len(self.site.asked) < number:  # noqa: ASYNC110 -- by servers in another thread
                await asyncio.sleep(0.005)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The items in a data file, as the standard tools read it."""
        if "{" in name:
            paths = self.folder.glob(re.sub(r"\{.*?\}", "*", name))
            return [row for path in paths for row in self.rows(path.name)]
        path = self.folder / name
        if name.endswith(".sqlite"):
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                database.row_factory = sqlite3.Row
                found = [dict(row) for row in database.execute("SELECT * FROM items")]
            database.close()
            return found
        if name.endswith(".parquet"):
            from pyarrow import parquet

            rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
            return rows
        data = path.read_bytes()
        text = (
            gzip.decompress(data) if name.endswith(".gz") else _unzst(data) if name.endswith(".zst") else data
        ).decode()
        if ".csv" in name:
            return [{**row, "number": int(row["number"])} for row in csv.DictReader(StringIO(text, newline=""))]
        found = json.loads(text) if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]
        return list(found)

    def check(self) -> None:
        """All is there, once, and nothing else."""
        for name in self.files:
            counts = Counter(row["number"] for row in self.rows(name))
            new = {sign * number for number in range(1, PAGES + 1) for sign in (1, -1)}
            assert set(counts) == new | self.old, name
            assert set(counts.values()) == {1}, (name, counts.most_common(3))
            texts = {row["number"]: row["text"] for row in self.rows(name)}
            assert texts[7] == "page, “7”,\n and more", name
        assert not list(self.folder.glob("*.part*"))
        assert json.loads(self.said.splitlines()[0])["items"] == 2 * PAGES
        state = json.loads((self.folder / "state").read_text())
        assert set(state["met"]) == {str(number) for number in range(1, PAGES + 1)}


def _unzst(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.decompress(data)


@pytest.fixture
def crawls(site: Site, tmp_path: Path, forks: Forks) -> Crawls:
    return Crawls(site, tmp_path, forks)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_at_random(crawls: Crawls, seed: int) -> None:
    """Killed ten times at random moments and gone on with, a crawl has every item once; pages are redone, not lost."""
    rng = random.Random(seed)
    async for _ in crawls.killed(rng, 10, most=30):
        for name in crawls.files:  # what has its final name is whole
            assert not (crawls.folder / name).exists() or len(crawls.rows(name)) == 2 * PAGES
    assert await crawls.run() == 0, crawls.said
    crawls.check()


SPLIT: dict[str, dict[str, Any]] = {
    "part-{part}.jsonl": {"split_after": {"items": 60}},
    "size-{part}.csv.gz": {"split_after": {"bytes": 1000}},
}


@pytest.mark.timeout(120)
async def test_killed_as_it_splits(crawls: Crawls) -> None:
    """Killed again and again, a crawl has each item in one of its files, and these are published together."""
    crawls.files, crawls.sinks = list(SPLIT), SPLIT
    rng = random.Random(4)
    async for _ in crawls.killed(rng, 6, most=40):
        assert not any(crawls.rows(name) for name in crawls.files)
    for step in ("after a file is completed", "after a file is published", "before the job is finished"):
        assert await crawls.run(die_at=step) == -signal.SIGKILL, crawls.said
    assert await crawls.run() == 0, crawls.said
    crawls.check()
    sizes = sorted(len(path.read_text().splitlines()) for path in crawls.folder.glob("part-*.jsonl"))
    assert sizes == [20, *[60] * 13]


ADDING: dict[str, dict[str, Any]] = {
    "old.jsonl": {"mode": "append"},
    "old.csv.gz": {"mode": "append"},
    "old.sqlite": {"mode": "append"},
    "up.sqlite": {"mode": "upsert", "key": ["number"]},
}


@pytest.fixture
def adding(crawls: Crawls) -> Crawls:
    """Crawls that add to files which have items already; some of these the crawl updates."""
    crawls.files, crawls.sinks, crawls.old = list(ADDING), ADDING, {1001, 1002}
    old = [(1001, "old"), (1002, "older")]
    (crawls.folder / "old.jsonl").write_text("".join(f'{{"number":{n},"text":"{t}"}}\n' for n, t in old))
    rows = "".join(f"{n},{t}\r\n" for n, t in old)
    (crawls.folder / "old.csv.gz").write_bytes(gzip.compress(f"number,text\r\n{rows}".encode()))
    for name, more in (("old.sqlite", []), ("up.sqlite", [(7, "stale"), (-3, "stale")])):
        database = sqlite3.connect(crawls.folder / name)
        database.execute("CREATE TABLE items (number, text)")
        database.executemany("INSERT INTO items VALUES (?, ?)", [*more, *old])
        database.commit()
        database.close()
    return crawls


@pytest.mark.timeout(120)
async def test_killed_as_it_adds(adding: Crawls) -> None:
    """Killed again and again, a crawl that adds to files has the old items once and the new ones once."""
    rng = random.Random(3)
    async for _ in adding.killed(rng, 6, most=40):
        assert {row["number"] for row in adding.rows("old.jsonl")} == adding.old
        assert {row["text"] for row in adding.rows("up.sqlite")} == {"stale", "old", "older"}
    for step in ("after a file is completed", "after a file is published", "before the job is finished"):
        assert await adding.run(die_at=step) == -signal.SIGKILL, adding.said
    assert await adding.run() == 0, adding.said
    adding.check()


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_each_step(crawls: Crawls, step: str) -> None:
    """Whichever step of a checkpoint, or of the end, it dies at, nothing is lost and nothing comes twice."""
    is_last = "a file" in step or "the job" in step
    for time in (1,) if is_last else (1, 2):
        assert await crawls.run(die_at=step, time=time) == -signal.SIGKILL, crawls.said
    if step != "after the job is finished":
        assert await crawls.run() == 0, crawls.said
        crawls.check()
    else:
        crawls.said = json.dumps({"items": 2 * PAGES})
        crawls.check()


async def test_told_to_end(crawls: Crawls) -> None:
    """SIGTERM and SIGINT end it in good order, with status 130, and the next crawl goes on."""
    for number in (signal.SIGTERM, signal.SIGINT):
        before = len(crawls.site.asked)
        child = crawls.start()
        await crawls.asked(before + 40)
        child.send_signal(number)
        assert await crawls.end(child) == 130, crawls.said
        assert "interrupted" in crawls.said
    asked = len(crawls.site.asked)
    assert await crawls.run() == 0, crawls.said
    crawls.check()
    assert asked < PAGES + 2
    assert len(crawls.site.asked) == PAGES + 3  # robots.txt three times, and no page twice


@pytest.mark.parametrize("size", [3_000, 20_000, 50_000])
async def test_full_disk(crawls: Crawls, size: int) -> None:
    """A disk that is full ends the crawl, with one clear line; given room, the next one goes on with it."""
    crawls.files = ["tree.jsonl", "tree.json", "tree.csv", "tree.jsonl.gz"]
    assert await crawls.run(size=size) == 1, crawls.said
    assert "Traceback" not in crawls.said
    assert "cannot be" in crawls.said
    assert await crawls.run() == 0, crawls.said
    crawls.check()


async def test_clock_set_back(crawls: Crawls) -> None:
    """A clock that is set back or forth between two runs makes no difference."""
    for clock in (0, -86_400, 86_400):
        assert await crawls.run(clock=clock, die_at="after a checkpoint", time=2) == -signal.SIGKILL
    assert await crawls.run(clock=-3_600) == 0, crawls.said
    crawls.check()


async def test_two_at_once(crawls: Crawls) -> None:
    """A second process on the same job is refused at once; the first goes on undisturbed."""
    crawls.site.latency = 1.0
    child = crawls.start()
    await crawls.asked(1)
    assert await crawls.run() == 1
    assert str(child.pid) in crawls.said
    crawls.site.latency = 0.004
    assert await crawls.end(child) == 0
    crawls.check()


@pytest.mark.timeout(120)
async def test_killed_as_it_rejects(crawls: Crawls) -> None:
    """Killed again and again, a crawl has each item that a pipeline raised at once among the rejected of each file."""
    crawls.files = ["tree.jsonl", "tree.sqlite"]
    rng = random.Random(5)
    for _ in range(5):
        before = len(crawls.site.asked)
        child = crawls.start(is_picky=True)
        await crawls.asked(before + rng.randrange(1, 40))
        await asyncio.sleep(rng.uniform(0, 0.06))
        child.kill()
        assert await crawls.end(child) == -signal.SIGKILL
    for step in ("after a file is completed", "after a file is published"):
        assert await crawls.run(is_picky=True, die_at=step) == -signal.SIGKILL, crawls.said
    assert await crawls.run(is_picky=True) == 1
    numbers = [sign * number for number in range(1, PAGES + 1) for sign in (1, -1)]
    for name in crawls.files:
        kept = [row["number"] for row in crawls.rows(name)]
        assert sorted(kept) == sorted(each for each in numbers if each % 10 and each % 11)
        rejected = crawls.rows(f"{name}.rejected.jsonl")
        assert sorted(row["item"]["number"] for row in rejected) == sorted(each for each in numbers if not each % 10)
        assert {row["url"].rpartition("/")[2] for row in rejected} == {str(n) for n in range(10, PAGES + 1, 10)}
        assert all(row["reason"].startswith("Picky.process: ValueError: a tenth (") for row in rejected)
    assert not list(crawls.folder.glob("*.part*"))
