"""What every data file promises after a death: it goes on where the crawl remembers it, and holds each item once."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.errors import StorageError
from scraper.protocols import Position
from tests.contracts.files import ENDINGS, LINES, part_of, part_rows, rows, sink_of, write
from tests.examples import examples
from tests.little_space import little_space

ROOT = Path(__file__).parent.parent.parent
GROWING = [*LINES, "parquet"]
"""The endings whose .part is bytes one after the other, known by their CRC-32."""


def book(number: int) -> dict[str, str]:
    """An item that no other one is like."""
    return {"title": f"Book {number}", "text": f'"{number}",\n' * (number % 5)}


APPENDED = [(each, "append") for each in (*LINES, "sqlite") if ".json" not in f".{each}." or "jsonl" in each]
"""The endings of files that can be appended to."""


def old_books(number: int) -> list[dict[str, str]]:
    """What an earlier crawl wrote."""
    return [{"title": f"Old book {each}", "text": "old"} for each in range(number)]


def books(number: int, *, start: int = 0) -> list[dict[str, str]]:
    return [book(each) for each in range(start, number)]


@pytest.fixture(params=ENDINGS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"books.{request.param}"


async def interrupted(path: Path, *, synced: int = 5, lost: int = 3) -> Position:
    """A file that holds some items up to the position, and some more after it."""
    async with sink_of(path) as sink:
        await sink.write(books(synced))
        position = await sink.sync()
        await sink.write(books(synced + lost, start=synced))
    return position


async def resumed(path: Path, position: Position, items: list[dict[str, str]]) -> None:
    """Go on at `position` with `items`, to the end."""
    sink = sink_of(path)
    sink.resume(position)
    async with sink:
        assert sink.items == position.items
        await sink.write(items)
        await sink.finish()


async def refusal(path: Path, position: Position) -> str:
    """Why the file is not continued; nothing is changed by that."""
    before = {each.name: each.read_bytes() for each in path.parent.iterdir() if not each.name.endswith("-shm")}
    sink = sink_of(path)
    sink.resume(position)
    with pytest.raises(StorageError) as caught:
        await sink.__aenter__()
    after = {each.name: each.read_bytes() for each in path.parent.iterdir() if not each.name.endswith("-shm")}
    assert after == before
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be continued: ")
    assert message.endswith("; --fresh starts over")
    assert "\n" not in message
    return message


async def test_what_follows_the_position_is_cut_off(path: Path) -> None:
    """An item that was written after the position, and is crawled again, is in the file once."""
    position = await interrupted(path)
    assert len(part_rows(path)) == 8
    await resumed(path, position, books(10, start=5))
    assert rows(path) == books(10)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_a_file_can_go_on_at_once_and_often(path: Path) -> None:
    """A crawl that dies again and again before it has written anything loses nothing, and doubles nothing."""
    position = await interrupted(path)
    for _ in range(3):
        sink = sink_of(path)
        sink.resume(position)
        async with sink:
            position = await sink.sync()
            assert position.items == 5
            await sink.write(books(7, start=5))
    await resumed(path, position, books(6, start=5))
    assert rows(path) == books(6)


async def test_a_finished_file_goes_on(path: Path) -> None:
    """A file that was given its name before the crawl could remember its end is continued, more than once."""
    async with sink_of(path) as sink:
        await sink.write(books(5))
        position = await sink.sync()
        await sink.write(books(7, start=5))
        await sink.finish()
    for number in (9, 6):
        await resumed(path, position, books(number, start=5))
        assert rows(path) == books(number)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_a_finished_file_stays_while_it_is_continued(path: Path) -> None:
    """Until the continued file is whole, the one with the final name stays as it was; and both can be continued."""
    async with sink_of(path) as sink:
        await sink.write(books(5))
        position = await sink.sync()
        await sink.finish()
    whole = path.read_bytes()
    sink = sink_of(path)
    sink.resume(position)
    async with sink:
        await sink.write(books(7, start=5))
        position = await sink.sync()
        await sink.write(books(9, start=7))
    assert path.read_bytes() == whole
    await resumed(path, position, books(8, start=7))
    assert rows(path) == books(8)


async def test_half_a_copy_is_made_again(path: Path) -> None:
    """A death while the finished file was being copied leaves the finished file, which is copied again."""
    async with sink_of(path) as sink:
        await sink.write(books(5))
        position = await sink.sync()
        await sink.finish()
    part_of(path).write_bytes(path.read_bytes()[:10])
    await resumed(path, position, books(6, start=5))
    assert rows(path) == books(6)


async def test_nothing_written_needs_no_file(path: Path) -> None:
    """Where nothing had been written at the position, nothing has to be there, and what is there does not matter."""
    async with sink_of(path) as sink:
        position = await sink.sync()
    shutil.rmtree(path.parent)
    await resumed(path, position, books(3))
    assert rows(path) == books(3)
    part_of(path).write_bytes(b"half an it" * 1000)
    await resumed(path, position, [])
    assert rows(path) == []


async def test_a_missing_file_is_refused(path: Path) -> None:
    """Where neither the .part nor the file is there, that is said."""
    position = await interrupted(path)
    part_of(path).unlink()
    assert f"neither it nor {path.name}.part is there" in await refusal(path, position)


async def test_the_file_of_another_crawl_is_refused(path: Path) -> None:
    """A file in the place of ours that begins otherwise is neither continued nor changed."""
    position = await interrupted(path)
    part_of(path).unlink()
    await write(path, books(20, start=10))
    await refusal(path, position)
    assert rows(path) == books(20, start=10)


@pytest.mark.parametrize("ending", GROWING)
async def test_a_shorter_file_is_refused(ending: str, tmp_path: Path) -> None:
    """A .part that has lost bytes from before the position is not continued."""
    path = tmp_path / f"books.{ending}"
    position = await interrupted(path)
    os.truncate(part_of(path), position.bytes - 1)
    told = f"books.{ending}.part has {position.bytes - 1:,} bytes, fewer than the {position.bytes:,} that were written"
    assert told in await refusal(path, position)


@settings(max_examples=examples(25), deadline=None)  # disks take their time
@given(ending=st.sampled_from(GROWING), data=st.data())
def test_a_changed_byte_is_refused(ending: str, data: st.DataObject) -> None:
    """A single other bit before the position is seen."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"books.{ending}")
        position = asyncio.run(interrupted(path))
        written = bytearray(part_of(path).read_bytes())
        place = data.draw(st.integers(0, position.bytes - 1))
        written[place] ^= 1 << data.draw(st.integers(0, 7))
        part_of(path).write_bytes(written)
        assert f"the first {position.bytes:,} bytes of books.{ending}.part are not those that were written" in (
            asyncio.run(refusal(path, position))
        )


