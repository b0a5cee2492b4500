"""The loop: what is crawled, when it ends, and what is counted."""

import asyncio
from typing import Any

import pytest

from scraper import CloseSpider, FetchError, Request, Response, Spider, SpiderError
from scraper.errors import Reason, StorageError
from scraper.events import Broke, Fetched
from scraper.protocols import LAST, Attempts
from scraper.sinks.memory import Collect
from scraper.verdict import GO, Fail, First, Redirect, Refuse, Retry, Verdict, Wait
from tests.engine.harness import crawl, failing, page


class Follow(Spider):
    """Follows every link, and yields the address of every page."""

    name = "follow"
    start_urls = ["http://a.example/"]

    def parse(self, response: Response) -> Any:
        yield {"url": response.url, "depth": response.request.depth}
        yield from response.follow_all(css="a")


async def tree(request: Request) -> str:
    """1 + 5 + 25 pages that link to each other and back."""
    path = request.url.removeprefix("http://a.example/")
    if len(path) >= 2:
        return page("/", "/0")
    return page("/", *(f"/{path}{n}" for n in range(5)))


async def test_every_page_is_crawled_once() -> None:
    """Every page that is linked to is crawled, each once, and the crawl then ends by itself."""
    run = await crawl(Follow(), tree)
    assert run.reason == "finished"
    assert len(run.site.asked) == len(set(run.site.asked)) == 31
    assert len({item["url"] for item in run.items}) == 31


async def test_depth_is_counted_from_the_start() -> None:
    """A request's depth is the number of links between it and a start URL."""
    run = await crawl(Follow(), tree)
    depths = {item["url"]: item["depth"] for item in run.items}
    assert depths["http://a.example/"] == 0
    assert depths["http://a.example/3"] == 1
    assert depths["http://a.example/34"] == 2


async def test_requests_made_by_hand_have_a_depth() -> None:
    """A request that a callback makes itself is as deep as a link that it follows."""

    class ByHand(Spider):
        name = "by-hand"
        start_urls = ["http://a.example/"]

        def parse(self, response: Response) -> Any:
            yield {"depth": response.request.depth}
            if response.request.depth < 2:
                yield Request(f"{response.url}x")

    run = await crawl(ByHand(), tree)
    assert [item["depth"] for item in run.items] == [0, 1, 2]


async def test_the_host_s_limit_is_kept() -> None:
    """A host never has more requests in flight than its limit, and has that many when there is work."""

    async def slow(request: Request) -> str:
        await asyncio.sleep(0.01)
        return await tree(request)

    run = await crawl(Follow(), slow, per_host=2)
    assert run.site.most == {"a.example": 2}


async def test_the_limit_holds_through_redirects_and_retries() -> None:
    """A redirect's next hop and a retry take a place of their host as any other request does."""

    async def slow(request: Request) -> str | int:
        await asyncio.sleep(0.005)
        return await tree(request)

    seen: set[str] = set()

    def policy(request: Request, outcome: Response | FetchError, attempts: Attempts) -> Redirect | Retry | None:
        if attempts.retries == 0 and request.url not in seen:
            seen.add(request.url)
            return Retry(0.001, "test")
        if not request.url.startswith("http://b.example") and not attempts.hops and len(request.url) > 18:
            return Redirect(request.replace(url=request.url.replace("a.example", "b.example")))
        return None

    run = await crawl(Follow(), slow, policies=[policy], per_host=2)
    assert run.site.most == {"a.example": 2, "b.example": 2}
    assert run.engine.statistics().redirects == 25
    assert run.engine.statistics().retries == run.engine.statistics().discovered + 25


async def test_a_slow_host_does_not_hold_up_the_others() -> None:
    """While one host does not answer, all others are crawled to their end."""
    done = asyncio.Event()

    class Many(Spider):
        name = "many"
        left = 200

        async def start(self) -> Any:
            for number in range(40):
                yield Request(f"http://slow.example/{number}")
            for number in range(200):
                yield Request(f"http://fast{number % 20}.example/{number}")

        async def parse(self, response: Response) -> None:
            self.left -= "fast" in response.url
            if not self.left:
                done.set()

    async def answer(request: Request) -> str:
        await (done.wait() if "slow" in request.url else asyncio.sleep(0.01))
        return ""

    async with asyncio.timeout(20):
        run = await crawl(Many(), answer, per_host=8)
    assert run.engine.statistics().fetched == 240
    assert run.site.most["slow.example"] == 8


