"""How a job in Redis is begun, joined, left and begun anew."""

import pytest

from scraper.errors import StorageError
from scraper.frontier.store import ITEMS, SEEDS, Commit, Look, Unit
from scraper.protocols import LeaseLost
from tests.frontier.redis.desk import A, Desk, end_seeds, join, take, waiting


async def test_a_job_that_nobody_joined_is_not_there(desk: Desk) -> None:
    """To look at a job that was never joined finds none, and writes nothing."""
    assert await desk.store().look() is None
    assert desk.stored() == set()


async def test_who_joins_first_begins_the_job(desk: Desk) -> None:
    """The first worker begins the job; to all others it is there, with the same salt, and each has a number."""
    first, second = desk.store(), desk.store()
    begun = await first.join(b"D", replaces=None, fresh=False)
    assert (begun.number, len(begun.salt), begun.memory) == (1, 16, [])
    assert await second.look() == Look(b"D", workers=1, has_begun=False, stop="", ended=None)
    joined = await second.join(b"D", replaces=b"D", fresh=False)
    assert (joined.number, joined.salt) == (2, begun.salt)
    assert joined.since >= begun.since >= 0
    assert len(joined.news.peers) == 1


async def test_two_that_begin_the_same_job_at_once_share_it(desk: Desk) -> None:
    """Whoever found no job, and finds the same by the time it joins, joins it."""
    first, second = desk.store(), desk.store()
    assert await first.look() is None
    assert await second.look() is None
    await first.join(b"D", replaces=None, fresh=False)
    assert (await second.join(b"D", replaces=None, fresh=False)).number == 2


@pytest.mark.parametrize(("replaces", "fresh"), [(None, False), (b"other", False), (b"other", True), (None, True)])
async def test_a_job_that_changed_since_it_was_looked_at_is_not_joined(
    desk: Desk, replaces: bytes | None, fresh: bool
) -> None:
    """A worker that looked at another description than there is now does not join, and changes nothing."""
    await (await desk.worker(b"now")).leave()
    keys = desk.stored()
    with pytest.raises(StorageError, match=r"job books was changed by another worker .*: run the same command again$"):
        await desk.store().join(b"mine", replaces=replaces, fresh=fresh)
    assert desk.stored() == keys
    look = await desk.store().look()
    assert look is not None
    assert look.description == b"now"


async def test_a_job_that_was_deleted_is_not_begun_as_if_it_were_there(desk: Desk) -> None:
    """A worker that looked at a job which is deleted by now does not join another."""
    with pytest.raises(StorageError, match="was deleted a moment ago: run the same command again"):
        await desk.store().join(b"D", replaces=b"D", fresh=False)
    assert desk.stored() == set()


async def test_a_new_description_replaces_the_one_that_was_looked_at(desk: Desk) -> None:
    """The description of a job is that of the worker that joined last."""
    store = await desk.worker(b"old")
    await store.join(b"new", replaces=b"old", fresh=False)
    look = await desk.store().look()
    assert look is not None
    assert look.description == b"new"


async def test_a_job_has_begun_when_something_was_found(desk: Desk) -> None:
    """A job has begun as soon as seeds or a unit were written, and not by being joined."""
    store = await desk.worker()
    await take(store, SEEDS, ITEMS)
    await store.commit(Commit(statistics=b"none"))
    look = await store.look()
    assert look is not None
    assert not look.has_begun
    await store.commit(Commit(found={A: [b"request"]}))
    look = await store.look()
    assert look is not None
    assert look.has_begun


async def test_fresh_deletes_all_that_the_job_had(desk: Desk) -> None:
    """A job that is begun anew has nothing of the old one, in particular another salt."""
    store = desk.store()
    old = await store.join(b"D", replaces=None, fresh=False)
    await end_seeds(store)
    await take(store, A, ITEMS)
    unit = Unit(
        waiting=waiting(1, 2).waiting,
        failed=[(7, A, "url", "reason", b"request", False)],
        fingerprints=b"12345678",
        memory=[("part", "key", b"value")],
    )
    await store.commit(
        Commit({A: unit}, found={"b.example": [b"x"]}, items=b"items", memory=[("p", "k", b"v")], stop="enough")
    )
    await store.leave()
    new = await store.join(b"new", replaces=b"D", fresh=True)
    assert new.salt != old.salt
    assert (new.number, new.memory, new.news.seeds, new.news.backlog, new.news.stop) == (1, [], b"", 0, "")
    kept = {"meta", "own", "workers", f"worker:{desk.tokens()[0].decode()}"}
    assert desk.stored() == kept


async def test_fresh_disturbs_nobody(desk: Desk) -> None:
    """A job is not begun anew while a worker is alive."""
    await desk.worker()
    with pytest.raises(StorageError, match=r"has workers that are alive \(1\): stop them"):
        await desk.store().join(b"D", replaces=b"D", fresh=True)
    desk.expire(desk.tokens()[0])
    assert (await desk.store().join(b"D", replaces=b"D", fresh=True)).number == 1


async def test_the_other_jobs_of_a_server_are_left_alone(desk: Desk) -> None:
    """To begin a job anew deletes none of the keys of another."""
    desk.redis.set("scraper:{book}:meta", "other")
    await (await desk.worker()).leave()
    await desk.worker(fresh=True)
    assert desk.redis.get("scraper:{book}:meta") == b"other"


async def test_who_leaves_releases_its_units(desk: Desk) -> None:
    """The units of a worker that left can be taken at once, and what it did not commit has not happened."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    await first.commit(Commit({A: waiting(1)}))
    await first.leave()
    [held] = await second.take(1)
    assert (held.name, held.sites, held.rest) == (A, {A: 1}, 0.0)
    with pytest.raises(LeaseLost):
        await first.commit(Commit())


async def test_who_joins_again_is_another_worker(desk: Desk) -> None:
    """A worker that joins again has lost what it had, and is not counted twice."""
    store = await desk.worker()
    await take(store, A)
    await store.commit(Commit({A: waiting(1)}, statistics=b"before"))
    news = await join(store)
    assert (news.peers, list(news.others)) == ([], [b"before"])
    [held] = await take(store, A)
    assert held.rest is not None
    assert held.rest > 0


async def test_what_was_to_stop_a_run_does_not_stop_the_next(desk: Desk) -> None:
    """A stop holds until all workers have left; one that joins then begins a run."""
    first, second = await desk.worker(), await desk.worker()
    await first.commit(Commit(stop="cancelled"))
    assert (await join(second)).stop == "cancelled"
    await first.leave()
    assert (await join(second)).stop == "cancelled"  # the same process, which had joined the run that ends
    await second.leave()
    assert (await join(desk.store())).stop == ""


async def test_a_store_is_closed_as_often_as_one_likes(desk: Desk, nothing_leaks: None) -> None:
    """A store that never opened, or is closed already, can be closed; a closed one is no worker."""
    store = desk.store()
    await store.close()
    await join(store)
    await store.close()
    await store.close()
    with pytest.raises(LeaseLost):
        await store.refresh()
