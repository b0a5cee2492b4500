"""Items that a pipeline raised at, or that a sink cannot hold, are kept beside the data file, with the reason."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from scraper import CloseSpider, Crawl, DropItem, Response, Result, Spider


@dataclass
class Book:
    title: str
    price: Any = 1


class Odd:
    """Does with an item what its title says."""

    def process(self, item: Any) -> Any:
        match item["title"] if isinstance(item, dict) else item.title:
            case "raise":
                raise ValueError("no price")
            case "drop":
                raise DropItem("too dear")
            case "none":
                return None
            case "close":
                raise CloseSpider("enough")
        return item


class Shop(Spider):
    """Gives the items that it was made with."""

    name = "shop"
    pipelines = [Odd()]
    _given: list[Any] = []

    def parse(self, response: Response) -> Iterator[Any]:
        yield from self._given


class Long(Shop):
    """Gives them from a callback whose items leave it before it ends."""

    async def parse(self, response: Response) -> AsyncIterator[Any]:  # type: ignore[override]
        for each in self._given:
            yield each


@pytest.fixture
def url(httpserver: HTTPServer) -> str:
    httpserver.expect_request("/").respond_with_data("x", content_type="text/html")
    return httpserver.url_for("/")


async def crawl(folder: Path, url: str, *items: Any, kind: type[Shop] = Shop, **sink: Any) -> Result:
    """A crawl that gives `items` to one sink."""
    kind._given = list(items)
    path = folder / sink.pop("path", "shop.jsonl")
    settings = {
        "sinks": [{"path": str(path), **sink}],
        "frontier": {"jobs": str(folder / "jobs")},
        "limits": {"robots": False},
    }
    return await Crawl(kind, settings, arguments={"start_urls": [url]}).run()


def rejected(folder: Path, name: str = "shop.jsonl.rejected.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("kind", [Shop, Long])
async def test_a_pipeline_that_raised(tmp_path: Path, url: str, kind: type[Shop]) -> None:
    """The item is kept with pipeline, exception, line and page; drops are not among them; the crawl goes on."""
    items = [{"title": each} for each in ("a", "raise", "drop", "none", "b")]
    result = await crawl(tmp_path, url, *items, kind=kind)
    [row] = rejected(tmp_path)
    assert (row["item"], row["url"]) == ({"title": "raise"}, url)
    assert row["reason"].startswith("Odd.process: ValueError: no price (")
    assert __file__ in row["reason"] or "test_rejected.py:" in row["reason"]
    assert (tmp_path / "shop.jsonl").read_text().splitlines() == ['{"title":"a"}', '{"title":"b"}']
    assert (result.exit_status, result.statistics.items, result.statistics.dropped) == (1, 2, 3)
    assert [Path(each.path).name for each in result.sinks] == ["shop.jsonl", "shop.jsonl.rejected.jsonl"]


@pytest.mark.parametrize("path", ["shop.jsonl", "shop.json", "shop.csv.gz", "shop.db", "shop.parquet"])
async def test_what_a_file_cannot_hold(tmp_path: Path, url: str, path: str) -> None:
    """The item is kept whole, each value that JSON has not as its `repr()`."""
    endless: list[Any] = []
    endless.append(endless)
    result = await crawl(tmp_path, url, {"title": "a", "x": 1}, {"title": object(), "x": endless, "y": [1]}, path=path)
    [row] = rejected(tmp_path, f"{path}.rejected.jsonl")
    assert row["item"].pop("title").startswith("<object object at ")
    assert row["item"] == {"x": "[[...]]", "y": [1]}
    assert row["reason"].startswith("dict.title: a value of type object cannot be written")
    assert (result.exit_status, result.sinks[0].items) == (1, 1)


async def test_an_item_without_a_column(tmp_path: Path, url: str) -> None:
    """An item that CSV refuses for a field too many is not lost."""
    await crawl(tmp_path, url, {"title": "a"}, {"title": "b", "brand": "x"}, path="shop.csv")
    [row] = rejected(tmp_path, "shop.csv.rejected.jsonl")
    assert row["item"] == {"title": "b", "brand": "x"}
    assert "the field 'brand' has no column" in row["reason"]


async def test_only_what_the_file_would_have_had(tmp_path: Path, url: str) -> None:
    """A file of some classes keeps only rejected items of these; one of several files has one for all."""
    await crawl(tmp_path, url, {"title": "raise"}, Book("raise"), Book("a"), items=["Book"], path="{item.title}.csv")
    [row] = rejected(tmp_path, "all.csv.rejected.jsonl")
    assert row["item"] == {"title": "raise", "price": 1}


async def test_the_end_of_a_crawl_is_no_rejection(tmp_path: Path, url: str) -> None:
    """An item whose pipeline ends the crawl is dropped, as asked for."""
    await crawl(tmp_path, url, {"title": "a"}, {"title": "close"})
    assert not (tmp_path / "shop.jsonl.rejected.jsonl").exists()


async def test_the_rejected_of_an_earlier_crawl(tmp_path: Path, url: str) -> None:
    """They go when the data is replaced, stay if it is not, and are appended to where the data is."""
    bad, good = {"title": "raise"}, {"title": "a"}
    await crawl(tmp_path, url, bad, good)
    await crawl(tmp_path, url, bad)  # publishes nothing: no items in place of one
    assert len(rejected(tmp_path)) == 1
    assert (tmp_path / "shop.jsonl.rejected.jsonl.part").exists()
    await crawl(tmp_path, url, bad, good, mode="append")
    await crawl(tmp_path, url, good, mode="append")
    assert len(rejected(tmp_path)) == 2
    await crawl(tmp_path, url, good)
    assert not (tmp_path / "shop.jsonl.rejected.jsonl").exists()


async def test_an_item_that_tells_nothing(tmp_path: Path, url: str) -> None:
    """Even an item whose own code raises is on a line."""

    @dataclass
    class Broken:
        title: Any

    class Mute:
        def __repr__(self) -> str:
            raise RuntimeError("mute")

    await crawl(tmp_path, url, Broken(Mute()))
    [row] = rejected(tmp_path)
    assert row["item"] == {"title": "<Mute, whose repr() raised RuntimeError>"}
