"""`scraper check`: replays recordings and compares what comes of them; checks what docstrings promise."""

import sys
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scraper.cli.crawl_plan import plan_crawl
from scraper.cli.options import loaded_from, settings_options
from scraper.cli.spiders.choose import all_spiders, chosen, is_file
from scraper.errors import SettingsError
from scraper.settings.load import Loaded

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from scraper.crawling.recordings.folder import Recording
    from scraper.spider import Spider

T = TypeVar("T")


@click.command()
@click.argument("spiders", nargs=-1, metavar="[SPIDER | FILE.py]...")
@settings_options
@click.option("--accept", "is_accepted", is_flag=True, help="Accept what spiders make of their recorded pages now.")
@click.option("--live", "is_live", is_flag=True, help="Ask sites for sample pages that are in no recording.")
def check(
    spiders: tuple[str, ...], config: Path | None, overrides: tuple[str, ...], is_accepted: bool, is_live: bool
) -> None:
    """Replay recordings, and check what docstrings promise: of the spiders named, or of all.

    \b
    scraper check                 all recordings, and all contracts
    scraper check books           those of one spider
    scraper check --accept        the differences shown are as they should be

    Differences from what was accepted are shown by page, item and field. Contracts (@url, @returns, @scrapes) are
    checked on a recording of their sample page, and else, with --live, on the page that the site has now.

    The exit status is 0 if all is as accepted and promised, or was accepted now, and else 1.
    """  # noqa: D301 -- click leaves the lines after a backspace as they are
    loaded = loaded_from(config, overrides, needs_file=not spiders or not all(map(is_file, spiders)))
    found = chosen(spiders, loaded) if spiders else list(all_spiders(loaded).values())

    from rich.console import Console

    from scraper.views.log import configure
    from scraper.views.standard_error import StandardError

    configure("ERROR", StandardError())
    checking = Checking(loaded, Console(highlight=False), is_accepted=is_accepted, is_live=is_live)
    if not spiders:
        checking.refuse_strays([each.spider.name for each in found])
    for each in found:
        checking.check(each.spider)
    if not checking.number:
        raise SettingsError("nothing to check: make a recording with 'scraper record SPIDER', or write contracts")
    sys.exit(1 if checking.has_failed else 0)


class Checking:
    """Checks spiders one after the other and tells what is found; `number` counts recordings and contracts."""

    def __init__(self, loaded: Loaded, console: "Console", *, is_accepted: bool, is_live: bool) -> None:
        from scraper.crawling.recordings.folder import FOLDER, folders, spider_of

        self._loaded = loaded
        self._console = console
        self._is_accepted = is_accepted
        self._is_live = is_live
        self._folders = [(spider_of(each), each) for each in folders(loaded.folder / FOLDER)]
        self.number = 0
        self.has_failed = False

    def refuse_strays(self, names: Sequence[str]) -> None:
        """Raises `SettingsError` for a recording of a spider that is not among `names`."""
        for name, folder in self._folders:
            if name not in names:
                raise SettingsError(f"{folder} is a recording of the spider {name!r}, which does not exist")

    def check(self, spider: "type[Spider]") -> None:
        """Check the recordings and contracts of `spider`."""
        from scraper.crawling.recordings.folder import open_recording

        recorded = [open_recording(folder, name) for name, folder in self._folders if name == spider.name]
        for recording in recorded:
            self._compare(spider, recording)
        self._check_contracts(spider, recorded)

    def _compare(self, spider: "type[Spider]", recording: "Recording") -> None:
        from scraper.crawling.recordings.replay import accept, check
        from scraper.views.comparison import comparison

        plan = plan_crawl(spider, self._loaded, recording.accepted.header.arguments)
        checked = _run(check(spider, plan.settings, recording, plan.arguments))
        self.number += 1
        self._tell(comparison(str(recording.folder), checked.found, checked.missing))
        if not checked.is_same and self._is_accepted:
            _run(accept(spider, plan.settings, recording, plan.arguments))
            self._tell([f"{recording.folder}  accepted"])
        elif not checked.is_same:
            self.has_failed = True

    def _check_contracts(self, spider: "type[Spider]", recorded: "Sequence[Recording]") -> None:
        from scraper.crawling.recordings.contracts import answering, judge
        from scraper.recording.contracts import contracts_of

        for contract in contracts_of(spider):
            self.number += 1
            where = f"{spider.name}.{contract.callback}  {contract.request.url}"
            recording = answering(recorded, contract)
            if recording is None and not self._is_live:
                self._tell([f"{where}  not checked: its page is in no recording (--live asks the site)"])
                continue
            given = recording.accepted.header.arguments if recording is not None else ()
            plan = plan_crawl(spider, self._loaded, given)
            problems = _run(judge(spider, plan.settings, contract, recording, plan.arguments))
            self._tell([f"{where}  {'broken' if problems else 'holds'}", *(f"    {each}" for each in problems)])
            self.has_failed = self.has_failed or bool(problems)

    def _tell(self, lines: "Iterable[Text | str]") -> None:
        from scraper.views.formatting import visible

        for line in lines:
            self._console.print(visible(line) if isinstance(line, str) else line, soft_wrap=True, markup=False)


def _run(crawl: "Coroutine[Any, Any, T]") -> "T":
    """Run to the end, in a loop of its own."""
    from scraper.cli.event_loop import runner

    with runner() as running:
        return running.run(crawl)