async def test_sites_stand_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sites wait, no more than some have a slot; the others come when one is free, and all are crawled."""
    monkeypatch.setattr("scraper.engine.slots.MOST_SLOTS", 3)
    most = 0

    class WideSpider(Spider):
        name = "wide"
        start_urls = [f"http://{number}.test/" for number in range(20)]

        def parse(self, response: Response) -> Any:
            yield from response.follow_all(css="a")

    async def answer(request: Request) -> str:
        nonlocal most
        most = max(most, run_engine[0].statistics().hosts)
        return page("/x", "/y")

    async def meanwhile(engine: Any) -> None:
        run_engine.append(engine)

    run_engine: list[Any] = []
    run = await crawl(WideSpider(), answer, meanwhile=meanwhile, per_host=1)
    assert run.reason == "finished"
    assert len(set(run.site.asked)) == 60
    assert most <= 4


async def test_higher_priority_goes_first() -> None:
    """Of what waits the request with the highest priority is sent first, on whichever host."""

    class Ranked(Spider):
        name = "ranked"

        def start_requests(self) -> Any:
            for number in (1, 3, 2):
                yield Request(f"http://h{number}.example/", priority=number)
                yield Request(f"http://a.example/{number}", priority=number * 10)

        def parse(self, response: Response) -> Any: ...

    async def answer(request: Request) -> str:
        await asyncio.sleep(0.001)
        return ""

    begun: list[str] = []

    class Together:
        def judge(self, request: Request, now: float) -> Verdict:
            begun.append(request.url)
            return GO if len(begun) > 12 else Wait(0.002)

        def sent(self, request: Request, now: float) -> None: ...
        def learn(self, request: Request, outcome: object, now: float) -> None: ...

    run = await crawl(Ranked(), answer, limits=[Together()], concurrency=1)
    assert [url for url in run.site.asked if "a.example" in url] == [
        "http://a.example/3",
        "http://a.example/2",
        "http://a.example/1",
    ]


async def test_what_waits_for_robots_waits_alone() -> None:
    """Until what a limit wants first is answered, only that host's other requests wait, and it is asked once."""

    class Gate:
        def __init__(self) -> None:
            self.known: set[str] = set()

        def judge(self, request: Request, now: float) -> Verdict:
            if request.url.endswith("/gate") or request.url[:16] in self.known:
                return Refuse(Reason.ROBOTS) if request.url.endswith("/4") else GO
            return First(Request(f"{request.url[:16]}/gate"))

        def sent(self, request: Request, now: float) -> None: ...

        def learn(self, request: Request, outcome: object, now: float) -> None:
            if request.url.endswith("/gate"):
                self.known.add(request.url[:16])

    run = await crawl(Follow(), tree, limits=[Gate()])
    assert run.site.asked[0] == "http://a.example/gate"
    assert run.site.asked.count("http://a.example/gate") == 1
    statistics = run.engine.statistics()
    assert statistics.refused == {"robots": 1}
    assert statistics.discovered == 31 - 5
    assert statistics.requests == statistics.fetched + 1


async def test_refused_at_sight_is_counted_once() -> None:
    """A link that a limit refuses is counted under its reason, once however often it is found."""

    class NoThrees:
        def judge(self, request: Request, now: float) -> Verdict:
            return Refuse(Reason.OFFSITE) if "3" in request.url else GO

        def sent(self, request: Request, now: float) -> None: ...
        def learn(self, request: Request, outcome: object, now: float) -> None: ...

    run = await crawl(Follow(), tree, admission=[NoThrees()])
    assert run.engine.statistics().refused == {"offsite": 1 + 4}
    assert not any("3" in url for url in run.site.asked)


async def test_failures_are_counted_by_reason() -> None:
    """A request that gets no answer is counted under its reason, and its errback is called."""

    class Hears(Spider):
        name = "hears"
        heard: list[Any] = []

        async def start(self) -> Any:
            yield Request("http://a.example/", errback=self.hear)

        def hear(self, failure: Any) -> Any:
            self.heard.append(failure)
            yield {"failed": failure.request.url}

    run = await crawl(Hears(), failing(Reason.REFUSED))
    assert run.engine.statistics().failed == {"refused": 1}
    assert run.engine.statistics().start_urls_failed == 1
    assert run.items == [{"failed": "http://a.example/"}]
    assert Hears.heard[0].check(FetchError) is FetchError


