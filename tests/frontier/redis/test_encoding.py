"""How requests and arguments are written for Redis."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.frontier.redis.layout import bounds, member, place, row
from scraper.frontier.redis.packing import packed
from scraper.frontier.redis.scripts import script
from tests.frontier.redis.desk import Desk

NUMBERS = st.integers(-(2**63), 2**63 - 1)
SITES = st.sampled_from(["a.example", "a.example:80", "b.example", "ü.example", "www.a.example"])
ROWS = st.tuples(SITES, NUMBERS, NUMBERS, st.binary(max_size=20), st.booleans())


@given(ROWS)
def test_a_request_is_read_as_it_was_written(written: tuple[str, int, int, bytes, bool]) -> None:
    """A member of a sorted set gives back rank, request and whether it is a start request."""
    site, high, low, request, is_start = written
    assert row(member(*written), site) == (high, low, request, int(is_start))


@given(st.lists(ROWS), SITES, NUMBERS, NUMBERS)
def test_members_sort_as_ranks_do(
    rows: list[tuple[str, int, int, bytes, bool]], site: str, high: int, low: int
) -> None:
    """Between the bounds of a site are its members, by rank; and what begins with a place has that rank."""
    members = sorted(member(*each) for each in rows)
    least, most = (bound[1:] for bound in bounds(site, (high, low)))
    inside = [row(each, site)[:2] for each in members if least <= each < most]
    assert inside == sorted(each[1:3] for each in rows if each[0] == site and each[1:3] >= (high, low))
    for each in rows:
        assert member(*each).startswith(place(*each[:1], each[1:3]))


@pytest.mark.parametrize(
    "value",
    [0, 1, 127, 128, -1, 2**53, -(2**53), b"", b"\0\xff", bytes(255), bytes(65_535), bytes(65_536), "ü", "x" * 70_000],
)
async def test_redis_reads_what_is_packed(desk: Desk, value: Any) -> None:
    """Numbers up to 2^53, texts and bytes of any size arrive as they are, whatever stands before and after them."""
    argument = packed({"before": [], "list": [value, [b"nested", {"key": value}]], "after": value})
    text = "local a = cmsgpack.unpack(ARGV[1]); return {a.list[1], a.list[2][2].key, a.after, #a.before, #a.list}"
    sent = value.encode() if isinstance(value, str) else value
    assert desk.redis.eval(text, 0, argument) == [sent, sent, sent, 0, 2]


async def test_truth_is_packed(desk: Desk) -> None:
    """A boolean is one in Lua, not a number."""
    text = "local a = cmsgpack.unpack(ARGV[1]); return {tostring(a.yes), tostring(a.no)}"
    assert desk.redis.eval(text, 0, packed({"yes": True, "no": False})) == [b"true", b"false"]


def test_what_lua_cannot_hold_is_not_packed() -> None:
    """Values of other types are refused rather than changed."""
    for value in (1.5, None, {1, 2}):
        with pytest.raises(TypeError):
            packed({"value": value})


def test_scripts_are_named_by_their_digest() -> None:
    """A script is known by the SHA-1 of its text, as Redis computes it, and is read once."""
    assert script("commit") is script("commit")
    assert len(script("commit").digest) == 40
    assert script("commit").digest != script("take").digest
