"""The contracts in a spider's docstrings are checked: on recorded pages, or on those that the site has now."""

from collections.abc import Mapping, Sequence
from typing import Any

from scraper.crawling.crawl import Crawl
from scraper.crawling.recordings.folder import Recording
from scraper.crawling.spider_lifecycle import with_start
from scraper.recording.contract_checks import Judge
from scraper.recording.contracts import Contract
from scraper.recording.replay import Replay
from scraper.recording.request_labels import label
from scraper.settings.schema import Settings
from scraper.sinks.memory import Collect
from scraper.spider import Spider


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
        with_start(spider, lambda _: [contract.request]),
        settings,
        arguments=arguments,
        sinks=[Collect()],
        observers=[tap],
        tap=tap,
    )
    await crawl.run()
    return tap.problems
