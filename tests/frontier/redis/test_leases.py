"""Whose commits are accepted: a worker's as long as the store knows it, and nothing that it was told may be missing."""

import asyncio
from collections.abc import Callable

import pytest

from scraper.errors import StorageError
from scraper.frontier.redis.store import RedisStore
from scraper.frontier.store import ITEMS, Commit, Unit
from scraper.protocols import LeaseLost
from tests.frontier.redis.desk import LEASE, TIMEOUT, A, B, Desk, end_seeds, gone, join, take, waiting
from tests.frontier.redis.relay import Relay
from tests.redis_server import RedisServer

Start = Callable[..., RedisServer]


async def test_a_dead_workers_units_are_free_as_it_left_them(desk: Desk) -> None:
    """When a lease has run out, whoever comes next frees all units of that worker, with all that it committed."""
    dead, other = await desk.worker(), await desk.worker()
    await take(dead, A, B, ITEMS)
    await dead.commit(Commit({A: waiting(1, 2), B: Unit(memory=[("p", "k", b"v")])}, wanted=[A]))
    desk.expire(desk.tokens()[0])
    news = await other.commit(Commit())
    assert (news.free, news.peers) == (1 + 2, [])
    assert [(each.name, each.sites) for each in await other.take(5, names=[B, ITEMS])] == [
        (B, {}),
        (ITEMS, {}),
        (A, {A: 2}),
    ]


@pytest.mark.parametrize("call", ["commit", "refresh", "take", "join"])
async def test_a_late_commit_is_refused_as_a_whole(desk: Desk, call: str) -> None:
    """A worker that was removed by any call of another is refused, and nothing of its commit is written."""
    late, other = await desk.worker(), await desk.worker()
    await take(late, A)
    await late.commit(Commit({A: waiting(1)}))
    desk.expire(desk.tokens()[0])
    match call:
        case "commit":
            await other.commit(Commit())
        case "refresh":
            await other.refresh()
        case "take":
            await other.take(0)
        case _:
            await join(desk.store())
    before = {key: desk.redis.dump(desk.key(key)) for key in desk.stored()}
    commit = Commit({A: waiting(2)}, found={B: [b"x"]}, items=b"items", statistics=b"s", memory=[("p", "k", b"v")])
    with pytest.raises(LeaseLost, match=rf"job books: the lease of {LEASE:g} s ran out"):
        await late.commit(commit)
    assert {key: desk.redis.dump(desk.key(key)) for key in desk.stored()} == before


async def test_a_lease_that_ran_out_may_be_refreshed_if_nobody_noticed(desk: Desk) -> None:
    """A worker whose lease ran out and whom nobody has removed goes on, with all its units."""
    late, other = await desk.worker(), await desk.worker()
    await take(late, A)
    desk.expire(desk.tokens()[0])
    await late.refresh()
    await other.commit(Commit())
    await late.commit(Commit({A: waiting(1)}))
    desk.expire(desk.tokens()[0])
    await late.commit(Commit())
    assert await other.take(1) == []


async def test_each_call_of_a_worker_that_was_removed_is_refused(desk: Desk) -> None:
    """Whatever a worker asks that the store does not know, it loses its lease; then it may join again."""
    late, other = await desk.worker(), await desk.worker()
    await take(late, A, ITEMS)
    for call in (
        lambda: late.take(1),
        lambda: late.read(A, A, None, 1),
        lambda: late.found(A, 1),
        lambda: late.commit(Commit()),
        late.refresh,
        late.leave,
        late.collected,
        lambda: late.batches(0, 1),
        lambda: late.collect(0, b"", []),
        lambda: late.finish(b"done"),
    ):
        await join(late)
        await take(late, A, ITEMS)
        desk.expire(desk.tokens()[-1])
        await other.refresh()
        with pytest.raises(LeaseLost):
            await call()


async def test_who_died_is_not_needed_to_go_on(desk: Desk) -> None:
    """A worker with a short lease that does nothing is removed when that has passed by the server's clock."""
    await desk.worker(lease=0.2)
    other = await desk.worker()
    async with asyncio.timeout(30):
        while (await other.commit(Commit())).peers:  # noqa: ASYNC110 -- the server's clock is to go on
            await asyncio.sleep(0.02)


