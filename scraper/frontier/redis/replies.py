"""What the scripts answer, as values of `frontier/store.py`.

Redis answers with numbers, byte strings and lists of them. All of this raises `ValueError` or `TypeError` if something
is stored that is not as it was written.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from scraper.frontier.store import Collected, Held, Look, News, Peer


class Known(msgspec.Struct):
    """What a worker was told before, and is not told again: up to which `change` of the job, and what.

    `statistics` are by worker, its own among them.
    """

    change: int = 0
    seeds: bytes = b""
    statistics: dict[bytes, bytes] = msgspec.field(default_factory=dict)


def look(reply: list[Any] | None) -> Look | None:
    if reply is None:
        return None
    description, workers, has_begun, stop, ago, ended = reply
    return Look(description, workers, bool(has_begun), stop.decode(), ended, ago / 1000)


def news(reply: list[Any], known: Known, token: bytes) -> News:
    """How the job stands; `known` is brought up to date."""
    change, found, free, wanted, peers, statistics, seeds, backlog, stop, is_over, ended, moment = reply
    known.change = change
    known.statistics.update(_pairs(statistics))
    if seeds is not None:
        known.seeds = seeds
    return News(
        found={unit.decode(): int(number) for unit, number in _pairs(found)},
        free=free,
        wanted=[unit.decode() for unit in wanted],
        peers=[Peer(units, bool(is_idle)) for units, is_idle in peers],
        others=[each for worker, each in known.statistics.items() if worker != token],
        seeds=known.seeds,
        backlog=backlog,
        stop=stop.decode(),
        is_over=bool(is_over),
        ended=ended,
        moment=moment / 1000,
    )


def values(reply: bytes) -> list[bytes]:
    """What `joined` in `lua/keys.lua` has joined: values, each after its length."""
    found, place, end = [], 0, len(reply)
    while place < end:
        start = place + 4
        place = start + int.from_bytes(reply[place:start])
        found.append(reply[start:place])
    return found


def held(reply: list[Any], more: Sequence[bytes]) -> Held:
    """A unit. `more` are fingerprints that came afterwards, as they were too many for one reply."""
    name, sites, seen, _, _, memory, found, rest = reply
    return Held(
        name.decode(),
        {site.decode(): number for site, number in _pairs(sites)},
        b"".join((seen, *more)),
        memories(memory),
        found,
        None if rest < 0 else rest / 1000,
    )


def memories(reply: list[bytes]) -> list[tuple[str, str, bytes]]:
    """Part, key and value of each."""
    return [_memory(field, value) for field, value in _pairs(reply)]


def collected(reply: list[Any]) -> Collected:
    return Collected(*reply)


def _memory(field: bytes, value: bytes) -> tuple[str, str, bytes]:
    part, separator, key = field.decode().partition("\0")
    if not separator:
        raise ValueError(field)
    return part, key, value


def _pairs(reply: list[Any]) -> Iterator[tuple[Any, Any]]:
    """What a list has by turns."""
    values = iter(reply)
    return cast("Iterator[tuple[Any, Any]]", zip(values, values, strict=True))
