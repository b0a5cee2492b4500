"""What nobody but its server may know, and what a page would have a terminal do: searched for in all that is told."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flow.site import Servers, Talk
from tests.forks import Forks

HOSTILE = b"\x1b[2Jforged\x9b1m\xe2\x80\xae"
ANSWERS = {
    "page": b"HTTP/1.1 200 OK\r\nX-Any: "
    + HOSTILE
    + b"\r\nContent-Length: 40\r\n\r\n<title>"
    + HOSTILE
    + b"</title>"
    + b" " * 9,
    "status": b"HTTP/1.1 abc " + HOSTILE + b"\r\n\r\n",
    "lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6" + HOSTILE + b"\r\n\r\nxxxxxx",
    "coding": b"HTTP/1.1 200 OK\r\nContent-Encoding: compress;" + HOSTILE + b"\r\nContent-Length: 1\r\n\r\nx",
    "nowhere": b"HTTP/1.1 302 OK\r\nLocation: http://u:SECRET-there@[bad" + HOSTILE + b"\r\nContent-Length: 0\r\n\r\n",
    "reset": b"",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nx",
    "busy": b"HTTP/1.1 503 " + HOSTILE + b"\r\nContent-Length: 0\r\n\r\n",
    "CONNECT": b"HTTP/1.1 407 " + HOSTILE + b"\r\nContent-Length: 0\r\n\r\n",
}
SPIDER = """
import asyncio
import os

from scraper import Request, Spider
from scraper.errors import DropItem, SpiderError

WORD = "SECRET-"

class LeakySpider(Spider):
    name = "leaky"
    password: str = ""
    login: str = ""

    async def start(self):
        for path in ANSWERS:
            yield self.asking("http://u:" + WORD + "url@HOST/" + path)
        yield self.asking("http://u:" + WORD + "port/x@HOST/")
        yield self.asking("ftp://u:" + WORD + "ftp@HOST/")
        for wrong in (
            {"headers": {"X-Any": WORD + "header\\r\\nforged"}},
            {"cookies": {"a": WORD + "cookie\\r\\nforged"}},
            {"proxy": "gopher://p:" + WORD + "proxy@HOST"},
            {"method": "GET forged"},
        ):
            try:
                yield self.asking("http://HOST/wrong", **wrong)
            except SpiderError as error:
                self.logger.warning("refused: %s", error)
        yield self.asking("https://HOST/tunnel", proxy="http://p:" + WORD + "tunnel@HOST")

    def asking(self, url, **fields):
        headers = {"Authorization": "Bearer " + WORD + "bearer"}
        return Request(url, **{"headers": headers, "cookies": {"c": WORD + "jar"}, **fields})

    async def parse(self, response):
        if "DIES" in os.environ:
            await asyncio.sleep(1)  # until there is a checkpoint
            os.kill(os.getpid(), 9)
        title = response.css("title::text").get()
        yield {"title": title, "text": "\\x1b[2J"}
        yield {"drop": title}
        await self.fetch(self.asking("http://u:" + WORD + "again@HOST/status?again"))

class Dropping:
    def process(self, item):
        if "drop" in item:
            raise DropItem(item["drop"])
        return item

