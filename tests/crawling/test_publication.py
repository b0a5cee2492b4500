"""What becomes of data files at the end: all are published or none, and a bad run replaces no good data."""

import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from scraper import CloseSpider, Crawl, Item, Request, Response, Result, Spider

KINDS = ("jsonl", "json", "csv", "jsonl.gz", "json.zst", "sqlite", "parquet")


class Named(Item):
    name: str


class Shop(Spider):
    """Gives as many items as it is told, and then does what it is told."""

    name = "shop"
    number: int = 3
    deed: str = ""
    path: str = "/"

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.base}{self.path}")  # type: ignore[attr-defined]

    def parse(self, response: Response) -> Iterator[Any]:
        yield from ({"name": f"n{number}"} for number in range(self.number))
        match self.deed:
            case "close":
                raise CloseSpider("login failed")
            case "raise":
                raise ValueError("no price")
            case "exit 3":
                sys.exit(3)
            case "exit why":
                sys.exit("why not")
            case "exit 0":
                sys.exit(0)


@pytest.fixture
def base(httpserver: HTTPServer) -> Iterator[str]:
    httpserver.expect_request("/").respond_with_data("x", content_type="text/html")
    yield httpserver.url_for("").rstrip("/")
    httpserver.clear()


async def crawl(folder: Path, base: str, *, sinks: list[Any], kind: type[Spider] = Shop, **more: Any) -> Result:
    """Crawl into `sinks`, names in `folder`; `more` are arguments of the spider, or tables of settings."""
    tables = {name: more.pop(name) for name in ("engine", "network") if name in more}
    paths = [sink if isinstance(sink, dict) else {"path": sink} for sink in sinks]
    settings = {
        "sinks": [{**sink, "path": str(folder / sink["path"])} for sink in paths],
        "frontier": {"jobs": str(folder / "jobs")},
        "limits": {"robots": False},
        "network": {"retries": 0, **tables.pop("network", {})},
        **tables,
    }
    kind.base = base  # type: ignore[attr-defined]
    return await Crawl(kind, settings, arguments=more).run()


def count(path: Path) -> int:
    """How many items a file holds, read as one of its format whatever it is called."""
    from scraper.sinks.files.path_template import format_of
    from scraper.sinks.files.previous import previous

    name = path.name.removesuffix(".part")
    renamed = path if path.name == name else path.rename(path.with_name(f"copy-{name}"))
    found = previous(str(renamed), format_of(name, ("jsonl", "json", "csv", "sqlite", "parquet")))
    assert found is not None
    assert found.items is not None
    return found.items


@pytest.mark.parametrize("ending", KINDS)
@pytest.mark.parametrize(
    ("again", "problem"),
    [
        ({"path": "/missing"}, "every start URL failed"),
        ({"deed": "exit 3"}, "SystemExit in Shop.parse: status 3"),
        ({"engine": {"fail_when": {"items_below": 9}}}, "fewer than [engine.fail_when] items_below = 9"),
        ({"number": 0, "deed": "close"}, "keeps its 3 items of"),
        ({"number": 0}, "keeps its 3 items of"),
    ],
    ids=["site down", "exit", "fail_when", "closed with nothing", "nothing"],
)
async def test_a_failed_crawl_replaces_nothing(
    tmp_path: Path, base: str, ending: str, again: dict[str, Any], problem: str
) -> None:
    """What was there stays, what was collected is whole in NAME.part, and the problem has both counts."""
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    await crawl(tmp_path, base, sinks=[f"shop.{ending}"])
    result = await crawl(tmp_path, base, sinks=[f"shop.{ending}"], **again)
    number = again.get("number", 0 if "path" in again else 3)
    assert result.exit_status == (3 if again.get("deed") == "exit 3" else 1)
    assert any(problem in each for each in result.problems), result.problems
    assert any("keeps its 3 items of" in each and f"the {number} item" in each for each in result.problems)
    assert result.job is None
    assert count(tmp_path / f"shop.{ending}") == 3
    part = tmp_path / f"shop.{ending}.part"
    assert part.exists()
    if number or ending not in {"csv", "parquet"}:  # which know no columns
        assert count(part) == number


async def test_the_next_good_crawl_starts_anew(tmp_path: Path, base: str) -> None:
    """A failed crawl has ended: the same command begins another, which takes the place of its part."""
    await crawl(tmp_path, base, sinks=["shop.jsonl"])
    await crawl(tmp_path, base, sinks=["shop.jsonl"], deed="exit why")
    result = await crawl(tmp_path, base, sinks=["shop.jsonl"], number=5)
    assert result.exit_status == 0
    assert [path.name for path in tmp_path.glob("shop.*")] == ["shop.jsonl"]
    assert count(tmp_path / "shop.jsonl") == 5
    written = result.sinks[0]
    assert written.replaced is not None
    assert written.replaced.items == 3


