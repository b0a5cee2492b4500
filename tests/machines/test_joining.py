"""Machines that come when they should not, or come late: one line each that says so, and nothing is disturbed."""

import signal

from tests.machines.fleet import PREFIX, Fleet


def test_a_machine_that_comes_after_the_end(fleet: Fleet) -> None:
    """It begins a new crawl, and says so with the time at which the last one ended; with --fresh there is no need."""
    assert fleet.end(fleet.crawl(1))[0] == 0
    assert fleet.keys() == {"meta", "statistics"}
    status, said = fleet.end(fleet.crawl(2))
    assert status == 0
    [line] = [each for each in said.splitlines() if "this begins a new crawl" in each]
    assert "WARNING" in line
    assert "job shops ended at 20" in line
    status, said = fleet.end(fleet.crawl(2, "--fresh"))
    assert status == 0
    assert "this begins a new crawl" not in said
    assert fleet.starts() == 3
    assert [len(path.read_text().splitlines()) for path in fleet.files()] == [len(fleet.shops.all())] * 2


def test_a_machine_that_comes_as_the_others_leave(fleet: Fleet) -> None:
    """While machines of the crawl that has ended are there, it ends as they do, instead of beginning a new crawl."""
    first, second = fleet.crawling(1, 2)
    second.send_signal(signal.SIGSTOP)
    fleet.shops.release()
    fleet.end(first)
    fleet.ask("ZADD", f"{PREFIX}workers", 10**14, "a machine that is about to leave")
    status, said = fleet.end(fleet.crawl(3))
    assert (status, "the crawl ended without this machine" in said) == (0, True)
    status, said = fleet.end(fleet.crawl(3, "--fresh"))
    assert status == 1
    assert "has just ended, and 1 machine will leave it in a moment: try again then" in said
    second.send_signal(signal.SIGCONT)
    assert fleet.end(second)[0] == 0
    assert fleet.pages() == fleet.shops.all()
    assert fleet.starts() == 1


def test_a_machine_that_comes_while_others_are_told_to_stop(fleet: Fleet) -> None:
    """It is refused, in one line; once they have left, the same command resumes."""
    [first] = fleet.crawling(1)
    fleet.wait(lambda: fleet.ask("HGET", f"{PREFIX}meta", "positions"))
    first.send_signal(signal.SIGSTOP)
    fleet.keep_alive()
    status, said = fleet.run(2, "jobs", "stop", "shops")
    assert (status, said.startswith("1 machine will stop")) == (0, True)
    status, said = fleet.end(fleet.crawl(2))
    assert status == 1
    assert "was told to stop (interrupted), and 1 machine will leave it: the same command resumes it" in said
    first.send_signal(signal.SIGCONT)
    status, said = fleet.end(first)
    assert status == 130
    assert "other machine" not in said
    fleet.shops.release()
    status, said = fleet.end(fleet.crawl(2))
    assert status == 0
    assert fleet.files(), said
    assert fleet.pages() == fleet.shops.all()


def test_a_machine_with_other_settings_or_code(fleet: Fleet) -> None:
    """It is refused, with what differs; what each machine may have otherwise is not."""
    fleet.place(2)
    fleet.crawling(1)
    refused = [
        ("-s", "limits.delay=0.5", "limits.delay was 0.0, now it is 0.5"),
        ("-s", "limits.max_depth=3", "limits.max_depth"),
        ("-o", "other.jsonl", "other.jsonl"),
        ("-a", "category=x", "category"),
    ]
    for option, value, what in refused:
        status, said = fleet.end(fleet.crawl(2, option, value))
        assert (status > 0, what in said) == (True, True), said
        assert len([each for each in said.splitlines() if each]) == 1
    fleet.change(2, "class Shops", "class Other:\n    pass\n\n\nclass Shops")
    status, said = fleet.end(fleet.crawl(2))
    assert status == 1
    assert "and 1 machine crawls it: the code of shops is another" in said
    assert fleet.workers() == 1


def test_a_spider_that_one_machine_does_not_have(fleet: Fleet) -> None:
    """That machine is refused before it comes near the job."""
    fleet.crawling(1)
    fleet.change(2, 'name = "shops"', 'name = "books"')
    status, said = fleet.run(2, "crawl", "shops", "-o", "out.jsonl")
    assert (status, fleet.workers()) == (2, 1)
    assert len(said.splitlines()) == 1


def test_fresh_is_refused_while_others_crawl(fleet: Fleet) -> None:
    """Nobody throws away what others are at; once nobody is, all is crawled again."""
    first, second = fleet.crawling(1, 2)
    status, said = fleet.end(fleet.crawl(3, "--fresh"))
    assert status == 1
    assert "is being crawled by 2 machines: join without --fresh, or stop it first with `scraper jobs stop`" in said
    fleet.kill(first)
    fleet.kill(second)
    fleet.wait(lambda: fleet.facts()["machines"] == 0)
    fleet.shops.release()
    assert fleet.end(fleet.crawl(3, "--fresh"))[0] == 0
    assert fleet.starts() == 2
    assert fleet.pages() == fleet.shops.all()