async def test_another_crawl_is_not_disturbed(path: Path) -> None:
    """A file that is being written is not continued by a second process of the same job."""
    async with sink_of(path) as first:
        await first.write(books(5))
        position = await first.sync()
        second = sink_of(path)
        second.resume(position)
        with pytest.raises(StorageError, match="another crawl is writing it"):
            await second.__aenter__()
        await first.write(books(6, start=5))
        await first.finish()
    assert rows(path) == books(6)


async def test_a_planted_link_is_not_followed(path: Path) -> None:
    """A .part that is a symbolic link is refused, and what it leads to is left alone."""
    precious = path.parent / "precious"
    precious.write_text("precious", encoding="utf-8")
    part_of(path).symlink_to(precious)
    with pytest.raises(StorageError, match="cannot be written"):
        await sink_of(path).__aenter__()
    assert precious.read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("durable", [True, False])
async def test_power(path: Path, durable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a durable file has synced is on the disk; others are brought there at the end alone."""
    if path.suffix == ".sqlite":
        pytest.skip("SQLite calls fsync itself")
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), fsync(descriptor)))
    async with sink_of(path, durable=durable) as sink:
        opened = len(synced)
        await sink.write(books(5))
        await sink.sync()
        assert (len(synced) > opened) is durable
        await sink.sync()
        assert len(synced) - opened == (1 if durable else 0)
        await sink.finish()
    assert len(synced) > opened


# Any death.


@dataclass
class Job:
    """A crawl that dies now and then, and what it would remember of its file."""

    path: Path
    mode: str = "replace"
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    sink: Any = None
    position: Position | None = None
    written: int = 0

    async def start(self) -> None:
        self.sink = sink_of(self.path, **modes(self.mode))
        if self.position is not None:
            self.sink.resume(self.position)
        await self.stack.enter_async_context(self.sink)
        self.written = self.position.items if self.position is not None else 0

    async def write(self, number: int) -> None:
        await self.sink.write(books(self.written + number, start=self.written))
        self.written += number

    async def sync(self) -> None:
        self.position = await self.sink.sync()

    async def die(self) -> None:
        """Leave the files as they are at this moment, as SIGKILL does, and start again."""
        life = self.path.parent
        copy = life.with_name(f"{life.name}x")
        shutil.copytree(life, copy)
        await self.stack.aclose()
        self.path = copy / self.path.name
        await self.start()

    async def end(self) -> None:
        """Be interrupted in good order, and start again."""
        await self.stack.aclose()
        await self.start()

    async def finish_and_die(self) -> None:
        """Give the file its name, as is done after a checkpoint, and die before that is remembered."""
        if self.position is None or self.mode == "upsert":
            await self.sync()
        await self.sink.finish()
        await self.end()

    async def scribble(self) -> None:
        """Die in the middle of a write."""
        await self.stack.aclose()
        if self.path.suffix != ".sqlite" and part_of(self.path).exists():
            with part_of(self.path).open("ab") as file:
                file.write(b'{"title": "Bo')
        await self.start()


ACTS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 40)),
    st.tuples(st.sampled_from(["sync", "die", "end", "finish_and_die", "scribble"])),
)


def modes(mode: str) -> dict[str, Any]:
    """The settings of a sink of this mode."""
    return {"mode": mode, "key": ("title",)} if mode == "upsert" else {"mode": mode}


@settings(max_examples=examples(250), deadline=None)  # disks take their time
@given(
    kind=st.sampled_from([*((each, "replace") for each in ENDINGS), *APPENDED, ("sqlite", "upsert")]),
    acts=st.lists(ACTS, max_size=12),
    number=st.integers(0, 5),
    old=st.sampled_from([None, 0, 1, 7]),
)
def test_each_item_once_after_any_deaths(kind: tuple[str, str], acts: list[Any], number: int, old: int | None) -> None:
    """Whatever happens between, a finished file holds every item once, in order, and reads well.

    One that is appended to, or whose rows are updated, holds `old` ones before, each once as well.
    """
    ending, mode = kind

    async def live(path: Path) -> Job:
        job = Job(path, mode)
        if old is not None:
            await write(path, old_books(old))
        async with job.stack:
            await job.start()
            for name, *arguments in acts:
                await getattr(job, name)(*arguments)
            await job.write(number)
            await job.sink.finish()
        return job

    with TemporaryDirectory() as folder:
        path = Path(folder, "life", f"books.{ending}")
        path.parent.mkdir()
        job = asyncio.run(live(path))
        before = [] if mode == "replace" else old_books(old or 0)
        assert rows(job.path) == [*before, *books(job.written)]


@settings(max_examples=examples(80), deadline=None)  # disks take their time
@given(ending=st.sampled_from(ENDINGS), size=st.integers(0, 30_000))
def test_a_disk_that_is_full_at_any_byte(ending: str, size: int) -> None:
    """A file that cannot grow is never given its name; once there is space again, it goes on and loses nothing."""

    async def fill(path: Path) -> Position | None:
        position = None
        with suppress(StorageError):
            async with sink_of(path) as sink:
                for start in range(0, 300, 10):
                    await sink.write(books(start + 10, start=start))
                    position = await sink.sync()
                await sink.finish()
        return position

    with TemporaryDirectory() as folder:
        path = Path(folder, f"books.{ending}")
        with little_space(size):
            position = asyncio.run(fill(path))
        if path.exists():
            assert rows(path) == books(300)
        done = position.items if position is not None else 0
        asyncio.run(resumed(path, position or Position(str(path), 0, 0), books(300, start=done)))
        assert rows(path) == books(300)
        assert [each.name for each in path.parent.iterdir()] == [path.name]


CHILD = """
import asyncio, json, sys
from dataclasses import asdict
from pathlib import Path
from tests.contracts.files import sink_of
from tests.contracts.test_resuming import books

async def crawl(path):
    async with sink_of(path) as sink:
        for start in range(0, 10**9, 50):
            await sink.write(books(start + 50, start=start))
            print(json.dumps(asdict(await sink.sync())), flush=True)

asyncio.run(crawl(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("ending", ["jsonl", "json.gz", "csv.zst", "sqlite", "parquet"])
@pytest.mark.parametrize("lines", [1, 40])
def test_a_killed_process(ending: str, lines: int, tmp_path: Path) -> None:
    """After SIGKILL in the middle of its writing, a file goes on at the last position the process told."""
    path = tmp_path / f"books.{ending}"
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
    position = Position(**json.loads(told[-1]))
    assert position.items == lines * 50
    asyncio.run(resumed(path, position, books(lines * 50 + 7, start=lines * 50)))
    assert rows(path) == books(lines * 50 + 7)


async def test_a_position_is_of_json(path: Path) -> None:
    """A position is made of values that JSON has, and is the same after being kept as such."""
    position = await interrupted(path)
    assert Position(**json.loads(json.dumps(asdict(position)))) == position


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv"])
async def test_a_pipe_goes_on(ending: str, tmp_path: Path) -> None:
    """What cannot be cut back says so, and just goes on: no second header or bracket, but maybe items again."""
    fifo = tmp_path / f"fifo.{ending}"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        async with sink_of(fifo) as sink:
            await sink.write([{"a": "1"}])
            position = await sink.sync()
            await sink.write([{"a": "2"}])
        sink = sink_of(fifo)
        sink.resume(position)
        async with sink:
            assert not sink.is_exact
            await sink.write([{"a": "2"}])
            await sink.finish()
        assert sink.items == 2
        assert os.read(reader, 1000).split() in (
            [b'{"a":"1"}', b'{"a":"2"}', b'{"a":"2"}'],
            [b"[", b'{"a":"1"},', b'{"a":"2"},', b'{"a":"2"}', b"]"],
            [b"a", b"1", b"2", b"2"],
        )
    finally:
        os.close(reader)
