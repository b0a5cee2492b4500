"""What every executor promises, wherever it runs a spider's callbacks."""

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from scraper.errors import CloseSpider, SpiderError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.items.item_types import fields
from scraper.parsing import Inline, Thread, open_parse
from scraper.protocols import Parse, Results
from scraper.settings.schema import ParsingSettings
from scraper.spider import Failure
from tests.parsing import spiders
from tests.parsing.processes import in_processes
from tests.parsing.spiders import Shop

EXECUTORS: dict[str, Callable[[Shop], AbstractAsyncContextManager[Parse]]] = {
    "inline": Inline,
    "thread": Thread,
    "process": lambda spider: in_processes(spider, workers=2),
}
PAGE = Response("http://a.example/", body='<h1>T</h1><a href="/1">1</a><a href="/2">2</a><a href="/3">3</a>')
Ask = Callable[..., Any]


@pytest_asyncio.fixture(params=EXECUTORS, scope="module", loop_scope="module")
async def ask(request: pytest.FixtureRequest) -> AsyncIterator[Ask]:
    """Runs a callback of a shop spider on a page."""
    async with EXECUTORS[request.param](Shop()) as parse:

        async def ask(callback: str, argument: Any = PAGE, **kwargs: Any) -> Results:
            return await parse(callback, argument, kwargs)

        yield ask


pytestmark = pytest.mark.asyncio(loop_scope="module")


def urls(results: Results) -> list[str]:
    """The paths of all requests, in order; those of links in one text."""
    return [
        " ".join(url.rpartition("/")[2] for url in (each.urls if isinstance(each, Links) else [each.url]))
        for each in results.requests
    ]


def titles(results: Results) -> list[str]:
    return [fields(item)["title"] for item in results.items]


@pytest.mark.parametrize(
    ("callback", "items", "requests"),
    [
        ("generator", ["T"], ["next"]),
        ("coroutine", ["T"], []),
        ("async_generator", ["async"], ["next"]),
        ("nothing", [], []),
        ("one_item", ["one"], []),
        ("one_request", [], ["next"]),
        ("a_list", ["a", "b"], ["next"]),
        ("returned_links", [], ["1 2 3"]),
        ("yielded_links", [], ["1 2 3"]),
        ("delegated_links", ["before", "after"], ["1", "2 3"]),
        ("delegated_twice", ["before", "after"], ["1", "2 3"]),
        ("one_dict_again_and_again", ["a", "b"], []),
    ],
)
async def test_all_kinds_of_callback(ask: Ask, callback: str, items: list[str], requests: list[str]) -> None:
    """Functions, generators, coroutines and asynchronous generators give items and requests, in order.

    Links stay what they are, and all but the first of those that a generator delegates to are never made.
    """
    results = await ask(callback)
    assert results.error is None
    assert (titles(results), urls(results)) == (items, requests)
    assert results.where == f"Shop.{callback}"


async def test_keyword_arguments(ask: Ask) -> None:
    """`cb_kwargs` are handed to the callback by name; one it does not have is its error."""
    assert (await ask("generator", extra="x")).items == [{"title": "T", "extra": "x"}]
    assert isinstance((await ask("generator", nosuch=1)).error, TypeError)


async def test_what_is_given_is_the_spiders_own(ask: Ask) -> None:
    """Requests that a callback gives name methods of the spider."""
    [request] = (await ask("generator")).requests
    assert isinstance(request, Request)
    assert request.callback == "generator"


async def test_errbacks(ask: Ask) -> None:
    """An errback gets the failure."""
    failure = Failure(Request("http://a.example/"), ValueError("gone"))
    assert (await ask("failed", failure)).items == [{"reason": "gone"}]