LeakySpider.pipelines = [Dropping()]
"""
CONFIG = """
[network]
retries = 1
backoff = 0.01
secret_headers = ["X-Key"]
headers = { X-Key = "SECRET-default" }
[[network.auth]]
origin = "http://HOST"
user = "me"
password = "${PASSWORD}"
[limits]
robots = false
adapt = false
park_after = 0
[frontier]
interval = 0.1
[views]
log_level = "DEBUG"
[spiders.leaky]
login = "${PASSWORD}"
"""
WRONG = {
    "proxy": "proxy = 'gopher://p:SECRET-a@h'",
    "proxies": "proxies = 'http://p:SECRET-b@h'",
    "headers": "headers = { Authorization = ['SECRET-c'] }",
    "password": "auth = [{ origin = 'http://a.example', password = ['SECRET-d'] }]",
    "key": "auth = [{ origin = 'http://a.example', pasword = 'SECRET-e' }]",
    "variable": "retries = '${PASSWORD}'",
}


async def serve(talk: Talk) -> None:
    """Answers by the last part of the path, once a connection."""
    head = (await talk.hear()).split(b" ", 2)
    await talk.say(
        ANSWERS.get("CONNECT" if head[0] == b"CONNECT" else head[1].decode().split("/")[-1], ANSWERS["status"])
    )


@dataclass(frozen=True)
class Teller:
    """Runs commands in a folder."""

    forks: Forks
    folder: Path

    def __call__(self, *words: str, **environment: str) -> str:
        """All that the command `words` tells, with secrets in its environment."""
        known = {**os.environ, "PASSWORD": "SECRET-variable", **environment}
        return self.forks.run(*words, cwd=self.folder, env=known, is_one_stream=True).stdout


@pytest.fixture
def told(forks: Forks, tmp_path: Path) -> Teller:
    return Teller(forks, tmp_path)


def check(text: str) -> None:
    """There is no secret in a text, and nothing that a terminal would obey or that would pass for a line of ours."""
    assert "SECRET-" not in text
    assert not [each for each in text if not each.isprintable() and each != "\n"]
    assert not [line for line in text.splitlines() if line.startswith("forged")]


def test_a_crawl_tells_no_secrets(servers: Servers, tmp_path: Path, told: Teller) -> None:
    """Whatever goes wrong in a crawl that has all kinds of secrets, and whoever is asked about it afterwards."""
    host = servers.raw(serve).partition("//")[2]
    spider = SPIDER.replace("HOST", host).replace("ANSWERS", str(tuple(each for each in ANSWERS if each != "CONNECT")))
    (tmp_path / "leaky.py").write_text(spider)
    (tmp_path / "config.toml").write_text(CONFIG.replace("HOST", host))
    crawl = ("crawl", "leaky.py", "-a", "password=SECRET-argument")
    outputs = [
        told(*crawl, "-s", f"network.proxies=['http://p:SECRET-pool@{host}']"),
        told(*crawl, "--json"),
        told(*crawl, DIES="yes"),
        told("crawl", "leaky.py", "-a", "password=SECRET-other"),
        told("crawl", "leaky.py"),
        told("jobs", "--json"),
        told("jobs", "show", "leaky"),
        told("jobs", "show", "leaky", "--json"),
        told("settings", "leaky.py"),
        told("settings", "leaky.py", "--json"),
        told("fetch", "--headers", f"http://u:SECRET-typed@{host}/page"),
        told("parse", "--spider", "leaky.py", f"http://u:SECRET-typed@{host}/page"),
    ]
    for output in outputs:
        check(output)
    crawled = outputs[0]
    expected = ("bad_response", "bad_encoding", "bad_redirect", "proxy", "invalid_url", "Traceback")
    assert not [each for each in (*expected, "password=***", "http://***@") if each not in crawled]
    assert crawled.count("refused: Request(") == 4
    assert "argument password has changed" in outputs[3]
    assert "argument password was set, now there is none" in outputs[4]
    files = b"".join(each.read_bytes() for each in (tmp_path / ".scraper").rglob("*") if each.is_file())
    assert b"leaky" in files
    assert not [
        each for each in (b"SECRET-argument", b"SECRET-variable", b"SECRET-pool", b"SECRET-default") if each in files
    ]


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_told_without_secrets(name: str, tmp_path: Path, told: Teller) -> None:
    """What does not fit in the file, or on the command line, is named and, where it may be a password, not repeated."""
    (tmp_path / "config.toml").write_text(f"[network]\n{WRONG[name]}")
    (tmp_path / "any.py").write_text(
        "from scraper import Spider\nclass Any(Spider):\n    name = 'any'\n    pages: int = 1\n"
    )
    key, _, value = WRONG[name].partition(" = ")
    outputs = [told("crawl", "any.py", "--debug")]
    (tmp_path / "config.toml").unlink()
    if name != "variable":
        outputs.append(told("crawl", "any.py", "-s", f"network.{key}={value}", "--debug"))
    for output in outputs:
        assert "scraper: error: " in output
        check(output)


@pytest.mark.parametrize(
    "words",
    [
        ("fetch", "http://u:SECRET-a@[bad/"),
        ("fetch", "http://u:SECRET-b/x@127.0.0.1/"),
        ("fetch", "ftp://u:SECRET-c@127.0.0.1/"),
        ("fetch", "http://u:SECRET-d@127.0.0.1:1/\x1b[31m", "-s", "network.retries=0", "-s", "limits.robots=false"),
        ("crawl", "\x1b[31m.py"),
        ("jobs", "show", "\x1b[31m"),
        ("crawl", "-s", "network.proxys=http://p:SECRET-e@127.0.0.1"),
        ("crawl", "-s", "\x1b[31m"),
        ("crawl", "-s", "X-Corp=SECRET-f"),
        ("crawl", "-s", "network.headers={X-Corp='SECRET-g\nSECRET-h'}"),
        ("crawl", "-a", "api-key=SECRET-i\nSECRET-j"),
        ("settings", "-s", "network.proxies=me:SECRET-k@p.example"),
        ("fetch", "http://127.0.0.1:1/?access_token=SECRET-l", "-s", "network.retries=0", "-s", "limits.robots=false"),
    ],
)
def test_what_was_typed_is_told_safely(words: tuple[str, ...], told: Teller) -> None:
    """A command that cannot do what it was told says so in one line, in which nothing is secret or obeyed."""
    output = told(*words)
    assert output.startswith("scraper: error: ")
    assert output.count("\n") == 1
    check(output)
