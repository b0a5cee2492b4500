"""The command `scraper parse`: what a spider makes of a page."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Shop


def parsed(shop: Shop, *arguments: str, status: int = 0) -> list[Any]:
    """What `scraper parse … --format json` prints."""
    result = shop.invoke("parse", *arguments, "--format", "json", "-s", "limits.delay=0")
    assert result.exit_code == status, result.output
    pages: list[Any] = json.loads(result.stdout)
    return pages


def test_items_and_requests_are_shown_as_tables(shop: Shop) -> None:
    """The start callback is called; each item is a table, and one is of requests: which a crawl would not send, too."""
    result = shop.invoke("parse", shop.url, "--spider", "shop.py", "-a", "shelf=new")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == f"200 {shop.url} Shop.parse_list 2 items, 3 requests"
    assert "title shelf new" in lines
    assert "dropped dict.title is empty" in lines
    assert f"{shop.url}book/1 parse_book" in lines
    assert "http://elsewhere.example/ parse offsite" in lines
    assert max(map(len, result.stdout.splitlines())) <= 160


def test_json_has_the_same(shop: Shop) -> None:
    """One array, and what the spider prints is not in it."""
    [page] = parsed(shop, shop.url, "--spider", "shop.py")
    assert (page["url"], page["status"], page["callback"], page["error"]) == (shop.url, 200, "Shop.parse_list", None)
    assert page["items"] == [
        {"type": "dict", "fields": {"title": "shelf all"}, "problem": None},
        {"type": "dict", "fields": {"title": " "}, "problem": "dict.title is empty"},
    ]
    problems = {each["url"]: each["problem"] for each in page["requests"]}
    assert problems == {f"{shop.url}book/1": None, f"{shop.url}book/2": None, "http://elsewhere.example/": "offsite"}


def test_the_spider_for_a_site_is_found(shop: Shop) -> None:
    """Without a name, it is the one whose domains or start URLs, here or in config.toml, have the site of the URL."""
    spider = """
from scraper import Spider

class {0}(Spider):
    name = "{0}"
    {1} = ["{2}"]

    def parse(self, response):
        yield {{"title": self.name}}
