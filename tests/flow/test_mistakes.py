"""Mistakes of a spider: each is told in the spider's own line, each is counted, and everything else goes on."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper import Request, Response, Spider, SpiderError
from scraper.events import Broke
from tests.flow.crawls import Ended, crawl
from tests.flow.site import Servers, Site

KEPT: dict[str, Any] = {"limits": {"robots": False}, "sinks": [{"path": "items.jsonl"}]}
IN_MEMORY: dict[str, Any] = {**KEPT, "frontier": {"store": "memory"}}


@pytest.fixture(params=[KEPT, IN_MEMORY], ids=["kept", "in memory"])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of a crawl that can be resumed, and of one that is in memory."""
    found: dict[str, Any] = request.param
    return found


def written() -> list[Any]:
    """The items of the crawl."""
    return [json.loads(line) for line in Path("items.jsonl").read_text().splitlines()]


@pytest.fixture
def site(servers: Servers) -> Site:
    """A page at every path."""
    return servers.site({}, otherwise="x")


def told(ended: Ended) -> list[str]:
    """The errors, each with the text of the line that is blamed."""
    found = []
    for event in ended.of(Broke):
        file, _, line = event.line.rpartition(":")
        assert file == __file__, event
        found.append(f"{Path(file).read_text().splitlines()[int(line) - 1].strip()} | {event.error}")
    return found


class Misspelt(Spider):
    """Names a callback that it does not have, for requests and links, and then the one that it has."""

    name = "misspelt"
    root: str = ""

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.root}/")

    def parse(self, response: Response) -> Iterator[Any]:
        for number in range(3):
            yield response.follow(f"/{number}", "parse_itm")
        yield response.follow("/kept", errback="no_errback")
        yield response.follow_all(["/4", "/5", "/6"], callback="parse_itm")
        yield response.follow("/0", self.parse_item)
        yield {"kept": True}

    def parse_item(self, response: Response) -> Any:
        return {"path": response.url.rpartition("/")[2]}


async def test_each_request_with_a_callback_that_is_not_there(site: Site, settings: dict[str, Any]) -> None:
    """Each is told, in the line of the callback that gave it, and refused; links count one by one.

    The page of such a request is not seen: the request that is right is sent.
    """
    ended = await crawl(Misspelt, settings, root=site.root)
    line = "def parse(self, response: Response) -> Iterator[Any]:"
    missing = "calls 'parse_itm', but Misspelt has no such method"
    assert told(ended) == [
        *(f"{line} | <GET {site.url(f'/{number}')}> {missing}" for number in range(3)),
        f"{line} | <GET {site.url('/kept')}> calls 'no_errback', but Misspelt has no such method",
        f"{line} | <GET {site.url('/4')}> (and 2 more) {missing}",
    ]
    assert ended.statistics.errors == 5
    assert ended.statistics.refused == {"bad_request": 7}
    assert ended.statistics.discovered == 9
    assert written() == [{"kept": True}, {"path": "0"}]
    assert ended.result.exit_status == 1


class Live(Spider):
    """Puts what no file can hold into a request, and then asks for the same page without it."""

    name = "live"
    root: str = ""

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.root}/")

    def parse(self, response: Response) -> Iterator[Any]:
        for number in range(4):
            yield response.follow(f"/{number}", self.parse_item, meta={"selector": response.css("html")})
        for number in range(4):
            yield response.follow(f"/{number}", self.parse_item)

    def parse_item(self, response: Response) -> Any:
        return {"path": response.url.rpartition("/")[2]}


async def test_each_request_that_cannot_be_kept(site: Site) -> None:
    """Each is told and counted; its page is not seen, and is asked for by the next request for it."""
    ended = await crawl(Live, KEPT, root=site.root)
    assert [text.partition(" | ")[2].partition(" cannot be kept: ")[0] for text in told(ended)] == [
        f"<GET {site.url(f'/{number}')}>" for number in range(4)
    ]
    assert ended.statistics.refused == {"bad_request": 4}
    assert ended.statistics.discovered == 9
    assert sorted(item["path"] for item in written()) == list("0123")


async def test_what_cannot_be_kept_need_not_be(site: Site) -> None:
    """A crawl in memory takes what a file could not hold; the error of the other one says so."""
    ended = await crawl(Live, IN_MEMORY, root=site.root)
    assert ended.statistics.errors == 0
    ended = await crawl(Live, KEPT, root=site.root)
    assert 'frontier.store = "memory"' in told(ended)[0]


@dataclass
class Tea:
    """A record that is filled again and again."""

    n: int = 0


class Starting(Spider):
    """Gives from `start()` what it should not, and one record several times."""

    name = "starting"
    root: str = ""

    async def start(self) -> AsyncIterator[Any]:
        tea = Tea()
        for tea.n in range(3):
            yield tea
        yield "http://a.example/"  # a text
        yield Request(f"{self.root}/", "parse_itm")
        yield Request(f"{self.root}/")
        yield 7

    def parse(self, response: Response) -> Any:
        return {"url": response.url}


async def test_mistakes_of_start(site: Site, settings: dict[str, Any]) -> None:
    """What is neither item nor request is told in its line, and `start()` goes on; records are copied."""
    ended = await crawl(Starting, settings, root=site.root)
    assert written() == [{"n": 0}, {"n": 1}, {"n": 2}, {"url": site.url("/")}]
    assert told(ended) == [
        'yield "http://a.example/"  # a text | '
        "Starting.start gave 'http://a.example/': it gives requests, and items if there are any",
        "async def start(self) -> AsyncIterator[Any]: | "
        f"<GET {site.url('/')}> calls 'parse_itm', but Starting has no such method",
        "yield 7 | Starting.start gave 7: it gives requests, and items if there are any",
    ]
    assert ended.statistics.refused == {"bad_request": 1}
    assert ended.statistics.start_urls == 2


