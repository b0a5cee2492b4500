"""Of which modules is a spider, and when have they changed?"""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scraper import Spider
from scraper.crawling.spider_source import digest_of, digests_beside

FILES = {
    "__init__": "",
    "spider": """
import json
from shop import prices
from shop.common import Shop
from shop.records import Book
from scraper import Request

class Books(Shop):
    name = "books"
""",
    "common": "from scraper import Spider\nclass Shop(Spider): pass\n",
    "records": "from shop.fields import price\nclass Book: pass\n",
    "fields": "import scraper\ndef price(): pass\n",
    "prices": "",
    "other": "",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package `shop`, all of which is imported."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("shop", *(f"shop.{each}" for each in FILES)):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in FILES:
        importlib.import_module("shop" if name == "__init__" else f"shop.{name}")
    return folder


def books() -> type[Spider]:
    kind: type[Spider] = sys.modules["shop.spider"].Books
    return kind


def test_the_modules_of_a_spider(shop: Path) -> None:
    """They are what the user wrote: base classes, items, and what these use; nothing that is installed, nor others."""
    assert list(digests_beside(books())) == ["shop.common", "shop.fields", "shop.prices", "shop.records"]


@pytest.mark.parametrize("name", ["common", "fields", "prices", "records", "spider"])
def test_an_edit_changes_the_digest_of_its_module(shop: Path, name: str) -> None:
    """A module that is edited has another digest, and none of the others has."""
    before = {**digests_beside(books()), "shop.spider": digest_of(books())}
    with (shop / f"{name}.py").open("a") as file:
        file.write("# edited\n")
    after = {**digests_beside(books()), "shop.spider": digest_of(books())}
    assert [each for each in before if before[each] != after[each]] == [f"shop.{name}"]


@pytest.mark.parametrize("module", ["nowhere", "__main__"])
def test_a_spider_without_a_file(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that was typed at a prompt has no digest, and nothing is said of it."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    kind = type("Typed", (Spider,), {"name": "typed", "__module__": module})
    assert (digest_of(kind), digests_beside(kind)) == ("", {})
