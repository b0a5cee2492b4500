"""Keys that something else has written: each is an error that names the key, and nothing is half written."""

from collections.abc import Callable

import pytest

from scraper.errors import StorageError
from scraper.frontier.store import ITEMS, SEEDS, Commit, Unit
from scraper.protocols import LeaseLost
from tests.frontier.redis.desk import PREFIX, A, B, Desk, gone, join, take, waiting

FIXED = ["meta", "workers", "own", "free", "wanted", "failed", "memory", "statistics", "told", "items", "sizes"]
OF_UNITS = [f"w:{A}", f"i:{A}", f"s:{A}", f"m:{A}", f"w:{B}", f"i:{B}"]
OF_WORKERS = ["worker:{}", "units:{}", "load:{}", "found:{}"]


def everything() -> Commit:
    """A commit that touches all keys."""
    unit = Unit(
        waiting=waiting(7, 8).waiting,
        gone=gone(1).gone,
        failed=[(9, A, "url", "reason", b"request", False)],
        fingerprints=b"12345678" * 200,
        memory=[("p", "k", b"v"), ("p", "l", None)],
        drained=1,
    )
    return Commit(
        {A: unit},
        {B: [b"x"], "new.example": [b"y"]},
        b"items",
        b"statistics",
        seeds=b"seeds",
        seeds_ended=True,
        memory=[("p", "k", b"v"), ("p", "l", None)],
        wanted=["c.example"],
        stop="stop",
    )


async def two_workers(desk: Desk) -> None:
    """A job with something in each of its keys; the first store has A and both roles."""
    first, second = await desk.worker(), await desk.worker()
    await take(first, A, SEEDS, ITEMS)
    await take(second, "c.example")
    commit = everything()
    commit.units[A].drained = 0
    await first.commit(commit)
    await second.commit(Commit(found={A: [b"z"]}, wanted=[A], statistics=b"s"))
    await first.commit(Commit(wanted=["c.example"], items=b"items"))


def contents(desk: Desk) -> dict[str, bytes]:
    return {key: desk.redis.dump(desk.key(key)) for key in desk.stored()}


async def broken(desk: Desk, *calls: Callable[[], object], key: str) -> None:
    """Each call names the key, and has written nothing."""
    before = contents(desk)
    for call in calls:
        with pytest.raises(StorageError) as error:
            await call()  # type: ignore[misc]
        assert PREFIX + key in str(error.value)
        assert "\n" not in str(error.value)
        assert not isinstance(error.value, LeaseLost)
    assert contents(desk) == before


@pytest.mark.parametrize("name", [*FIXED, *OF_UNITS, *OF_WORKERS])
async def test_a_key_of_another_type(desk: Desk, name: str) -> None:
    """A commit that would touch a key of another type writes nothing."""
    await two_workers(desk)
    key = name.format(desk.tokens()[0].decode())
    desk.redis.delete(desk.key(key))
    desk.redis.set(desk.key(key), "hostile")
    await broken(desk, lambda: desk.stores[0].commit(everything()), key=key)


@pytest.mark.parametrize("name", [*FIXED, *OF_WORKERS])
async def test_a_job_with_a_key_of_another_type_is_not_joined(desk: Desk, name: str) -> None:
    """Nor does a worker join such a job, or begin it anew: what else is there may not be ours."""
    await two_workers(desk)
    key = name.format(desk.tokens()[0].decode())
    desk.redis.delete(desk.key(key))
    desk.redis.set(desk.key(key), "hostile")
    store = desk.store()
    await broken(
        desk,
        lambda: store.join(b"D", replaces=b"D", fresh=False),
        lambda: store.join(b"D", replaces=b"D", fresh=True),
        key=key,
    )


@pytest.mark.parametrize("field", ["changes", "first", "following", "backlog", "kept"])
@pytest.mark.parametrize("value", ["", "-1", "1.5", "0x10", "1e300", "9" * 30, b"\x80\x04."])
async def test_a_number_that_is_none(desk: Desk, field: str, value: str | bytes) -> None:
    """A field of the job that should be a number and is none keeps commits from being written."""
    await two_workers(desk)
    desk.redis.hset(desk.key("meta"), field, value)
    await broken(desk, lambda: desk.stores[0].commit(everything()), key="meta")


