"""A Redis that dies, is full, or does not let a machine in: what is said of it, and that nothing is lost."""

from collections.abc import Callable

from tests.machines.fleet import PASSWORD, Fleet
from tests.redis_server import RedisServer


def test_redis_dies_and_comes_back(start_redis: Callable[..., RedisServer], fleet_at: Callable[..., Fleet]) -> None:
    """Machines say that it does not answer and until when they wait, and that it is back; each item is there once."""
    redis = start_redis("--requirepass", PASSWORD, fsync="everysec")
    fleet = fleet_at(redis, PASSWORD)
    first, second = fleet.crawling(1, 2)
    fleet.wait(lambda: len(set(fleet.owners().values())) == 2)
    redis.kill()
    for each in (first, second):
        fleet.wait_for(each, "; waiting for it until ")
    redis.start()
    for each in (first, second):
        fleet.wait_for(each, "answers again")
    fleet.shops.release()
    said = [fleet.end(each) for each in (first, second)]
    assert [status for status, _ in said] == [0, 0]
    for _, each in said:
        assert each.count("waiting for it until") == each.count("answers again") == 1
    assert fleet.pages() == fleet.shops.all()
    assert fleet.starts() == 1


def test_redis_is_full(start_redis: Callable[..., RedisServer], fleet_at: Callable[..., Fleet]) -> None:
    """The crawl ends with a line that says so; with more memory the same command resumes."""
    redis = start_redis("--requirepass", PASSWORD)
    fleet = fleet_at(redis, PASSWORD)
    [process] = fleet.crawling(1)
    fleet.ask("CONFIG", "SET", "maxmemory", 1)
    fleet.shops.release()
    status, said = fleet.end(process)
    assert status == 1
    assert "is full: nothing was written. Raise its maxmemory, and run the same command again" in said
    assert "Traceback" not in said
    fleet.ask("CONFIG", "SET", "maxmemory", 0)
    assert fleet.end(fleet.crawl(2))[0] == 0
    assert fleet.pages() == fleet.shops.all()
    assert fleet.starts() == 1


def test_a_wrong_password(fleet: Fleet) -> None:
    """It is one line, which shows neither the right nor the wrong one."""
    wrong = fleet.store.replace(PASSWORD.replace("/", "%2F"), "wr0ng-w0rd")
    status, said = fleet.end(fleet.crawl(1, "-s", f"frontier.store={wrong}"))
    assert (status, len(said.splitlines())) == (1, 1)
    assert "refuses the user or the password" in said
    assert "wr0ng" not in said
    status, said = fleet.run(1, "settings", "-s", f"frontier.store={wrong}")
    assert "wr0ng" not in said
    status, said = fleet.end(fleet.crawl(1, "-s", "frontier.lease=0.5"))
    assert (status, "expected a number of seconds from 1 to 3600, got 0.5" in said) == (2, True)
