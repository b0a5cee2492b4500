"""How items travel in a job in Redis, from commits to who writes the data files."""

import pytest

from scraper.errors import StorageError
from scraper.frontier.store import ITEMS, Collected, Commit
from scraper.protocols import LeaseLost
from tests.frontier.redis.desk import Desk, join, take


async def test_batches_are_numbered_from_the_begin(desk: Desk) -> None:
    """Batches come in the order of their commits, from any number on, and stay until they are collected."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, ITEMS)
    assert await first.collected() == Collected(following=0, positions=b"", first=0)
    for number in range(6):
        await (first, second)[number % 2].commit(Commit(items=b"batch %d" % number))
    await second.commit(Commit())
    assert await first.batches(0, 1000) == [b"batch %d" % number for number in range(6)]
    assert await first.batches(4, 1000) == [b"batch 4", b"batch 5"]
    assert await first.batches(6, 1000) == []


@pytest.mark.parametrize(("most", "number"), [(0, 1), (6, 1), (7, 1), (13, 1), (14, 2), (21, 3), (1000, 3)])
async def test_as_many_batches_as_fit(desk: Desk, most: int, number: int) -> None:
    """Batches are given up to a size, and one whatever its size."""
    store = await desk.worker()
    await take(store, ITEMS)
    for _ in range(3):
        await store.commit(Commit(items=b"1234567"))
    assert await store.batches(0, most) == [b"1234567"] * number


async def test_what_is_collected_is_kept_up_to_a_size(desk: Desk) -> None:
    """Oldest batches are dropped when all are larger than `keep` together, but none that is not collected."""
    store = await desk.worker(keep=250)
    await take(store, ITEMS)
    for _ in range(4):
        news = await store.commit(Commit(items=bytes(100)))
    assert news.backlog == 400
    await store.collect(1, b"one", [])
    assert await store.collected() == Collected(1, b"one", first=1)
    await store.collect(3, b"three", [("unique", "k", b"v")])
    assert await store.collected() == Collected(3, b"three", first=2)
    assert (await store.commit(Commit())).backlog == 100
    assert (await store.commit(Commit(items=bytes(60)))).backlog == 160
    assert await store.collected() == Collected(3, b"three", first=3)
    assert await store.batches(3, 1000) == [bytes(100), bytes(60)]
    await store.collect(5, b"five", [])
    assert await store.collected() == Collected(5, b"five", first=3)
    assert (await store.commit(Commit())).backlog == 0
    with pytest.raises(StorageError, match="items before batch 3 are not in Redis any more"):
        await store.batches(2, 1000)


async def test_the_next_collector_goes_on_where_the_last_one_was(desk: Desk) -> None:
    """Positions and what the collector remembers are given to the next, which sees all batches from there."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, ITEMS)
    for number in range(3):
        await second.commit(Commit(items=b"%d" % number))
    await first.collect(2, b"\0positions\xff", [("unique", "a", b"1"), ("unique", "b", b"2")])
    desk.expire(desk.tokens()[0])
    [held] = await take(second, ITEMS)
    assert sorted(held.memory) == [("unique", "a", b"1"), ("unique", "b", b"2")]
    assert await second.collected() == Collected(2, b"\0positions\xff", first=0)
    assert await second.batches(2, 10) == [b"2"]
    await second.collect(3, b"3", [("unique", "a", None)])
    third = await desk.worker()
    desk.expire(desk.tokens()[0])
    [held] = await take(third, ITEMS)
    assert held.memory == [("unique", "b", b"2")]


async def test_only_the_collector_collects(desk: Desk) -> None:
    """Whoever does not own the role can neither read nor collect batches, nor finish the job."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, ITEMS)
    await first.commit(Commit(items=b"items"))
    for call in (
        second.collected,
        lambda: second.batches(0, 10),
        lambda: second.collect(1, b"", []),
        lambda: second.finish(b"done"),
    ):
        with pytest.raises(LeaseLost, match="#items belongs to another worker"):
            await call()
        await join(second)
    assert await first.collected() == Collected(0, b"", first=0)


@pytest.mark.parametrize("following", [0, 4])
async def test_nothing_is_collected_that_was_not_there(desk: Desk, following: int) -> None:
    """A collector neither goes back nor beyond the last batch."""
    store = await desk.worker()
    await take(store, ITEMS)
    for _ in range(3):
        await store.commit(Commit(items=b"items"))
    await store.collect(2, b"two", [])
    with pytest.raises(StorageError, match="has 2 as the next batch of items"):
        await store.collect(following, b"other", [])
    assert await store.collected() == Collected(2, b"two", first=0)


async def test_a_job_that_is_finished_keeps_no_items(desk: Desk) -> None:
    """The outcome of a finished job is known to all, before and after they join, and no items are kept."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, ITEMS)
    for _ in range(3):
        await second.commit(Commit(items=b"items"))
    await first.collect(3, b"end", [])
    await first.finish(b"\0finished")
    assert desk.stored().isdisjoint({"items", "sizes"})
    news = await second.commit(Commit())
    assert (news.ended, news.backlog) == (b"\0finished", 0)
    look = await desk.store().look()
    assert look is not None
    assert look.ended == b"\0finished"
    assert (await join(desk.store())).ended == b"\0finished"


async def test_a_job_with_items_to_collect_is_not_finished(desk: Desk) -> None:
    """As long as some items are not in the data files, a job is not finished, and they are kept."""
    store = await desk.worker()
    await take(store, ITEMS)
    for _ in range(2):
        await store.commit(Commit(items=b"items"))
    await store.collect(1, b"one", [])
    with pytest.raises(StorageError, match="job books has items that are not in the data files yet"):
        await store.finish(b"done")
    news = await store.commit(Commit())
    assert (news.ended, news.backlog) == (None, 5)
    assert await store.batches(1, 10) == [b"items"]


async def test_a_job_that_is_begun_anew_is_not_finished(desk: Desk) -> None:
    """After `fresh` there is no outcome, and batches are numbered from 0 again."""
    store = await desk.worker()
    await take(store, ITEMS)
    await store.commit(Commit(items=b"items"))
    await store.collect(1, b"end", [])
    await store.finish(b"done")
    await store.leave()
    assert (await join(store, fresh=True)).ended is None
    await take(store, ITEMS)
    await store.commit(Commit(items=b"new"))
    assert await store.batches(0, 10) == [b"new"]
