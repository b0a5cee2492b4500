"""Where recordings are: each in a folder, with what sites answered and what was accepted of it."""

from dataclasses import dataclass
from pathlib import Path

from scraper.errors import SettingsError, StorageError
from scraper.recording.accepted import Accepted, load, load_header
from scraper.recording.replay import Replay
from scraper.recording.warc import Exchange, read
from scraper.settings.messages import suggestion

FOLDER = "recordings"
PAGES = "pages.warc.gz"
ITEMS = "items.jsonl"


@dataclass(frozen=True, slots=True)
class Recording:
    """What is in the folder of a recording."""

    folder: Path
    accepted: Accepted
    exchanges: tuple[Exchange, ...]

    def tap(self) -> Replay:
        """What a crawl is handed to be answered by this recording."""
        return Replay(self.exchanges, self.accepted)


def open_recording(folder: Path, spider: str) -> Recording:
    """The recording of `spider` in `folder`.

    Raises `SettingsError` if there is none, or it is of another spider, `StorageError` if it is damaged.
    """
    items, pages = folder / ITEMS, folder / PAGES
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
        raise StorageError(f"{pages}: {told}: record it again")
    return Recording(folder, accepted, exchanges)


def folders(place: Path) -> list[Path]:
    """The folders in `place` that hold recordings, by name."""
    return sorted(items.parent for items in place.glob(f"*/{ITEMS}"))


def spider_of(folder: Path) -> str:
    """Whose recording is in `folder`. Raises `StorageError` if that cannot be read."""
    return load_header(folder / ITEMS).spider
