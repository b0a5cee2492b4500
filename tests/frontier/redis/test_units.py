"""What a unit holds in Redis, who owns it, and what a commit writes of it."""

import os

import pytest

from scraper.frontier.store import ITEMS, SEEDS, Commit, Peer, Unit
from scraper.protocols import LeaseLost
from tests.frontier.redis.desk import TIMEOUT, A, B, C, Desk, gone, take, waiting

LEAST, MOST = -(2**63), 2**63 - 1


async def test_a_unit_that_was_never_seen_is_taken_by_name(desk: Desk) -> None:
    """A name that nobody owns becomes a unit that is empty, and had no owner before."""
    store = await desk.worker()
    [held] = await take(store, A)
    assert (held.name, held.sites, held.fingerprints, held.memory, held.found) == (A, {}, b"", [], 0)
    assert held.rest is None


async def test_a_unit_has_one_owner(desk: Desk) -> None:
    """What somebody owns is not taken, not even by its owner."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    assert await take(first, A) == []
    assert [each.name for each in await take(second, A, B)] == [B]


async def test_roles_are_taken_by_name_only(desk: Desk) -> None:
    """Both roles are free from the begin; they count as free, but are not among those with most to do."""
    store = await desk.worker()
    assert (await store.commit(Commit())).free == 2
    assert await store.take(10) == []
    assert [each.name for each in await take(store, SEEDS, ITEMS)] == [SEEDS, ITEMS]
    assert (await store.commit(Commit({SEEDS: Unit(released=True)}))).free == 1


async def test_those_with_most_to_do_are_taken_first(desk: Desk) -> None:
    """Free units are taken by how many requests wait and were found, those that are named in addition."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A, B)
    units = {A: waiting(1, 2), B: waiting(1, site=B)}
    await first.commit(Commit(units, found={C: [b"x"] * 3, "d.example": [b"y"]}))
    units = {A: Unit(released=True), B: Unit(released=True)}
    assert (await first.commit(Commit(units))).free == 4 + 2
    taken = await second.take(2, names=[B])
    assert [(each.name, sum(each.sites.values()), each.found) for each in taken] == [(B, 1, 0), (C, 0, 3), (A, 2, 0)]
    assert (await second.commit(Commit())).free == 1 + 2


async def test_requests_are_read_in_order(desk: Desk) -> None:
    """What waits for a site is read by rank, whatever the signs of its numbers, from a rank on, with its bytes."""
    store = await desk.worker()
    await take(store, A)
    ranks = [(high, low) for high in (LEAST, -1, 0, 1, MOST) for low in (LEAST, -300, -1, 0, 1, 255, 256, MOST)]
    rows = [(high, low, os.urandom(100), number % 2) for number, (high, low) in enumerate(ranks)]
    unit = Unit(waiting=[(A, *row[:3], bool(row[3])) for row in reversed(rows)])
    unit.waiting.append(("a.example0", LEAST, 0, b"another site", False))
    unit.waiting.append(("a.exampl", MOST, 0, b"another site", False))
    await store.commit(Commit({A: unit}))
    assert await store.read(A, A, None, 100) == rows
    assert await store.read(A, A, ranks[17], 5) == rows[17:22]
    assert await store.read(A, A, (1, 2), 1) == [rows[ranks.index((1, 255))]]
    assert await store.read(A, "b.example", None, 5) == []


async def test_what_is_done_is_gone(desk: Desk) -> None:
    """A commit removes rows by site and rank, and those that are not there without a word."""
    store = await desk.worker()
    await take(store, A)
    await store.commit(Commit({A: waiting(1, 2, 3, 256, 257)}))
    await store.commit(Commit({A: gone(1, 3, 256, 4)}))
    assert [row[1] for row in await store.read(A, A, None, 9)] == [2, 257]


async def test_a_unit_knows_its_sites(desk: Desk) -> None:
    """The requests of a unit are counted by site when it is taken."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    rows = [(site, 0, number, b"\0" * 50, False) for site, many in SITES.items() for number in range(many)]
    await first.commit(Commit({A: Unit(waiting=rows)}))
    await first.leave()
    [held] = await second.take(1)
    assert held.sites == SITES


SITES = {A: 7, f"www.{A}": 300, f"www.{A}:8080": 1, f"bücher.{A}": 2}


@pytest.mark.parametrize("pieces", [[1], [127], [128], [126, 1, 1], [127 * 3, 5], [10_000], [1, 300, 0, 127, 254, 1]])
async def test_fingerprints_are_kept_in_order(desk: Desk, pieces: list[int]) -> None:
    """Fingerprints are given back as they came, however many each commit had."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    written = [os.urandom(8 * number) for number in pieces]
    for each in written:
        await first.commit(Commit({A: Unit(fingerprints=each)}))
    await first.leave()
    [held] = await take(second, A)
    assert held.fingerprints == b"".join(written)
    assert all(len(part) <= 1016 for part in desk.redis.hvals(desk.key(f"s:{A}")))


