"""How a job lies in Redis: the keys it has, and how requests, failures and memories are written.

`lua/keys.lua` lists the keys. A request that waits is a member of a sorted set, `site NUL rank is_start request`; all
scores are 0, so Redis sorts by bytes. The two numbers of a rank are signed, of 64 bits: they are written unsigned, with
an offset, so that their bytes sort as the numbers do.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Any

import msgspec

from scraper.frontier.store import Commit, Memory, Unit
from scraper.frontier.window import Row

LAYOUT = 1
"""The version of all this. A job that a newer version has written is refused."""

_OFFSET = 1 << 63
_RANK = Struct(">QQ")
_HEAD = _RANK.size + 1  # and whether it is a start request

_encoder = msgspec.msgpack.Encoder()


def prefix(job: str) -> str:
    """How all keys of a job begin. The braces keep them together on one server of a cluster."""
    return f"scraper:{{{job}}}:"


def place(site: str, rank: tuple[int, int]) -> bytes:
    """How the member of a request begins."""
    return site.encode() + b"\0" + _RANK.pack(rank[0] + _OFFSET, rank[1] + _OFFSET)


def bounds(site: str, rank: tuple[int, int] | None) -> tuple[bytes, bytes]:
    """The range of members that wait for `site`, from `rank` on, as `ZRANGEBYLEX` takes it."""
    start = site.encode() + b"\0"
    return b"[" + (start if rank is None else place(site, rank)), b"(" + site.encode() + b"\1"


def member(site: str, high: int, low: int, request: bytes, is_start: bool) -> bytes:
    """A request as it waits."""
    return place(site, (high, low)) + (b"\1" if is_start else b"\0") + request


def row(found: bytes, site: str) -> Row:
    """What `member` wrote. Raises `ValueError` if it did not."""
    start = len(site.encode()) + 1
    if len(found) < start + _HEAD or found[start + _HEAD - 1] > 1:
        raise ValueError(found)
    high, low = _RANK.unpack_from(found, start)
    return high - _OFFSET, low - _OFFSET, found[start + _HEAD :], found[start + _HEAD - 1]


def memories(changed: Iterable[Memory]) -> tuple[list[bytes], list[bytes]]:
    """What a hash is to have of it, field and value by turns, and the fields that it is to lose. The last one wins."""
    written: list[bytes] = []
    forgotten: list[bytes] = []
    for field, value in {f"{part}\0{key}".encode(): value for part, key, value in changed}.items():
        if value is None:
            forgotten.append(field)
        else:
            written += (field, value)
    return written, forgotten


def arguments(commit: Commit) -> dict[str, Any]:
    """What the script of a commit is given."""
    memory, forgotten = memories(commit.memory)
    return {
        "units": [_unit(name, unit) for name, unit in commit.units.items()],
        "found": [(unit, requests) for unit, requests in commit.found.items() if requests],
        "items": commit.items,
        "statistics": commit.statistics,
        **({} if commit.seeds is None else {"seeds": commit.seeds}),
        "seeds_ended": commit.seeds_ended,
        "memory": memory,
        "forgotten": forgotten,
        "parked": commit.parked,
        "is_idle": commit.is_idle,
        "wanted": commit.wanted,
        "stop": commit.stop,
        "has_ended": commit.has_ended,
    }


def _unit(name: str, unit: Unit) -> dict[str, Any]:
    waiting: list[bytes] = []
    for row in unit.waiting:
        waiting += (b"0", member(*row))
    failed: list[bytes] = []
    for failure in unit.failed:
        failed += (b"%d" % failure[0], _encoder.encode(failure))
    memory, forgotten = memories(unit.memory)
    return {
        "name": name,
        "waiting": waiting,
        "gone": [place(site, (high, low)) for site, high, low in unit.gone],
        "failed": failed,
        "fingerprints": unit.fingerprints,
        "memory": memory,
        "forgotten": forgotten,
        "drained": unit.drained,
        "released": unit.released,
    }
