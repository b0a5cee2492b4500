"""Variables of the environment in the texts of config.toml."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scraper import SettingsError
from scraper.cli import main
from scraper.settings.environment import Filled, filled, plain
from scraper.settings.load import load
from scraper.settings.messages import PRIVATE
from scraper.settings.tables import from_tables

FILE = """
[network]
proxy = "http://me:${WORD}@p.example:1"
secret_headers = ["X-Key"]
headers = {X-Key = "open1", Authorization = "open2", X-A = "${WORD}", X-B = "b"}

[[network.auth]]
origin = "https://a.example"
user = "me"
password = "open3"

[[network.auth]]
origin = "https://b.example"
type = "bearer"
token = "${WORD}"

[spiders.books]
key = "${WORD}"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(FILE)
    return tmp_path


def test_variables_are_filled_in() -> None:
    """`${NAME}` stands for a variable, in any text of any table or list; `$${` is a plain `${`."""
    tables = {"a": ["${X}", {"b": "x${X}y${Y}"}], "c": 1, "d": "$X $${X} $ {X}"}
    found = filled(tables, {"X": "1", "Y": "${X}"})
    assert found == {"a": ["1", {"b": "x1y${X}"}], "c": 1, "d": "$X ${X} $ {X}"}
    assert repr(found["a"][0]) == "'${X}'"
    assert all(type(each) is not Filled for each in plain(found["a"]))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"network": {"proxy": "${GONE}"}}, r"\[network\] proxy: the environment has no GONE"),
        ({"sinks": [{"path": "${a b}"}]}, r"\[\[sinks\]\] #1 path: \$\{a b\} names no variable"),
        ({"crawl": ["${X"]}, "names no variable"),
        ({"network": {"auth": [{"password": "hu${sh!"}]}}, r"password: \$\{…\} names no variable"),
        ({"spiders": {"books": {"password": "hu${sh!"}}}, r"password: \$\{…\} names no variable"),
    ],
)
def test_variables_that_are_none(value: Any, told: str) -> None:
    """A variable that is not there, and a name that is none, are told with their place."""
    with pytest.raises(SettingsError, match=told):
        filled(value, {"X": "1"})


def test_settings_have_the_values(folder: Path) -> None:
    """Settings and a spider's arguments have what the environment says."""
    loaded = load(Path("config.toml"), environ={"WORD": "hush"}, overrides=[])
    network = loaded.settings.network
    assert network.proxy == "http://me:hush@p.example:1"
    assert network.auth[1].token.get_secret_value() == "hush"
    own = loaded.for_spider("books", {}, "BooksSpider")
    assert own.arguments == {"key": "hush"}
    assert "hush" not in repr(own.arguments)


def test_errors_do_not_tell_the_value(tmp_path: Path) -> None:
    """What does not fit is shown as it was written."""
    path = tmp_path / "config.toml"
    path.write_text('[network]\ntimeout = "${WORD}"\n')
    with pytest.raises(SettingsError) as caught:
        load(path, environ={"WORD": "hush"}, overrides=[])
    assert "'${WORD}'" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_settings_are_shown_without_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    """`scraper settings` shows variables as they are written, and no password, token or secret header."""
    monkeypatch.setenv("WORD", "hush")
    shown = CliRunner().invoke(main, ["settings", *options], catch_exceptions=False).output
    assert "hush" not in shown
    assert "open" not in shown.replace("open_", "")
    assert "http://me:${WORD}@p.example:1" in shown
    assert "X-B" in shown
    if options:
        network = json.loads(shown)["settings"]["network"]
        assert network["headers"] == {"X-Key": "***", "Authorization": "***", "X-A": "${WORD}", "X-B": "b"}
        assert network["auth"][1]["token"] == "${WORD}"
    else:
        assert 'password = "***"' in shown


SECRETS = """
[network]
proxy = "me:hush@p.example:80"
headers = {X-Corp = "hush", X-Api-Key = "hush", Accept = "kept"}

[spiders.books]
password = "hush"
api_key = "hush"
pin_token = 424242
use_token = true
tokens = ["hush"]
shop = "http://me:hush@a.example/?token=hush&page=2"
login = {user = "kept", list = [{jwt = "hush"}]}
empty_token = ""

[spiders.books.network]
secret_headers = ["x-corp"]
auth = [{origin = "https://b.example", type = "bearer", token = "hush"}]
"""
SPIDER = """
from typing import Any
from scraper import Spider

class Books(Spider):
    name = "books"
    password = api_key = pin_token = use_token = tokens = shop = login = empty_token = None
"""


@pytest.mark.parametrize("words", [["settings"], ["settings", "books"]])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_arguments_are_shown_without_secrets(folder: Path, words: list[str], options: list[str]) -> None:
    """What is secret by its name in a spider's table is not shown, at any depth, of any type, nor with --json."""
    (folder / "config.toml").write_text(SECRETS)
    (folder / "spiders").mkdir()
    (folder / "spiders" / "books.py").write_text(SPIDER)
    shown = CliRunner().invoke(main, [*words, *options], catch_exceptions=False).output
    assert "hush" not in shown
    assert "424242" not in shown
    assert "kept" in shown
    if words == ["settings", "books"] and options:
        assert json.loads(shown)["arguments"] == {
            "password": "***",
            "api_key": "***",
            "pin_token": "***",
            "use_token": True,
            "tokens": "***",
            "shop": "http://***@a.example/?token=***&page=2",
            "login": {"user": "kept", "list": [{"jwt": "***"}]},
            "empty_token": "",
        }
        assert json.loads(shown)["settings"]["network"]["cookies"] is True


def test_every_secret_setting_is_hidden() -> None:
    """Neither a repr nor the text of a table shows what its keys hold that no error repeats."""
    secret = {"proxy": "http://a:hush@p.example", "proxies": ["http://a:hush@p.example"], "headers": {"X": "hush"}}
    auth = {"origin": "https://a.example", "user": "a", "password": "hush", "token": "hush"}
    assert secret.keys() | {"auth"} == PRIVATE
    made = from_tables({"network": {**secret, "auth": [auth]}}).network
    for each in (made, made.auth, *made.auth, made.__rich_repr__()):
        assert "hush" not in f"{each} {each!r}"


def test_passwords_in_addresses_are_not_shown(folder: Path) -> None:
    """A password in the address of a proxy is not shown, whichever source it comes from."""
    (folder / "config.toml").write_text("")
    shown = CliRunner().invoke(main, ["settings", "-s", "network.proxy=http://me:hush@p.example"]).output
    assert 'proxy = "http://***@p.example"' in shown
    assert "hush" not in shown
