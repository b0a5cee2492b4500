"""A page at which the process dies: it comes last, and after the second time not at all. All others are crawled."""

import json
from pathlib import Path

import pytest

from tests.flow.site import Servers, links
from tests.forks import Forks

ROOT = Path(__file__).resolve().parents[2]
PAGES = 40
SPIDER = """
import asyncio
import os
import signal
from pathlib import Path

from scraper import Spider


class Poisoned(Spider):
    name = "poisoned"

    def parse(self, response):
        if "poison" in response.url and not Path("healed").exists():
            {death}
        yield {{"page": response.url.rpartition("/")[2]}}
        yield from response.follow_all(css="a")
"""
ASYNCHRONOUS = (
    SPIDER.replace("def parse", "async def parse")
    .replace('if "poison"', 'await asyncio.sleep(0)\n        if "poison"')
    .replace(
        'yield from response.follow_all(css="a")', 'for each in response.follow_all(css="a"):\n            yield each'
    )
)


def scraper(forks: Forks, folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and standard error of a command."""
    done = forks.run(*arguments, cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": ""})
    return done.returncode, done.stderr


def items(folder: Path) -> list[str]:
    return [json.loads(line)["page"] for line in (folder / "pages.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("spider", "executor", "death"),
    [
        (SPIDER, "thread", "signal.raise_signal(signal.SIGSEGV)"),
        (SPIDER, "inline", "os._exit(3)"),
        (ASYNCHRONOUS, "thread", "os.kill(os.getpid(), signal.SIGKILL)"),
    ],
)
def test_a_poisonous_page_is_quarantined(forks: Forks, tmp_path: Path, spider: str, executor: str, death: str) -> None:
    """It is left alone after two deaths, which is told; `jobs retry` asks for it again."""
    pages = {f"/{number}": "<p>page</p>" for number in range(1, PAGES)}
    targets = ["poison", *(str(number) for number in range(1, PAGES))]
    (tmp_path / "poisoned.py").write_text(spider.format(death=death))
    with Servers() as servers:
        site = servers.site({**pages, "/": links(*targets), "/poison": "<p>poison</p>"}, latency=0.1)
        command = ("crawl", "poisoned.py", "-a", f"start_urls={site.url('/')}", "-o", "pages.jsonl")
        command = (*command, "-s", f"parsing.executor={executor}", "-s", "frontier.interval=0.02")
        first, _ = scraper(forks, tmp_path, *command)
        second, told = scraper(forks, tmp_path, *command)
        assert first not in (0, 1)
        assert second == first
        assert f"an earlier process died at {site.url('/poison')}: this page is tried last, and alone" in told
        assert site.paths["/poison"] == 2
        third, told = scraper(forks, tmp_path, *command)
        assert third == 1
        assert "1 page(s) skipped, at which the process died twice" in " ".join(told.split())
        assert sorted(items(tmp_path)) == sorted(["", *(str(number) for number in range(1, PAGES))])
        assert site.paths["/poison"] == 2
        assert max(site.paths[path] for path in pages) == 1 + 1  # in flight at the first death; never at the second
        (tmp_path / "healed").touch()
        assert (scraper(forks, tmp_path, "jobs", "retry", "poisoned"))[0] == 0
        assert (scraper(forks, tmp_path, *command))[0] == 0
    assert "poison" in items(tmp_path)


def test_a_poisonous_page_that_no_checkpoint_knows_comes_last(forks: Forks, tmp_path: Path) -> None:
    """Found after the last checkpoint, it is found again, before the others; they are crawled before it."""
    others = [f"/{number}" for number in range(1, PAGES)]
    (tmp_path / "poisoned.py").write_text(SPIDER.format(death="os._exit(3)"))
    with Servers() as servers:
        pages = {"/": links("poison", *others), "/poison": "<p>poison</p>", **dict.fromkeys(others, "<p>page</p>")}
        site = servers.site(pages, latency=0.1)
        command = ("crawl", "poisoned.py", "-a", f"start_urls={site.url('/')}", "-o", "pages.jsonl")
        command = (*command, "-s", "frontier.interval=600", "-s", "limits.per_host=4")
        assert (scraper(forks, tmp_path, *command))[0] == 3
        assert sum(path in site.paths for path in others) < PAGES / 2
        assert (scraper(forks, tmp_path, *command))[0] == 3
        assert all(path in site.paths for path in others)


def test_a_page_that_ends_its_parse_process_fails(forks: Forks, tmp_path: Path) -> None:
    """With processes the crawl goes on at once, and the page is among those that can be asked for again."""
    (tmp_path / "poisoned.py").write_text(SPIDER.format(death="signal.raise_signal(signal.SIGSEGV)"))
    with Servers() as servers:
        site = servers.site({"/": links("poison", "1"), "/poison": "<p>poison</p>", "/1": "<p>page</p>"})
        command = ("crawl", "poisoned.py", "-a", f"start_urls={site.url('/')}", "-o", "pages.jsonl")
        status, told = scraper(forks, tmp_path, *command, "-s", "parsing.executor=process", "-s", "parsing.workers=2")
    assert status == 1
    assert "1 page(s) skipped, at which the process died twice" in " ".join(told.split())
    assert sorted(items(tmp_path)) == ["", "1"]
