"""What the cache was good for."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """What came of the requests that the cache was asked about."""

    hits: int = 0
    misses: int = 0
    revalidated: int = 0
