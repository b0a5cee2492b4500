"""A job directory: what is begun, resumed, started over or refused; what is refused is left as it was."""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import StorageError
from scraper.events import Statistics
from scraper.frontier import Description, Job
from scraper.frontier.examine import FILE
from scraper.frontier.inspect import list_jobs, retry, show
from scraper.frontier.store import APPLICATION, VERSION
from scraper.protocols import Checkpoint, Position, Seeds
from scraper.request import Request

BOOKS = Description("books", "spiders.books:Books", {"tag": "'a'"}, {"limits.delay": 0.0}, [{"path": "b.csv"}])


async def begun(folder: Path, *, waiting: int = 5, **options: Any) -> None:
    """A job with requests that wait, one that is done and one that failed."""
    async with Job(folder, BOOKS, **options) as job:
        assert job.resumed is None
        for number in range(waiting + 2):
            request = Request(f"http://a.example/{number}", "parse_book", errback="failed", meta={"n": (number,)})
            assert job.frontier.remember(request.url)
            job.frontier.add(request)
        for _ in range(2):
            entry = job.frontier.take("a.example")
            assert entry is not None
            (job.frontier.failed(entry, "http_404") if entry.number == 2 else job.frontier.done(entry))
        statistics = Statistics("books", discovered=waiting + 2, fetched=1, waiting=waiting, failed={"http_404": 1})
        checkpoint = Checkpoint({"b.csv": Position("b.csv", 7, 1, 99)}, statistics, Seeds(3), {"part": {"key": 1}})
        await job.frontier.commit(checkpoint)


def content(folder: Path) -> dict[str, bytes]:
    """All files of a job, but for its lock."""
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file() and each.name != "lock"}


async def refused(folder: Path, match: str, *, description: Description = BOOKS, **options: Any) -> None:
    """The job cannot be opened, for a reason told in one line, and its files are as they were."""
    before = content(folder)
    with pytest.raises(StorageError, match=match) as caught:
        async with Job(folder, description, **options):
            pass
    assert "\n" not in str(caught.value)
    after = content(folder)
    assert {name: after.get(name) for name in before} == before


async def test_resumed(tmp_path: Path) -> None:
    """An unfinished job is gone on with: all that was committed is there."""
    await begun(tmp_path / "job")
    async with Job(tmp_path / "job", BOOKS) as job:
        assert job.resumed is not None
        assert job.resumed.positions == {"b.csv": Position("b.csv", 7, 1, 99)}
        assert job.resumed.statistics.fetched == 1
        assert job.resumed.seeds == Seeds(3)
        assert job.resumed.memories == {"part": {"key": 1}}
        assert job.methods() == {"parse_book", "failed"}
        assert job.changes == ()
        assert not job.frontier.remember("http://a.example/0")
        taken = [job.frontier.take("a.example") for _ in range(6)]
        assert [entry.request.meta["n"] for entry in taken if entry] == [(2,), (3,), (4,), (5,), (6,)]
    assert (tmp_path / "job").stat().st_mode & 0o077 == 0


async def test_finished_and_fresh(tmp_path: Path) -> None:
    """A finished job, and an unfinished one that is to be fresh, are started over."""
    for ends in (True, False):
        await begun(tmp_path / "job", fresh=True)
        if ends:
            async with Job(tmp_path / "job", BOOKS) as job:
                await job.finish("finished")
        async with Job(tmp_path / "job", BOOKS, fresh=not ends) as job:
            assert job.resumed is None
            assert job.frontier.waiting == 0


async def test_only_what_was_begun(tmp_path: Path) -> None:
    """Where an unfinished job is needed, a finished one and none at all are refused, and none is made."""
    with pytest.raises(StorageError, match="there is none"):
        async with Job(tmp_path / "job", BOOKS, begun_only=True):
            pass
    assert not (tmp_path / "job").exists()
    await begun(tmp_path / "job")
    async with Job(tmp_path / "job", BOOKS, begun_only=True) as job:
        await job.finish("finished")
    await refused(tmp_path / "job", "came to its end already", begun_only=True)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"spider": "films"}, "its spider was books, now it is films"),
        ({"arguments": {"tag": "'b'"}}, "argument tag was \"'a'\", now it is"),
        ({"sinks": [{"path": "c.csv"}]}, "it wrote to b.csv, now it does not"),
        ({"sinks": [{"path": "b.csv", "fields": ["x"]}]}, "b.csv: fields is"),
        ({"settings": {"limits.delay": 0.0, "pipelines.unique": ["x"]}}, "pipelines.unique is"),
    ],
)
async def test_another_crawl(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    """What would make the files another crawl's is refused, with what to do about it."""
    await begun(tmp_path / "job")
    await refused(tmp_path / "job", told, description=replace(BOOKS, **changed))
    await refused(tmp_path / "job", "--fresh starts over, --job DIR keeps both", description=replace(BOOKS, **changed))


async def test_harmless_changes(tmp_path: Path) -> None:
    """Other limits, another source: told, and gone on with; and it stays as long since it was begun."""
    await begun(tmp_path / "job")
    changed = replace(BOOKS, settings={"limits.delay": 2.0}, source="x", version="9", started="later")
    async with Job(tmp_path / "job", changed, order="depth") as job:
        assert job.changes == (
            "limits.delay was 0.0, now it is 2.0",
            "the spider's source has changed",
            "scraper was version , now it is 9",
        )
        assert job.description.started == BOOKS.started
        entry = job.frontier.take("a.example")
        assert entry is not None
        assert entry.request.url == "http://a.example/6"  # in the other order


# What is no job.


def foreign() -> Iterator[tuple[str, bytes, str]]:
    """Kinds of files that are not a job's: their name, what they hold, and what is said."""
    yield "empty", b"", "is not a file of this program"
    yield "text", b"number,title\r\n1,Emma\r\n" * 100, "is not a file of this program"
    yield "half a header", b"SQLite format 3\0" + b"\0" * 20, "is not a file of this program"
    yield "zeros", b"\0" * 8192, "is not a file of this program"


@pytest.mark.parametrize(("name", "data", "told"), list(foreign()))
@pytest.mark.parametrize("fresh", [False, True])
async def test_not_ours(tmp_path: Path, name: str, data: bytes, told: str, fresh: bool) -> None:
    """A file that is no job's is refused, even to start over: nobody knows whose it is."""
    (tmp_path / FILE).write_bytes(data)
    await refused(tmp_path, f"{told}: move it away or delete it", fresh=fresh)


async def test_another_program_s_database(tmp_path: Path) -> None:
    """So is a SQLite file of something else, and one of a newer version."""
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute("CREATE TABLE mine (value)")
        database.commit()
    await refused(tmp_path, "is not a file of this program", fresh=True)
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    await refused(tmp_path, "newer version of scraper: use that one, or move it away", fresh=True)


async def test_a_folder_or_a_link_in_its_place(tmp_path: Path) -> None:
    """Neither a folder nor a link is followed or replaced; nor is a file in the place of the job's folder."""
    (tmp_path / "a" / FILE).mkdir(parents=True)
    await refused(tmp_path / "a", "is not a file|cannot be used")
    (tmp_path / "b").mkdir()
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "b" / FILE).symlink_to(tmp_path / "target")
    await refused(tmp_path / "b", "cannot be used", fresh=True)
    assert (tmp_path / "target").read_bytes() == b"precious"
    with pytest.raises(StorageError, match="target cannot be used: File exists"):
        async with Job(tmp_path / "target", BOOKS):
            pass


