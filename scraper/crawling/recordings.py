"""Recordings in their folders: made, replayed, compared with what was accepted; and docstring contracts checked."""

from collections.abc import AsyncIterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from scraper.crawling.crawl import Crawl
from scraper.crawling.result import Result
from scraper.errors import SettingsError, StorageError
from scraper.http.request import Request
from scraper.recording.accepted import Accepted, Header, load, load_header, save
from scraper.recording.contract_checks import Judge
from scraper.recording.contracts import Contract
from scraper.recording.differences import Difference, differences
from scraper.recording.recorder import Recorder
from scraper.recording.redaction import stripped_argument
from scraper.recording.replay import Replay, still
from scraper.recording.request_labels import LATEST, label
from scraper.recording.warc import Exchange, read
from scraper.settings.messages import suggestion
from scraper.settings.schema import Settings
from scraper.sinks.memory import Collect
from scraper.spider import Spider

FOLDER = "recordings"
_PAGES = "pages.warc.gz"
_ITEMS = "items.jsonl"


@dataclass(frozen=True, slots=True)
class Recording:
    """What is in the folder of a recording."""

    folder: Path
    accepted: Accepted
    exchanges: tuple[Exchange, ...]


def open_recording(folder: Path, spider: str) -> Recording:
    """The recording of `spider` in `folder`.

    Raises `SettingsError` if there is none, or it is of another spider, `StorageError` if it is damaged.
    """
    items, pages = folder / _ITEMS, folder / _PAGES
    if not items.exists() and not pages.exists():
        known = [each.name for each in folders(folder.parent)]
        hint = suggestion(folder.name, known) if known else ""
        raise SettingsError(f"no recording {folder}{hint}: make one with 'scraper record {spider}'")
    accepted = load(items)
    if accepted.header.spider != spider:
        raise SettingsError(f"{folder} is a recording of the spider {accepted.header.spider!r}, not of {spider!r}")
    exchanges = tuple(read(pages))
    if len(exchanges) != accepted.header.exchanges:
        told = f"{len(exchanges)} exchanges where {items.name} tells of {accepted.header.exchanges}"
        raise StorageError(f"{pages}: {told}: record it anew")
    return Recording(folder, accepted, exchanges)


def folders(place: Path) -> list[Path]:
    """The folders in `place` that hold recordings, by name."""
    return sorted(items.parent for items in place.glob(f"*/{_ITEMS}"))


def spider_of(folder: Path) -> str:
    """Whose recording is in `folder`. Raises `StorageError` if that cannot be read."""
    return load_header(folder / _ITEMS).spider


# Made.


def limited(settings: Settings, pages: int) -> Settings:
    """`settings` for a crawl that is recorded: so many pages, and nothing is written but the recording."""
    stop_after = settings.engine.stop_after.model_copy(update={"pages": pages})
    engine = settings.engine.model_copy(update={"stop_after": stop_after})
    frontier = settings.frontier.model_copy(update={"store": "memory", "recrawl": "never"})
    return settings.model_copy(update={"engine": engine, "frontier": frontier, "sinks": ()})


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
    result, accepted = await _accepted(spider, settings, read(_part(folder)), arguments, header)
    save(folder / _ITEMS, accepted)
    try:
        _part(folder).replace(folder / _PAGES)
    except OSError as error:
        raise StorageError(f"{folder / _PAGES} cannot be written: {error.strerror}") from None
    return result


def discard(folder: Path) -> None:
    """Leave what is in `folder` as it was before a crawl was recorded; nothing, if it was not there."""
    _part(folder).unlink(missing_ok=True)
    with suppress(OSError):  # there is another recording in it
        folder.rmdir()
        folder.parent.rmdir()


def _part(folder: Path) -> Path:
    return folder / f"{_PAGES}.part"


def kept_arguments(texts: Sequence[str]) -> list[str]:
    """Some `NAME=VALUE` as a recording keeps them, and its spider is given in a replay: without their secrets."""
    return [stripped_argument(text) for text in texts]


async def _accepted(
    spider: type[Spider],
    settings: Settings,
    exchanges: Sequence[Exchange],
    arguments: Mapping[str, Any],
    header: Header,
) -> tuple[Result, Accepted]:
    """How a replay ends that takes all for right, and what there is to accept then."""
    tap = Replay(exchanges, ended=frozenset(header.unasked), form=header.form)
    result = await replay(spider, settings, tap, arguments)
    made = {each for page in tap.pages for labels in page.requests.values() for each in labels}
    left_out = [each for each in tap.left_out if each not in made]
    found = structs.replace(header, exchanges=len(exchanges), left_out=left_out, unasked=list(tap.unasked))
    return result, Accepted(found, tuple(tap.pages))


# Replayed, and compared.


async def replay(
    spider: type[Spider], settings: Settings | Mapping[str, Any] | None, tap: Replay, arguments: Mapping[str, Any]
) -> Result:
    """How a crawl ends that is answered by `tap`, which has noted then what came of each page; with its items."""
    crawl = Crawl(spider, settings, arguments=arguments, sinks=[Collect()], tap=tap)
    crawl.settings = still(crawl.settings)
    return await crawl.run()


@dataclass(frozen=True, slots=True)
class Checked:
    """How a recording compares: what differs, and which requests it has no answer to."""

    found: tuple[Difference, ...]
    missing: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether all is as it was accepted."""
        return not (self.found or self.missing)


async def check(
    spider: type[Spider], settings: Settings, recording: Recording, arguments: Mapping[str, Any]
) -> Checked:
    """Replay `recording` and compare what the spider makes of its pages with what was accepted."""
    accepted = recording.accepted
    tap = Replay(recording.exchanges, accepted)
    await replay(spider, settings, tap, arguments)
    found = differences(accepted.pages, tap.pages, ignored=frozenset(accepted.header.ignored))
    return Checked(tuple(found), tuple(tap.missing))


async def accept(spider: type[Spider], settings: Settings, recording: Recording, arguments: Mapping[str, Any]) -> None:
    """From now on what the spider makes of `recording` is right. Raises `StorageError` if that cannot be written."""
    _, accepted = await _accepted(spider, settings, recording.exchanges, arguments, recording.accepted.header)
    save(recording.folder / _ITEMS, accepted)


# Contracts.


def answering(recordings: Sequence[Recording], contract: Contract) -> Recording | None:
    """The first of `recordings` that has an answer to the sample of `contract`."""
    name = label(contract.request)
    return next((each for each in recordings if any(label(one.request) == name for one in each.exchanges)), None)


async def judge(
    spider: type[Spider],
    settings: Settings,
    contract: Contract,
    recording: Recording | None,
    arguments: Mapping[str, Any],
) -> list[str]:
    """Which promises of `contract` do not hold: on the page in `recording`, or on the one that the site has now."""
    inner = Replay(recording.exchanges) if recording is not None else None
    tap = Judge(contract, spider.contracts, inner)
    crawl = Crawl(
        _asking(spider, contract.request), settings, arguments=arguments, sinks=[Collect()], observers=[tap], tap=tap
    )
    if recording is not None:
        crawl.settings = still(crawl.settings)
    await crawl.run()
    return tap.problems


def _asking(spider: type[Spider], request: Request) -> type[Spider]:
    """`spider`, but for that it asks for nothing but `request`."""

    async def start(self: Spider) -> AsyncIterator[Request]:
        yield request

    return type(spider.__name__, (spider,), {"start": start, "__module__": spider.__module__})
