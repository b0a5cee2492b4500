"""Job directories: gone on with after any death, and refused, untouched, if they are damaged or of another crawl."""

import asyncio
import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scraper.errors import SpiderError, StorageError
from scraper.events import Statistics
from scraper.frontier import Description, Job, compare
from scraper.frontier.database import Store
from scraper.frontier.jobs.description import DIGEST
from scraper.frontier.jobs.integrity import FILE
from scraper.http.request import Request
from scraper.protocols import Checkpoint, Position, Seeds
from tests.examples import examples

SHOP = Description("shop", "spiders:Shop", {"n": 1}, {"limits.per_host": 8}, [{"path": "a.jsonl", "fields": ["x"]}])
ROOT = Path(__file__).parent.parent.parent
SITE = "a.example"


def request(number: int, **fields: Any) -> Request:
    return Request(f"http://{SITE}/{number}", "parse", **fields)


async def begin(folder: Path, number: int = 5) -> None:
    """A job with some requests, which ends as if its process had died."""
    async with Job(folder, SHOP) as job:
        for each in range(number):
            job.frontier.remember(str(each), "")
            job.frontier.add(request(each))
        await job.frontier.commit(Checkpoint(statistics=Statistics(discovered=number, waiting=number)))


async def waiting(folder: Path, description: Description = SHOP, **options: Any) -> list[str]:
    async with Job(folder, description, **options) as job:
        urls = []
        while entry := job.frontier.take(SITE):
            urls.append(entry.request.url.rpartition("/")[2])
        return urls


async def test_a_job_goes_on(tmp_path: Path) -> None:
    """Requests, what was met, and the whole checkpoint are there again; what was in flight waits again."""
    checkpoint = Checkpoint(
        positions={"a.jsonl": Position("a.jsonl", 10, 2, 7, {"header": ["x"]})},
        statistics=Statistics("shop", discovered=3, fetched=1, waiting=2, statuses={200: 1}, refused={"robots": 1}),
        seeds=Seeds(4, has_ended=True),
        memories={"cookies": {"jar": b"\x00", "list": [1, {"a": None}]}, "unique": {"k": True}},
    )
    async with Job(tmp_path / "job", SHOP) as job:
        frontier = job.frontier
        assert job.resumed is None
        for each in range(3):
            frontier.add(request(each, meta={"t": (each,)}, errback="oops"), is_start=True)
        assert frontier.remember("x", "")
        first, second = frontier.take(SITE), frontier.take(SITE)
        assert first is not None
        assert second is not None
        frontier.done(first)
        await frontier.commit(checkpoint)
        later = Checkpoint(statistics=checkpoint.statistics, memories={"unique": {"k": None, "l": True}})
        await frontier.commit(replace(later, positions=checkpoint.positions, seeds=checkpoint.seeds))
        frontier.done(second)
        frontier.add(request(9))
    assert stat.S_IMODE((tmp_path / "job").stat().st_mode) == 0o700
    async with Job(tmp_path / "job", SHOP) as job:
        memories = {"cookies": checkpoint.memories["cookies"], "unique": {"l": True}}
        assert job.resumed == replace(checkpoint, memories=memories)
        assert job.methods() == {"parse", "oops"}
        assert not job.frontier.remember("x", "")
        again = [job.frontier.take(SITE), job.frontier.take(SITE), job.frontier.take(SITE)]
        assert [(each.number, each.request.meta, each.is_start) for each in again if each] == [
            (2, {"t": (1,)}, True),
            (3, {"t": (2,)}, True),
        ]
        assert job.frontier.add(request(10)).number > 3


async def test_a_commit_holds_what_was_when_it_was_called(tmp_path: Path) -> None:
    """What happens while a commit is being written belongs to the next one."""
    async with Job(tmp_path, SHOP) as job:
        job.frontier.add(request(1))
        first = job.frontier.commit(Checkpoint(seeds=Seeds(1)))
        job.frontier.add(request(2))
        entry = job.frontier.take(SITE)
        assert entry is not None
        job.frontier.done(entry)
        await first
    assert await waiting(tmp_path) == ["1"]


async def test_commits_follow_each_other(tmp_path: Path) -> None:
    """A second commit may be called before the first has ended; nobody need wait for either."""
    async with Job(tmp_path, SHOP) as job:
        for each in range(5):
            job.frontier.add(request(each))
            job.frontier.commit(Checkpoint())
    assert await waiting(tmp_path) == list("01234")


@pytest.mark.parametrize("fresh", [False, True])
async def test_finished_jobs_and_fresh_ones_start_over(tmp_path: Path, fresh: bool) -> None:
    """A finished job is started over, and so is an unfinished one if that is asked for."""
    await begin(tmp_path)
    if not fresh:
        async with Job(tmp_path, SHOP) as job:
            await job.finish("finished")
    async with Job(tmp_path, Description("other"), fresh=fresh) as job:
        assert job.resumed is None
        assert job.frontier.waiting == 0
        assert job.frontier.remember("1", "")


