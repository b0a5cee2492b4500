"""What a finished crawl tells people and programs."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from scraper.events import Statistics
from scraper.views import summary


@dataclass(frozen=True)
class File:
    path: str
    items: int = 1180
    bytes: int = 402_123
    replaced: None = None
    tables_kept: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    statistics: Statistics
    spider: str = "books"
    reason: str = "finished"
    sinks: tuple[File, ...] = (File("data/books.jsonl"),)
    problems: tuple[str, ...] = ()
    job: Path | None = None
    drifted: dict[str, int] = field(default_factory=dict)
    cached: dict[str, int] = field(default_factory=dict)
    others: int = 0


FULL = Statistics(
    "books",
    discovered=1221,
    fetched=1204,
    hosts=1,
    requests=1250,
    retries=1,
    redirects=12,
    duplicates=3402,
    items=1180,
    dropped=5,
    errors=7,
    bytes=14_900_231,
    seconds=97.2,
    refused={"offsite": 12, "robots": 2},
    failed={"http_404": 2, "read_timeout": 1},
    drops={"no price": 5},
)


def shown(result: Result, width: int = 80, **options: object) -> str:
    console = Console(file=io.StringIO(), width=width, **options)  # type: ignore[arg-type]
    summary.show(result, console, command="scraper crawl books")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_summary() -> None:
    """The summary at 80 columns, all of it."""
    result = Result(FULL, problems=("7 error(s) in callbacks, pipelines or sinks",))
    assert (
        shown(result)
        == """
  books  finished after 1:37

     pages  1,204  12.4 pages/s, 14.2 MiB
     items  1,180  data/books.jsonl  1,180 items, 392.7 KiB
  requests  1,250  1 retry, 12 redirects, 3,402 links seen before
   refused     14  offsite 12, robots 2
    failed      3  http_404 2, read_timeout 1
   dropped      5  no price 5
    errors      7

  discovered 1,221 = fetched 1,204 + refused 14 + failed 3 + waiting 0

  problem 7 error(s) in callbacks, pipelines or sinks
  next    the log above says what went wrong, and in which line