@pytest.mark.parametrize("member", [b"", b"no request", b"\0" * 30, A.encode() + b"\0short"])
async def test_a_waiting_request_that_is_none(desk: Desk, member: bytes) -> None:
    """A member that is no request is an error when it is counted or read, and not a request."""
    await two_workers(desk)
    desk.redis.zadd(desk.key(f"w:{A}"), {member: 0})
    first, second = desk.stores
    if b"\0short" in member:
        await broken(desk, lambda: first.read(A, A, None, 100), key=f"w:{A}")
    else:
        await first.commit(Commit({A: Unit(released=True)}))
        await broken(desk, lambda: take(second, A), key=f"w:{A}")


async def test_a_site_that_is_no_text(desk: Desk) -> None:
    """A site that is not UTF-8 is an error that names the unit's key."""
    await two_workers(desk)
    desk.redis.zadd(desk.key(f"w:{A}"), {b"\xff\0" + bytes(17) + b"x": 0})
    await desk.stores[0].commit(Commit({A: Unit(released=True)}))
    with pytest.raises(StorageError, match=r"unit a\.example is not as it was written"):
        await take(desk.stores[1], A)


@pytest.mark.parametrize("part", [b"", b"short", bytes(1024)])
async def test_fingerprints_that_are_not_whole(desk: Desk, part: bytes) -> None:
    """Fingerprints that were cut, or are too many in one part, are added to by nobody."""
    await two_workers(desk)
    desk.redis.hset(desk.key(f"s:{A}"), 1, part)
    await broken(desk, lambda: desk.stores[0].commit(everything()), key=f"s:{A}")


async def test_fingerprints_of_which_a_part_is_missing(desk: Desk) -> None:
    """A unit whose fingerprints have a gap is not taken."""
    await two_workers(desk)
    desk.redis.hset(desk.key(f"s:{A}"), 5, b"12345678")
    desk.redis.hset(desk.key("own"), A, "-0")
    await broken(desk, lambda: take(desk.stores[1], A), key=f"s:{A}")


@pytest.mark.parametrize("state", ["hostile", "-", "-x", "--1"])
async def test_a_unit_whose_owner_is_none(desk: Desk, state: str) -> None:
    """A unit of which it cannot be said how long it rests is not taken."""
    await two_workers(desk)
    desk.redis.hset(desk.key("own"), B, state)
    await broken(desk, lambda: take(desk.stores[1], B), key="own")


async def test_a_memory_without_a_part(desk: Desk) -> None:
    """A memory that belongs to no part is an error that names its key."""
    await two_workers(desk)
    desk.redis.hset(desk.key("memory"), "hostile", "x")
    with pytest.raises(StorageError, match=r"scraper:\{books\}:memory is not as it was written"):
        await join(desk.store())


async def test_a_newer_version_of_the_layout(desk: Desk) -> None:
    """A job that a newer version has begun is neither looked at, nor joined, nor begun anew."""
    await two_workers(desk)
    desk.redis.hset(desk.key("meta"), "layout", 2)
    store = desk.store()
    before = contents(desk)
    for call in (
        store.look,
        lambda: store.join(b"D", replaces=b"D", fresh=False),
        lambda: store.join(b"D", replaces=b"D", fresh=True),
    ):
        with pytest.raises(StorageError, match="was begun by a newer version of scraper: update it"):
            await call()
    assert contents(desk) == before


@pytest.mark.parametrize("key", ["meta", "own"])
async def test_the_keys_of_something_else(desk: Desk, key: str) -> None:
    """Keys of the job's name that no version of ours has written are left alone."""
    desk.redis.hset(desk.key(key), "a", "b")
    store = desk.store()
    with pytest.raises(StorageError, match="was written by something else: choose another job name, or database"):
        await store.join(b"D", replaces=None, fresh=False)
    assert desk.stored() == {key}
