"""When a job that several workers share is over."""

from scraper.frontier.store import SEEDS, Commit, Unit
from tests.frontier.redis.desk import A, B, Desk, end_seeds, gone, join, take, waiting


async def test_it_is_not_over_while_seeds_may_come(desk: Desk) -> None:
    """As long as start() has not ended a job is not over, though nothing waits."""
    store = await desk.worker()
    assert not (await store.commit(Commit())).is_over
    await take(store, SEEDS)
    assert not (await store.commit(Commit(seeds=b"some"))).is_over
    assert (await store.commit(Commit(seeds=b"all", seeds_ended=True))).is_over
    await store.leave()
    assert (await join(desk.store())).is_over


async def test_it_is_not_over_while_a_request_waits(desk: Desk) -> None:
    """What waits for a unit, with an owner or without, and what was found for one keeps a job from being over."""
    first, second = await desk.worker(), await desk.worker()
    await end_seeds(first)
    await take(first, A)
    assert not (await first.commit(Commit({A: waiting(1)}))).is_over
    assert not (await second.commit(Commit())).is_over
    assert not (await first.commit(Commit({A: gone(1)}, found={B: [b"x"]}))).is_over
    await second.take(1)
    assert not (await second.commit(Commit())).is_over
    assert not (await first.commit(Commit())).is_over
    assert (await second.commit(Commit({B: Unit(drained=1)}))).is_over
    assert (await first.commit(Commit())).is_over


async def test_what_is_parked_does_not_keep_it_from_being_over(desk: Desk) -> None:
    """A job is over when each worker has parked all that waits for its units; a surplus does not count elsewhere."""
    first, second = await desk.worker(), await desk.worker()
    await end_seeds(first)
    await take(first, A)
    await take(second, B)
    await first.commit(Commit({A: waiting(1, 2, 3)}, parked=3))
    assert not (await second.commit(Commit({B: waiting(1, 2, site=B)}, parked=1))).is_over
    assert not (await first.commit(Commit(parked=4))).is_over
    assert (await second.commit(Commit(parked=2))).is_over
    assert not (await first.commit(Commit(found={B: [b"x"]}, parked=3))).is_over
    await second.commit(Commit({B: Unit(drained=1)}, parked=2))
    assert (await first.commit(Commit(parked=3))).is_over
    desk.expire(desk.tokens()[1])  # what it had parked is to be tried by another
    assert not (await first.commit(Commit(parked=3))).is_over


async def test_a_stop_is_over_when_all_have_ended(desk: Desk) -> None:
    """All hear why they are to stop, the first reason; it is over when each that is alive has nothing in hand."""
    first, second, _ = [await desk.worker() for _ in range(3)]
    await take(second, A)
    await second.commit(Commit({A: waiting(1)}))
    assert not (await first.commit(Commit(has_ended=True))).is_over
    assert (await first.commit(Commit(stop="cancelled", has_ended=True))).stop == "cancelled"
    news = await second.commit(Commit(stop="other reason", has_ended=True))
    assert (news.stop, news.is_over) == ("cancelled", False)
    desk.expire(desk.tokens()[2])
    assert (await first.commit(Commit(has_ended=True))).is_over
    assert not (await first.commit(Commit())).is_over