async def test_what_cannot_be_kept_is_refused_as_it_is_added(tmp_path: Path) -> None:
    """The request that cannot be kept is an error at its page, and nothing of it waits."""
    async with Job(tmp_path, SHOP) as job:
        with pytest.raises(SpiderError, match="keep plain values"):
            job.frontier.add(request(1, meta={"a": print}))
        assert job.frontier.waiting == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"spider": "other"}, "its spider was shop, now it is other"),
        ({"arguments": {"n": 2}}, "argument n was 1, now it is 2"),
        ({"arguments": {}}, "argument n was 1, now there is none"),
        ({"arguments": {"n": {DIGEST: "1f"}}}, "argument n has changed"),
        ({"arguments": {"n": 1, "password": {DIGEST: "1f"}}}, "argument password is set, there was none"),
        ({"sinks": []}, "it wrote to a.jsonl, now it does not"),
        ({"sinks": [{"path": "a.jsonl", "fields": ["y"]}]}, r"a.jsonl: fields was \['x'\], now it is \['y'\]"),
        ({"settings": {"limits.per_host": 8, "pipelines.unique": ["x"]}}, r"pipelines.unique is \['x'\]"),
    ],
)
async def test_another_crawl_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    """What would make a job another crawl is told, and what to do."""
    await begin(tmp_path)
    with pytest.raises(StorageError, match=rf"{told}.*--fresh starts over, --job DIR keeps both"):
        await waiting(tmp_path, replace(SHOP, **changes))
    assert len(await waiting(tmp_path)) == 5


async def test_harmless_changes_are_told(tmp_path: Path) -> None:
    """Limits and the version may change; each change is a line."""
    await begin(tmp_path)
    changed = replace(SHOP, settings={"limits.per_host": 2, "frontier.jobs": "x"}, version="2")
    assert compare(SHOP, SHOP) == ([], [])
    async with Job(tmp_path, changed) as job:
        assert [each.partition(" ")[0] for each in job.changes] == ["limits.per_host", "scraper"]
        assert job.edited == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {"source": "b", "modules": {"items": "2"}}, []),
        ({"source": "a"}, {"source": "b"}, ["spiders"]),
        ({"source": "a"}, {"source": "a"}, []),
        ({"source": "a"}, {"source": ""}, []),
        ({"source": "a", "modules": {"items": "1"}}, {"source": "b", "modules": {"items": "2"}}, ["spiders", "items"]),
        ({"modules": {"items": "1", "gone": "1"}}, {"modules": {"items": "2", "common": "1"}}, ["items"]),
        ({"modules": {"items": "1"}}, {"modules": {"items": "1"}}, []),
    ],
)
async def test_modules_that_have_changed_are_named(
    tmp_path: Path, old: dict[str, Any], new: dict[str, Any], told: list[str]
) -> None:
    """A job names the modules of its spider that have changed since the last process; one without digests, none."""
    await waiting(tmp_path, replace(SHOP, **old))
    for expected in (told, []):
        async with Job(tmp_path, replace(SHOP, **new)) as job:
            assert (list(job.edited), job.changes) == (expected, ())


async def test_the_order_may_change(tmp_path: Path) -> None:
    """A changed order is carried out on what waits, and back again."""
    await begin(tmp_path, 4)
    assert await waiting(tmp_path, order="depth") == list("3210")
    assert await waiting(tmp_path, order="depth") == list("3210")
    assert await waiting(tmp_path) == list("0123")


# Files that are damaged, or not ours.


def _picture(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir()) if each.suffix != ".sqlite-shm"}


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)")


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