@pytest.mark.parametrize("callback", ["raises", "raises_async"])
async def test_a_callback_that_raises(ask: Ask, callback: str) -> None:
    """What a callback gave before it raised is kept; the error comes with where it was and the spider's own line."""
    results = await ask(callback)
    assert isinstance(results.error, ZeroDivisionError)
    assert titles(results) == ["kept"]
    assert urls(results) == (["kept"] if callback == "raises" else [])
    assert results.where == f"Shop.{callback}"
    file, _, line = results.line.rpartition(":")
    assert file == spiders.__file__
    with open(file) as source:  # noqa: ASYNC230, PTH123
        assert "raise ZeroDivisionError" in source.readlines()[int(line) - 1]


async def test_an_error_in_a_library_is_blamed_on_the_line_that_called_it(ask: Ask) -> None:
    """The line of an error is the innermost one that the user wrote."""
    results = await ask("raises_in_a_library")
    assert str(results.error) == "the CSS selector 'a[' has a bracket that is not closed: '[' (character 2)"
    file, _, line = results.line.rpartition(":")
    with open(file) as source:  # noqa: ASYNC230, PTH123
        assert "this line is blamed" in source.readlines()[int(line) - 1]


@pytest.mark.parametrize(
    ("callback", "gave", "kept"),
    [
        ("yields_text", "gave a str ('a text')", ["kept", "kept, too"]),
        ("returns_text", "gave a str ('a text')", []),
        ("yields_number", "gave an int (7)", ["kept"]),
        ("returns_number", "gave an int (7)", []),
        ("yields_a_list", "gave a list ([{'title': 'a'}])", []),
    ],
)
async def test_what_is_neither_item_nor_request(ask: Ask, callback: str, gave: str, kept: list[str]) -> None:
    """A callback that gives something else is told what it gave, what it may give, and in which line; it goes on."""
    results = await ask(callback)
    assert results.error is None
    [fault] = results.faults
    assert isinstance(fault.error, SpiderError)
    assert str(fault.error).startswith(f"Shop.{callback} {gave}: a callback gives items (dict, dataclass,")
    assert "# blamed" in source(fault.line)
    assert titles(results) == kept


async def test_a_generator_in_a_generator_is_blamed_on_its_line(ask: Ask) -> None:
    """Of callbacks that delegate, the line is the one that gave it."""
    [fault] = (await ask("delegates")).faults
    assert source(fault.line).strip() == 'yield "a text"  # blamed'


async def test_several_things_that_are_neither(ask: Ask) -> None:
    """Each is told, and what stands beside them is kept."""
    results = await ask("returns_several")
    told = [str(fault.error) for fault in results.faults]
    assert [text.partition(" gave ")[2].partition(" (")[0] for text in told] == ["a str", "an int", "a type"]
    assert (titles(results), urls(results)) == (["kept"], ["kept"])
    assert results.problems == results.faults


async def test_an_item_that_cannot_be_copied(ask: Ask) -> None:
    """It is a fault that names it and says why; the callback goes on."""
    results = await ask("gives_the_only_one")
    [fault] = results.faults
    problem = "gave a Single that cannot be copied: TypeError: there can be but one"
    assert str(fault.error) == f"Shop.gives_the_only_one {problem}"
    assert "# blamed" in source(fault.line)
    assert titles(results) == ["kept"]


@pytest.mark.parametrize(
    ("callback", "argument", "times"),
    [
        ("one_record_again_and_again", PAGE, 5),
        ("one_record_later", PAGE, 5),
        ("one_mapping_again_and_again", PAGE, 4),
        ("one_record_in_an_errback", Failure(Request("http://a.example/"), ValueError("gone")), 5),
    ],
)
async def test_a_record_that_is_filled_again(ask: Ask, callback: str, argument: Any, times: int) -> None:
    """An item is what it was when it was given, whatever its kind; fields that are set later are not its own."""
    results = await ask(callback, argument)
    assert results.problems == []
    assert titles(results) == ["a", "b"] * times
    assert len({type(item) for item in results.items}) == times


