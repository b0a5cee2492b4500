"""What is stopped, stops: whoever goes on calling `fetch()` is told so, and nothing more is sent."""

import asyncio
from itertools import count
from typing import Any

import pytest

from scraper import CloseSpider, CrawlStopped, FetchError, Reason, Request, Response, Spider, SpiderError
from scraper.engine import engine as engine_module
from scraper.engine.engine import Engine
from scraper.pipelines.chain import Chain
from scraper.protocols import Fetch
from scraper.spider import Failure
from tests.engine.harness import Run, crawl
from tests.engine.test_checkpoints import Recording

LOOP = "http://loop.example/"
OTHER = "http://other.example/"


async def answer(request: Request) -> str:
    await asyncio.sleep(0.001)
    if request.url.endswith("/missing"):
        raise FetchError(Reason.REFUSED, request.url)
    return "page"


class Looping(Spider):
    """Follows pages without end; in one place, `way`, it also calls `fetch()` without end."""

    name = "looping"

    def __init__(self, way: str, *, closes: bool = False) -> None:
        super().__init__()
        self.way = way
        self.closes = closes
        self.called: list[str] = []
        self.told: list[str] = []
        self.has_begun = asyncio.Event()  # the tenth page is there

    async def start(self) -> Any:
        yield Request(f"{OTHER}1", self.parse_other)
        if self.way != "start":
            url = f"{LOOP}missing" if self.way == "errback" else LOOP
            yield Request(url, errback="failed" if self.way == "errback" else None)
        else:
            await self.loop()

    async def loop(self) -> None:
        """Call `fetch()` until it raises, and note each call, and what it raised."""
        try:
            for number in count(1):
                self.called.append(f"{LOOP}{number}")
                await self.fetch(self.called[-1])
        except CrawlStopped as stop:
            self.told.append(stop.reason)
            raise

    async def parse(self, response: Response) -> Any:
        yield {"way": self.way}
        if self.way == "callback":
            await self.loop()

    async def failed(self, failure: Failure) -> Any:
        yield {"way": self.way}
        await self.loop()

    async def process(self, item: Any) -> Any:
        """As a pipeline."""
        if self.way == "pipeline" and "way" in item:
            await self.loop()
        return item

    async def around(self, request: Request, fetch: Fetch) -> Response:
        """As a middleware."""
        if self.way == "middleware" and request.url == LOOP:
            await self.loop()
        return await fetch(request)

    async def parse_other(self, response: Response) -> Any:
        number = int(response.url.removeprefix(OTHER))
        if number == 10:
            self.has_begun.set()
        if self.closes and number == 20:
            raise CloseSpider("enough")
        yield {"other": number}
        yield Request(f"{OTHER}{number + 1}", self.parse_other)


STOPS: dict[str, dict[str, Any]] = {
    "items limit": {"stop_after": {"items": 20}},
    "pages limit": {"stop_after": {"pages": 20}},
    "seconds limit": {"stop_after": {"seconds": 0.3}},
    "interrupted": {},
    "enough": {},
}


@pytest.mark.parametrize("reason", STOPS)
@pytest.mark.parametrize("way", ["callback", "errback", "pipeline", "middleware", "start"])
async def test_every_way_to_send_is_ended_by_every_stop(way: str, reason: str) -> None:
    """After the stop no request is sent; whoever calls `fetch()` is told why, and what it gave before is written."""
    spider = Looping(way, closes=reason == "enough")
    refine = Chain([spider]).refine if way == "pipeline" else None

    async def stop(engine: Engine) -> None:
        if reason == "interrupted":
            await spider.has_begun.wait()
            engine.stop(reason)

    async with asyncio.timeout(60):
        run = await crawl(spider, answer, middlewares=[spider.around], refine=refine, meanwhile=stop, **STOPS[reason])
    assert run.reason == reason
    assert spider.told == [reason]
    assert [url for url in run.site.asked if url in spider.called] == spider.called[:-1]
    assert ({"way": way} in run.items) == (way in {"callback", "errback"})
    assert run.engine.statistics().errors == 0


class Cursor(Spider):
    """Yields an item, and fetches a page, without end."""

    name = "cursor"
    start_urls = [LOOP]

    def __init__(self) -> None:
        super().__init__()
        self.has_cleaned_up = False

    async def parse(self, response: Response) -> Any:
        try:
            for number in count(1):
                yield {"cursor": number}
                await self.fetch(f"{response.url}?{number}")
        finally:
            self.has_cleaned_up = True


async def test_the_items_of_a_running_callback_count() -> None:
    """An item limit ends a generator with the item that reaches it: no more are written, and none fewer."""
    spider = Cursor()
    run = await crawl(spider, answer, stop_after={"items": 10})
    assert (run.reason, run.items) == ("items limit", [{"cursor": each} for each in range(1, 11)])
    assert len(run.site.asked) == 10
    assert spider.has_cleaned_up


