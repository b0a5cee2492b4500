"""A crawl is recorded beside what is in its folder, then replayed, and both put in place."""

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import structs

from scraper.crawling.recordings.folder import ITEMS, PAGES
from scraper.crawling.recordings.replay import replay_and_accept
from scraper.crawling.result import Result
from scraper.errors import StorageError
from scraper.recording.accepted import Header, save
from scraper.recording.recorder import Recorder
from scraper.recording.redaction import stripped_argument
from scraper.recording.request_labels import LATEST
from scraper.recording.warc import read
from scraper.settings.schema import Settings
from scraper.spider import Spider


def limited(settings: Settings, pages: int) -> Settings:
    """`settings` for a crawl that is recorded: so many pages, and nothing is written but the recording."""
    stop_after = structs.replace(settings.engine.stop_after, pages=pages)
    engine = structs.replace(settings.engine, stop_after=stop_after)
    frontier = structs.replace(settings.frontier, store="memory", recrawl="never")
    return structs.replace(settings, engine=engine, frontier=frontier, sinks=())


def recorder(folder: Path, spider: str, settings: Settings, *, secrets: bool = False) -> Recorder:
    """What records a crawl of `spider` in `folder`: beside what is there, until `settle` or `discard`."""
    about = {"http-header-user-agent": settings.network.user_agent, "description": f"a crawl of the spider {spider}"}
    if settings.limits.robots:
        about["robots"] = "obey"
    return Recorder(_part(folder), about=about, secrets=secrets, secret_headers=settings.network.secret_headers)


async def settle(
    folder: Path,
    spider: type[Spider],
    settings: Settings,
    arguments: Mapping[str, Any],
    header: Header,
    ended: Set[str],
) -> Result:
    """Replay what was recorded, accept what comes of it, and put both in place; how the replay ended.

    `header` tells what the recording does not, `ended` are the labels of all requests that came to an end. Raises
    `StorageError` if the recording cannot be read or written; what was in `folder` is kept then.
    """
    header = structs.replace(header, form=LATEST, unasked=list(ended))
    result, accepted = await replay_and_accept(spider, settings, read(_part(folder)), arguments, header)
    save(folder / ITEMS, accepted)
    try:
        _part(folder).replace(folder / PAGES)
    except OSError as error:
        raise StorageError(f"{folder / PAGES} cannot be written: {error.strerror}") from None
    return result


def discard(folder: Path) -> None:
    """Leave what is in `folder` as it was before a crawl was recorded; nothing, if it was not there."""
    _part(folder).unlink(missing_ok=True)
    with suppress(OSError):  # there is another recording in it
        folder.rmdir()
        folder.parent.rmdir()


def _part(folder: Path) -> Path:
    return folder / f"{PAGES}.part"


def kept_arguments(texts: Sequence[str]) -> list[str]:
    """Some `NAME=VALUE` as a recording keeps them, and its spider is given in a replay: without their secrets."""
    return [stripped_argument(text) for text in texts]
