"""`scraper jobs` for jobs on a Redis, and on this machine, with crawls by the real command."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.redis_server import RedisServer, needs_redis

PAGES = 150
PASSWORD = "s3cret/x"
SPIDER = """
from scraper import Spider


class Shop(Spider):
    name = "shop"
    start_urls = ["URL"]

    def parse(self, response):
        number = int(response.url.rpartition("/")[2])
        yield {"number": number}
        for each in (2 * number + 1, 2 * number + 2):
            if each < PAGES:
                yield response.follow(f"/{each}")
        if number % 10 == 0:
            yield response.follow(f"/missing/{number}")
"""
CONFIG = """
[frontier]
interval = 0.1
lease = 2
[limits]
robots = false
delay = DELAY
per_host = 1
adapt = false
[network]
allow_addresses = ["127.0.0.1", "localhost"]
"""


class Place:
    """A folder with a spider, and the command in it."""

    def __init__(self, folder: Path, url: str, store: str) -> None:
        self.folder = folder
        self.store = store
        self.delay(0.1)
        (folder / "shop.py").write_text(SPIDER.replace("URL", url).replace("PAGES", str(PAGES)))

    def delay(self, seconds: float) -> None:
        (self.folder / "config.toml").write_text(CONFIG.replace("DELAY", str(seconds)))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        store = ["-s", f"frontier.store={self.store}"] if self.store else []
        command = [sys.executable, "-m", "scraper", *words, *store]
        return subprocess.Popen(command, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, error = process.communicate(timeout=50)
        assert PASSWORD not in out + error
        assert "s3cret" not in out + error
        return process.returncode, out, error

    def crawl(self, *words: str) -> tuple[int, str, str]:
        return self.run("crawl", "shop.py", "-o", "out.jsonl", *words)

    def shown(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.run("jobs", "show", "shop", "--json")[1])
        return facts

    def numbers(self) -> list[int]:
        return [json.loads(line)["number"] for line in (self.folder / "out.jsonl").read_text().splitlines()]

    def crawling(self) -> "subprocess.Popen[str]":
        """A crawl that has fetched some pages, one of them missing."""
        process = self.start("crawl", "shop.py", "-o", "out.jsonl")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            found = json.loads(self.run("jobs", "--json")[1])
            if found and found[0]["failed"] and found[0]["statistics"]["items"]:
                return process
        raise AssertionError(process.communicate())


def answer(request: Request) -> Response:
    return Response("x", 404 if "missing" in request.path else 200, mimetype="text/html")


@pytest.fixture
def url(httpserver: HTTPServer) -> str:
    httpserver.expect_request("").respond_with_handler(answer)
    return httpserver.url_for("/0")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    needs_redis()
    with RedisServer(tmp_path / "redis", "--requirepass", PASSWORD) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, url: str, redis: RedisServer) -> Place:
    return Place(tmp_path, url, f"redis://:s3cret%2Fx@127.0.0.1:{redis.port}/0")


def whole(place: Place) -> dict[str, Any]:
    """What is shown of the job, whose counts add up with what waits."""
    facts, [listed] = place.shown(), json.loads(place.run("jobs", "--json")[1])
    now = listed["statistics"]
    ended = now["fetched"] + sum(now["refused"].values()) + sum(now["failed"].values())
    assert now["discovered"] == ended + listed["waiting"]
    assert listed["waiting"] == sum(facts["waiting"].values())
    assert listed["failed"] == sum(facts["failed"].values()) == sum(facts["reasons"].values())
    return facts | {"count": listed["waiting"], "failures": listed["failed"]}


def test_a_shared_job_is_watched_stopped_and_tried_again(place: Place) -> None:
    """While it runs nothing is changed; stopped, its failed requests wait again, and it ends with every item once."""
    assert place.run("jobs") == (0, "", "no jobs yet: run a crawl first\n")
    process = place.crawling()
    assert "running on 1 machine" in place.run("jobs")[1]
    [machine] = place.shown()["at_work"]
    assert (machine["units"], machine["is_collecting"]) == (1, True)
    assert machine["pages"] > 0
    for words in (("jobs", "retry", "shop"), ("crawl", "shop.py", "-o", "out.jsonl", "--finish")):
        status, _, error = place.run(*words)
        assert status == 1
        assert "is being crawled by 1 machine" in error
    assert place.run("jobs", "stop", "shop")[1].startswith("1 machine will stop")
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert place.run("jobs", "stop", "shop")[1] == "no machine crawls it\n"
    before = whole(place)
    assert (before["job"], before["state"], before["at_work"]) == ("shop", "unfinished", [])
    assert place.run("jobs", "retry", "shop", "--reason", "timeout")[1].startswith("nothing to put back")
    assert place.run("jobs", "retry", "shop")[1].startswith(f"{before['failures']} put back")
    after = whole(place)
    assert (after["failures"], after["count"]) == (0, before["count"] + before["failures"])
    place.delay(0)
    assert place.crawl("-s", "limits.per_host=8")[0] == 0
    assert sorted(place.numbers()) == list(range(PAGES))
    ended = whole(place)
    assert (ended["state"], ended["reason"], ended["failures"]) == ("finished", "finished", PAGES // 10)
    assert place.run("jobs", "retry", "shop")[1].startswith(f"{PAGES // 10} put back")
    assert whole(place)["state"] == "unfinished"
    assert place.crawl("-s", "limits.per_host=8")[0] == 0
    assert sorted(place.numbers()) == list(range(PAGES))


def test_the_files_of_a_shared_job_are_closed_as_they_stand(place: Place) -> None:
    """--finish gives them their names, with all that was committed; afterwards there is nothing to be closed."""
    assert "there is none" in place.crawl("--finish")[2]
    process = place.crawling()
    place.run("jobs", "stop", "shop")
    process.communicate(timeout=30)
    items = place.shown()["statistics"]["items"]
    assert not (place.folder / "out.jsonl").exists()
    assert place.crawl("--finish")[0] == 0
    assert len(set(place.numbers())) == len(place.numbers()) == items
    facts = place.shown()
    assert (facts["state"], facts["reason"]) == ("finished", "closed early")
    status, _, error = place.crawl("--finish")
    assert (status, "it is finished" in error) == (1, True)


def test_a_job_that_is_not_there_is_named(place: Place) -> None:
    """One line, which shows no password, also of an address that is wrong."""
    for command in ("show", "retry", "stop"):
        status, _, error = place.run("jobs", command, "--job", "nowhere")
        assert (status, error.endswith("job nowhere: there is none\n"), error.count("\n")) == (1, True, 1)
    for store in ("redis://:s3cret@127.0.0.1:1/0", "redis://:12/s3cret@127.0.0.1/0", "reds://:s3cret@127.0.0.1"):
        wrong = Place(place.folder, "http://127.0.0.1/", store)
        status, out, error = wrong.run("jobs")
        assert status > 0
        assert (out, error.count("\n")) == ("", 1)
        wrong.run("settings")


def test_a_crawl_of_this_machine_is_stopped(tmp_path: Path, url: str) -> None:
    """`jobs stop` tells the process that has the job, or says that there is none."""
    place = Place(tmp_path, url, "")
    process = place.crawling()
    assert place.run("jobs", "stop")[1].startswith(f"process {process.pid} will stop")
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert place.run("jobs", "stop", "shop")[1] == "no process crawls it\n"
    assert place.shown()["state"] == "unfinished"
