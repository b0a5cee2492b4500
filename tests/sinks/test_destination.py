"""Where bytes go: folders, disks and pipes as they are."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from scraper.errors import StorageError
from scraper.sinks.files.background_writer import ROOM
from scraper.sinks.files.destination import Destination

CRAWL = """
import asyncio, resource, sys
from scraper.errors import StorageError
from scraper.sinks.files.destination import Destination

async def crawl(path, size):
    destination = Destination(path)
    await destination.open()
    try:
        destination.put(b"x" * int(size) + b"\\n")
        await destination.sync()
        print("synced", file=sys.stderr, flush=True)
        if path.endswith("wait"):
            await asyncio.sleep(60)
        await destination.complete()
        await destination.publish()
    finally:
        await destination.close()

if "limit" in sys.argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    asyncio.run(crawl(sys.argv[1], sys.argv[2]))
except StorageError as error:
    sys.exit(str(error))
"""


def crawl(path: str | Path, size: int, *more: str) -> list[str]:
    """The command line of a process that writes `size` bytes to `path`."""
    return [sys.executable, "-W", "error", "-c", CRAWL, str(path), str(size), *more]


async def failure(action: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(StorageError) as caught:
        await action()
    return str(caught.value)


async def finish(destination: Destination) -> None:
    await destination.complete()
    await destination.publish()


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A path that is a folder is refused before anything is written."""
    assert await failure(Destination(str(tmp_path)).open) == f"{tmp_path} cannot be written: it is a folder"


async def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """If a folder of the path cannot be made, the message names that folder."""
    (tmp_path / "data").write_bytes(b"")
    path = tmp_path / "data" / "books.jsonl"
    assert await failure(Destination(str(path)).open) == f"{path} cannot be written: {tmp_path}/data: File exists"


async def test_a_folder_that_takes_no_files() -> None:
    """Where files cannot be created, the message names the path and the reason."""
    path = "/proc/self/books.jsonl"
    assert (await failure(Destination(path).open)).startswith(f"{path} cannot be written: ")


async def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    """A name the file system refuses is told in one line."""
    path = str(tmp_path / f"{'x' * 300}.csv")
    message = await failure(Destination(path).open)
    assert message == f"{path} cannot be written: File name too long"


async def test_a_folder_in_place_of_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the final name was taken by a folder meanwhile, that is told, and the .part stays."""
    path = tmp_path / "books.jsonl"
    destination = Destination(str(path))
    await destination.open()
    destination.put(b"Emma\n")
    (path / "in the way").mkdir(parents=True)
    assert await failure(partial(finish, destination)) == f"{path} cannot be written: Is a directory"
    await destination.close()
    assert Path(f"{path}.part").read_bytes() == b"Emma\n"
    assert "not finished" in caplog.text


async def test_whoever_writes_too_much_waits(tmp_path: Path) -> None:
    """Up to a megabyte is taken at once; who gave more waits until it is written."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        destination = Destination(str(fifo))
        await destination.open()
        destination.put(bytes(ROOM))
        await asyncio.wait_for(destination.wait_for_room(), 20)
        destination.put(b"x")
        waiting = asyncio.create_task(destination.wait_for_room())
        await asyncio.sleep(0)
        cancelled = asyncio.create_task(destination.wait_for_room())
        await asyncio.sleep(0.05)
        cancelled.cancel()
        assert not waiting.done()
        finishing = asyncio.create_task(finish(destination))
        read = 0
        while read < ROOM + 1:
            try:
                read += len(os.read(reader, 1 << 20))
            except BlockingIOError:
                await asyncio.sleep(0.001)
        await waiting
        await finishing
    finally:
        os.close(reader)
    assert read == destination.size == ROOM + 1
    assert fifo.is_fifo()


async def test_nobody_reads_on(tmp_path: Path) -> None:
    """A pipe whose reader has gone is a StorageError."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    destination = Destination(str(fifo))
    await destination.open()
    os.close(reader)
    destination.put(b"Emma")
    assert await failure(partial(finish, destination)) == f"{fifo} cannot be written: Broken pipe"
    await destination.close()


def test_standard_output() -> None:
    """'-' is standard output, which is neither renamed nor closed."""
    done = subprocess.run(crawl("-", 300_000), capture_output=True, check=True)
    assert done.stdout == b"x" * 300_000 + b"\n"
    assert done.stderr == b"synced\n"


def test_standard_output_is_closed_by_its_reader() -> None:
    """When `| head` has seen enough, that is told in one line."""
    with subprocess.Popen(crawl("-", 3_000_000), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        told = process.stderr.read().decode().splitlines()
    assert set(told) == {"standard output cannot be written: Broken pipe"}
    assert process.returncode == 1


def test_a_full_disk(tmp_path: Path) -> None:
    """When no more goes into the file, that is told, and what went in stays in the .part."""
    path = tmp_path / "books.jsonl"
    done = subprocess.run(crawl(path, 300_000, "limit"), capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert f"{path} cannot be written: File too large" in done.stderr
    assert f"{path} is not finished: what there is of it is {path}.part" in done.stderr
    assert "Traceback" not in done.stderr
    assert Path(f"{path}.part").stat().st_size == 100_000


def test_a_killed_crawl_leaves_no_lock(tmp_path: Path) -> None:
    """Another process that writes the file keeps us away, until it is killed."""
    path = tmp_path / "wait"
    with subprocess.Popen(crawl(path, 1000), stderr=subprocess.PIPE) as other:
        assert other.stderr is not None
        assert other.stderr.readline() == b"synced\n"
        refused = subprocess.run(crawl(path, 10), capture_output=True, check=False, text=True)
        assert refused.stderr == f"{path} cannot be written: another crawl is writing it\n"
        other.send_signal(signal.SIGKILL)
    assert Path(f"{path}.part").stat().st_size == 1001
    done = asyncio.run(rewrite(path))
    assert done == path.read_bytes() == b"Persuasion"


async def rewrite(path: Path) -> bytes:
    destination = Destination(str(path))
    await destination.open()
    destination.put(b"Persuasion")
    await finish(destination)
    return b"Persuasion"


async def test_a_lock_is_of_the_file_at_hand(tmp_path: Path) -> None:
    """Many who want the same file at the same time: each finishes it whole, or is refused."""
    path = str(tmp_path / "books.jsonl")

    async def write(number: int) -> bool:
        destination = Destination(path)
        try:
            await destination.open()
        except StorageError:
            return False
        destination.put(b"%d\n" % number * 50_000)
        await finish(destination)
        return True

    written = 0
    for _ in range(10):
        written += sum(await asyncio.gather(*map(write, range(10))))
        lines = Path(path).read_bytes().split(b"\n")
        assert len(set(lines[:-1])) == 1
        assert len(lines) == 50_001
    assert written >= 10