async def test_a_call_that_is_cancelled_is_done_all_the_same(desk: Desk) -> None:
    """Whoever awaits a call may be cancelled: it is written, and later replies are not mistaken for its own."""
    store = await desk.worker()
    await take(store, A)
    calls = [asyncio.ensure_future(store.commit(Commit({A: waiting(number)}))) for number in range(5)]
    calls.append(asyncio.ensure_future(store.read(A, A, None, 9)))
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert all(call.cancelled() for call in calls)
    assert [row[1] for row in await store.read(A, A, None, 9)] == [0, 1, 2, 3, 4]


async def test_calls_at_once_are_answered_in_order(desk: Desk) -> None:
    """Many calls may be made at once; each has its own answer."""
    store = await desk.worker()
    await take(store, A)
    await store.commit(Commit({A: waiting(*range(50))}))
    rows = await asyncio.gather(*(store.read(A, A, (0, number), 1) for number in range(50)))
    assert [row[0][1] for row in rows] == list(range(50))


async def test_a_server_that_does_not_answer(start: Start, desk_at: Callable[..., Desk]) -> None:
    """A commit that is not answered in time loses the lease, and is not sent again; the worker may join again."""
    server = start()
    desk = desk_at(server)
    store = await desk.worker(lease=2)
    await store.commit(Commit(found={B: [b"x"]}))
    server.pause()
    with pytest.raises(
        LeaseLost, match=r"did not answer within 0\.5 s; what this worker did last may have been written"
    ):
        await store.commit(Commit(found={B: [b"x"]}))
    with pytest.raises(LeaseLost, match="this process is no worker"):
        await store.refresh()
    server.resume()
    await join(store)
    assert desk.redis.llen(desk.key(f"i:{B}")) <= 2  # it was sent once, and may have come before `join`
    await store.commit(Commit())


async def test_a_server_that_dies(start: Start, desk_at: Callable[..., Desk]) -> None:
    """After a restart all that was acknowledged is there, no former worker is, and all units rest."""
    server = start(fsync="always")
    desk = desk_at(server)
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    await take(second, B)
    await first.commit(Commit({A: waiting(1)}, items=b"items"))
    server.kill()
    for store in (first, second):
        with pytest.raises(LeaseLost):
            await store.commit(Commit(found={A: [b"x"]}))
    with pytest.raises(StorageError, match="cannot be reached: Connection refused") as refused:
        await join(first)
    assert not isinstance(refused.value, LeaseLost)
    server.start()
    news = await join(first)
    assert (news.backlog, news.peers) == (5, [])
    held = await first.take(1, names=[B, "never.example"])
    assert [(each.name, each.sites, each.found) for each in held] == [
        (B, {}, 0),
        ("never.example", {}, 0),
        (A, {A: 1}, 0),
    ]
    for each in held:
        assert each.rest is not None
        assert LEASE + TIMEOUT - 60 < each.rest <= LEASE + TIMEOUT
    assert len((await join(second)).peers) == 1


async def test_a_server_that_has_lost_what_it_acknowledged(start: Start, desk_at: Callable[..., Desk]) -> None:
    """A server whose file lost its end has what it had before some commit, as a whole; the crawl's end is found."""
    server = start(fsync="everysec")
    desk = desk_at(server)
    store = await desk.worker()
    await end_seeds(store)
    await take(store, A)
    for number in range(20):
        gone = [(A, 0, number - 1)] if number else []
        unit = Unit(waiting=waiting(number, number + 100).waiting, gone=gone, fingerprints=b"%08d" % number)
        await store.commit(Commit({A: unit}, items=b"item"))
    server.kill()
    server.cut_aof(3000)
    server.start()
    news = await join(store)
    [held] = await take(store, A)
    commits = len(held.fingerprints) // 8
    assert 0 < commits < 20
    assert held.fingerprints == b"".join(b"%08d" % number for number in range(commits))
    assert held.sites == {A: commits + 1}
    assert news.backlog == 4 * commits
    rows = await store.read(A, A, None, 100)
    assert [row[1] for row in rows] == [commits - 1, *range(100, 100 + commits)]
    assert not (await store.commit(Commit({A: Unit(gone=[(A, *row[:2]) for row in rows[1:]])}))).is_over
    assert (await store.commit(Commit({A: Unit(gone=[(A, *rows[0][:2])])}))).is_over


