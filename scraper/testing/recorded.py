"""Replays in tests: the spider and its recording, as the command finds them from a project's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scraper.cli.crawl_plan import plan_crawl
from scraper.cli.options import loaded_from
from scraper.cli.spiders.choose import chosen
from scraper.crawling.crawl import Crawl
from scraper.crawling.recordings.folder import FOLDER, open_recording, spider_of
from scraper.crawling.result import Result
from scraper.settings.load import FILE
from scraper.sinks.memory import Collect
from scraper.spider import Spider
from scraper.testing.local import run
from scraper.views.log import Log


def replayed(
    root: Path, recording: str | type[Spider], spider: type[Spider] | None, arguments: Mapping[str, Any]
) -> Result:
    """Replay a recording in the project at `root`, named as `spider` if it is not.

    Raises `SettingsError` if there is no such recording or spider, `StorageError` if the recording is damaged.
    """
    config = root / FILE
    loaded = loaded_from(config if config.exists() else None, (), needs_file=False)
    name = recording if isinstance(recording, str) else recording.name
    folder = root / FOLDER / name
    if not isinstance(recording, str):
        spider = recording
    if spider is None:
        whose = spider_of(folder) if folder.exists() else name
        spider = chosen([whose], loaded)[0].spider
    kept = open_recording(folder, spider.name)
    plan = plan_crawl(spider, loaded, kept.accepted.header.arguments)
    crawl = Crawl(
        spider,
        plan.settings,
        arguments={**plan.arguments, **arguments},
        sinks=[Collect()],
        observers=[Log()],
        tap=kept.tap(),
    )
    return run(crawl.run())
