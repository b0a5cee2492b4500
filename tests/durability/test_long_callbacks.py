"""A process that dies in the middle of a callback leaves nothing of its page; the next one gives each item once."""

import json
import signal
from pathlib import Path

import pytest

from tests.durability.test_poison import scraper
from tests.flow.site import Servers, links
from tests.forks import Forks

ITEMS = 6000
SPIDER = """
import os
import signal
from pathlib import Path

from scraper import Spider


class Long(Spider):
    name = "long"

    async def parse(self, response):
        yield {"page": "start", "number": -1}
        for each in response.follow_all(css="a", callback=self.parse_list):
            yield each

    async def parse_list(self, response):
        for number in range(ITEMS):
            yield {"page": response.url.rpartition("/")[2], "number": number}
            if number % 500 == 0:
                await self.fetch(f"{response.url}/{number}")
            if number == ITEMS - 1000 and "2" in response.url and not Path("died").exists():
                Path("died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
""".replace("ITEMS", str(ITEMS))


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_death_in_the_middle_of_a_callback(forks: Forks, tmp_path: Path, ending: str) -> None:
    """After `kill -9` no file has an item of the page; when the crawl has resumed, each item is there once."""
    (tmp_path / "long.py").write_text(SPIDER)
    with Servers() as servers:
        site = servers.site({"/": links("list1", "list2", "list3")}, otherwise="page", latency=0.02)
        command = ("crawl", "long.py", "-a", f"start_urls={site.url('/')}", "-o", f"items.{ending}", "-o", "out.jsonl")
        command = (*command, "-s", "frontier.interval=0.02")
        status, _ = scraper(forks, tmp_path, *command)
        assert status == -signal.SIGKILL
        left = {json.loads(line)["page"] for line in (tmp_path / "out.jsonl.part").read_text().splitlines()}
        assert left <= {"start", "list1", "list3"}
        assert {each.name for each in (tmp_path / ".scraper/jobs/long").iterdir()} <= {
            *("frontier.sqlite", "frontier.sqlite-wal", "frontier.sqlite-shm", "lock", "running"),
        }
        status, told = scraper(forks, tmp_path, *command)
    assert (status, "resumed" in told) == (0, True)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    found = sorted((each["page"], each["number"]) for each in lines)
    assert found == sorted([("start", -1), *((f"list{page}", number) for page in (1, 2, 3) for number in range(ITEMS))])
    assert len((tmp_path / f"items.{ending}").read_text().splitlines()) == len(found) + (ending == "csv")