async def test_an_error_status_may_fail_a_request() -> None:
    """What a policy calls a failure is not handed to the callback, and the errback sees the answer."""

    class Hears(Spider):
        name = "hears"

        async def start(self) -> Any:
            yield Request("http://a.example/", errback="hear")

        def hear(self, failure: Any) -> Any:
            yield {"status": failure.response.status}

    async def answer(request: Request) -> int:
        return 404

    run = await crawl(Hears(), answer, policies=[lambda *_: Fail("http_404")])
    assert run.items == [{"status": 404}]
    assert run.engine.statistics().failed == {"http_404": 1}


async def test_a_callback_that_raises_fails_its_page_only() -> None:
    """An exception in a callback is counted and told once, what was yielded before it is kept, and the rest goes on."""

    class Breaks(Follow):
        name = "breaks"

        def parse(self, response: Response) -> Any:
            yield from super().parse(response)
            if response.url.endswith("/3"):
                raise ValueError("three")

    run = await crawl(Breaks(), tree)
    broke = [event for event in run.events if isinstance(event, Broke)]
    assert len(run.items) == 31
    assert [(event.where, event.url) for event in broke] == [("Breaks.parse", "http://a.example/3")]
    assert broke[0].line.startswith(__file__)
    assert run.engine.statistics().errors == 1


async def test_all_kinds_of_callback() -> None:
    """A callback may be a function, a generator, a coroutine or an asynchronous generator."""

    class Kinds(Spider):
        name = "kinds"

        def start_requests(self) -> Any:
            for kind in ("function", "generator", "coroutine", "stream"):
                yield Request(f"http://a.example/{kind}", callback=kind)

        def function(self, response: Response) -> Any:
            return [{"kind": "function"}]

        def generator(self, response: Response) -> Any:
            yield {"kind": "generator"}

        async def coroutine(self, response: Response) -> Any:
            return {"kind": "coroutine"}

        async def stream(self, response: Response) -> Any:
            await asyncio.sleep(0)
            yield {"kind": "stream"}

    run = await crawl(Kinds(), tree)
    assert {item["kind"] for item in run.items} == {"function", "generator", "coroutine", "stream"}


async def test_a_callback_may_fetch() -> None:
    """An `async def` callback fetches further pages through the same limits, even when every worker's page does so."""

    class Inner(Spider):
        name = "inner"
        start_urls = [f"http://a.example/{n}" for n in range(20)]

        async def parse(self, response: Response) -> Any:
            inner = await self.fetch(f"{response.url}/inner")
            yield {"inner": inner.url}

    run = await crawl(Inner(), tree, concurrency=2, per_host=2)
    assert len(run.items) == 20
    assert run.site.most["a.example"] <= 2


@pytest.mark.parametrize("per_host", [1, 8])
async def test_after_the_last_page_a_fetch_is_still_tried_again(per_host: int) -> None:
    """With pages enough in hand, what a callback waits for goes out when it is due, though others wait at its host."""

    class Inner(Spider):
        name = "inner"
        start_urls = [f"http://a.example/{n}" for n in range(20)]

        async def parse(self, response: Response) -> Any:
            begun.set()
            yield {"inner": (await self.fetch(f"{response.url}/inner")).url}

    begun = asyncio.Event()

    async def answer(request: Request) -> str:
        if request.url == "http://a.example/1":
            await begun.wait()  # the last page comes while the first one's callback waits
        return page()

    def policy(request: Request, outcome: Response | FetchError, attempts: Attempts) -> Retry | None:
        return Retry(0.02, "test") if "inner" in request.url and attempts.retries < 2 else None

    async with asyncio.timeout(30):
        run = await crawl(Inner(), answer, policies=[policy], per_host=per_host, stop_after={"pages": 2})
    assert run.reason == "pages limit"
    assert run.items == [{"inner": "http://a.example/0/inner"}]


async def test_a_fetch_that_fails_raises() -> None:
    """`fetch()` raises the reason that it failed for, and the callback may go on."""

    class Inner(Spider):
        name = "inner"
        start_urls = ["http://a.example/"]

        async def parse(self, response: Response) -> Any:
            try:
                await self.fetch("http://a.example/broken")
            except FetchError as error:
                yield {"reason": error.reason}

    async def answer(request: Request) -> str:
        if "broken" in request.url:
            raise FetchError(Reason.RESET, request.url)
        return ""

    run = await crawl(Inner(), answer)
    assert run.items == [{"reason": "reset"}]


