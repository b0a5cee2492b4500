"""Which requests were met before: an exact set of 64-bit fingerprints, small enough for tens of millions.

A fingerprint is a keyed hash (BLAKE2b) of a request's key. The hash is keyed at random for each job, so no site can
choose URLs that collide, and kept with it, so the fingerprints mean the same to the next process. Two different keys
of a million are taken for one with a probability of three in a hundred million.

Fingerprints lie in sorted arrays, some 8.5 bytes each: 4,096 of them by the upper bits, so that putting one in moves
little. Most keys that are asked for were met a moment ago, as the pages of a site share their links: a bounded set of
Python's own hashes of these stands in front, and answers without a fingerprint being made.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from secrets import token_bytes

SALT = 16  # bytes
LATELY = 2**16  # hashes of keys that were met lately
_SHARDS, _SHIFT = 4096, 52


class Seen:
    """A set of keys that can only grow. `salt` is the key of the hash, `fingerprints` what was met before."""

    __slots__ = ("_lately", "_new", "_shards", "_size", "salt")

    def __init__(self, salt: bytes | None = None, fingerprints: Iterable[bytes] = ()) -> None:
        self.salt = salt or token_bytes(SALT)
        self._lately: set[int] = set()
        self._new = array("Q")
        self._shards, self._size = _sharded(fingerprints)

    def add(self, key: str) -> bool:
        """Remember `key`; whether it is new."""
        short = hash(key)
        if short in self._lately:
            return False
        if len(self._lately) >= LATELY:
            self._lately.clear()
        self._lately.add(short)
        return self._put(self._fingerprint(key))

    def _put(self, fingerprint: int) -> bool:
        shard = self._shards[fingerprint >> _SHIFT]
        place = bisect_left(shard, fingerprint)
        if place < len(shard) and shard[place] == fingerprint:
            return False
        shard.insert(place, fingerprint)
        self._new.append(fingerprint)
        self._size += 1
        return True

    def undo(self, key: str) -> None:
        """Forget `key`, which is the one that was new last."""
        fingerprint = self._fingerprint(key)
        assert self._new.pop() == fingerprint
        self._lately.discard(hash(key))
        shard = self._shards[fingerprint >> _SHIFT]
        del shard[bisect_left(shard, fingerprint)]
        self._size -= 1

    def _fingerprint(self, key: str) -> int:
        data = key.encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(data, digest_size=8, key=self.salt).digest(), "little")

    def cut(self) -> bytes:
        """The fingerprints that are new since this was last asked, 8 bytes each."""
        new, self._new = self._new, array("Q")
        return _little(new).tobytes()

    def __contains__(self, key: str) -> bool:
        if hash(key) in self._lately:
            return True
        fingerprint = self._fingerprint(key)
        shard = self._shards[fingerprint >> _SHIFT]
        place = bisect_left(shard, fingerprint)
        return place < len(shard) and shard[place] == fingerprint

    def __len__(self) -> int:
        return self._size


def _sharded(parts: Iterable[bytes]) -> tuple[list["array[int]"], int]:
    """Sorted arrays by the upper bits, and how many fingerprints they hold."""
    shards = [array("Q") for _ in range(_SHARDS)]
    size = 0
    for part in parts:
        fingerprints = array("Q")
        fingerprints.frombytes(part)
        size += len(fingerprints)
        for each in _little(fingerprints):
            shards[each >> _SHIFT].append(each)
    if size:
        shards = [array("Q", sorted(shard)) for shard in shards]
    return shards, size


def _little(values: "array[int]") -> "array[int]":
    """The same numbers in the byte order of files."""
    if sys.byteorder == "big":
        values.byteswap()
    return values
