"""What a crawl needs to go on where an earlier process left it: what it is, what its parts remember, its files.

Built by `crawling`; kept by the job directory of `frontier`.
"""

import hashlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from scraper.errors import SpiderError, StorageError
from scraper.frontier.jobs.description import DIGEST, Description
from scraper.protocols import Checkpoint, Remembers, Sink
from scraper.secrets import is_secret
from scraper.settings.schema import Settings
from scraper.settings.tables import flat
from scraper.spider import Spider
from scraper.version import __version__

_TELLING_NOTHING = ("sinks", "crawl", "spiders.", "views.", "frontier.jobs", "engine.stop_after", "engine.fail_when")
_PRIVATE = "network."  # keys of this table may hold passwords: only a digest of them is kept


def describe(spider: Spider, settings: Settings, arguments: Mapping[str, Any]) -> Description:
    """What a crawl is: a job that was begun as something else cannot be gone on with. Nothing secret is in it."""
    return Description(
        spider=spider.name,
        kind=f"{type(spider).__module__}:{type(spider).__qualname__}",
        arguments={name: _kept(name, value) for name, value in sorted(arguments.items())},
        sinks=[sink.model_dump(mode="json") for sink in settings.sinks],
        settings={
            key: _hidden(value) if key.startswith(_PRIVATE) else _plain(value)
            for key, value in flat(settings)
            if not key.startswith(_TELLING_NOTHING)
        },
        source=_source(type(spider)),
        version=__version__,
        started=datetime.now().isoformat(timespec="seconds"),
    )


def job_name(spider: str) -> str:
    """The name of a spider's job directory. Raises `SpiderError` if the spider's name is none for a folder."""
    if spider in {".", ".."} or {*"/\\:"} & {*spider} or not spider.isprintable():
        raise SpiderError(f"the spider's name {spider!r} cannot be that of a folder: name its job by --job DIR")
    return spider


def _plain(value: Any) -> Any:
    """A value of JSON that is equal only if `value` is."""
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, str | int | float | None) else repr(value)


def _kept(name: str, value: Any) -> Any:
    """An argument as it may be kept: a number or truth value; of anything else, which may be a password, a digest."""
    is_open = isinstance(value, int | float | None) and not is_secret(name)
    return value if is_open else _hidden(_plain(value))


def _hidden(value: Any) -> dict[str, str]:
    """What tells `value` from others, and does not tell what it is."""
    return {DIGEST: _digest(repr(value).encode())}


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _source(spider: type[Spider]) -> str:
    """A digest of the file that the spider's class is from; empty if there is none."""
    try:
        file = inspect.getsourcefile(spider)
        return _digest(Path(file).read_bytes()) if file is not None else ""
    except (OSError, TypeError):
        return ""


def remembering(parts: Iterable[object]) -> dict[str, Remembers]:
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


def recall(memories: Mapping[str, Remembers], checkpoint: Checkpoint) -> None:
    """Have parts remember what they knew at `checkpoint`."""
    for name, part in memories.items():
        part.recall(checkpoint.memories.get(name, {}))


def go_on(sinks: Sequence[Sink], checkpoint: Checkpoint) -> None:
    """Have sinks be opened where `checkpoint` left them."""
    for sink in sinks:
        position = checkpoint.positions.get(sink.path)
        if position is not None:
            sink.resume(position)


def check_methods(spider: Spider, methods: Iterable[str]) -> None:
    """Raises `StorageError` if requests that wait are to call `methods` that the spider has no more."""
    missing = sorted(name for name in methods if not callable(getattr(spider, name, None)))
    if missing:
        raise StorageError(
            f"{spider.name}: requests wait for {', '.join(missing)}, which {type(spider).__name__} does not have any "
            "more: put it back, or start over with --fresh"
        )