@pytest.mark.parametrize(("what", "limit"), [("pages", 7), ("items", 7)])
async def test_a_limit_ends_the_crawl(what: str, limit: int) -> None:
    """`[engine.stop_after]` ends the crawl in good order: what is in flight is finished, the rest waits."""
    run = await crawl(Follow(), tree, stop_after={what: limit}, concurrency=4)
    assert run.reason == f"{what} limit"
    assert limit <= len(run.items) < 31
    assert what == "items" or run.engine.statistics().fetched == limit
    assert run.engine.statistics().waiting > 0


async def test_errors_end_the_crawl() -> None:
    """So many failures end it too."""

    async def answer(request: Request) -> str:
        if len(request.url) > 18:
            raise FetchError(Reason.RESET, request.url)
        return page(*(f"/x{n}" for n in range(100)))

    run = await crawl(Follow(), answer, stop_after={"errors": 3}, concurrency=2)
    assert run.reason == "errors limit"
    assert run.engine.statistics().failed["reset"] <= 3 + 2


async def test_seconds_end_the_crawl() -> None:
    """And so does time."""

    async def endless(request: Request) -> str:
        await asyncio.sleep(0.01)
        return page(f"{request.url}x")

    run = await crawl(Follow(), endless, stop_after={"seconds": 0.1})
    assert run.reason == "seconds limit"


async def test_close_spider_ends_the_crawl() -> None:
    """A callback ends the crawl by raising CloseSpider, which is no error."""

    class Closes(Follow):
        name = "closes"

        def parse(self, response: Response) -> Any:
            yield from super().parse(response)
            if response.url.endswith("/2"):
                raise CloseSpider("seen enough")

    run = await crawl(Closes(), tree, concurrency=1)
    assert run.reason == "seen enough"
    assert run.engine.statistics().errors == 0


async def test_a_crawl_that_is_closed_without_a_reason_ends() -> None:
    """CloseSpider with an empty reason ends the crawl as any other does, and what was not sent still waits."""

    class Closes(Follow):
        name = "closes"

        def parse(self, response: Response) -> Any:
            yield from super().parse(response)
            raise CloseSpider("")

    async with asyncio.timeout(20):
        run = await crawl(Closes(), tree, concurrency=1)
    statistics = run.engine.statistics()
    assert (run.reason, statistics.errors) == ("cancelled", 0)
    assert statistics.waiting > 0


async def test_stop_finishes_what_is_in_flight() -> None:
    """Stopping sends nothing more, waits for what was sent, and hands it to its callback."""
    asked = 0
    all_asked, stopped = asyncio.Event(), asyncio.Event()

    async def held(request: Request) -> str:
        nonlocal asked
        asked += 1
        if asked == 6:
            all_asked.set()
        if asked > 1:
            await stopped.wait()
        return await tree(request)

    async def stop_soon(engine: Any) -> None:
        await all_asked.wait()
        engine.stop("interrupted")
        stopped.set()

    run = await crawl(Follow(), held, meanwhile=stop_soon)
    assert run.reason == "interrupted"
    assert len(run.items) == len(run.site.asked) == 6
    assert run.engine.statistics().waiting > 0


async def test_start_is_asked_as_needed() -> None:
    """An endless `start()` is asked for more only while few of its requests wait, and all workers have one."""

    class Endless(Spider):
        name = "endless"
        given = 0

        async def start(self) -> Any:
            while True:
                self.given += 1
                yield Request(f"http://{self.given % 50}.example/{self.given}")

        def parse(self, response: Response) -> Any:
            yield {}

    spider = Endless()

    async def answer(request: Request) -> str:
        await asyncio.sleep(0.001)
        return ""

    await crawl(spider, answer, stop_after={"pages": 50})
    assert spider.given < 1_200


async def test_start_is_asked_for_idle_workers() -> None:
    """Behind thousands of requests for a host that is slow come those for others, and do not wait for it."""
    answered: list[str] = []

    class Two(Spider):
        name = "two"

        async def start(self) -> Any:
            for number in range(3_000):
                yield Request(f"http://slow.example/{number}")
            for number in range(20):
                yield Request(f"http://quick.example/{number}")

        def parse(self, response: Response) -> Any:
            yield {}

    async def answer(request: Request) -> str:
        await asyncio.sleep(0.05 if "slow" in request.url else 0)
        answered.append(request.url)
        return ""

    run = await crawl(Two(), answer, stop_after={"pages": 150})
    assert sum("quick" in url for url in answered) == 20
    assert run.engine.statistics().discovered == 3_020


