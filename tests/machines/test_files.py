"""Where the data file of several machines is: on the one that can write it, with every item once."""

import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.machines.fleet import PREFIX, Fleet


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process is writing a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_file_that_is_still_being_written(fleet: Fleet) -> None:
    """The collector waits for it, as who had it before may be about to close it; this is a warning, and no error."""
    with locked(fleet.place(1) / "out.jsonl.part"):
        [process] = fleet.crawling(1)
        fleet.wait_for(process, "out.jsonl cannot be written: another crawl is writing it; trying again for 60 s")
    fleet.shops.release()
    status, said = fleet.end(process)
    assert (status, "ERROR" in said) == (0, False)
    assert fleet.pages() == fleet.shops.all()


def test_machines_that_share_a_folder(fleet: Fleet) -> None:
    """The file is continued by another process when the collector is told to leave, or dies."""
    jobs = [("-s", f"frontier.jobs={fleet.folder / name}") for name in ("a", "b", "c")]
    fleet.shops.hold(40)
    first = fleet.crawl(1, *jobs[0])
    fleet.wait(lambda: fleet.ask("HGET", f"{PREFIX}meta", "positions"))
    second = fleet.crawl(1, *jobs[1])
    fleet.wait(lambda: fleet.workers() == 2)
    first.send_signal(signal.SIGTERM)
    assert fleet.end(first)[0] == 130
    third = fleet.crawl(1, *jobs[2])
    fleet.wait(lambda: fleet.workers() == 2)
    fleet.kill(second)
    fleet.shops.release()
    status, said = fleet.end(third)
    assert (status, "written anew" in said) == (0, False)
    assert fleet.pages() == fleet.shops.all()


def test_a_machine_that_cannot_write(fleet: Fleet) -> None:
    """It leaves the file to another machine, says so, and crawls on."""
    (fleet.place(1) / "out.jsonl.part").mkdir()
    first, second = fleet.crawling(1, 2)
    fleet.shops.release()
    status, said = fleet.end(first)
    assert status == 0
    assert "the data files cannot be written here: out.jsonl cannot be written: " in said
    assert "the data files are on" in said
    assert fleet.end(second)[0] == 0
    assert fleet.pages() == fleet.shops.all()
    assert [path.parent.name for path in fleet.files()] == ["m2"]


def test_no_machine_can_write(fleet: Fleet) -> None:
    """The crawl ends with an error once all pages are done; when the file can be written the same command does it."""
    blocked = fleet.place(1) / "out.jsonl.part"
    blocked.mkdir()
    status, said = fleet.end(fleet.crawl(1))
    assert status == 1
    assert "out.jsonl cannot be written: " in said
    blocked.rmdir()
    before = fleet.shops.answered.total()
    assert fleet.end(fleet.crawl(1))[0] == 0
    assert fleet.pages() == fleet.shops.all()
    assert fleet.shops.answered.total() == before


def test_what_a_machine_had_begun_is_removed(fleet: Fleet) -> None:
    """What a collector left of the file goes when the crawl ends there, and another machine has the whole one."""
    first, second = fleet.crawling(1, 2)
    fleet.wait((fleet.place(1) / "out.jsonl.part").exists)
    first.send_signal(signal.SIGTERM)
    fleet.end(first)
    assert (fleet.place(1) / "out.jsonl.part").exists()
    fleet.wait((fleet.place(2) / "out.jsonl.part").exists)
    first = fleet.crawl(1)
    fleet.wait(lambda: fleet.workers() == 2)
    other = fleet.place(1) / "other.jsonl.part"
    other.write_text("not ours")
    fleet.shops.release()
    assert [fleet.end(each)[0] for each in (first, second)] == [0, 0]
    assert fleet.pages() == fleet.shops.all()
    assert fleet.files("out.jsonl.part") == []
    assert other.exists()
