"""Spiders of a script, which `run()` crawls in worker processes."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

SCRIPT = """\
import dataclasses
import sys

import scraper

ADDRESS = sys.argv[1]


@dataclasses.dataclass
class Book:
    url: str


class Books(scraper.Spider):
    name = "books"
    start_urls = [ADDRESS]

    def parse(self, response):
        return Book(response.url)


def main():
    settings = {"engine": {"processes": 2}, "limits": {"robots": False}}
    result = scraper.run(Books, settings)
    print([type(each) is Book for each in result.items], result.exit_status)
"""


def ran(*command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """What came of a Python process."""
    return subprocess.run(
        [sys.executable, *command], input=text, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def address(httpserver: HTTPServer) -> str:
    """A page."""
    httpserver.expect_request("/").respond_with_data("<p>", content_type="text/html")
    return httpserver.url_for("/")


def test_items_of_a_class_of_the_script(address: str, tmp_path: Path) -> None:
    """Items are of the script's own class, and its command line is there in each process."""
    script = tmp_path / "books.py"
    script.write_text(SCRIPT + 'if __name__ == "__main__":\n    main()\n')
    assert ran(str(script), address).stdout == "[True] 0\n"


def test_a_script_that_starts_its_crawl_under_any_name(address: str, tmp_path: Path) -> None:
    """Where each process would start the crawl again, the error says what to do."""
    script = tmp_path / "books.py"
    script.write_text(SCRIPT + "main()\n")
    assert 'start the crawl below `if __name__ == "__main__":`' in ran(str(script), address).stderr


def test_a_script_from_standard_input(address: str) -> None:
    """A spider that is in no file cannot be loaded by other processes, which the error says."""
    assert "Books is in no file" in ran("-", address, text=SCRIPT + "main()\n").stderr