async def test_a_slow_sink_slows_the_crawl() -> None:
    """While items are not written, no further pages are fetched than a fixed number."""

    class Blocked(Collect):
        async def write(self, items: Any) -> None:
            await gate.wait()
            await super().write(items)

    class Flood(Spider):
        name = "flood"

        async def start(self) -> Any:
            for number in range(500):
                yield Request(f"http://a{number % 50}.example/{number}")

        def parse(self, response: Response) -> Any:
            yield {}

    gate = asyncio.Event()
    most = 0

    async def look(engine: Any) -> None:
        nonlocal most
        await asyncio.sleep(0.3)
        most = engine.statistics().fetched
        gate.set()

    sink = Blocked()
    await crawl(Flood(), tree, sinks=[sink], concurrency=4, meanwhile=look)
    assert most <= 2 * 4 + 4
    assert sink.items == 500


class Portions(Collect):
    """A sink that has room for so many items, and notes how many come at once, and in which turn of the loop."""

    def __init__(self, room: int = 5_000) -> None:
        super().__init__()
        self.room = room
        self.taken: list[tuple[int, int]] = []
        self.turn = 0

    async def write(self, items: Any) -> None:
        self.room -= len(items)
        if self.room < 0:
            raise StorageError("full")
        self.taken.append((len(items), self.turn))
        await super().write(items)

    async def count_turns(self, engine: Any) -> None:
        while self.room > 0:
            self.turn += 1
            await asyncio.sleep(0)


class Heap(Spider):
    """Five thousand items of one page."""

    name = "heap"
    start_urls = ["http://a.example/"]

    def parse(self, response: Response) -> Any:
        return [{"number": number} for number in range(5_000)]


async def test_a_page_of_many_items() -> None:
    """They are written a portion at a time, with other work in between."""
    sink = Portions()
    run = await crawl(Heap(), tree, sinks=[sink], meanwhile=sink.count_turns)
    assert [number for number, _ in sink.taken] == [2_000, 2_000, 1_000]
    assert len({turn for _, turn in sink.taken}) == 3
    assert run.engine.statistics().items == 5_000


async def test_a_sink_that_fails_within_a_page() -> None:
    """No further portion is tried, and none counts: the page is to be redone."""
    sink = Portions(room=3_000)
    run = await crawl(Heap(), tree, sinks=[sink], meanwhile=sink.count_turns)
    assert (len(sink.taken), run.reason) == (1, "storage failed")
    assert [str(event.error) for event in run.events if isinstance(event, Broke)] == ["full"]
    assert run.engine.statistics().items == 0


async def test_nothing_is_left_running_when_it_is_cancelled() -> None:
    """A cancelled crawl leaves no task behind."""

    async def hang(request: Request) -> str:
        await asyncio.sleep(60)
        return ""

    before = asyncio.all_tasks()
    task = asyncio.create_task(crawl(Follow(), hang))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


async def test_an_event_nobody_wants_is_not_made() -> None:
    """An observer is told of the kinds of event that it wants, and of no others."""
    run = await crawl(Follow(), tree)
    assert sum(isinstance(event, Fetched) for event in run.events) == 31


async def test_a_callback_that_does_not_exist_is_an_error() -> None:
    """A request that names a method which the spider lacks is refused with a clear error."""

    class Wrong(Spider):
        name = "wrong"
        start_urls = ["http://a.example/"]

        def parse(self, response: Response) -> Any:
            yield response.follow("/x", callback="parse_itm")
            yield {"kept": True}

    run = await crawl(Wrong(), tree)
    errors = [str(event.error) for event in run.events if isinstance(event, Broke)]
    assert errors == ["<GET http://a.example/x> calls 'parse_itm', but Wrong has no such method"]
    assert run.items == [{"kept": True}]


async def test_the_last_request_may_be_refused() -> None:
    """A crawl whose last request is refused when its turn comes is over."""

    class Never:
        def judge(self, request: Request, now: float) -> Verdict:
            return Refuse(Reason.ROBOTS_UNREACHABLE)

        def sent(self, request: Request, now: float) -> None: ...
        def learn(self, request: Request, outcome: object, now: float) -> None: ...

    async with asyncio.timeout(30):
        run = await crawl(Follow(), tree, limits=[Never()])
    assert run.engine.statistics().refused == {"robots_unreachable": 1}
    assert run.engine.statistics().start_urls_failed == 1


