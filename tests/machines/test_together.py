"""Crawls by several machines: who crawls what is theirs to find out, and the outcome is that of one machine."""

import signal
from collections.abc import Callable

from tests.machines.fleet import Fleet, balance


def test_two_machines_crawl_together(fleet: Fleet) -> None:
    """Each item is once in one file, start() was asked once, both end well and say the same, and where the file is."""
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    fleet.shops.release()
    (status, said), (other, also) = fleet.end(first), fleet.end(second)
    assert (status, other) == (0, 0)
    assert fleet.pages() == fleet.shops.all()
    assert set(fleet.shops.answered.values()) == {1}
    assert fleet.starts() == 1
    assert balance(said) == balance(also)
    pages = len(fleet.shops.all())
    assert balance(said) == {"discovered": pages, "fetched": pages, "refused": 0, "failed": 0, "waiting": 0}
    [path] = fleet.files()
    assert path.parent.name == "m1"
    assert "out.jsonl" in said
    assert "the data files are on" in also
    assert str(path.parent) in also


def test_a_machine_that_dies_and_joins_again(fleet: Fleet) -> None:
    """What it had not committed is crawled again, by anyone, and no item is twice or missing."""
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    fleet.kill(second)
    second = fleet.crawl(2)
    fleet.wait(lambda: fleet.workers() == 2)
    fleet.shops.release()
    assert [fleet.end(each)[0] for each in (first, second)] == [0, 0]
    assert fleet.pages() == fleet.shops.all()
    assert fleet.starts() == 1


def test_the_machine_with_the_file_dies(fleet: Fleet) -> None:
    """Another one writes the file anew, from the items that are in the store."""
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    fleet.kill(first)
    fleet.shops.release()
    status, said = fleet.end(second)
    assert status == 0
    assert fleet.pages() == fleet.shops.all()
    [path] = fleet.files()
    assert path.parent.name == "m2"
    assert "the data files are written anew: they were begun on" in said


def test_a_machine_that_is_told_to_leave(fleet: Fleet) -> None:
    """It hands its sites over and ends as by Ctrl-C, and says that the others continue and how it joins again."""
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    second.send_signal(signal.SIGTERM)
    fleet.shops.release()
    status, said = fleet.end(second)
    assert status == 130
    assert "1 other machine continues the crawl" in said
    assert "joins it again" in said
    assert "--fresh" not in said
    assert fleet.end(first)[0] == 0
    assert fleet.pages() == fleet.shops.all()


def test_all_machines_die(fleet: Fleet) -> None:
    """The same command resumes on any machine, and there is one file with each item once."""
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    fleet.kill(second)
    fleet.kill(first)
    fleet.shops.release()
    status, said = fleet.run(3, "crawl", "shops.py", "-o", "out.jsonl")
    assert status == 0, said
    assert fleet.pages() == fleet.shops.all()
    assert fleet.starts() == 1
    assert balance(said)["fetched"] == len(fleet.shops.all())


def test_unique_holds_over_all_machines(fleet_of: Callable[..., Fleet]) -> None:
    """Of items that are equal in the named fields one is written, whichever machines have found them."""
    fleet = fleet_of(pages=50)
    fleet.place(1)
    fleet.place(2)
    for machine in (1, 2):
        fleet.change(machine, "[views]", '[pipelines]\nunique = ["number"]\n[views]', name="config.toml")
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    fleet.shops.release()
    said = [fleet.end(each) for each in (first, second)]
    assert [status for status, _ in said] == [0, 0]
    assert sorted(each["number"] for each in fleet.items()) == list(range(50))
    for _, each in said:
        assert f"dropped  {5 * 50}" in each