def source(line: str) -> str:
    """The text of `file:line`."""
    file, _, number = line.rpartition(":")
    with open(file) as text:  # noqa: PTH123
        return text.readlines()[int(number) - 1]


async def test_a_callback_that_does_not_exist(ask: Ask) -> None:
    """A callback that the spider lacks is an error that names both, and where the spider is."""
    results = await ask("nosuch")
    assert str(results.error) == "Shop has no method 'nosuch' to be called back"
    assert source(results.line) == "class Shop(Spider):\n"


async def test_a_spider_without_parse(ask: Ask) -> None:
    """A `parse` that is missing is an error in the line of the spider's class, not of the framework's."""
    results = await ask("parse")
    assert str(results.error) == "spider 'shop' has no parse(self, response) method"
    assert source(results.line) == "class Shop(Spider):\n"


async def test_a_keyword_argument_that_a_callback_does_not_have(ask: Ask) -> None:
    """The error is in the line of the callback."""
    results = await ask("one_item", nosuch=1)
    assert source(results.line).strip().startswith("def one_item(")


async def test_closing_the_spider(ask: Ask) -> None:
    """CloseSpider comes through with its reason, and so does an exit, which ends the crawl and not the process."""
    results = await ask("closes")
    assert isinstance(results.error, CloseSpider)
    assert (results.error.reason, titles(results)) == ("enough", ["kept"])
    error = (await ask("exits")).error
    assert isinstance(error, CloseSpider)
    assert error.reason == "SystemExit in Shop.exits"


async def test_any_exception_ends_its_callback_alone(ask: Ask) -> None:
    """Even what is no `Exception` is the error of its page, and the next page is parsed."""
    assert isinstance((await ask("cancels")).error, asyncio.CancelledError)
    assert (await ask("one_item")).error is None


async def test_many_pages_at_once(ask: Ask) -> None:
    """Each of many pages gets its own results, and plain callbacks that share a spider never overlap."""
    pages = [Response("http://a.example/", body=f"<h1>{number}</h1>") for number in range(60)]
    answers = await asyncio.gather(*(ask("slow", page) for page in pages))
    assert [titles(results) for results in answers] == [[str(number)] for number in range(60)]
    assert [results.items[0]["overlaps"] for results in answers] == [0] * 60


# The thread.


async def test_plain_callbacks_share_one_thread() -> None:
    """Plain callbacks run in one thread, in the order they came, and the loop is free meanwhile."""
    spider = Shop()
    async with Thread(spider) as parse:
        answers = asyncio.gather(*(parse("slow", PAGE, {}) for _ in range(50)))
        ticks = 0
        while not answers.done():
            await asyncio.sleep(0.001)
            ticks += 1
        threads = {results.items[0]["thread"] for results in await answers}
    assert ticks > 10
    assert len(threads) == 1
    assert threads != {threading.current_thread().name}
    assert spider.count == 50


async def test_a_plain_callback_may_return_a_coroutine() -> None:
    """A coroutine that a plain callback returns is awaited on the loop; a parse process refuses it."""
    for executor in (Inline, Thread):
        async with executor(Shop()) as parse:
            assert titles(await parse("plain_that_returns_a_coroutine", PAGE, {})) == ["T"]


async def test_cancelling_the_thread_leaves_nothing_running() -> None:
    """What waits for the thread when the crawl is cancelled is never run, and the thread is gone afterwards."""
    spider = Shop()
    before = threading.active_count()

    async def crawl() -> None:
        async with Thread(spider) as parse, asyncio.TaskGroup() as tasks:
            for _ in range(100):
                tasks.create_task(_ask(parse))

    async def _ask(parse: Parse) -> None:
        await parse("slow", PAGE, {})

    task = asyncio.create_task(crawl())
    while not spider.count:  # noqa: ASYNC110 -- it is counted in the thread
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    count = spider.count
    assert 0 < count < 100
    await asyncio.sleep(0.02)
    assert spider.count == count
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("parse")]
    assert threading.active_count() <= before + 1  # the loop's own, which waited for the other one