async def test_the_items_of_all_running_callbacks_count() -> None:
    """The items of several running callbacks count together: each gives at most one more than the limit."""
    spider = Cursor()
    spider.start_urls = [f"http://{each}.example/" for each in "abcd"]
    run = await crawl(spider, answer, stop_after={"items": 40})
    assert run.reason == "items limit"
    assert 40 <= len(run.items) <= 43


async def test_dropped_items_do_not_count() -> None:
    """Where pipelines drop items, a generator is ended by its own items, and the crawl by those that are written."""

    class Odd:
        def process(self, item: Any) -> Any:
            return item if item["cursor"] % 2 else None

    spider = Cursor()
    spider.start_urls = [f"http://{each}.example/" for each in "abcd"]
    run = await crawl(spider, answer, refine=Chain([Odd()]).refine, concurrency=1, stop_after={"items": 10})
    assert run.reason == "items limit"
    assert len(run.items) >= 10


@pytest.mark.parametrize("catches", ["except", "group", "gather"])
async def test_a_callback_that_goes_on_all_the_same(catches: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `except Exception`, task group or `gather(…, return_exceptions=True)` keeps a callback going."""
    monkeypatch.setattr(engine_module, "GRACE", 0.1)

    class Stubborn(Spider):
        name = "stubborn"
        start_urls = [LOOP]

        async def parse(self, response: Response) -> Any:
            yield {"given": True}
            while True:
                try:
                    await self.ask()
                except Exception:
                    self.log("never mind")

        async def ask(self) -> None:
            if catches == "except":
                await self.fetch(f"{LOOP}again")
            elif catches == "gather":
                await asyncio.gather(self.fetch(f"{LOOP}again"), return_exceptions=True)
            else:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.fetch(f"{LOOP}again"))

    async with asyncio.timeout(60):
        run = await crawl(Stubborn(), answer, stop_after={"pages": 10})
    assert (run.reason, run.items) == ("pages limit", [{"given": True}])
    assert len(run.site.asked) == 10
    assert run.engine.statistics().errors == 0


async def test_what_a_callback_awaits_at_the_stop_is_delivered() -> None:
    """A request that a callback awaits when the stop comes is sent, and its answer delivered."""
    engines: list[Engine] = []

    class Last(Spider):
        name = "last"
        start_urls = [LOOP]

        async def parse(self, response: Response) -> Any:
            asked = asyncio.create_task(self.fetch(f"{LOOP}awaited"))
            await asyncio.sleep(0)
            engines[0].stop("enough")
            yield {"found": (await asked).text}

    async def note(engine: Engine) -> None:
        engines.append(engine)

    run = await crawl(Last(), answer, meanwhile=note)
    assert (run.reason, run.items) == ("enough", [{"found": "page"}])


@pytest.mark.parametrize("gives", [False, True])
async def test_a_page_that_gave_nothing_before_the_stop_is_not_done(gives: bool) -> None:
    """A page whose callback was ended before it gave anything is crawled again by the next run; any other is done."""

    class Merging(Spider):
        name = "merging"
        start_urls = [LOOP]

        async def parse(self, response: Response) -> Any:
            if gives:
                yield {"first": True}
            for number in count():
                await self.fetch(f"{LOOP}{number}")

    frontier = Recording()
    run: Run = await crawl(Merging(), answer, frontier=frontier, interval=60.0, stop_after={"pages": 5})
    _, ended, checkpoint = frontier.commits[-1]
    assert len(ended) == gives
    assert checkpoint.statistics.fetched == (5 if gives else 0)
    assert run.items == [{"first": True}] * gives


async def test_a_middleware_that_a_callback_waits_for() -> None:
    """A callback awaits a request whose middleware the stop has ended: it learns of the stop, too."""

    class Behind(Looping):
        async def parse(self, response: Response) -> Any:
            yield {"way": "callback"}
            try:
                await self.fetch(f"{LOOP}behind")
            except CrawlStopped as stop:
                self.told.append(f"behind: {stop.reason}")
                raise

        async def around(self, request: Request, fetch: Fetch) -> Response:
            if request.url == f"{LOOP}behind":
                await self.loop()
            return await fetch(request)

    spider = Behind("callback")
    async with asyncio.timeout(60):
        run = await crawl(spider, answer, middlewares=[spider.around], stop_after={"pages": 20})
    assert spider.told == ["pages limit", "behind: pages limit"]
    assert {"way": "callback"} in run.items


async def test_fetch_after_the_end_is_a_mistake() -> None:
    """Once a crawl that was stopped has ended, `fetch()` raises `SpiderError`, as after any other."""
    spider = Cursor()
    await crawl(spider, answer, stop_after={"items": 1})
    with pytest.raises(SpiderError, match="the crawl has ended"):
        await spider.fetch(LOOP)
