"""The command `scraper view`: a page in the browser, as a spider sees it."""

import webbrowser
from pathlib import Path

import pytest

from scraper import Response
from scraper.views.preview import kept, shown
from tests.cli.conftest import Shop


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was opened in the browser; temporary files are made in the test's folder."""
    urls: list[str] = []

    def note(url: str) -> bool:
        urls.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", note)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return urls


def test_the_page_is_opened_and_its_path_printed(shop: Shop, opened: list[str]) -> None:
    """What the browser is given is the page with a base, so that its links lead to the site."""
    result = shop.invoke("view", shop.url)
    assert result.exit_code == 0
    file = Path(result.stdout.strip())
    assert opened == [file.as_uri()]
    assert file.read_text("utf-8-sig").startswith(f'<base href="{shop.url}"><title>Café</title>')


def test_no_open_only_writes(shop: Shop, opened: list[str]) -> None:
    """--no-open prints the path, and opens nothing; an error status is told."""
    result = shop.invoke("view", shop.url + "gone", "--no-open", "--spider", "shop.py")
    assert result.exit_code == 1
    assert Path(result.stdout.strip()).read_text() == "it was here"
    assert result.stderr == f"scraper: error: http_410: {shop.url}gone\n"
    assert opened == []


def test_without_a_browser_the_path_is_enough(shop: Shop, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no browser can be started, one line says so."""
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    result = shop.invoke("view", shop.url)
    assert result.exit_code == 0
    assert Path(result.stdout.strip()).is_file()
    assert result.stderr == "scraper: no browser was found to open it with\n"


BASE = '<base href="http://a.example/x">'


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<!doctype html><html lang=en><head><title>", f"<!doctype html><html lang=en><head>{BASE}<title>"),
        ("<HTML>\n<HEAD class='a'>\n", f"<HTML>\n<HEAD class='a'>{BASE}\n"),
        ("<!-- <head> --><p>1", f"<!-- <head> -->{BASE}<p>1"),
        ("<header>1", f"{BASE}<header>1"),
        ("", BASE),
    ],
)
def test_the_base_stands_first_in_the_head(page: str, expected: str) -> None:
    """Wherever a page has its head, or none, the base is the first thing in it."""
    response = Response("http://a.example/x", body=page, headers={"Content-Type": "text/html"})
    assert shown(response).decode("utf-8-sig") == expected


def test_a_base_of_the_page_is_made_absolute() -> None:
    """A page's own base counts, and would mean a folder of this machine where it is relative."""
    response = Response("http://a.example/x", body="<head><base href='/sub/\"'>", headers={})
    assert shown(response).decode("utf-8-sig").startswith('<head><base href="http://a.example/sub/%22">')


def test_a_page_is_shown_in_the_letters_that_the_spider_reads() -> None:
    """Whatever a page or its server said of the encoding, the file has a mark that browsers believe."""
    headers = {"Content-Type": "text/html; charset=windows-1251"}
    response = Response("http://a.example/", body="<meta charset=koi8-r>Книга".encode("cp1251"), headers=headers)
    assert shown(response).startswith(b"\xef\xbb\xbf")
    assert "Книга" in shown(response).decode()


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        ("text/html", ".html"),
        ("application/json", ".txt"),
        ("text/x-sh", ".txt"),
        ("image/png", ".png"),
        ("application/x-sh", ".bin"),
        ("application/x-desktop", ".bin"),
    ],
)
def test_the_ending_is_one_that_is_shown_and_never_run(opened: list[str], kind: str, ending: str) -> None:
    """Whatever a server calls its answer, opening it shows it."""
    response = Response("http://a.example/", body=b"\0\1", headers={"Content-Type": kind})
    file = kept(response)
    assert file.suffix == ending
    if ending != ".html":
        assert file.read_bytes() == b"\0\1"