@pytest.mark.parametrize("seed", range(25))
async def test_damaged(tmp_path: Path, seed: int) -> None:
    """A file that is cut short or filled with garbage is refused, or is whole as of a commit: never a part."""
    await begun(tmp_path, waiting=300)
    path, rng = tmp_path / FILE, random.Random(seed)
    data = bytearray(path.read_bytes())
    place = rng.randrange(len(data))
    if seed % 2:
        del data[place:]
    else:
        size = rng.choice((1, 16, 5000))
        data[place : place + size] = rng.randbytes(len(data[place : place + size]))
    path.write_bytes(data)
    problem = ""
    try:
        async with Job(tmp_path, BOOKS) as job:
            assert job.resumed is not None
            assert job.resumed.positions == {"b.csv": Position("b.csv", 7, 1, 99)}
            found = []
            while entry := job.frontier.take("a.example"):
                found.append(entry.request.url)
            assert found == [f"http://a.example/{number}" for number in range(2, 302)]
    except StorageError as error:
        problem = str(error)
    if problem:
        assert "\n" not in problem
        assert str(path) in problem
        assert path.read_bytes() == data


# Two processes.

HOLD = """
import asyncio, sys
from pathlib import Path
from scraper.frontier import Description, Job

async def main():
    async with Job(Path(sys.argv[1]), Description("books")):
        print("open", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_two_processes(tmp_path: Path) -> None:
    """A job that another process has is refused, and named with it; that one's death gives it back at once."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(tmp_path / "job"), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"open\n"
    try:
        with pytest.raises(StorageError, match=f"job job is being crawled by process {child.pid}"):
            async with Job(tmp_path / "job", Description("books")):
                pass
        with pytest.raises(StorageError, match="is being crawled"):
            retry(tmp_path / "job")
        assert list_jobs(tmp_path)[0].is_running
    finally:
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        child._transport.close()  # type: ignore[attr-defined]
    assert not list_jobs(tmp_path)[0].is_running
    async with Job(tmp_path / "job", Description("books")):
        pass


# What `scraper jobs` tells.


async def test_listed_and_shown(tmp_path: Path) -> None:
    """Jobs are listed by name, with what cannot be read among them; one is shown with what failed in it."""
    await begun(tmp_path / "books")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE).write_bytes(b"what?")
    books, broken = list_jobs(tmp_path)
    assert (books.name, books.spider, books.state, books.waiting, books.failed) == (
        "books",
        "books",
        "unfinished",
        5,
        1,
    )
    assert "is not a file of this program" in broken.problem
    shown = show(tmp_path / "books")
    assert (shown.waiting, shown.failed, shown.reasons) == ({"a.example": 5}, {"a.example": 1}, {"http_404": 1})
    assert [(each.url, each.reason) for each in shown.requests] == [("http://a.example/1", "http_404")]
    assert show(tmp_path / "books", reason="timeout").requests == ()


async def test_failed_requests_put_back(tmp_path: Path) -> None:
    """What failed waits again, as it was; the job is unfinished, and every request is accounted for."""
    await begun(tmp_path / "job")
    async with Job(tmp_path / "job", BOOKS) as job:
        await job.finish("finished")
    assert retry(tmp_path / "job", reason="timeout") == 0
    assert retry(tmp_path / "job") == 1
    async with Job(tmp_path / "job", BOOKS) as job:
        assert job.resumed is not None
        assert job.resumed.statistics.is_balanced
        assert job.resumed.statistics.waiting == job.frontier.waiting == 6
        urls = [entry.request.url for _ in range(6) if (entry := job.frontier.take("a.example"))]
        assert "http://a.example/1" in urls
    assert retry(tmp_path / "job") == 0