async def test_more_fingerprints_than_fit_into_one_reply(desk: Desk) -> None:
    """The fingerprints of several large units come whole, though not in one reply."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A, B)
    written = {unit: os.urandom(8 * number) for unit, number in {A: 600_000, B: 100_000}.items()}
    for unit, fingerprints in written.items():
        await first.commit(Commit({unit: Unit(fingerprints=fingerprints)}))
    await first.leave()
    assert {each.name: each.fingerprints for each in await take(second, A, B)} == written


async def test_memory_travels_with_its_unit(desk: Desk) -> None:
    """What is remembered of a unit is given to its next owner; None forgets a key."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    memory = [("pace", A, b"\0\xff"), ("pace", "", b"none"), ("cookies", "k\0ey", b"x"), ("cookies", "old", b"y")]
    await first.commit(Commit({A: Unit(memory=memory)}))
    await first.commit(
        Commit({A: Unit(memory=[("cookies", "old", None), ("pace", "", b"new"), ("robots", "no", None)])})
    )
    await first.leave()
    [held] = await take(second, A)
    assert sorted(held.memory) == [("cookies", "k\0ey", b"x"), ("pace", "", b"new"), ("pace", A, b"\0\xff")]


async def test_what_others_found_waits_for_the_owner(desk: Desk) -> None:
    """What is found for a unit of another waits in order; the owner hears how much, reads it, and removes its head."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    await second.commit(Commit(found={A: [b"1", b"2"], B: [b"\0\xff"]}))
    await second.commit(Commit(found={A: [b"3"], B: []}))
    assert (await first.commit(Commit())).found == {A: 3}
    assert await first.found(A, 2) == [b"1", b"2"]
    news = await first.commit(Commit({A: Unit(drained=2, waiting=waiting(1, 2).waiting)}))
    assert news.found == {A: 1}
    assert await first.found(A, 9) == [b"3"]
    assert (await first.commit(Commit({A: Unit(drained=1)}))).found == {}
    [held] = await second.take(5)
    assert (held.name, held.found) == (B, 1)
    assert (await second.commit(Commit())).found == {B: 1}


async def test_large_commits_are_written_in_pieces(desk: Desk) -> None:
    """A commit may have more of anything than Lua passes to a command at once."""
    store, number = await desk.worker(), 10_001
    await take(store, A)
    await store.commit(
        Commit(
            {
                A: Unit(
                    waiting=waiting(*range(number)).waiting,
                    failed=[(each, A, "url", "reason", b"request", False) for each in range(number)],
                    memory=[("part", str(each), b"value") for each in range(number)],
                )
            },
            found={B: [b"request"] * number},
            memory=[("part", str(each), b"value") for each in range(number)],
        )
    )
    sizes = [desk.redis.zcard(desk.key(f"w:{A}")), desk.redis.llen(desk.key(f"i:{B}"))]
    sizes += [desk.redis.hlen(desk.key(key)) for key in (f"m:{A}", "failed", "memory")]
    assert sizes == [number] * 5
    await store.commit(
        Commit(
            {A: Unit(gone=gone(*range(number)).gone, memory=[("part", str(each), None) for each in range(number)])},
            memory=[("part", str(each), None) for each in range(number)],
        )
    )
    assert desk.stored().isdisjoint({f"w:{A}", f"m:{A}", "memory"})


async def test_failures_are_kept_by_their_numbers(desk: Desk) -> None:
    """A request that failed is kept with all its fields, whatever its number."""
    import msgspec

    store = await desk.worker()
    await take(store, A)
    failed = [(2**63 - 1, A, "http://a.example/ü", "http_503", b"\0\xff", True), (1, A, "u", "timeout", b"", False)]
    await store.commit(Commit({A: Unit(failed=failed)}))
    kept = desk.redis.hgetall(desk.key("failed"))
    assert {int(number): msgspec.msgpack.decode(record) for number, record in kept.items()} == {
        each[0]: list(each) for each in failed
    }


async def test_a_released_unit_is_free_at_once(desk: Desk) -> None:
    """A unit that is released in a commit, with what that commit wrote, goes to who takes it without a rest."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A, B)
    await first.commit(Commit({A: Unit(waiting=waiting(1).waiting, released=True), B: Unit(released=True)}))
    [held] = await second.take(5)
    assert (held.name, held.sites, held.rest) == (A, {A: 1}, 0.0)
    with pytest.raises(LeaseLost, match=r"a\.example belongs to another worker"):
        await first.read(A, A, None, 1)


