"""At which pages did the process die? They come last when the crawl goes on, so that all others are crawled before."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from scraper.errors import StorageError
from scraper.frontier.database import Batch, Key, Store, Waiting
from scraper.frontier.serialization.checkpoints import encode, value
from scraper.frontier.serialization.requests import decoded, encoded
from scraper.process.crash_marks import label
from scraper.protocols import LAST

KEY = "crashes"


def count(store: Store, died: Sequence[str]) -> Mapping[str, int]:
    """How often the process died at which pages, by their labels, with those of `died` once more.

    What waits for one of those that died comes last from now on. Raises `StorageError`.
    """
    meta = store.meta()
    crashes = Counter[str](value(store, meta, KEY, dict[str, int]) if KEY in meta else {})
    if died:
        crashes.update(died)
        moves = [move for each in died for move in _to_the_end(store, each)]
        store.write(
            Batch(gone=[old for old, _ in moves], waiting=[new for _, new in moves], meta={KEY: encode(dict(crashes))})
        )
    return crashes


def _to_the_end(store: Store, name: str) -> Iterator[tuple[Key, Waiting]]:
    """The requests of this label: where they are among the waiting, and what they are to be."""
    url = name.partition(" ")[0].encode()
    query = "SELECT site, high, place, request, is_start, callback, errback FROM waiting WHERE instr(request, ?)"
    for site, high, place, data, is_start, callback, errback in list(store.query(query, url)):
        try:
            request = decoded(data)
        except StorageError as error:
            raise StorageError(f"{store.path}: {error}") from None
        if high < -LAST and label(request) == name:
            last = encoded(request.replace(priority=LAST))
            yield (site, high, place), (site, -LAST, place, last, is_start, callback, errback)
