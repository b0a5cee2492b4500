"""The frontier that outlives the process: a window of what waits is in memory, all of it in the file of a job.

What happens is noted in a journal, and a commit writes the journal in one transaction, in a thread of its own. A
request that was added and done between two commits never reaches the file.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self, cast

import msgspec

from scraper.errors import StorageError
from scraper.frontier.database import Batch, Failure, Key, Store, Waiting
from scraper.frontier.order import Order, Rank, rank
from scraper.frontier.seen import Seen
from scraper.frontier.serialization import checkpoints
from scraper.frontier.serialization.checkpoints import encode
from scraper.frontier.serialization.requests import decoded, encoded
from scraper.frontier.window import Row, Window
from scraper.http.request import Request
from scraper.process.crash_marks import label
from scraper.protocols import LAST, Checkpoint, Entry
from scraper.urls import site, without_credentials


class Journal(msgspec.Struct, eq=False):
    """What happened since a commit: requests that are to be written, by their numbers, and rows that are to go."""

    added: dict[int, Waiting] = msgspec.field(default_factory=dict)
    gone: list[Key] = msgspec.field(default_factory=list)
    failed: list[Failure] = msgspec.field(default_factory=list)
    pages: list[tuple[bytes, int, bytes]] = msgspec.field(default_factory=list)
    pages_gone: list[tuple[bytes, int]] = msgspec.field(default_factory=list)


class SqliteFrontier:
    """Requests wait in `store`. See `protocols.Frontier` for what it promises.

    `resumed` is the last checkpoint, None if there was none. Requests with a label among `died`, at whose pages the
    process died, come last. Raises `StorageError` if the file is not whole.
    """

    def __init__(self, store: Store, order: Order = "breadth", *, died: Container[str] = ()) -> None:
        self._store = store
        self._order = order
        self._died = died
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="frontier")
        self._writing: deque[Journal] = deque()
        self._journal = Journal()
        self._problem: StorageError | None = None
        meta, sites = store.meta(), store.sites()
        self.resumed = checkpoints.checkpoint(store, meta)
        self._added = self._rows = 0
        if self.resumed is not None:
            self._added = checkpoints.value(store, meta, "added", int)
            self._rows = checkpoints.value(store, meta, "rows", int)
        if self._rows != sum(sites.values()):
            raise StorageError(f"{store.path}: of {self._rows:,} waiting requests {sum(sites.values()):,} are there")
        self._seen = Seen(meta.get("salt"), store.fingerprints())
        self.remember, self.unremember, self.knows = self._seen.add, self._seen.undo, self._seen.has
        self._window = Window(self, sites)
        self.run = checkpoints.value(store, meta, "run", int) if "run" in meta else 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the commits under way, and close the file."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, int)
        finally:
            self._writer.shutdown()
            self._store.close()

    @property
    def has_begun(self) -> bool:
        """Whether a request was ever added, in this process or an earlier one."""
        return self._added > 0 or self.resumed is not None

    @property
    def waiting(self) -> int:
        return self._window.waiting

    def unwritten_size(self) -> int:
        return len(self._journal.added) + sum(len(each.added) for each in self._writing)

    def waiting_for(self, site: str) -> int:
        return self._window.waiting_for(site)

    def sites(self) -> Iterable[str]:
        return self._window.sites()

    def priority(self, site: str) -> int | None:
        entry = self._window.first(site)
        return None if entry is None else entry.request.priority

    def take(self, site: str) -> Entry | None:
        return self._window.take(site)

    def methods(self) -> set[str]:
        """The methods of the spider that the requests in the file are for."""
        names = self._store.methods()
        return {callback or "parse" for callback, _ in names} | {errback for _, errback in names if errback}

    def add(self, request: Request, *, is_start: bool = False) -> Entry:
        if self._died and label(request) in self._died:
            request = request.replace(priority=LAST)
        data = encoded(request)
        self._added = number = self._added + 1
        entry = Entry(number, request, is_start)
        name = site(request.url)
        high, place = where = rank(self._order, request.priority, number)
        callback, errback = cast("str | None", request.callback), cast("str | None", request.errback)
        self._journal.added[number] = (name, high, place, data, is_start, callback, errback)
        self._window.add(name, where, entry)
        return entry

    def done(self, entry: Entry) -> None:
        row = self._journal.added.pop(entry.number, None)
        if row is None:
            self._journal.gone.append((site(entry.request.url), *self._rank(entry)))
        else:
            self._window.busy.discard(entry.number)

    def failed(self, entry: Entry, reason: str) -> None:
        row = self._journal.added.get(entry.number)
        data = encoded(entry.request) if row is None else row[3]
        url = entry.request.url
        self._journal.failed.append((entry.number, site(url), without_credentials(url), reason, data, entry.is_start))
        self.done(entry)

    def _rank(self, entry: Entry) -> Rank:
        return rank(self._order, entry.request.priority, entry.number)

    # What the window reads.

    def read(self, site: str, rank: Rank | None) -> Iterator[Row]:
        """What the file has of `site`, in order, from `rank` on."""
        return self._store.read(site, rank)

    def entry(self, name: str, row: Row) -> Entry:
        """The request of a row. Raises `StorageError` if it is not as it was written."""
        high, place, data, is_start = row
        try:
            request = decoded(data)
        except StorageError as error:
            raise StorageError(f"{self._store.path}: {error}") from None
        if site(request.url) != name or request.priority != -high:
            raise StorageError(f"{self._store.path}: {request!r} is not where it was put")
        return Entry(abs(place), request, bool(is_start))

    def unwritten(self, number: int) -> Row | None:
        """The row of the request of this number, as it will be written; None if it is in the file for good."""
        for journal in (self._journal, *self._writing):
            if (added := journal.added.get(number)) is not None:
                _, high, place, data, is_start, *_ = added
                return high, place, data, is_start
        return None

    # What is kept of pages from one run of a crawl to the next.

    def page(self, key: bytes) -> bytes | None:
        """What an earlier run kept as `key`; None if none did. Raises `StorageError` if it cannot be read."""
        return self._store.page(key, self.run)

    def keep(self, key: bytes, value: bytes) -> None:
        """Have `value` be known as `key` to the next run; what earlier ones kept so is not needed any more."""
        self._journal.pages.append((key, self.run, value))

    def forget(self, key: bytes) -> None:
        """What earlier runs kept as `key` is of no use any more."""
        self._journal.pages_gone.append((key, self.run))

    def pages_left(self) -> Iterator[tuple[bytes, bytes]]:
        """What earlier runs kept, and this one has not, as of the last commit."""
        return self._store.pages_left(self.run)

    # Commits.

    async def note(self, **meta: bytes) -> None:
        """Keep something under a name. Raises `StorageError`."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self._write, Batch(meta=meta))

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None]:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[None] = loop.create_future()
        if self._problem is not None:
            outcome.set_exception(self._problem)
            return outcome
        journal, self._journal = self._journal, Journal()
        self._writing.append(journal)
        writing = loop.run_in_executor(self._writer, self._write, self._batch(journal, checkpoint))
        writing.add_done_callback(partial(self._written, outcome))
        return outcome

    def _batch(self, journal: Journal, checkpoint: Checkpoint) -> Batch:
        """All that is to be written, as it is now."""
        self._rows += len(journal.added) - len(journal.gone)
        memory, forgotten = checkpoints.memory(checkpoint.memories)
        meta = checkpoints.meta(checkpoint)
        meta |= {"added": encode(self._added), "rows": encode(self._rows), "salt": self._seen.salt}
        return Batch(
            waiting=list(journal.added.values()),
            gone=journal.gone,
            failed=journal.failed,
            fingerprints=self._seen.cut(),
            memory=memory,
            forgotten=forgotten,
            pages=journal.pages,
            pages_gone=journal.pages_gone,
            meta=meta,
        )

    def _write(self, batch: Batch) -> None:
        """In the writer's thread. After a commit that failed none can be: it would lack what that one had."""
        if self._problem is not None:
            raise self._problem
        try:
            self._store.write(batch)
        except StorageError as error:
            self._problem = error
            raise

    def _written(self, outcome: "asyncio.Future[None]", writing: "asyncio.Future[None]") -> None:
        """A commit has ended: what it wrote is in the file for good."""
        error = writing.exception()
        if error is None:
            journal = self._writing.popleft()
            self._window.written((row[0], number) for number, row in journal.added.items())
            self._window.busy.difference_update(abs(key[2]) for key in journal.gone)
        if outcome.done():  # nobody waits for it any more
            return
        if error is None:
            outcome.set_result(None)
        else:
            outcome.set_exception(error)

    def __repr__(self) -> str:
        return f"<SqliteFrontier {self._store.path}: {self.waiting} waiting, {len(self._window.busy)} in hand>"