async def test_a_unit_is_wanted_until_it_is_released(desk: Desk) -> None:
    """The owner hears that another needs a unit, with each commit, until it is released or that one is gone."""
    first, second, third = [await desk.worker() for _ in range(3)]
    await take(first, A, B)
    await second.commit(Commit(wanted=[A, C]))  # nobody owns the second, so it can just be taken
    await third.commit(Commit(wanted=[B]))
    for _ in range(2):
        assert sorted((await first.commit(Commit())).wanted) == [A, B]
    await third.leave()
    assert (await first.commit(Commit())).wanted == [A]
    assert (await first.commit(Commit({A: Unit(released=True)}))).wanted == []
    await take(second, A)
    assert (await second.commit(Commit())).wanted == []


async def test_peers_are_told_of(desk: Desk) -> None:
    """A worker hears of each other that is alive how many units have something to do, and whether it is idle."""
    first, second, third = [await desk.worker() for _ in range(3)]
    await take(second, A, B, C, ITEMS)
    await second.commit(Commit({A: waiting(1), B: waiting(1, 2, site=B)}))
    await third.commit(Commit(is_idle=True))
    peers = (await first.commit(Commit())).peers
    assert sorted(peers, key=lambda each: each.units) == [Peer(0, True), Peer(2, False)]


async def test_statistics_of_all_that_ever_were(desk: Desk) -> None:
    """A worker hears the newest statistics of all others, also of those that left; an empty one changes nothing."""
    first, second, third = [await desk.worker() for _ in range(3)]
    await second.commit(Commit(statistics=b"2a"))
    await third.commit(Commit(statistics=b"3"))
    await second.commit(Commit(statistics=b"2b"))
    assert sorted((await first.commit(Commit(statistics=b"1"))).others) == [b"2b", b"3"]
    await second.commit(Commit())
    await second.leave()
    assert sorted((await first.commit(Commit(statistics=b"1"))).others) == [b"2b", b"3"]
    assert sorted((await third.commit(Commit())).others) == [b"1", b"2b"]


async def test_the_memory_of_the_job(desk: Desk) -> None:
    """What belongs to no unit is told to who joins."""
    first = await desk.worker()
    await first.commit(Commit(memory=[("robots", "k", b"v"), ("robots", "gone", b"v")]))
    await first.commit(Commit(memory=[("robots", "gone", None)]))
    assert (await desk.store().join(b"D", replaces=b"D", fresh=False)).memory == [("robots", "k", b"v")]


async def test_what_was_committed_of_start(desk: Desk) -> None:
    """All hear what the owner of the seeds has committed of them, which nobody else may."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, SEEDS)
    await first.commit(Commit(seeds=b"3 taken"))
    assert (await second.commit(Commit())).seeds == b"3 taken"
    assert (await second.commit(Commit())).seeds == b"3 taken"
    with pytest.raises(LeaseLost, match="#seeds belongs to another worker"):
        await second.commit(Commit(seeds=b"none", found={A: [b"x"]}))
    news = await first.commit(Commit())
    assert (news.seeds, news.free) == (b"3 taken", 1)
    assert f"i:{A}" not in desk.stored()


async def test_a_unit_rests_after_its_owner_died(desk: Desk) -> None:
    """How long a unit rests is what is left, since the lease ran out, of the longest deadline of a request."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    await first.commit(Commit({A: waiting(1)}))
    desk.expire(desk.tokens()[0], ago=1000)
    [held] = await second.take(1)
    assert held.rest is not None
    assert TIMEOUT - 1010 < held.rest <= TIMEOUT - 1000


async def test_a_unit_whose_owner_died_long_ago_need_not_rest(desk: Desk) -> None:
    """When the longest deadline has passed since the lease ran out, nothing can be on the wire."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A)
    desk.expire(desk.tokens()[0], ago=TIMEOUT + 1)
    [held] = await take(second, A)
    assert held.rest == 0