async def test_a_page_that_is_given_up_is_not_parsed() -> None:
    """A page whose task is cancelled before its turn is passed over."""
    spider = Shop()
    async with Thread(spider) as parse:
        given_up = asyncio.ensure_future(parse("nothing", PAGE, {}))
        await asyncio.sleep(0)
        given_up.cancel()
        assert (await parse("one_item", PAGE, {})).error is None
    assert spider.count == 0


# The processes.


class Lambda(Shop):
    def __init__(self) -> None:
        super().__init__()
        self.key = lambda item: item


class Reborn(Shop):
    def __setstate__(self, state: object) -> None:
        raise ValueError("not here")


async def test_a_spider_that_cannot_be_copied() -> None:
    """A spider that cannot be pickled is refused before the crawl, and the error says what to do."""
    with pytest.raises(SpiderError, match=r"^Lambda cannot be copied to other processes \(.*lambda.*open in lifespan"):
        async with in_processes(Lambda()):
            pass


async def test_a_spider_that_cannot_be_loaded() -> None:
    """A spider that cannot be loaded in a parse process is refused before the crawl, too."""
    spider = Reborn()
    spider.something = 1  # type: ignore[attr-defined]
    with pytest.raises(SpiderError, match=r"^the spider cannot be loaded in a worker process: ValueError: not here$"):
        async with in_processes(spider):
            pass


async def test_what_cannot_be_sent_back() -> None:
    """Items and errors that cannot be pickled are errors that say so."""
    async with in_processes(Shop()) as parse:
        results = await parse("unpicklable_item", PAGE, {})
        told = re.compile(r"Shop\.unpicklable_item gave a \w+ \(.*\) that cannot be sent from its process: ")
        assert [told.match(str(each.error)) is not None for each in results.faults] == [True]
        results = await parse("unpicklable_error", PAGE, {})
        assert str(results.error) == "Unpicklable: one"
        assert results.line.startswith(spiders.__file__)
        results = await parse("one_item", PAGE, {"key": lambda: None})
        assert str(results.error).startswith("Shop.one_item: its page cannot be sent to a worker process (")


async def test_a_process_that_dies_fails_its_page_only() -> None:
    """A callback that ends its process fails; the pages that were parsed beside it, and after it, do not."""
    async with in_processes(Shop(), 2) as parse:
        answers = await asyncio.gather(
            *(parse("dies" if number in (3, 7) else "slow", PAGE, {}) for number in range(12))
        )
        assert [number for number, results in enumerate(answers) if results.error is not None] == [3, 7]
        assert str(answers[3].error).startswith("quarantined: http://a.example/ (it ended its process twice (a crash")
        assert (await parse("one_item", PAGE, {})).error is None


def children() -> set[str]:
    """The processes that this one has started."""
    return set(Path("/proc/self/task", str(threading.get_native_id()), "children").read_text().split())


async def test_cancelling_processes_leaves_nothing_running() -> None:
    """When the crawl is cancelled, its processes are ended, whatever they were doing."""
    started = asyncio.Event()

    async def crawl() -> None:
        async with in_processes(Shop(), 2) as parse:
            started.set()
            await asyncio.gather(*(parse("forever", PAGE, {}) for _ in range(4)))

    before = children()
    task = asyncio.create_task(crawl())
    await started.wait()
    await asyncio.sleep(0.2)
    task.cancel()
    begin = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begin < 20
    assert children() == before


@pytest.mark.parametrize(("name", "kind"), [("inline", Inline), ("thread", Thread)])
async def test_settings_choose_the_executor(name: Any, kind: type) -> None:
    """`[parsing]` names the executor."""
    assert type(open_parse(ParsingSettings(executor=name), Shop())) is kind
