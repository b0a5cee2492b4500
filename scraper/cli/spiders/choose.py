"""Which spiders a command line means: those that it names, those for the site of its URL, or the usual ones.

What only spiders need is imported as it is needed: see `cli.crawl_plan`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.errors import SettingsError, SpiderError
from scraper.settings.load import Loaded
from scraper.settings.messages import suggestion

if TYPE_CHECKING:
    from scraper.cli.spiders.find import Found


def all_spiders(loaded: Loaded) -> "dict[str, Found]":
    """Every spider of the place that the settings name. Raises `SettingsError` for tables that belong to none."""
    from scraper.cli.spiders.find import in_source

    found = in_source(loaded.settings.spiders.source, loaded.folder)
    for name in loaded.settings.spiders.own:
        if name not in found:
            raise SettingsError(f"{loaded.path}: [spiders.{name}]: no such spider{suggestion(name, found)}")
    return found


def chosen(spiders: Sequence[str], loaded: Loaded, *, url: str | None = None) -> "list[Found]":
    """The spiders that are named, by name or file.

    With none named, the only one that is for the site of `url`; or those of `crawl`, or the only one there is.
    """
    from scraper.cli.spiders.find import in_file, named

    if not spiders:
        return _standard(loaded, url)
    found = {} if all(map(is_file, spiders)) else all_spiders(loaded)
    by_name: dict[str, Found] = {}
    for each in spiders:
        for one in in_file(Path(each)).values() if is_file(each) else [named(each, found)]:
            other = by_name.setdefault(one.spider.name, one)
            if other.spider is not one.spider:
                raise SpiderError(f"two spiders are named {one.spider.name!r}: {other.place} and {one.place}")
    return list(by_name.values())


def refuse_urls(spiders: Sequence[str]) -> None:
    """Raises `SettingsError` if a URL is given where a spider is to be named."""
    for each in spiders:
        if "://" in each:
            raise SettingsError(
                f"{each} is a URL, not a spider: 'scraper fetch URL' prints it, 'scraper shell URL' lets you try "
                "selectors, 'scraper new spider NAME' writes a spider for it"
            )


def _standard(loaded: Loaded, url: str | None) -> "list[Found]":
    from scraper.cli.spiders.find import for_site

    found, names = all_spiders(loaded), loaded.settings.crawl
    if url is not None and len(meant := for_site(url, found.values(), loaded.settings.spiders.own)) == 1:
        return meant
    for name in names:
        if name not in found:
            raise SettingsError(f"{loaded.origins['crawl']}: crawl: no spider {name!r}{suggestion(name, found)}")
    if names or len(found) == 1:
        return [found[name] for name in dict.fromkeys(names or found)]
    if not found:
        raise SpiderError(f"no spider in {loaded.settings.spiders.source}: begin one with 'scraper new spider NAME'")
    raise SettingsError(f'which spider? Name some of {", ".join(found)}, or write crawl = ["NAME"] in {loaded.path}')


def is_file(spider: str) -> bool:
    """Whether a spider is named by its file."""
    return spider.endswith(".py")
