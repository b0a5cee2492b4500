"""Hostile sites against whole crawls, judged by what their servers heard and by what people are shown."""

import gzip
import os
import zlib
from pathlib import Path

import pytest
from aiohttp import web

from scraper import Request
from scraper.network.policies.referrer import asked_for
from scraper.network.proxies.address import proxy
from scraper.settings.schema import NetworkSettings
from tests.flow.crawls import ask, ask_one
from tests.flow.site import Asked, Servers, redirect
from tests.forks import Forks

SECRETS = {"authorization": "Basic word", "COOKIE": "hand=made", "X-Api-Key": "key", "proxy-Authorization": "Basic via"}
BOMB = gzip.compress(bytes(8 * 1024 * 1024))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_secrets_do_not_cross_origins(status: int, servers: Servers) -> None:
    """What only one origin may know is not told to another port of its host, nor once more when that leads back."""
    home = servers.site({"/end": "end"})
    away = servers.site({"/": redirect(home.url("/end"), status)})
    home.pages["/"] = redirect(away.url(), status)
    request = Request(home.url(), headers=SECRETS)
    await ask(request, network={"secret_headers": ["X-Api-Key"]})
    heard = str([each.headers for each in (*away.of("/"), *home.of("/end"))])
    assert len(away.of("/")) == len(home.of("/end")) == 1
    assert not [word for word in SECRETS.values() if word in heard]


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_content_does_not_cross_origins(status: int, servers: Servers) -> None:
    """A POST that becomes a GET has neither content nor a word about it."""
    away = servers.site({"/": "end"})
    home = servers.site({"/": redirect(away.url(), status)})
    await ask_one(Request(home.url(), form={"password": "word"}))
    (heard,) = away.of("/")
    assert (heard.method, heard.body) == ("GET", b"")
    assert not [name for name in heard.headers if name.lower().startswith("content-")]


async def test_auth_is_bound_to_its_origin(servers: Servers) -> None:
    """Another origin hears no Authorization, neither for its page nor for its robots.txt."""
    away = servers.site({"/": "end"})
    home = servers.site({"/": redirect(away.url())})
    auth = [{"origin": home.root, "user": "me", "password": "word"}]
    await ask(Request(home.url()), network={"auth": auth}, limits={"robots": True})
    assert {each.path for each in away.asked} == {"/robots.txt", "/"}
    assert all("Authorization" in each.headers for each in home.asked)
    assert not any("Authorization" in each.headers for each in away.asked)


async def test_netrc_is_not_read(servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that a netrc file has for a host is told to nobody, whatever user the address names."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login victim password SECRET\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    site = servers.site({"/": redirect("/end"), "/end": "end"})
    await ask_one(site.url())
    assert len(site.asked) == 2
    assert not any("Authorization" in each.headers for each in site.asked)


@pytest.mark.parametrize(("coding", "body"), [("gzip", BOMB), ("deflate", zlib.compress(bytes(8 * 1024 * 1024)))])
async def test_a_bomb_ends_alone(coding: str, body: bytes, servers: Servers) -> None:
    """A body that unpacks too large is `too_large`, asked for once, and the other page is crawled."""
    site = servers.site({"/good": "good"})
    site.pages["/bomb"] = lambda _: web.Response(body=body, headers={"Content-Encoding": coding})
    ended, responses = await ask(site.url("/bomb"), site.url("/good"), network={"max_body": "1 MiB"})
    assert ended.statistics.failed == {"too_large": 1}
    assert [each.url for each in responses] == [site.url("/good")]
    assert site.paths["/bomb"] == 1


async def test_the_bomb_in_a_redirect_is_not_unpacked(servers: Servers) -> None:
    """A redirect is followed whatever its body would come to."""
    headers = {"Location": "/end", "Content-Encoding": "gzip"}
    site = servers.site({"/": lambda _: web.Response(status=302, body=BOMB, headers=headers), "/end": "end"})
    response = await ask_one(site.url(), network={"max_body": "1 MiB"})
    assert response.text == "end"


async def test_json_without_end(servers: Servers) -> None:
    """A million open brackets are a plain `ValueError` of `json()`."""
    response = await ask_one(servers.site({"/": b"[" * 1_000_000}).url())
    with pytest.raises(ValueError):  # noqa: PT011 -- the text is the decoder's
        response.json()


def test_settings_show_no_secrets() -> None:
    """What is printed of settings and proxies has neither passwords nor headers."""
    text = repr(NetworkSettings(proxy="http://p:S1@a.example", proxies=("http://p:S2@a.example",), headers={"X": "S3"}))
    assert not [secret for secret in ("S1", "S2", "S3") if secret in text]
    assert "Basic" not in repr(proxy("http://p:S1@a.example"))


SPIDER = """
from scraper import Request, Spider

class LeakySpider(Spider):
    name = "leaky"

    async def start(self):
        for path in ("raises", "missing", "\\x1b[31m"):
            yield Request("http://u:SECRET1@HOST/" + path, headers={"X-Token": "SECRET2"}, cookies={"c": "SECRET3"})

    def parse(self, response):
        raise ValueError(f"{response.request} {response}\\n\\x1b[2Jforged")
"""
CONFIG = """
[network]
retries = 0
secret_headers = ["X-Key"]
headers = { X-Key = "SECRET4" }
proxy = "http://p:SECRET5@HOST"
[[network.auth]]
origin = "http://a.example"
user = "me"
password = "${PASSWORD}"
[limits]
robots = false
[views]
log_level = "DEBUG"
"""


def test_nothing_tells_secrets(servers: Servers, forks: Forks, tmp_path: Path) -> None:
    """No output of a command that has all kinds of secrets tells one of them, nor hands on what a terminal obeys."""
    site = servers.site({"/raises": "page"})
    host = site.root.partition("//")[2]
    (tmp_path / "leaky.py").write_text(SPIDER.replace("HOST", host))
    (tmp_path / "config.toml").write_text(CONFIG.replace("HOST", host))
    outputs = ""
    for command in ("crawl leaky.py --json", "settings", "settings --json", "jobs", "jobs show leaky"):
        environment = {**os.environ, "PASSWORD": "SECRET6"}
        outputs += forks.run(*command.split(), env=environment, cwd=tmp_path, is_one_stream=True).stdout
    assert not [each for each in ("leaky", "forged", "http_404") if each not in outputs]
    assert "SECRET" not in outputs
    assert "\x1b" not in outputs
    assert not [line for line in outputs.splitlines() if line.startswith("forged")]


async def test_nothing_listens(servers: Servers) -> None:
    """While a crawl runs, its process has no socket at which anybody could ask it for something."""
    listening: set[str] = set()

    def look(_: Asked) -> str:
        own = {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
        for table in ("tcp", "tcp6"):
            for row in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                    listening.add(fields[1])
        return "page"

    site = servers.site({})
    look(Asked(0.0, "GET", "/", {}, b""))
    before = listening.copy()
    site.pages["/"] = look
    await ask_one(Request(site.url()))
    assert before
    assert listening == before


@pytest.mark.parametrize(
    "policy", ["builtins.exit", "os.system", "__import__('os')", "\x00", "no-referrer, builtins.exit"]
)
def test_a_referrer_policy_is_one_of_a_list(policy: str) -> None:
    """What a page writes there is looked up among the words of the standard, and nowhere else."""
    assert asked_for(policy, "origin") == ("no-referrer" if "no-" in policy else "origin")
