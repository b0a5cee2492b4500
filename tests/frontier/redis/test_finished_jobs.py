"""What stays of a job that is finished: what late comers, and `scraper jobs`, are told of it, for a week."""

import msgspec

from scraper.frontier.redis.jobs import Record, RedisJobs
from scraper.frontier.store import ITEMS, Commit, Unit
from tests.frontier.redis.desk import A, B, Desk, end_seeds, join, take, waiting

WEEK = 7 * 24 * 3600


async def test_little_stays_of_a_finished_job(desk: Desk) -> None:
    """Its outcome and counts are there for a week, and nothing else once its workers have left."""
    first, second = await desk.worker(), await desk.worker()
    await end_seeds(first)
    await take(first, A, ITEMS)
    await take(second, B)
    unit = waiting(1, 2)
    unit.fingerprints, unit.memory = bytes(3000), [("p", "k", b"v")]
    await first.commit(Commit({A: unit}, {B: [b"x"]}, b"items", b"counts", memory=[("p", "k", b"v")]))
    await first.collect(1, b"end", [("p", "k", b"v")])
    await first.finish(b"outcome")
    assert (await second.commit(Commit({B: waiting(1, site=B)}, statistics=b"late"))).ended == b"outcome"
    await second.refresh()
    assert await second.take(9, names=[A]) == []
    assert all(desk.redis.ttl(desk.key(each)) > WEEK - 60 for each in desk.stored())
    await second.leave()
    await first.leave()
    assert desk.stored() == {"meta", "statistics"}
    assert all(WEEK - 60 < desk.redis.ttl(desk.key(each)) <= WEEK for each in desk.stored())
    look = await desk.store().look()
    assert look is not None
    assert (look.ended, look.workers, 0 <= look.ago < 60) == (b"outcome", 0, True)


async def test_a_new_crawl_begins_with_nothing_of_a_finished_one(desk: Desk) -> None:
    """Neither counts nor an expiry are left, be it begun while the old one is known, or when half of it is gone."""
    for is_half_gone in (False, True):
        store = await desk.worker(fresh=True)
        await take(store, ITEMS)
        await store.commit(Commit(statistics=b"counts"))
        await store.finish(b"outcome")
        await store.leave()
        if is_half_gone:
            desk.redis.delete(desk.key("meta"))
        again = desk.store()
        news = await join(again, fresh=not is_half_gone)
        assert (news.ended, news.others) == (None, [])
        assert {desk.redis.ttl(desk.key(each)) for each in desk.stored()} == {-1}
        await again.leave()


async def test_a_job_with_failed_requests_can_be_put_back(desk: Desk) -> None:
    """All that is needed for that stays for a week; a job that is unfinished again stays for good."""
    store = await desk.worker()
    await end_seeds(store)
    await take(store, A, ITEMS)
    unit = Unit(failed=[(1, A, "http://a.example/", "http_503", b"request", False)], fingerprints=bytes(3000))
    await store.commit(Commit({A: unit}, statistics=b"counts"))
    await store.finish(b"outcome")
    await store.leave()
    assert {"own", "failed", f"s:{A}"} <= desk.stored()
    assert all(desk.redis.ttl(desk.key(each)) > WEEK - 60 for each in desk.stored())
    async with RedisJobs(desk.server.url) as jobs:
        survey = await jobs.survey("books")
        assert survey is not None
        [record] = await jobs.records("books", [1])
        assert record == Record(1, A, "http://a.example/", "http_503", b"request", False)
        survey = await jobs.retry("books", survey, [(record, (0, 1))], {}, [])
        assert await jobs.sites("books") == {A: 1}
    assert {desk.redis.ttl(desk.key(each)) for each in desk.stored()} == {-1}
    [held] = await (await desk.worker()).take(1)
    assert (held.sites, len(held.fingerprints)) == ({A: 1}, 3000)
    assert msgspec.structs.replace(survey, workers=[]) == survey
