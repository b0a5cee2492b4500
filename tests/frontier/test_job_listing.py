"""Job directories as `scraper jobs` tells of them, also while they are crawled."""

import gc
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scraper.errors import StorageError
from scraper.events import Statistics
from scraper.frontier import Description, Job
from scraper.frontier.jobs.integrity import FILE
from scraper.frontier.jobs.listing import list_jobs, retry, show
from scraper.http.request import Request
from scraper.protocols import Checkpoint
from tests.examples import examples

SHOP = Description("shop")
REASONS = ["http_503", "timeout", "http_503", "robots"]
STATISTICS = Statistics(
    "shop",
    discovered=6,
    fetched=1,
    waiting=1,
    refused={"robots": 1},
    failed={"http_503": 2, "timeout": 1},
    start_urls=6,
    start_urls_failed=4,
)


async def crawl(folder: Path, *, ends: bool = False) -> None:
    """A job with one request done, four that failed, and one that waits."""
    async with Job(folder, SHOP) as job:
        for number in range(6):
            job.frontier.add(Request(f"http://user:secret@a.example/{number}", priority=-number), is_start=True)
        entries = [job.frontier.take("a.example") for _ in range(5)]
        await job.frontier.commit(Checkpoint())
        for entry, reason in zip(entries, [*REASONS, ""], strict=True):
            assert entry is not None
            if reason:
                job.frontier.failed(entry, reason)
            else:
                job.frontier.done(entry)
        await job.frontier.commit(Checkpoint(statistics=STATISTICS))
        if ends:
            await job.finish("finished")


async def test_jobs_are_listed(tmp_path: Path) -> None:
    """Each job says what it is of, how it stands, and whether it runs; one that is damaged says so."""
    assert list_jobs(tmp_path / "nowhere") == []
    await crawl(tmp_path / "a")
    await crawl(tmp_path / "b", ends=True)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / FILE).write_text("x")
    async with Job(tmp_path / "d", SHOP):
        first, second, third, fourth = list_jobs(tmp_path)
        assert (fourth.state, fourth.is_running, fourth.statistics) == ("unfinished", True, None)
    assert (first.name, first.spider, first.state, first.is_running) == ("a", "shop", "unfinished", False)
    assert (first.waiting, first.failed, first.statistics) == (1, 4, STATISTICS)
    assert (second.state, second.reason) == ("finished", "finished")
    assert "is not a file of this program" in third.problem


async def test_a_running_job_is_not_disturbed(tmp_path: Path) -> None:
    """Looking at a job shows its last commit, and changes nothing for its crawl."""
    await crawl(tmp_path / "a")
    async with Job(tmp_path / "a", SHOP) as job:
        for number in range(20):
            job.frontier.add(Request(f"http://b.example/{number}"))
            await job.frontier.commit(Checkpoint())
            assert show(tmp_path / "a").waiting.get("b.example") == number + 1
            assert list_jobs(tmp_path)[0].is_running


async def test_failures_are_shown(tmp_path: Path) -> None:
    """Counts by site and reason, and the requests page by page, without credentials."""
    await crawl(tmp_path)
    details = show(tmp_path, limit=2)
    assert details.waiting == {"a.example": 1}
    assert details.failed == {"a.example": 4}
    assert details.reasons == {"http_503": 2, "robots": 1, "timeout": 1}
    assert [(each.url, each.reason) for each in details.requests] == [
        ("http://a.example/0", "http_503"),
        ("http://a.example/1", "timeout"),
    ]
    following = show(tmp_path, limit=2, after=details.requests[-1].number).requests
    assert [each.url for each in following] == ["http://a.example/2", "http://a.example/3"]
    assert [each.reason for each in show(tmp_path, reason="robots").requests] == ["robots"]


@pytest.mark.parametrize(("reason", "number"), [(None, 4), ("http_503", 2), ("robots", 1), ("reset", 0)])
async def test_failed_requests_are_tried_again(tmp_path: Path, reason: str | None, number: int) -> None:
    """They wait again, and the counts add up; the job, if anything waits, is unfinished."""
    await crawl(tmp_path, ends=True)
    assert retry(tmp_path, reason=reason) == number
    job = show(tmp_path).job
    assert job.statistics is not None
    assert job.statistics.is_balanced
    assert (job.waiting, job.failed) == (1 + number, 4 - number)
    assert job.statistics.waiting == 1 + number
    assert job.statistics.start_urls_failed == 4 - number
    assert job.state == ("unfinished" if number else "finished")
    if number:
        async with Job(tmp_path, SHOP) as again:
            assert again.resumed is not None
            urls = []
            while entry := again.frontier.take("a.example"):
                urls.append(entry.request.url)
            assert len(set(urls)) == 1 + number


async def test_only_jobs_at_rest_are_changed(tmp_path: Path) -> None:
    """What runs, or is no job, is left as it is."""
    async with Job(tmp_path / "a", SHOP):
        with pytest.raises(StorageError, match="is being crawled"):
            retry(tmp_path / "a")
    (tmp_path / "b").mkdir()
    for folder in (tmp_path / "b", tmp_path / "c"):
        with pytest.raises(StorageError, match="cannot be used"):
            retry(folder)
        with pytest.raises(StorageError, match="cannot be used"):
            show(folder)
    assert list((tmp_path / "b").iterdir()) == []


@pytest.mark.parametrize("how", ["a bit", "some bytes", "a page", "the rest"])
async def test_damage_anywhere_is_told_in_one_line(tmp_path: Path, how: str) -> None:
    """What is damaged is listed with its problem; to show it raises one line that says what to do, or shows it."""
    await crawl(tmp_path / "a")
    path, rng, told = tmp_path / "a" / FILE, random.Random(how), 0
    whole = path.read_bytes()
    for _ in range(examples(150)):
        content, place = bytearray(whole), rng.randrange(len(whole))
        match how:
            case "a bit":
                content[place] ^= 1 << rng.randrange(8)
            case "some bytes":
                content[place : place + 50] = rng.randbytes(len(content[place : place + 50]))
            case "a page":
                start = place // 4096 * 4096
                content[start : start + 4096] = bytes(4096)
            case _:
                del content[place:]
        path.write_bytes(content)
        [job] = list_jobs(tmp_path)
        problem = ""
        try:
            show(tmp_path / "a")
        except StorageError as error:
            problem = str(error)
            told += 1
        for line in filter(None, (problem, job.problem)):
            assert line.startswith(str(path))
            assert line.endswith("move it away or delete it")
            assert "\n" not in line
        assert problem or not job.problem
    assert told
    gc.collect()  # what is left half read is closed without a word


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE waiting SET site = CAST(site AS BLOB)",
        "UPDATE waiting SET request = 'x'",
        "UPDATE failed SET reason = CAST(reason AS BLOB)",
        "UPDATE failed SET is_start = 'x'",
        "UPDATE meta SET value = zeroblob(5)",
        "UPDATE meta SET value = 'x' WHERE key = 'statistics'",
    ],
)
async def test_values_that_were_never_written_are_damage(tmp_path: Path, change: str) -> None:
    """A value of another type, or with a wrong checksum, is reported when the job is shown, and when it is resumed."""
    await crawl(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
        file.execute(change)
    with pytest.raises(StorageError, match=r"is damaged \(.*\): move it away or delete it$"):
        show(tmp_path)
    with pytest.raises(StorageError, match=r"is damaged \(.*\): move it away or delete it$"):
        async with Job(tmp_path, SHOP):
            pass
    gc.collect()