async def test_a_page_with_a_mistake_is_asked_for_again(site: Site) -> None:
    """A recrawl takes a page whose callback gave what cannot be kept for new, as nothing of it is known for good."""
    settings = {**KEPT, "frontier": {"recrawl": "changed"}}
    first = await crawl(Live, settings, root=site.root)
    again = await crawl(Live, settings, root=site.root)
    assert (first.statistics.errors, again.statistics.errors) == (4, 4)
    assert first.statistics.refused == again.statistics.refused == {"bad_request": 4}


class Giving(Spider):
    """Asks for one page in its own way."""

    name = "giving"
    root: str = ""

    def __init__(self, **fields: Any) -> None:
        super().__init__(root=fields.pop("root"))
        self.fields = fields

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.root}/", **self.fields)  # gives it

    def parse(self, response: Response) -> Any:
        return {"a": 1}


@pytest.mark.parametrize("name", ["Accept-Language", "X-Skip"])
async def test_a_header_that_is_none(site: Site, settings: dict[str, Any], name: str) -> None:
    """It is not sent, whether the crawl can be resumed or not."""
    ended = await crawl(Giving(headers={"X-Keep": "yes", name: None}, root=site.root), settings)
    assert ended.result.exit_status == 0
    assert {each.lower() for each in site.asked[0].headers} >= {"x-keep", "accept"}
    assert name.lower() not in {each.lower() for each in site.asked[0].headers}


async def test_cookies_in_a_list(site: Site, settings: dict[str, Any]) -> None:
    """They are sent as Scrapy would send them, whether the crawl can be resumed or not."""
    cookies = [{"name": "lang", "value": "en", "path": "/"}, {"name": "a", "value": 1, "domain": "127.0.0.1"}]
    ended = await crawl(Giving(cookies=cookies, root=site.root), settings)
    assert ended.result.exit_status == 0
    assert site.asked[0].headers["Cookie"] == "lang=en; a=1"


@pytest.mark.parametrize(
    "fields", [{"headers": {"X-A": {}}}, {"body": {"a": 1}}, {"cookies": {"a": []}}, {"timeout": 0}]
)
async def test_a_value_that_means_nothing(site: Site, settings: dict[str, Any], fields: dict[str, Any]) -> None:
    """It is an error in the line that gives it, and nothing is sent, whether the crawl can be resumed or not."""
    ended = await crawl(Giving(**fields, root=site.root), settings)
    [problem] = told(ended)
    assert problem.startswith(
        f"yield Request(f\"{{self.root}}/\", **self.fields)  # gives it | Request('{site.url('/')}'): "
    )
    assert ended.result.exit_status == 1
    assert site.asked == []


class Relative(Spider):
    """Asks for what a page says, without having it made absolute."""

    name = "relative"
    root: str = ""

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.root}/")

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"a": 1}
        yield Request("/rel")


async def test_a_relative_url(site: Site, settings: dict[str, Any]) -> None:
    """It is an error of the callback, in its line, and says what to use."""
    ended = await crawl(Relative, settings, root=site.root)
    [problem] = told(ended)
    assert problem.startswith("yield Request(\"/rel\") | Request('/rel'): not an absolute URL; use response.follow()")
    assert ended.result.exit_status == 1
    assert (written(), ended.statistics.refused) == ([{"a": 1}], {})


@pytest.mark.parametrize("url", ["/rel", "a.example", "localhost:8000/", "//a.example/", "ftp://a.example/", None, 7])
async def test_start_urls_that_are_not_absolute(url: Any) -> None:
    """They are an error before anything is sent."""
    with pytest.raises(SpiderError, match=r"spider 'giving': start_urls has .*, not an absolute URL"):
        Spider("giving", start_urls=["http://a.example/", url]).check_start()


class Changing(Spider):
    """Changes what it has given to a request afterwards."""

    name = "changing"
    root: str = ""
    value: Any = None

    async def start(self) -> AsyncIterator[Any]:
        request = Request(f"{self.root}/")
        request.headers["X-A"] = self.value
        yield request


@pytest.mark.parametrize(("value", "header"), [(5, "5"), (["a", "b"], "a, b"), (b"c", "c")])
async def test_headers_that_are_changed_in_place(site: Site, settings: dict[str, Any], value: Any, header: str) -> None:
    """They are what they would be had they been given at once, whether the crawl can be resumed or not."""

    class Changed(Changing):
        def parse(self, response: Response) -> Any:
            return {"a": 1}

    ended = await crawl(Changed(root=site.root, value=value), settings)
    assert ended.result.exit_status == 0
    assert site.asked[0].headers["X-A"] == header


async def test_headers_that_come_to_mean_nothing(site: Site, settings: dict[str, Any]) -> None:
    """They are a mistake of the spider that changed them."""
    ended = await crawl(Changing(root=site.root, value={}), settings)
    [problem] = told(ended)
    assert problem.partition(" | ")[2].startswith(f"Request('{site.url('/')}'): headers['X-A'] is a dict; give text")
    assert ended.statistics.refused == {"bad_request": 1}
    assert ended.result.exit_status == 1
