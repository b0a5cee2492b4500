"""What a crawl needs to resume where an earlier process left it: what its parts remember, and where its files end.

All of it is in the checkpoints that the job directory keeps: see `frontier.jobs`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from scraper.errors import SpiderError, StorageError
from scraper.protocols import Checkpoint, Remembers, Sink
from scraper.spider import Spider


def memories_of(parts: Iterable[object]) -> dict[str, Remembers]:
    """Those of `parts` that remember, by names that are the same whenever they are made again."""
    found: dict[str, Remembers] = {}
    for part in parts:
        if isinstance(part, Remembers):
            name = type(part).__qualname__
            number = sum(each.partition(" ")[0] == name for each in found)
            found[f"{name} {number}"] = part
    return found


class State:
    """Keeps the spider's `state`."""

    def __init__(self, spider: Spider) -> None:
        self._spider = spider
        self._kept = b"{}"

    def changes(self) -> dict[str, Any]:
        """The state, if it is another than before. Raises `SpiderError` if it holds what JSON does not."""
        state = self._spider.state
        if not state or type(self._spider).state is not Spider.state:  # its own attribute, and no state of ours
            return {}
        try:
            written = msgspec.json.encode(state)
        except (TypeError, ValueError, RecursionError) as error:
            where = f"{type(self._spider).__name__}.state"
            raise SpiderError(f"{where} cannot be kept: it must be a dict of JSON values ({error})") from None
        if written == self._kept:
            return {}
        self._kept = written
        return {"state": written}

    def recall(self, memory: dict[str, Any]) -> None:
        """Give the spider its state back."""
        if "state" in memory:
            self._kept = memory["state"]
            self._spider.state = msgspec.json.decode(self._kept)


def recalled_state(spider: Spider, checkpoint: Checkpoint | None) -> State:
    """What keeps the `state` of `spider`, which has it back as it was at `checkpoint`, if there is one."""
    state = State(spider)
    if checkpoint is not None:
        recall({"state": state}, checkpoint)
    return state


def recall(memories: Mapping[str, Remembers], checkpoint: Checkpoint) -> None:
    """Have parts remember what they knew at `checkpoint`."""
    for name, part in memories.items():
        part.recall(checkpoint.memories.get(name, {}))


def resume_sinks(sinks: Sequence[Sink], checkpoint: Checkpoint) -> None:
    """Have sinks be opened where `checkpoint` left them."""
    for sink in sinks:
        position = checkpoint.positions.get(sink.path)
        if position is not None:
            sink.resume(position)


def check_methods(spider: Spider, methods: Iterable[str]) -> None:
    """Raises `StorageError` if waiting requests need `methods` that the spider does not have."""
    missing = sorted(name for name in methods if not callable(getattr(spider, name, None)))
    if missing:
        raise StorageError(
            f"{spider.name}: requests wait for {', '.join(missing)}, which {type(spider).__name__} no longer "
            "has: put it back, or start over with --fresh"
        )
