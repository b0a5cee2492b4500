"""Every now and then all sinks are synced and the frontier commits, between two pages: that much is durable.

A page's items, its requests and its own "done" are applied inside the gate, and a checkpoint is taken while the
gate is closed; so each holds all of a page or nothing. What is counted of a page that is in hand is left out of
the statistics that are kept: if the process dies, it is counted again.
"""

from scraper.engine.accounting import Totals
from scraper.engine.stages import Stages
from scraper.engine.storage import Storage
from scraper.errors import SpiderError, StorageError
from scraper.process.stacks import line_of
from scraper.protocols import Checkpoint, LeaseLost


class Checkpoints:
    """Commits every `interval` seconds, or sooner; never, if that is None, since nothing could resume the crawl.

    Nor once a sink is lost: it does not have the items of what the frontier would call done.
    """

    def __init__(self, stages: Stages, storage: Storage, totals: Totals, *, interval: float | None) -> None:
        self._stages = stages
        self._storage = storage
        self._totals = totals
        self._interval = interval
        self._complaints: set[str] = set()

    async def keep(self) -> None:
        """Commit again and again, until cancelled."""
        while self._interval is not None:
            await self._storage.until_due(self._interval)
            await self.commit()
            self._storage.committed()

    async def commit(self) -> None:
        """Make durable all that has been applied."""
        if self._interval is None:
            return
        try:
            async with self._storage.gate.closed():
                if self._storage.error is not None:
                    return
                positions = [await sink.sync() for sink in self._stages.sinks]
                durable = self._stages.frontier.commit(
                    Checkpoint(
                        positions={each.path: each for each in positions},
                        statistics=self._totals.lasting(),
                        seeds=self._totals.seeds,
                        memories={name: self._changes(name) for name in self._stages.memories},
                    )
                )
            await durable
        except LeaseLost:
            raise
        except StorageError as error:
            self._storage.lose("checkpoint", error)
        except Exception as error:  # a sink of the user's may raise anything
            told = f"a checkpoint failed: {type(error).__name__}: {error} ({line_of(error)})"
            self._storage.lose("checkpoint", StorageError(told))

    def _changes(self, name: str) -> dict[str, object]:
        """What a part has to remember. If the user's code gave it what cannot be kept, that is reported once."""
        try:
            return self._stages.memories[name].changes()
        except SpiderError as error:
            if str(error) not in self._complaints:
                self._complaints.add(str(error))
                self._totals.count_error(name, "", "", error)
            return {}