@pytest.mark.parametrize("deed", ["raise", "close", "exit 0", ""])
async def test_what_is_no_failure_is_published(tmp_path: Path, base: str, deed: str) -> None:
    """An error of a page, `CloseSpider` and `sys.exit(0)` leave a crawl whose items are good."""
    result = await crawl(tmp_path, base, sinks=["shop.jsonl"], deed=deed)
    assert result.exit_status == (1 if deed == "raise" else 0)
    assert count(tmp_path / "shop.jsonl") == 3


async def test_one_decision_for_all_files(tmp_path: Path, base: str) -> None:
    """If one file would lose its items, none is published, but those that always are."""
    (tmp_path / "a.jsonl").write_text('{"name":"old"}\n')
    always = {"path": "c.jsonl", "publish": "always"}
    result = await crawl(tmp_path, base, sinks=["a.jsonl", "b.json", always], number=0)
    assert sorted(path.name for path in tmp_path.glob("*.js*")) == ["a.jsonl", "a.jsonl.part", "b.json.part", "c.jsonl"]
    assert (tmp_path / "a.jsonl").read_text() == '{"name":"old"}\n'
    assert len(result.problems) == 2


async def test_the_words_of_sys_exit_are_told(tmp_path: Path, base: str) -> None:
    """`sys.exit("why not")` is status 1, and its words are the problem."""
    result = await crawl(tmp_path, base, sinks=["shop.jsonl"], deed="exit why")
    assert result.exit_status == 1
    assert result.problems[0] == "SystemExit in Shop.parse: why not"


@pytest.mark.parametrize(("code", "status", "problem"), [(3, 3, "status 3"), ("why", 1, "why"), (256, 1, "status 256")])
async def test_an_exit_as_the_spider_is_closed(
    tmp_path: Path, base: str, code: int | str, status: int, problem: str
) -> None:
    """`sys.exit()` in `closed()` is a failure as well: nothing is published, and the job has ended."""

    class Closing(Shop):
        def closed(self, reason: str) -> None:
            sys.exit(code)

    await crawl(tmp_path, base, sinks=["shop.jsonl", "shop.csv"])
    result = await crawl(tmp_path, base, sinks=["shop.jsonl", "shop.csv"], kind=Closing, number=1)
    assert (result.exit_status, result.job) == (status, None)
    assert result.problems[0] == f"SystemExit in Closing.closed: {problem}"
    assert [each.partition(":")[2] for each in result.problems[1:]] == [
        f" the 1 item of this crawl is in {tmp_path / name}.part" for name in ("shop.jsonl", "shop.csv")
    ]
    for name in ("shop.jsonl", "shop.csv"):
        assert (count(tmp_path / name), count(tmp_path / f"{name}.part")) == (3, 1)


async def test_items_of_start_alone_are_a_success(tmp_path: Path, base: str) -> None:
    """A spider whose `start()` gives items, and no request, has done what it was to do."""

    class Items(Spider):
        name = "items"

        async def start(self) -> AsyncIterator[Any]:
            yield {"n": 1}
            yield {"n": 2}

    result = await crawl(tmp_path, base, sinks=["items.jsonl"], kind=Items)
    assert (result.exit_status, result.problems) == (0, ())
    assert count(tmp_path / "items.jsonl") == 2


async def test_tables_of_others_are_kept(tmp_path: Path, base: str) -> None:
    """A database keeps the tables that the crawl did not write, with their rows, indexes and views."""
    file = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(
            """
            CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT); INSERT INTO orders VALUES (7, 'tea');
            CREATE INDEX by_what ON orders (what); CREATE VIEW all_orders AS SELECT * FROM orders;
            CREATE TABLE items (name TEXT); INSERT INTO items VALUES ('old');
            """
        )
    result = await crawl(tmp_path, base, sinks=["shop.sqlite"])
    assert result.sinks[0].tables_kept == ("orders",)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT * FROM all_orders").fetchall() == [(7, "tea")]
        assert database.execute("SELECT count(*) FROM items").fetchone() == (3,)
        assert database.execute("SELECT name FROM sqlite_master WHERE name = 'by_what'").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_cookies_of_a_failed_crawl_are_not_saved(tmp_path: Path, httpserver: HTTPServer) -> None:
    """A crawl that failed, or that has no cookies, leaves the file of cookies as it is."""
    httpserver.expect_request("/").respond_with_data("x", headers={"Set-Cookie": "a=1; Max-Age=1000"})
    base, saved = httpserver.url_for("").rstrip("/"), tmp_path / "cookies.txt"
    network = {"save_cookies": str(saved)}
    await crawl(tmp_path, base, sinks=["shop.jsonl"], network=network)
    before = saved.read_text()
    assert "a\t1" in before
    httpserver.clear()
    httpserver.expect_request("/").respond_with_data("x", headers={"Set-Cookie": "a=2; Max-Age=1000"})
    await crawl(tmp_path, base, sinks=["shop.jsonl"], network=network, deed="exit 3")
    assert saved.read_text() == before
    httpserver.clear()
    httpserver.expect_request("/").respond_with_data("x")
    await crawl(tmp_path, base, sinks=["shop.jsonl"], network=network)
    assert saved.read_text() == before
    httpserver.clear()