DAMAGE: dict[str, Any] = {
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(os.urandom(5000)),
    "text": lambda path: path.write_text("SQLite format 4"),
    "another program's": lambda path: (path.unlink(), _foreign(path)),
    "newer": _newer,
    "cut short": lambda path: os.truncate(path, 2 * 4096),
    "only a header": lambda path: os.truncate(path, 100),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: (path.rename(path.with_name("other")), path.symlink_to("other")),
}


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("kind", DAMAGE)
async def test_what_is_no_job_is_refused_and_left_alone(tmp_path: Path, kind: str, fresh: bool) -> None:
    """A file that is not a whole one of ours is told of in one line, and stays as it is, also if all starts over."""
    await begin(tmp_path)
    path = tmp_path / FILE
    DAMAGE[kind](path)
    (tmp_path / "lock").unlink()
    before = {} if kind == "a folder" else _picture(tmp_path)
    with pytest.raises(StorageError) as raised:
        await waiting(tmp_path, fresh=fresh)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    if kind not in ("a folder", "a link"):
        assert "move it away or delete it" in str(raised.value)
    if before:
        (tmp_path / "lock").unlink()
        assert {name: data for name, data in _picture(tmp_path).items() if data} == {
            k: v for k, v in before.items() if v
        }


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A job of some pages, killed with a WAL beside its file."""
    folder = tmp_path_factory.mktemp("big")
    kept = tmp_path_factory.mktemp("kept")

    async def make() -> None:
        await begin(folder, 300)
        async with Job(folder, SHOP) as job:
            for each in range(300, 400):
                job.frontier.add(request(each))
            await job.frontier.commit(Checkpoint())
            for each in range(400, 500):
                job.frontier.add(request(each))
            await job.frontier.commit(Checkpoint())
            for name in (FILE, f"{FILE}-wal"):
                shutil.copy(folder / name, kept / name)

    asyncio.run(make())
    return kept, {str(each) for each in range(500)}


@given(data=st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere(big: tuple[Path, set[str]], data: st.DataObject, tmp_path_factory: Any) -> None:
    """A file cut short or changed anywhere is refused in one line, or stands as of a commit: never something else."""
    kept, _ = big
    folder = tmp_path_factory.mktemp("damaged")
    for each in kept.iterdir():
        shutil.copy(each, folder / each.name)
    name = data.draw(st.sampled_from([FILE, f"{FILE}-wal"]))
    content = bytearray((folder / name).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(content)
    try:
        found = asyncio.run(waiting(folder))
    except StorageError as error:
        told = str(error)
    else:
        told = ""
        assert found in [[str(each) for each in range(number)] for number in (300, 400, 500)]
    assert "\n" not in told
    shutil.rmtree(folder)


async def test_a_changed_request_is_noticed(tmp_path: Path) -> None:
    """A request whose bytes have changed is an error when it is read, and is never crawled."""
    await begin(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        (blob,) = connection.execute("SELECT request FROM waiting LIMIT 1").fetchone()
        connection.execute("UPDATE waiting SET request = ?", (blob[:-1] + b"x",))
        connection.commit()
    with pytest.raises(StorageError, match=r"frontier\.sqlite: .*checksum"):
        await waiting(tmp_path)


async def test_a_lost_request_is_noticed(tmp_path: Path) -> None:
    """A file with fewer requests than were committed is refused."""
    await begin(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("DELETE FROM waiting WHERE place = 3")
        connection.commit()
    with pytest.raises(StorageError, match="of 5 waiting requests 4 are there"):
        await waiting(tmp_path)


# Locks, folders and disks.


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    """A job that is being crawled is refused, with the number of the process that has it."""
    async with Job(tmp_path / "shop", SHOP):
        with pytest.raises(StorageError, match=f"job shop is being crawled by process {os.getpid()}"):
            await waiting(tmp_path / "shop")
    assert await waiting(tmp_path / "shop") == []


def _sleep() -> None:
    signal.pause()


async def test_children_do_not_keep_the_lock(tmp_path: Path) -> None:
    """A process that was forked while a job was open does not hold it when its parent is gone."""
    async with Job(tmp_path, SHOP):
        child = multiprocessing.get_context("fork").Process(target=_sleep)
        child.start()
    try:
        assert await waiting(tmp_path) == []
    finally:
        child.kill()
        child.join()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.frontier.test_jobs import SHOP, request
from scraper.frontier import Job
from scraper.protocols import Checkpoint
async def main():
    async with Job(Path(sys.argv[1]), SHOP) as job:
        number = 0
        while True:
            for _ in range(50):
                job.frontier.add(request(number))
                number += 1
            durable = job.frontier.commit(Checkpoint())
            if number > int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
            await durable
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [40, 400])
def test_killed_while_committing(tmp_path: Path, number: int) -> None:
    """After `kill -9` in a commit its lock is gone, and the file is as of that commit or the one before."""
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(number)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = asyncio.run(waiting(tmp_path))
    assert found == [str(each) for each in range(len(found))]
    last = number - number % 50 + 50
    assert len(found) in (last - 50, last)


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A job directory that cannot be written is told of in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file.* cannot be used: "):
        await waiting(tmp_path / "file" / "shop")


FULL = """
import asyncio, resource, sys
from pathlib import Path
from tests.frontier.test_jobs import SHOP, request
from scraper.errors import StorageError
from scraper.frontier import Job
from scraper.protocols import Checkpoint
async def main():
    async with Job(Path(sys.argv[1]), SHOP) as job:
        job.frontier.add(request(0))
        await job.frontier.commit(Checkpoint())
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        for number in range(1, 5000):
            job.frontier.add(request(number))
        job.frontier.take("a.example")
        for _ in range(2):
            try:
                await job.frontier.commit(Checkpoint())
            except StorageError as error:
                print(error)
asyncio.run(main())
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """A commit that finds no room is one line, so is each later one, and the file is as of the last good one."""
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=30, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert lines[0].startswith(f"{tmp_path / FILE} cannot be written: ")
    assert asyncio.run(waiting(tmp_path)) == ["0"]


async def test_what_cannot_be_read_any_more(tmp_path: Path, monkeypatch: Any) -> None:
    """If the file cannot be read while it is crawled, `take` says so in one line."""
    await begin(tmp_path)

    def fail(*_: object) -> Any:
        raise StorageError("frontier.sqlite cannot be read: disk I/O error")

    async with Job(tmp_path, SHOP) as job:
        monkeypatch.setattr(Store, "read", fail)
        with pytest.raises(StorageError, match="cannot be read"):
            job.frontier.take(SITE)
