"""The site is built, strictly, and every name, setting, reason and option has exactly one place on it."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import scraper
from docs.site.build import EXTRA, build
from docs.site.command import anchor, commands, options
from docs.site.pages import anchors, pages
from scraper.cli import main
from tests.docs.blocks import ROOT
from tests.docs.test_docs import every_setting

is_missing = not all(map(find_spec, EXTRA)) and not os.environ.get("SCRAPER_DOCS")
needs_extra = pytest.mark.skipif(is_missing, reason="the extra docs is not installed: pip install '.[docs]'")
FOUND = {page.name: page for page in pages(ROOT)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once."""
    folder = tmp_path_factory.mktemp("site")
    assert build(folder) == 0
    return folder


@pytest.fixture(scope="module")
def ids(site: Path) -> dict[str, Counter[str]]:
    """Of each page the anchors, and how often each is there."""
    return {
        page.name: Counter(re.findall(r'\sid="([^"]+)"', page.read_text(encoding="utf-8")))
        for page in site.glob("*.html")
    }


def attributes(kind: type[Any]) -> Iterator[str]:
    """The public attributes and methods that a class has of ours."""
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] == "scraper":
            named = {*vars(base), *getattr(base, "__annotations__", {})}
            yield from (name for name in named if not name.startswith(("_", "model_")))


def test_every_page_is_on_the_site() -> None:
    """Every file of docs/ is a page of the site, once, and the first is the table of contents."""
    names = [page.name for page in pages(ROOT)]
    assert len(names) == len(set(names))
    assert names[0] == "index.md"
    assert {file.name for file in (ROOT / "docs").glob("*.md")} <= set(names)


@pytest.mark.parametrize("key", sorted(every_setting()))
def test_a_setting_has_one_anchor(key: str) -> None:
    """A setting has one anchor in all pages, on that about settings: its dotted key."""
    assert [name for name, page in FOUND.items() for each in anchors(page) if each == key] == ["settings.md"]


@pytest.mark.parametrize("reason", scraper.Reason)
def test_a_reason_has_one_anchor(reason: str) -> None:
    """A reason has one anchor, on the page about reasons: the word itself."""
    assert list(anchors(FOUND["reasons.md"])).count(reason) == 1


def test_an_option_has_one_anchor() -> None:
    """An option of a command has one anchor, on the page about the command: `crawl--fresh`, `jobs-show--limit`."""
    wanted = [anchor(words, option) for words, command in commands(main, ()) for option in options(command)]
    assert {"crawl--fresh", "jobs-show--limit"} <= set(wanted)
    assert sorted(anchors(FOUND["command.md"])) == sorted(wanted)


@needs_extra
def test_the_page_of_names_has_every_attribute(ids: dict[str, Counter[str]]) -> None:
    """Every public name has one anchor on the site, and so has every attribute of the five classes that users meet."""
    everywhere = sum(ids.values(), Counter())
    names = [f"scraper.{name}" for name in scraper.__all__]
    for kind in (scraper.Request, scraper.Response, scraper.Spider, scraper.Result, scraper.Item):
        names += {f"scraper.{kind.__name__}.{name}" for name in attributes(kind)}
    assert {name: everywhere[name] for name in names if everywhere[name] != 1} == {}


@needs_extra
def test_an_anchor_is_unique_on_its_page(ids: dict[str, Counter[str]]) -> None:
    """No page has two places of one name, and the anchors of settings, reasons and options are on the built site."""
    assert not [(page, name) for page, found in ids.items() for name, number in found.items() if number > 1]
    for name, page in FOUND.items():
        assert set(anchors(page)) <= set(ids[name.replace(".md", ".html")])


@needs_extra
def test_nothing_is_loaded_from_the_network(site: Path) -> None:
    """No page, style or script of the site loads anything from another host when it is read."""
    loading = re.compile(r'<(?:script|img|iframe|link)[^>]+(?:src|href)="?(https?://[^">\s]+)|@import[^;]+https?://')
    for file in [*site.glob("*.html"), *site.rglob("*.css")]:
        assert not [each[0] for each in loading.finditer(file.read_text(encoding="utf-8"))], file.name


@needs_extra
def test_models_can_read_the_site(site: Path) -> None:
    """`llms.txt` links to every page as Markdown, and `llms-full.txt` has all of them."""
    linked = re.findall(r"\]\(([^)]+)\)", (site / "llms.txt").read_text(encoding="utf-8"))
    assert linked == [page.name for page in FOUND.values()]
    assert all((site / name).is_file() for name in linked)
    full = (site / "llms-full.txt").read_text(encoding="utf-8")
    assert all(page.plain.strip() in full for page in FOUND.values())


@needs_extra
def test_a_dead_link_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to a page or a place that there is not is a failure, and no site is written."""
    broken = [page for page in pages(ROOT) if page.name != "limits.md"]
    monkeypatch.setattr("docs.site.build.pages", lambda root: broken)
    assert build(tmp_path / "site") != 0
    assert not (tmp_path / "site").exists()
