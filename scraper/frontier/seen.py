"""Which requests were already seen: an exact set of 64-bit fingerprints, small enough for tens of millions.

A fingerprint is a keyed hash (BLAKE2b) of a request's key. The hash is keyed at random for each job, so no site can
choose URLs that collide, and kept with it, so the fingerprints mean the same to the next process. Two different keys
of a million are taken for one with a probability of three in a hundred million.

Fingerprints lie in sorted arrays, some 8.5 bytes each: up to 4,096 of them by the upper bits, the more the larger the
set is, so that putting one in moves little. Most keys that are asked for were met a moment ago, as the pages of a site
share their links: a bounded set of Python's own hashes of these stands in front, and answers without a fingerprint
being made.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from secrets import token_bytes

SALT = 16  # bytes
LATELY = 2**16  # hashes of keys that were met lately
_MOST_SHARDS = 4096
_FULL = 512  # fingerprints in a shard, on average, before there are sixteen times as many shards


class Seen:
    """A set of keys that can only grow. `salt` is the key of the hash, `fingerprints` what was already seen.

    Several sets may share what was met `lately`. The URL of a key makes no difference: see `protocols.Frontier`.
    """

    __slots__ = ("_lately", "_new", "_shards", "_shift", "_size", "salt")

    def __init__(
        self, salt: bytes | None = None, fingerprints: Iterable[bytes] = (), *, lately: set[int] | None = None
    ) -> None:
        self.salt = salt or token_bytes(SALT)
        self._lately: set[int] = set() if lately is None else lately
        self._new = array("Q")
        known = array("Q")
        for part in fingerprints:
            known.frombytes(part)
        self._size = len(known)
        self._spread(_little(known))

    def add(self, key: str, url: str = "") -> bool:
        """Remember `key`; whether it is new."""
        short = hash(key)
        if short in self._lately:
            return False
        if len(self._lately) >= LATELY:
            self._lately.clear()
        self._lately.add(short)
        return self._put(self._fingerprint(key))

    def _put(self, fingerprint: int) -> bool:
        shard = self._shards[fingerprint >> self._shift]
        place = bisect_left(shard, fingerprint)
        if place < len(shard) and shard[place] == fingerprint:
            return False
        shard.insert(place, fingerprint)
        self._new.append(fingerprint)
        self._size += 1
        if self._size > len(self._shards) * _FULL and len(self._shards) < _MOST_SHARDS:
            self._spread(each for shard in self._shards for each in shard)
        return True

    def _spread(self, fingerprints: Iterable[int]) -> None:
        """Have all fingerprints lie in as many shards as are good for so many."""
        number = 1
        while number < _MOST_SHARDS and self._size > number * _FULL:
            number *= 16
        self._shift = 64 - number.bit_length() + 1
        shards = [array("Q") for _ in range(number)]
        for each in fingerprints:
            shards[each >> self._shift].append(each)
        self._shards = [array("Q", sorted(shard)) for shard in shards] if self._size else shards

    def undo(self, key: str, url: str = "") -> None:
        """Forget `key`, which is the one that was new last."""
        fingerprint = self._fingerprint(key)
        assert self._new.pop() == fingerprint
        self._lately.discard(hash(key))
        shard = self._shards[fingerprint >> self._shift]
        del shard[bisect_left(shard, fingerprint)]
        self._size -= 1

    def _fingerprint(self, key: str) -> int:
        data = key.encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(data, digest_size=8, key=self.salt).digest(), "little")

    def cut(self) -> bytes:
        """The fingerprints that are new since this was last asked, 8 bytes each."""
        new, self._new = self._new, array("Q")
        return _little(new).tobytes()

    def has(self, key: str, url: str = "") -> bool:
        """Whether `key` is remembered."""
        if hash(key) in self._lately:
            return True
        fingerprint = self._fingerprint(key)
        shard = self._shards[fingerprint >> self._shift]
        place = bisect_left(shard, fingerprint)
        return place < len(shard) and shard[place] == fingerprint

    def __contains__(self, key: str) -> bool:
        return self.has(key)

    def __len__(self) -> int:
        return self._size


def _little(values: "array[int]") -> "array[int]":
    """The same numbers in the byte order of files."""
    if sys.byteorder == "big":
        values.byteswap()
    return values
