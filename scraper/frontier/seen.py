"""Which requests were met before.

Keys are remembered as 64-bit hashes: two different ones of a million are taken for one with a probability of
three in a hundred million. The hash is Python's own, keyed at random for each process, so no site can choose
URLs that collide; it is not for keeping.
"""


class Seen:
    """A set of keys that can only grow."""

    __slots__ = ("_hashes",)

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def add(self, key: str) -> bool:
        """Remember `key`; whether it is new."""
        known = len(self._hashes)
        self._hashes.add(hash(key))
        return len(self._hashes) > known

    def __contains__(self, key: str) -> bool:
        return hash(key) in self._hashes

    def __len__(self) -> int:
        return len(self._hashes)
