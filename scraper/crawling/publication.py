"""The end of a crawl's data files: all of them are published, or none, so that a bad run replaces no good data.

A crawl that failed keeps what it collected beside the file that was there: each `NAME` stays, and `NAME.part` is whole
and readable in its format. So does one that would put a file without items in the place of one that has some. Files
whose sink says `publish = "always"` are published all the same, unless they could not be written.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import msgspec

from scraper.crawling.result import Written
from scraper.engine.stages import Publishable, Rejects
from scraper.errors import StorageError
from scraper.protocols import Replaced, Sink
from scraper.sinks.memory import Collect, HandOver


class Publication(msgspec.Struct, frozen=True):
    """What became of the files. `problems` tells, one line each, why files were not published.

    `is_complete` says whether all that was collected is in its file, published or not.
    """

    written: tuple[Written, ...]
    kept: list[Any] = msgspec.field(default_factory=list)
    problems: tuple[str, ...] = ()
    is_complete: bool = True

    @classmethod
    def of(cls, sinks: Sequence[Sink], **facts: Any) -> Self:
        """What `sinks` have written; `kept` are the items of a crawl that has no file."""
        kept = next((sink.kept for sink in sinks if isinstance(sink, Collect)), [])
        return cls(tuple(_written(each) for each in sinks if _is_file(each)), kept, **facts)


async def publish(sinks: Sequence[Sink], *, has_failed: bool) -> Publication:
    """Complete the files of `sinks`; publish all, or none if the crawl `has_failed` or one would lose its items."""
    files = [sink for sink in sinks if isinstance(sink, Publishable)]
    before = {id(sink): await sink.previous() for sink in files}
    lost = [sink for sink in files if not sink.is_always_published and _would_lose(sink, before[id(sink)])]
    errors = await _complete(sinks)
    if errors:
        return Publication.of(sinks, problems=tuple(errors), is_complete=False)
    problems: list[str] = []
    replaced: dict[str, Replaced | None] = {}
    for sink in sinks:
        try:
            if not isinstance(sink, Publishable):
                await sink.finish()
            elif sink.is_always_published or not (has_failed or lost):
                await sink.publish()
                replaced[sink.path] = before[id(sink)]
            else:
                await sink.withhold()
                if not _is_file(sink):
                    continue
                problems.append(_withheld(sink, before[id(sink)]))
        except StorageError as error:
            errors.append(str(error))
    ended = Publication.of(sinks, problems=(*errors, *problems), is_complete=not errors)
    written = tuple(replace(each, replaced=replaced.get(each.path)) for each in ended.written)
    return msgspec.structs.replace(ended, written=written)


def _is_file(sink: Sink) -> bool:
    """Whether there is a file to speak of."""
    return not isinstance(sink, Collect | HandOver) and (sink.items > 0 or not isinstance(sink, Rejects))


def _would_lose(sink: Publishable, before: Replaced | None) -> bool:
    return before is not None and before.has_items and not sink.items


async def _complete(sinks: Sequence[Sink]) -> list[str]:
    """Write what is left of each file; what kept one from it."""
    errors = []
    for sink in sinks:
        if isinstance(sink, Publishable):
            try:
                await sink.complete()
            except StorageError as error:
                errors.append(str(error))
    return errors


def _written(sink: Sink) -> Written:
    return Written(
        sink.path, sink.items, sink.bytes, tables_kept=getattr(sink, "kept", ()), files=getattr(sink, "files", ())
    )


def _withheld(sink: Publishable, before: Replaced | None) -> str:
    """Why a file is not where it is looked for, and what is."""
    ours = "1 item of this crawl is" if sink.items == 1 else f"{sink.items:,} items of this crawl are"
    kept = "is not published" if before is None else f"keeps its {before}"
    return f"{sink.name} {kept}: the {ours} in {sink.path}"