"""
    )


def test_nothing_went_wrong() -> None:
    """A crawl without trouble has no lines about trouble."""
    text = shown(Result(Statistics("books", fetched=3, discovered=3, items=3)))
    assert not {"refused", "failed", "dropped", "problem"} & set(text.partition("discovered")[0].split())


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("options", [{}, {"force_terminal": True}, {"force_terminal": True, "no_color": True}])
def test_width(width: int, options: dict[str, bool]) -> None:
    """No line is wider than the terminal, however long a path or a reason is."""
    statistics = Statistics("books", drops={f"reason {n} " + "x" * 50: 1 for n in range(20)})
    text = shown(Result(statistics, sinks=(File("data/" + "x" * 100 + ".csv"),)), width, color_system=None, **options)
    assert max(len(line) for line in text.splitlines()) <= width


def test_cache() -> None:
    """What the cache was good for."""
    text = shown(Result(FULL, cached={"hits": 1812, "misses": 3, "revalidated": 0}))
    assert "     cache  1,815  hits 1,812, misses 3\n" in text


def test_drift() -> None:
    """A field that is not found any more stands beside the problems, and is none."""
    text = shown(Result(FULL, drifted={"Book.rating": 20}), width=120)
    assert "drift Book.rating was found on none of the last 20 pages: the site has probably changed" in text
    assert "problem" not in text


def test_no_color() -> None:
    """With NO_COLOR there is no colour, on a terminal or elsewhere."""
    problem = ("it failed",)
    assert "\x1b[1;31m" in shown(Result(FULL, problems=problem), force_terminal=True)
    assert "31m" not in shown(Result(FULL, problems=problem), force_terminal=True, no_color=True)
    assert "\x1b" not in shown(Result(FULL, problems=problem))


def test_nothing_is_forged() -> None:
    """Control characters in names, reasons and problems are escaped."""
    evil = "\x1b[2J\nforged"
    statistics = Statistics(evil, drops={evil: 1}, failed={evil: 1})
    text = shown(Result(statistics, spider=evil, reason=evil, sinks=(File(evil),), problems=(evil,)))
    assert "\x1b" not in text
    assert not any(line.startswith("forged") for line in text.splitlines())


def test_several_files() -> None:
    """Each data file has its line, and standard output is called so."""
    text = shown(Result(FULL, sinks=(File("a.csv"), File("-", 1, 10))))
    assert "a.csv  1,180 items, 392.7 KiB" in text
    assert "standard output  1 item, 10 bytes" in text


@pytest.mark.parametrize(
    ("result", "step"),
    [
        (Result(Statistics(fetched=1, items=9)), "head -n 3 data/books.jsonl  shows the data"),
        (Result(Statistics(fetched=1, items=9), sinks=(File("a b.csv.gz"),)), "gzip -dc 'a b.csv.gz' | head -n 3"),
        (Result(Statistics(fetched=1)), "the callbacks gave neither items nor requests"),
        (Result(Statistics(fetched=1, failed={"http_429": 5})), "scraper crawl books -s limits.delay=1"),
        (Result(Statistics(), reason="interrupted", sinks=(File("a.csv.part"),)), "unfinished data: a.csv.part"),
        (Result(Statistics(), reason="interrupted"), "scraper crawl books  starts over"),
        (
            Result(Statistics(), reason="interrupted", job=Path("jobs/books")),
            "scraper crawl books  resumes; edits of the spider apply to the pages that are left",
        ),
        (
            Result(Statistics(), reason="interrupted", job=Path("jobs/books")),
            "scraper crawl books --fresh  starts over, and crawls every page again",
        ),
        (
            Result(Statistics(), reason="storage failed", job=Path("jobs/books")),
            "books --finish  closes data/books.jsonl",
        ),
        (
            Result(Statistics(), reason="interrupted", job=Path("jobs/books"), others=2),
            "2 other machines continue the crawl, which ends without this one",
        ),
        (Result(Statistics(), reason="interrupted", job=Path("jobs/books"), others=1), "crawl books  joins it again"),
        (Result(Statistics(errors=1, items=1)), "the log above says what went wrong, and in which line"),
        (Result(Statistics(fetched=1, refused={"offsite": 3})), "most requests were refused (offsite 3)"),
        (Result(Statistics(fetched=3, discovered=3, start_urls=1)), "the callbacks yielded requests, but no item"),
        (Result(Statistics(fetched=1), reason="wrong password"), "stopped before there was an item: wrong password"),
    ],
)
def test_next_steps(result: Result, step: str) -> None:
    """The summary ends with what is worth doing next."""
    assert any(step in each.plain for each in summary.next_steps(result, command="scraper crawl books"))


def test_what_nobody_can_close() -> None:
    """Where all went to standard output there is no file to be closed, but the crawl resumes, or starts over."""
    ended = Result(Statistics(), reason="storage failed", job=Path("jobs/books"), sinks=(File("-"),))
    steps = [each.plain for each in summary.next_steps(ended, command="scraper crawl books")]
    assert [each.partition("  ")[0] for each in steps] == ["scraper crawl books", "scraper crawl books --fresh"]


def test_json() -> None:
    """One crawl is one JSON object in one line, whose keys are those of the documentation."""
    text = summary.as_json([Result(FULL, problems=("it failed",))])
    assert "\n" not in text
    assert json.loads(text) == {
        "spider": "books",
        "finished": "finished",
        "pages": 1204,
        "items": 1180,
        "requests": 1250,
        "errors": 7,
        "retries": 1,
        "dropped": 5,
        "seconds": 97.2,
        "bytes": 14_900_231,
        "sinks": [{"path": "data/books.jsonl", "items": 1180, "bytes": 402_123}],
        "discovered": 1221,
        "waiting": 0,
        "parked": {},
        "refused": {"offsite": 12, "robots": 2},
        "failed": {"http_404": 2, "read_timeout": 1},
        "drops": {"no price": 5},
        "changes": {},
        "drifted": {},
        "cached": {},
        "problems": ["it failed"],
        "job": None,
    }


def test_json_of_several() -> None:
    """Several crawls are one JSON object that lists theirs, in the order they were crawled."""
    told = json.loads(summary.as_json([Result(FULL, spider="a"), Result(FULL, spider="b")]))
    assert [each["spider"] for each in told["spiders"]] == ["a", "b"]
    assert set(told) == {"spiders"}


def test_json_is_ascii() -> None:
    """Any text at all can be printed as JSON, whatever standard output can encode."""
    text = summary.as_json([Result(Statistics(drops={"half \ud83d, £": 1}))])
    assert text.isascii()
    assert json.loads(text)["drops"] == {"half \ud83d, £": 1}