async def test_nothing_is_fetched_after_the_end() -> None:
    """`fetch()` after the crawl has ended raises, rather than waiting for ever."""
    spider = Follow()
    await crawl(spider, tree)
    async with asyncio.timeout(30):
        with pytest.raises(SpiderError, match="the crawl has ended"):
            await spider.fetch("http://a.example/late")


async def test_pages_that_await_others_are_bounded() -> None:
    """While callbacks wait for pages of a slow host, no more pages are in hand than without that; all end."""

    class Waits(Spider):
        name = "waits"
        in_hand = most = 0

        async def start(self) -> Any:
            for number in range(200):
                yield Request(f"http://fast.example/{number}")

        async def parse(self, response: Response) -> Any:
            self.in_hand += 1
            self.most = max(self.most, self.in_hand)
            await self.fetch(f"http://slow.example{response.url[19:]}")
            self.in_hand -= 1
            yield {}

    failed: set[str] = set()

    def policy(request: Request, outcome: Response | FetchError, attempts: Attempts) -> Retry | None:
        if request.url in failed or "slow" not in request.url:
            return None
        failed.add(request.url)
        return Retry(0.002, "test")

    async def answer(request: Request) -> str:
        await asyncio.sleep(0.002 if "slow" in request.url else 0)
        return ""

    spider = Waits()
    run = await crawl(spider, answer, policies=[policy], concurrency=4)
    assert len(run.items) == 200
    assert spider.most <= 2 * 4 + 4


async def test_a_cancellation_of_the_spider_s_own_is_an_error() -> None:
    """A callback that lets out a CancelledError which is not the crawl's fails its page, and is counted."""

    class Cancels(Spider):
        name = "cancels"
        start_urls = ["http://a.example/1", "http://a.example/2"]

        async def parse(self, response: Response) -> Any:
            if response.url.endswith("1"):
                raise asyncio.CancelledError
            return {}

    run = await crawl(Cancels(), tree)
    assert run.engine.statistics().errors == 1
    assert run.items == [{}]


async def test_a_response_has_the_request_that_was_asked() -> None:
    """What a middleware adds to a request on its way, a cookie say, is not in `response.request`."""

    class Looks(Spider):
        name = "looks"
        start_urls = ["http://a.example/"]

        def parse(self, response: Response) -> Any:
            yield {"headers": response.request.headers}

    async def answer(request: Request) -> Response:
        return Response(request.url, request=request.replace(headers={"Cookie": "a=1"}))

    assert (await crawl(Looks(), answer)).items == [{"headers": {}}]


async def test_what_comes_last_comes_alone() -> None:
    """Requests of priority `LAST`, of whatever host, wait until nothing else is left to do; then they go one by one."""
    order: list[str] = []
    in_hand: set[str] = set()
    company: dict[str, set[str]] = {}

    def note(url: str) -> None:
        if "last" in url:
            company[url] = company.get(url, set()) | in_hand - {url}

    class Given(Spider):
        name = "given"

        async def start(self) -> Any:
            for number in range(6):
                yield Request(f"http://{number % 3}.example/last/{number}", priority=LAST)
            yield Request("http://0.example/first", priority=LAST + 1)
            await asyncio.sleep(0.02)
            yield Request("http://9.example/late")

        async def parse(self, response: Response) -> Any:
            note(response.url)
            await asyncio.sleep(0.003)
            note(response.url)
            in_hand.discard(response.url)
            if response.url.count("/") < 8:
                yield response.follow(f"{response.url}/more/of/it")

    async def answer(request: Request) -> str:
        in_hand.add(request.url)
        order.append(request.url)
        note(request.url)
        await asyncio.sleep(0.002)
        note(request.url)
        return ""

    def policy(request: Request, outcome: Response | FetchError, attempts: Attempts) -> Retry | None:
        return Retry(0.005, "test") if "last/4" in request.url and attempts.retries == 0 else None

    async with asyncio.timeout(30):
        run = await crawl(Given(), answer, policies=[policy])
    assert run.engine.statistics().fetched == len(set(order)) == 24
    assert run.engine.statistics().errors == 0
    last = [url for url in order if "last" in url]
    assert order[-len(last) :] == last
    assert not any(others for url, others in company.items() if "more" not in url)
    tops = [url for url in last if "more" not in url]
    assert sorted(set(tops)) == [f"http://{number % 3}.example/last/{number}" for number in (0, 3, 1, 4, 2, 5)]
    assert all(order.index(url) < order.index(f"{url}/more/of/it") for url in tops)