"""
    (shop.folder / "spiders").mkdir()
    for name, key, value in (
        ("Away", "allowed_domains", "away.example"),
        ("Wrong", "allowed_domains", "no host"),
        ("Here", "start_urls", shop.url),
        ("Other", "start_urls", "http://other.example/"),
    ):
        (shop.folder / f"spiders/{name.lower()}.py").write_text(spider.format(name, key, value))
    config = shop.folder / "config.toml"
    config.write_text('crawl = ["Away"]\n')
    assert parsed(shop, shop.url)[0]["callback"] == "Here.parse"
    other = f'crawl = ["Away"]\n[spiders.Other]\nstart_urls = ["{shop.url}"]\n'
    config.write_text(f'{other}[spiders.Here]\nallowed_domains = ["x.example"]\n')
    assert parsed(shop, shop.url)[0]["callback"] == "Other.parse"
    config.write_text(other)
    assert shop.invoke("parse", shop.url).stderr == f"scraper: error: offsite: {shop.url} (refused)\n"


def test_an_item_that_cannot_be_made_is_shown_in_its_place(shop: Shop) -> None:
    """Item, field, selector and value are told, after what the callback gave before; the exit status is 1."""
    result = shop.invoke("parse", shop.url + "book/2", "--spider", "shop.py", "--callback", "parse_book")
    assert result.exit_code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "title before" in lines
    assert any(line.startswith("Book.pages .pages 'many' Input should be a valid integer") for line in lines)
    [page] = parsed(shop, shop.url + "book/2", "--spider", "shop.py", "--callback", "parse_book", status=1)
    [misfit] = page["error"]["misfits"]
    assert (misfit["item"], misfit["field"], misfit["selector"], misfit["value"]) == (
        "Book",
        "pages",
        ".pages",
        "'many'",
    )
    assert page["error"]["line"].startswith(str(shop.folder / "shop.py:"))


def test_an_error_of_a_callback_is_shown_with_its_line(shop: Shop) -> None:
    """What it gave before is kept."""
    result = shop.invoke("parse", shop.url, "--spider", "shop.py", "--callback", "parse_badly")
    assert result.exit_code == 1
    assert "first" in result.stdout
    assert "ValueError: no price" in result.stdout
    assert "shop.py:" in result.stdout


def test_callbacks_are_given_arguments_and_meta(shop: Shop) -> None:
    """--cbkwargs and --meta are JSON objects."""
    given = ["--callback", "parse_book", "--cbkwargs", '{"mark": "x"}', "--meta", '{"colour": "red"}']
    [page] = parsed(shop, shop.url + "book/1", "--spider", "shop.py", *given)
    assert page["items"][0]["fields"] == {"title": "before", "mark": "x", "meta": "red"}
    assert page["items"][1] == {"type": "Book", "fields": {"title": "Book 1", "pages": 120}, "problem": None}


def test_asynchronous_callbacks_fetch_more(shop: Shop) -> None:
    """`self.fetch()` works in them, through the same limits."""
    [page] = parsed(shop, shop.url, "--spider", "shop.py", "--callback", "parse_later")
    assert page["items"][0]["fields"] == {"title": "Book 1"}


def test_depth_follows_requests_level_by_level(shop: Shop) -> None:
    """Each page once, by the callbacks of their requests; what a crawl would not send is not sent."""
    pages = parsed(shop, shop.url, "--spider", "shop.py", "--depth", "2", status=1)
    assert [(page["depth"], page["url"], page["callback"]) for page in pages] == [
        (0, shop.url, "Shop.parse_list"),
        (1, f"{shop.url}book/1", "Shop.parse_book"),
        (1, f"{shop.url}book/2", "Shop.parse_book"),
    ]


def test_rules_tell_the_callback(shop: Shop) -> None:
    """--rules calls what a CrawlSpider has for a URL; without it, pages are those of the start."""
    [page] = parsed(shop, shop.url + "book/1", "--spider", "rules.py", "--rules")
    assert page["items"][0]["fields"] == {"title": "Book 1", "mark": "rule"}
    assert page["requests"] == []
    [page] = parsed(shop, shop.url, "--spider", "rules.py")
    assert page["items"][0]["fields"] == {"start": shop.url}
    assert [each["url"] for each in page["requests"]] == [f"{shop.url}book/1", f"{shop.url}book/2"]


def test_a_page_that_follows_may_not_be_had(shop: Shop) -> None:
    """It is shown with the reason, and the other pages are as well."""
    shop.server.expect_request("/list").respond_with_data('<a href="/gone">', content_type="text/html")
    given = ["--spider", "shop.py", "--callback", "parse_list", "--depth", "2"]
    pages = parsed(shop, shop.url + "list", *given, status=1)
    assert [(page["url"], page["status"]) for page in pages] == [(f"{shop.url}list", 200), (f"{shop.url}gone", None)]
    assert pages[1]["error"]["text"] == f"http_410: {shop.url}gone"
    result = shop.invoke("parse", shop.url + "gone", "--spider", "shop.py")
    assert result.exit_code == 1
    assert result.stderr == f"scraper: error: http_410: {shop.url}gone\n"


def test_pipelines_of_the_spider_are_left_alone_unless_asked_for(shop: Shop) -> None:
    """They may write to places that a glance should not reach; --pipelines runs them, and tells what they raise."""
    text = (shop.folder / "shop.py").read_text()
    text = text.replace('    shelf: str = "all"', '    shelf: str = "all"\n    pipelines = [Mark()]')
    (shop.folder / "shop.py").write_text(text)
    parsed(shop, shop.url, "--spider", "shop.py")
    assert not (shop.folder / "marks").exists()
    parsed(shop, shop.url, "--spider", "shop.py", "--pipelines")
    assert (shop.folder / "marks").read_text() == "here"
    (shop.folder / "broken.py").write_text(text.replace("return item", "return item['none']"))
    [page] = parsed(shop, shop.url, "--spider", "broken.py", "--pipelines", status=1)
    assert page["items"][0]["problem"].startswith("Mark.process at ")
    assert page["items"][0]["problem"].endswith("KeyError: 'none'")


def test_a_file_is_parsed_as_if_it_were_an_answer(shop: Shop) -> None:
    """Nothing is asked of a server."""
    (shop.folder / "page.html").write_text('<h1>On disk</h1><p class="pages">7</p>')
    [page] = parsed(shop, "./page.html", "--spider", "shop.py", "--callback", "parse_book", "--cbkwargs", '{"mark": 1}')
    assert page["items"][0]["fields"]["mark"] == 1
    assert page["items"][1]["fields"] == {"title": "On disk", "pages": 7}
    assert not shop.server.log


def test_json_holds_what_it_can(shop: Shop) -> None:
    """Values of any kind are written as Python would; what JSON cannot hold at all is one line."""
    text = "from scraper import Spider\nclass Odd(Spider):\n    name = 'odd'\n    def parse(self, response):\n"
    (shop.folder / "odd.py").write_text(f"{text}        yield {{'kind': object, 'set': {{2, 1}}}}\n")
    [page] = parsed(shop, shop.url, "--spider", "odd.py")
    assert page["items"][0]["fields"] == {"kind": "<class 'object'>", "set": [1, 2]}
    (shop.folder / "half.py").write_text(f"{text}        yield {{'half': chr(0xD800)}}\n")
    result = shop.invoke("parse", shop.url, "--spider", "half.py", "--format", "json")
    assert result.exit_code == 2
    assert result.stderr.startswith("scraper: error: an item cannot be written as JSON: ")
    assert "\\ud800" in shop.invoke("parse", shop.url, "--spider", "half.py").stdout


def test_nothing_is_left_behind(shop: Shop) -> None:
    """No data file, no job and no cookies: the next crawl is none the wiser."""
    network = '[network]\nsave_cookies = "cookies.txt"'
    (shop.folder / "config.toml").write_text(f'spiders = "."\n[[sinks]]\npath = "data/{{spider}}.jsonl"\n{network}')
    before = {path.name for path in shop.folder.iterdir()}
    parsed(shop, shop.url, "--spider", "shop")
    assert {path.name for path in shop.folder.iterdir()} - before <= {"__pycache__"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--spider", "shop.py", "--callback", "parse_bok"],
            "Shop has no method 'parse_bok'; did you mean parse_book?",
        ),
        (["--spider", "shop.py", "--rules"], "--rules: Shop is not a CrawlSpider, and has no rules"),
        (["--spider", "rules.py", "--rules"], "--rules: no rule of Ruled is for links to {url}"),
        (["--spider", "shop.py", "--rules", "--callback", "parse"], "--rules and --callback: give one of them"),
        (["--spider", "shop.py", "--meta", "[1]"], '--meta: expected a JSON object like {{"page": 2}}, got [1]'),
        (["--spider", "shop.py", "--cbkwargs", "x"], "--cbkwargs: no JSON: "),
        (["--spider", "none.py"], "none.py: no such file"),
        ([], "no config.toml in "),
    ],
)
def test_wrong_usage_is_one_line(shop: Shop, arguments: list[str], told: str) -> None:
    """The culprit is named, and the exit status is 2."""
    result = shop.invoke("parse", shop.url, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"scraper: error: {told.format(url=shop.url)}")
    assert len(result.stderr.splitlines()) == 1
