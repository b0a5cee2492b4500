"""What cannot be crawled with worker processes is refused in one clear line, before anything is sent."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from scraper import Crawl, SettingsError, Spider, SpiderError
from scraper.settings.tables import from_tables
from tests.flow.site import Servers, Site
from tests.workers import spiders

ROOT = Path(__file__).resolve().parents[2]


def site(servers: Servers) -> Site:
    """A site of one page."""
    return servers.site({"/": "<h1>1</h1>"})


@pytest.mark.parametrize("number", [0, -1, 257, 1.5, "two", "2", True])
def test_a_number_that_is_none(number: object) -> None:
    """The error names the key, and what it takes."""
    with pytest.raises(
        SettingsError, match=r"\[engine\] processes: expected a whole number from 1 to 256 or one of \"auto\", got "
    ):
        from_tables({"engine": {"processes": number}})


async def test_a_spider_that_cannot_be_copied(servers: Servers) -> None:
    """The error says why, and what to do."""
    crawl = Crawl(spiders.Unpicklable, {"engine": {"processes": 2}}, arguments={"root": site(servers).root})
    with pytest.raises(SpiderError, match=r"Unpicklable cannot be copied to other processes \(.*\): open in lifespan"):
        await crawl.run()


async def test_a_spider_that_stands_in_no_module(servers: Servers) -> None:
    """A class that a function has made cannot be found by another process."""

    class Local(Spider):
        name = "local"
        start_urls = (site(servers).root,)

        def parse(self, response: object) -> None: ...

    with pytest.raises(SpiderError, match="Local cannot be copied to other processes"):
        await Crawl(Local, {"engine": {"processes": 2}}).run()


def run(
    folder: Path, source: str, *, files: int | None = None, is_typed: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a script, or what `is_typed` rather than in a file."""
    script = folder / "script.py"
    if not is_typed:
        script.write_text(source)

    def limit() -> None:
        if files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    return subprocess.run(
        [sys.executable, "-" if is_typed else str(script)],
        input=source if is_typed else None,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        preexec_fn=limit,
    )


SCRIPT = """
from scraper import Spider, run

class Script(Spider):
    name = "script"
    start_urls = ["{url}"]

    def parse(self, response):
        yield {{"title": response.css("h1::text").get()}}

if __name__ == "__main__":
    print("main")
    result = run(Script, {{"engine": {{"processes": 2}}}})
    print(result.items, result.exit_status)
"""


def test_a_spider_in_a_script(servers: Servers, tmp_path: Path) -> None:
    """A class of the main module is found, and what the script does as the main module is done once."""
    done = run(tmp_path, SCRIPT.format(url=site(servers).url()))
    assert done.stdout == "main\n[{'title': '1'}] 0\n", done.stderr


def test_too_few_descriptors(servers: Servers, tmp_path: Path) -> None:
    """The error names the setting, and the exit is one line."""
    source = SCRIPT.format(url=site(servers).url()).replace('"processes": 2', '"processes": 12')
    done = run(tmp_path, source, files=24)
    assert done.returncode == 1
    assert "StorageError: 12 worker processes cannot be started: " in done.stderr.splitlines()[-1]


def test_a_spider_that_no_file_holds(tmp_path: Path) -> None:
    """A class that was typed at a prompt, as in a notebook, cannot be loaded by another process."""
    done = run(tmp_path, SCRIPT.format(url="http://127.0.0.1:1/"), is_typed=True)
    assert done.stderr.splitlines()[-1].startswith("scraper.errors.SpiderError: Script is in no file")
