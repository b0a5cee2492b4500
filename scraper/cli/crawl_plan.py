"""How a command line becomes crawls that are ready to run: spiders, the arguments to make them with, and settings.

Settings are read before anything is imported that only spiders need: a mistake in them is told at once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scraper.cli.options import loaded_from
from scraper.cli.spiders.choose import chosen, is_file, refuse_urls
from scraper.errors import SettingsError
from scraper.settings.load import Loaded
from scraper.settings.schema import Settings

if TYPE_CHECKING:
    from scraper.spider import Spider


class CrawlPlan(NamedTuple):
    """A spider to crawl with, the arguments to make it with, and its settings; `config_path` is None without a file."""

    spider_class: "type[Spider]"
    arguments: dict[str, Any]
    settings: Settings
    config_path: Path | None


def plan_crawls(
    config: Path | None,
    overrides: Sequence[str],
    spiders: Sequence[str],
    arguments: Sequence[str] = (),
    *,
    url: str | None = None,
) -> list[CrawlPlan]:
    """The crawls that a command line asks for.

    `spiders` are names and files (`books.py`); with none, those that `chosen` finds. The `arguments`,
    `NAME=VALUE`, are given to each of them. Raises `SettingsError` and `SpiderError`.
    """
    refuse_urls(spiders)
    needs_file = not spiders or not all(map(is_file, spiders))
    loaded = loaded_from(config, overrides, needs_file=needs_file)
    return [plan_crawl(each.spider, loaded, arguments) for each in chosen(spiders, loaded, url=url)]


def plan_one_crawl(
    config: Path | None, overrides: Sequence[str], spider: str | None, arguments: Sequence[str], url: str | None = None
) -> CrawlPlan:
    """The crawl of one spider: the one named, the only one for the site of `url`, or the only one there is.

    Raises as `plan_crawls` does, and if several are meant.
    """
    found = plan_crawls(config, overrides, () if spider is None else (spider,), arguments, url=url)
    if len(found) > 1:
        names = ", ".join(each.spider_class.name for each in found)
        raise SettingsError(f"several spiders match ({names}), and this is for one: name it with --spider")
    return found[0]


def plan_any_crawl(
    config: Path | None, overrides: Sequence[str], spider: str | None, arguments: Sequence[str]
) -> CrawlPlan:
    """The crawl of the spider named; of none in particular, with the settings that hold for all, if none is."""
    if spider is not None:
        return plan_one_crawl(config, overrides, spider, arguments)
    if arguments:
        raise SettingsError(f"-a {arguments[0]}: of which spider? Name it with --spider")
    loaded = loaded_from(config, overrides, needs_file=False)

    from scraper.spider import Spider

    return CrawlPlan(type("DefaultSpider", (Spider,), {"name": "default"}), {}, loaded.settings, loaded.path)


def plan_crawl(spider: "type[Spider]", loaded: Loaded, given: Sequence[str]) -> CrawlPlan:
    """The crawl with `spider`, made with the arguments `given`, `NAME=VALUE`. Raises as `plan_crawls` does."""
    from scraper.cli.spiders.arguments import converted, pairs

    own = loaded.for_spider(spider.name, spider.custom_settings, spider.__name__)
    arguments = converted(spider, configured=own.arguments, given=pairs(given), file=str(own.path))
    return CrawlPlan(spider, arguments, own.settings, own.path)
