"""How a job directory is opened: only if it was begun, and for its owner's eyes alone."""

from pathlib import Path

import pytest

from scraper.errors import StorageError
from scraper.frontier import Description, Job
from scraper.frontier.jobs.integrity import FILE
from scraper.http.request import Request
from scraper.protocols import Checkpoint

BOOKS = Description("books")


async def begun(folder: Path) -> None:
    """A job in which something waits."""
    async with Job(folder, BOOKS) as job:
        job.frontier.add(Request("http://a.example/", headers={"Authorization": "Bearer secret"}))
        await job.frontier.commit(Checkpoint())


async def test_for_its_owner_alone(tmp_path: Path) -> None:
    """Requests may have secrets: nobody else can read a job, whatever the folder it is in."""
    folder = tmp_path / "job"
    folder.mkdir(mode=0o755)
    await begun(folder)
    async with Job(folder, BOOKS):
        for each in folder.iterdir():
            assert each.stat().st_mode & 0o077 == 0, each


async def test_only_what_was_begun(tmp_path: Path) -> None:
    """Where an unfinished job is needed, a finished one and none at all are refused, and none is made."""
    folder = tmp_path / "job"
    with pytest.raises(StorageError, match="there is none"):
        async with Job(folder, BOOKS, begun_only=True):
            pass
    assert not folder.exists()
    await begun(folder)
    async with Job(folder, BOOKS, begun_only=True) as job:
        assert job.frontier.waiting == 1
        await job.finish("closed early")
    before = (folder / FILE).read_bytes()
    with pytest.raises(StorageError, match="came to its end already"):
        async with Job(folder, BOOKS, begun_only=True):
            pass
    assert (folder / FILE).read_bytes() == before
