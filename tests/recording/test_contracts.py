"""Contracts: what docstrings promise, as Scrapy spells it, and whether it holds."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper import Request, Response, Spider, SpiderError
from scraper.crawling.recordings.contracts import answering, judge
from scraper.recording.contracts import broken, contracts_of
from scraper.settings.tables import from_tables
from tests.flow.site import Servers
from tests.recording.recorded import record, without_sockets


class Promising(Spider):
    name = "promising"

    def parse(self, response: Response) -> Any:
        """Some text, and an @ in it: me@example.com.

        @url https://books.example/shelf?page=1
        @url https://books.example/shelf?page=2
        @method POST
        @meta {"page": 1}
        @cb_kwargs {"word": "sea"}
        @returns items 1 16
        @returns requests 0 0
        @scrapes title price
        """

    def helper(self) -> None:
        """Nothing is promised here, but @returns to it."""


def test_a_docstring_has_a_contract_for_each_sample() -> None:
    """`@url` names a sample, and what else is said of it goes with its request; the rest are promises."""
    first, second = contracts_of(Promising)
    assert (first.request.url, second.request.url) == tuple(f"https://books.example/shelf?page={n}" for n in (1, 2))
    assert (first.callback, first.request.callback, first.request.method) == ("parse", "parse", "POST")
    assert (first.request.meta, first.request.cb_kwargs) == ({"page": 1}, {"word": "sea"})
    assert first.promises == (("returns", "items 1 16"), ("returns", "requests 0 0"), ("scrapes", "title price"))


def promise(*lines: str, **own: Any) -> type[Spider]:
    """A spider whose callback promises this of a page."""

    class Spoken(Spider):
        name = "spoken"
        contracts = own

        def parse(self, response: Response) -> Any:
            return None

    Spoken.parse.__doc__ = "\n".join(["@url https://books.example/", *lines])
    return Spoken


ITEMS: list[Any] = [{"title": "A", "price": 1}, {"title": "B"}]
REQUESTS = [Request("https://books.example/2")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("@returns items", ""),
        ("@returns item 2", ""),
        ("@returns items 1 1", "there are 2"),
        ("@returns items 3", "there are 2"),
        ("@returns requests 0 1", ""),
        ("@returns request 0 0", "there are 1"),
        ("@scrapes title", ""),
        ("@scrapes title price stock", "an item has no price, stock"),
    ],
)
def test_promises_are_held_to(line: str, problem: str) -> None:
    """`@returns` bounds how many items or requests there are, `@scrapes` names fields that every item has."""
    (contract,) = contracts_of(promise(line))
    found = broken(contract, {}, Response("https://books.example/"), ITEMS, REQUESTS)
    assert found == ([f"{line}: {problem}"] if problem else [])


def test_a_spider_may_have_contracts_of_its_own() -> None:
    """A function in `contracts` is called with the text behind its name; what it raises or returns is the problem."""

    def is_cheap(argument: str, response: Response, items: Any, requests: Any) -> None:
        assert all(item.get("price", 0) <= float(argument) for item in items), "too dear"

    spider = promise("@is_cheap 0.5", "@is_odd", is_cheap=is_cheap, is_odd=lambda *_: 1 / 0)
    (contract,) = contracts_of(spider)
    found = broken(contract, spider.contracts, Response("https://books.example/"), ITEMS, REQUESTS)
    assert found == ["@is_cheap 0.5: too dear", "@is_odd: ZeroDivisionError: division by zero"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("@return items 1", "Spoken.parse: no contract @return; did you mean @returns?"),
        ("@returns pages 1", "Spoken.parse: @returns pages 1: expected items or requests, as in @returns items 1 16"),
        ("@returns items one", "Spoken.parse: @returns items one: expected items or requests, as in"),
        ("@returns", "Spoken.parse: @returns : expected items or requests"),
        ("@meta 1", "Spoken.parse: @meta 1: expected an object of JSON, as in @meta"),
    ],
)
def test_a_contract_that_cannot_be_understood_is_refused(line: str, message: str) -> None:
    """One line names the callback and the contract."""
    with pytest.raises(SpiderError) as caught:
        contracts_of(promise(line))
    assert str(caught.value).startswith(message)


# Held to on a page.


class Held(Spider):
    """Follows the links of its pages, and promises something of them."""

    name = "held"
    root = ""
    got: list[str] = []

    async def start(self) -> AsyncIterator[Request]:
        yield Request(f"{self.root}/", callback="parse")

    def parse(self, response: Response) -> Iterator[Any]:
        """The list."""
        yield from response.follow_all(css="a", callback="parse_book")

    async def parse_book(self, response: Response) -> AsyncIterator[Any]:
        """A book."""
        self.got.append(response.url)
        answer = await self.fetch(f"{self.root}/stock")
        yield {"title": response.text, "stock": answer.json()["stock"]}

    def parse_broken(self, response: Response) -> Any:
        """Raises."""
        raise ValueError("no price")


def with_promises(root: str, **docstrings: str) -> type[Held]:
    """`Held`, for a site at `root`, whose callbacks promise this."""
    made: dict[str, Any] = {"root": root, "got": []}
    for name, text in docstrings.items():
        original = getattr(Held, name)
        function = type(original)(original.__code__, original.__globals__, name, closure=original.__closure__)
        function.__doc__ = text
        made[name] = function
    return type("Held", (Held,), made)


async def test_contracts_hold_on_recorded_pages(tmp_path: Path, servers: Servers) -> None:
    """The sample is answered by a recording that has it, without the network, and nothing is crawled from there."""
    root = servers.site({"/": '<a href="/1"><a href="/2">', "/stock": {"stock": 3}}, otherwise="A book").root
    recorded = await record(with_promises(root), tmp_path, root=root)
    spider = with_promises(
        root,
        parse=f"@url {root}/\n@returns requests 2 2\n@returns items 0 0",
        parse_book=f"@url {root}/1\n@returns items 1 1\n@scrapes title stock price",
        parse_broken=f"@url {root}/2\n@returns items 1",
    )
    found: dict[str, list[str]] = {}
    with without_sockets():
        for contract in contracts_of(spider):
            recording = answering([recorded.recording], contract)
            assert recording is not None
            found[contract.callback] = await judge(spider, recorded.settings, contract, recording, {"root": root})
    assert found["parse"] == []
    assert found["parse_book"] == ["@scrapes title stock price: an item has no price"]
    assert [each.partition(" (")[0] for each in found["parse_broken"]] == ["ValueError: no price"]
    assert spider.got == [f"{root}/1"]


async def test_contracts_hold_on_the_pages_of_a_site(servers: Servers) -> None:
    """Without a recording the site is asked, through robots.txt and all limits; no answer breaks the contract."""
    site = servers.site({"/robots.txt": b"User-agent: *\nDisallow: /2", "/stock": {"stock": 3}}, otherwise="A book")
    spider = with_promises(
        site.root,
        parse=f"@url {site.root}/2\n@returns requests",
        parse_book=f"@url {site.root}/1\n@returns items 1 1",
    )
    contracts = {each.callback: each for each in contracts_of(spider)}
    assert answering([], contracts["parse"]) is None
    settings = from_tables({})
    assert await judge(spider, settings, contracts["parse_book"], None, {}) == []
    assert await judge(spider, settings, contracts["parse"], None, {}) == ["the sample has no answer (robots)"]
    assert set(site.paths) == {"/1", "/stock"}
