"""A recording is replayed: compared with what was accepted, or accepted as it is now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from scraper.crawling.crawl import Crawl
from scraper.crawling.recordings.folder import ITEMS, Recording
from scraper.crawling.result import Result
from scraper.recording.accepted import Accepted, Header, save
from scraper.recording.differences import Difference, differences
from scraper.recording.replay import Replay
from scraper.recording.warc import Exchange
from scraper.settings.schema import Settings
from scraper.sinks.memory import Collect
from scraper.spider import Spider


async def replay(
    spider: type[Spider], settings: Settings | Mapping[str, Any] | None, tap: Replay, arguments: Mapping[str, Any]
) -> Result:
    """How a crawl ends that is answered by `tap`, which has noted then what came of each page; with its items."""
    return await Crawl(spider, settings, arguments=arguments, sinks=[Collect()], tap=tap).run()


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
    tap = recording.tap()
    await replay(spider, settings, tap, arguments)
    found = differences(accepted.pages, tap.pages, ignored=frozenset(accepted.header.ignored))
    return Checked(tuple(found), tuple(tap.missing))


async def accept(spider: type[Spider], settings: Settings, recording: Recording, arguments: Mapping[str, Any]) -> None:
    """From now on what the spider makes of `recording` is right. Raises `StorageError` if that cannot be written."""
    _, accepted = await replay_and_accept(spider, settings, recording.exchanges, arguments, recording.accepted.header)
    save(recording.folder / ITEMS, accepted)


async def replay_and_accept(
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