async def torn(desk: Desk, store: RedisStore) -> None:
    """Leave a server that was killed, has lost the end of its last commit, and was started again."""
    await join(store)
    await take(store, A)
    await store.commit(Commit({A: waiting(1)}))
    await store.commit(Commit({A: gone(1)}, items=b"lost"))
    desk.server.kill()
    desk.server.cut_aof(20)
    desk.server.start()


async def test_half_of_a_commit_does_not_come_back(start: Start, desk_at: Callable[..., Desk]) -> None:
    """After a restart the server is told to write its file anew, without the half of a commit that may be there."""
    desk = desk_at(start(fsync="always"))
    store = desk.store()
    await torn(desk, store)
    await join(store)
    while not desk.has_new_file():  # noqa: ASYNC110 -- it does so in a process of its own
        await asyncio.sleep(0.02)
    await take(store, A)
    await store.commit(Commit({A: waiting(2)}))
    desk.server.kill()
    desk.server.start()
    news = await join(store)
    await take(store, A)
    assert ([row[1] for row in await store.read(A, A, None, 9)], news.backlog) == ([1, 2], 0)


async def test_half_of_a_commit_that_came_back_is_noticed(start: Start, desk_at: Callable[..., Desk]) -> None:
    """Where that is not permitted, Redis may run half of a commit one restart later: then the job is not joined."""
    user = ("ACL", "SETUSER", "crawler", "on", "nopass", "~*", "+@all", "-bgrewriteaof")
    desk = desk_at(start(fsync="always"))
    desk.redis.execute_command(*user)
    store = desk.store(desk.server.url.replace("//", "//crawler:any@"))
    await torn(desk, store)
    desk.redis.execute_command(*user)
    await join(store)
    await take(store, A)
    assert [row[1] for row in await store.read(A, A, None, 9)] == [1]
    await store.commit(Commit({A: waiting(2)}))
    desk.server.kill()
    desk.server.start()
    desk.redis.execute_command(*user)
    if desk.redis.hget(desk.key("meta"), "opened") != desk.redis.hget(desk.key("meta"), "closed"):  # as Redis 7.0 does
        with pytest.raises(StorageError, match="came back with half of a commit: start over with --fresh"):
            await join(store)
        assert (await join(store, fresh=True)).backlog == 0
    else:  # it has cut the whole transaction off
        await join(store)
        await take(store, A)
        assert [row[1] for row in await store.read(A, A, None, 9)] == [1, 2]


async def test_a_server_that_was_replaced_behind_the_connection(start: Start, desk_at: Callable[..., Desk]) -> None:
    """A commit that reaches another run of the server, as by a proxy, is refused."""
    server = start(fsync="always")
    desk = desk_at(server)
    async with Relay(server.port) as relay:
        store = desk.store(f"redis://127.0.0.1:{relay.port}/0")
        await join(store)
        await take(store, A)
        server.kill()
        server.start()
        with pytest.raises(LeaseLost, match="the server was restarted or replaced, and may have lost"):
            await store.commit(Commit({A: waiting(1)}))
        assert f"w:{A}" not in desk.stored()
        await join(store)
        await take(store, A)
        await store.commit(Commit({A: waiting(1)}))
        await store.leave()


async def test_a_lease_does_not_grow_when_the_clock_is_set_back(desk: Desk) -> None:
    """A lease that ends later than it could, since the clock was set back, is cut."""
    first, second = await desk.worker(lease=10), await desk.worker()
    token = desk.tokens()[0]
    desk.expire(token, ago=-3600)
    await second.refresh()
    seconds, _ = desk.redis.time()
    assert desk.redis.zscore(desk.key("workers"), token) / 1000 - seconds < 12
    await first.refresh()
