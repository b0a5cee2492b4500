"""Marks of what is being handled: what a file says after the process has gone."""

import asyncio
from pathlib import Path

import pytest

from scraper import JsonRequest, Request
from scraper.process.crash_marks import PLACES, CrashMarks, label, marked

BOOKS = Request("https://books.example/")


def test_what_is_being_handled_can_be_read(tmp_path: Path) -> None:
    """Each page has its mark from begin to end, and the others have theirs."""
    marks = CrashMarks(tmp_path / "running")
    places = [marks.begin(BOOKS.replace(url=f"https://books.example/{number}")) for number in range(3)]
    assert sorted(marked(tmp_path / "running")) == [f"https://books.example/{number}" for number in range(3)]
    marks.end(places[1])
    assert sorted(marked(tmp_path / "running")) == ["https://books.example/0", "https://books.example/2"]
    marks.close()
    assert marked(tmp_path / "running") == []
    marks.end(places[0])  # a thread that was not waited for


def test_the_file_is_the_owners(tmp_path: Path) -> None:
    """URLs may hold secrets; and what an earlier process left is gone."""
    (tmp_path / "running").write_text("what was there")
    CrashMarks(tmp_path / "running")
    assert (tmp_path / "running").stat().st_mode & 0o777 == 0o600
    assert marked(tmp_path / "running") == []


def test_more_than_there_is_room_for_have_no_mark(tmp_path: Path) -> None:
    """They run all the same."""
    marks = CrashMarks(tmp_path / "running")
    places = [marks.begin(BOOKS) for _ in range(PLACES + 2)]
    assert len(marked(tmp_path / "running")) == PLACES
    for place in places:
        marks.end(place)
    assert marks.begin(BOOKS) >= 0


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\0\0\0\x05ab", b"\0\0\0\x02\xff\xfe"])
def test_a_damaged_file_is_no_error(tmp_path: Path, content: bytes) -> None:
    """What cannot be read is nobody's label."""
    (tmp_path / "running").write_bytes(content)
    assert not any("books" in each for each in marked(tmp_path / "running"))


def test_a_label_tells_requests_apart(tmp_path: Path) -> None:
    """By URL, and by method, content and session where these are not the usual ones; however long they are."""
    url = BOOKS.url
    requests = [
        BOOKS,
        BOOKS.replace(method="POST"),
        JsonRequest(url, data={"page": 1}),
        JsonRequest(url, data={"page": 2}),
        BOOKS.replace(session="second"),
        BOOKS.replace(url=url + "x" * 5000),
    ]
    assert len({label(each) for each in requests}) == len(requests)
    assert label(BOOKS) == url
    assert all(label(each).startswith(url) for each in requests)
    marks = CrashMarks(tmp_path / "running")
    marks.begin(requests[-1])
    assert len(marked(tmp_path / "running")[0]) < 100


async def test_steps_are_marked_while_they_run(tmp_path: Path) -> None:
    """Asynchronous work has its mark while it runs, and none while it waits; its outcome is what it was."""
    marks, path = CrashMarks(tmp_path / "running"), tmp_path / "running"

    async def work() -> int:
        assert marked(path) == [BOOKS.url]
        await asyncio.sleep(0.01)
        assert marked(path) == [BOOKS.url]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)
        return 5

    async def look() -> None:
        await asyncio.sleep(0.005)
        assert marked(path) == []

    assert await asyncio.gather(marks.step(work(), BOOKS), look()) == [5, None]

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        await marks.step(fail(), BOOKS)
    assert marked(path) == []
