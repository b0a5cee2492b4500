"""Spiders in a module of their own, since worker processes import it: each uses another part of what spiders may do."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from scraper import (
    CrawlSpider,
    FetchError,
    FormRequest,
    Item,
    LinkExtractor,
    Request,
    Response,
    Rule,
    Spider,
    css,
)
from scraper.spider import Failure


class Rooted(Spider):
    """Starts at the page `root` of a site."""

    name = "rooted"
    root: str

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.root}/")


class FollowAll(Rooted):
    def parse(self, response: Response) -> Any:
        yield {"url": response.url, "depth": response.request.depth}
        yield from response.follow_all(css="a")


class FollowEach(Rooted):
    def parse(self, response: Response) -> Any:
        for href in response.css("a::attr(href)").getall():
            yield response.follow(href, self.parse)
        yield {"url": response.url, "title": response.css("h1::text").get()}


class Asynchronous(Rooted):
    async def parse(self, response: Response) -> Any:
        for href in response.css("a::attr(href)").getall():
            yield Request(response.urljoin(href), self.parse)
        await asyncio.sleep(0)
        yield {"url": response.url}


class Fetching(Rooted):
    """Asks for more while a callback runs."""

    async def parse(self, response: Response) -> Any:
        urls = [response.urljoin(each) for each in response.css("a::attr(href)").getall()]
        found = await asyncio.gather(*map(self.fetch, urls), return_exceptions=True)
        for url, answer in zip(urls, found, strict=True):
            if isinstance(answer, Response):
                yield {"url": answer.url, "title": answer.css("h1::text").get()}
            elif isinstance(answer, FetchError):
                yield {"url": url, "reason": answer.reason}


class Failing(Rooted):
    """Has errbacks: for what is not there, and for a callback that raises."""

    def parse(self, response: Response) -> Any:
        yield from response.follow_all(css="a", callback=self.page, errback=self.failed)

    def page(self, response: Response) -> Any:
        yield {"kept": response.url}
        raise ValueError(response.css("h1::text").get())

    def failed(self, failure: Failure) -> Any:
        body = failure.response.body.decode() if failure.response is not None else None
        yield {"failed": failure.request.url, "error": f"{type(failure.error).__name__}: {failure.error}", "body": body}


class Handing(Rooted):
    """Hands values from callback to callback."""

    def parse(self, response: Response) -> Any:
        for number, href in enumerate(response.css("a::attr(href)").getall()):
            meta, kwargs = {"pair": (number, {1, 2}), "link": href}, {"number": number}
            yield response.follow(href, self.page, meta=meta, cb_kwargs=kwargs, dont_filter=True)

    def page(self, response: Response, number: int) -> Any:
        pair = response.meta["pair"]
        return {"number": number, "pair": [pair[0], sorted(pair[1])], "link": response.meta["link"]}


class Ruled(CrawlSpider):
    name = "ruled"
    root: str
    rules = (Rule(LinkExtractor(), callback="page", follow=True),)

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.root}/")

    def page(self, response: Response) -> Any:
        return {"url": response.url, "text": response.meta["link_text"]}


class LoggingIn(Rooted):
    """Needs the cookie that an answer sets."""

    def parse(self, response: Response) -> Any:
        yield FormRequest(f"{self.root}/login", formdata={"user": "me"}, callback=self.within)

    def within(self, response: Response) -> Any:
        yield {"said": response.text, "cookie": "Cookie" in response.request.headers}
        yield from response.follow_all(["/secret/1", "/secret/2"], callback=self.secret)

    def secret(self, response: Response) -> Any:
        return {"said": response.text, "cookie": "Cookie" in response.request.headers}


class Book(Item):
    title: str = css("h1::text")
    price: float | None = css(".price::text", default=None)


class Books(Rooted):
    def parse(self, response: Response) -> Any:
        yield Book.extract(response)
        yield from response.follow_all(css="a")


class Streaming(Rooted):
    """Reads a body in pieces."""

    def parse(self, response: Response) -> Any:
        for href in response.css("a::attr(href)").getall():
            yield response.follow(href, self.page, stream=True)

    async def page(self, response: Response) -> Any:
        size = 0
        async for piece in response.stream():
            size += len(piece)
        yield {"url": response.url, "size": size}


class Flooding(Rooted):
    """Gives without end."""

    async def parse(self, response: Response) -> Any:
        number = 0
        while True:
            yield {"number": number}
            number += 1
            if number % 100 == 0:
                await asyncio.sleep(0)


class Many(Rooted):
    """Gives more in one go than one message holds."""

    def parse(self, response: Response) -> Any:
        for number in range(1_100):
            yield {"number": number}
            yield Request(f"{self.root}/none/{number}", priority=number % 3)


class Pausing(Rooted):
    """Gives its items one by one."""

    async def parse(self, response: Response) -> Any:
        for number in range(20):
            yield {"number": number}
            await asyncio.sleep(0)


class Looking:
    """A middleware that sees every answer, and changes some."""

    async def process(self, request: Request, fetch: Any) -> Response:
        response: Response = await fetch(request.replace(headers={**request.headers, "X-Seen": "1"}))
        return response.replace(body=response.body.replace(b"<h1>", b"<h1>seen "))

    __call__ = process


class Seeing(FollowEach):
    middlewares = (Looking(),)


class Living(Rooted):
    """Opens something in each process."""

    opened: str = ""

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.opened = "open"
        yield
        self.opened = "closed"

    def parse(self, response: Response) -> Any:
        print("printed by a callback")  # noqa: T201 -- as spiders do
        self.logger.warning("logged by a callback: %s", {"a": 1})
        yield {"opened": self.opened, "worker": os.getpid() != os.getppid(), "process": os.getpid()}
        yield from response.follow_all(css="a")


class Remembering(Rooted):
    def parse(self, response: Response) -> Any:
        self.state["pages"] = 1


class Dying(Rooted):
    """Ends its process at one page, the first time or each time that it comes there."""

    folder: str
    at: str = "/7"
    always: bool = False

    def parse(self, response: Response) -> Any:
        mark = Path(self.folder, "died")
        if response.url.endswith(self.at) and (self.always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield {"url": response.url}
        yield from response.follow_all(css="a")


class Unpicklable(Rooted):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.lock = lambda: None


class Stuck(Rooted):
    """Computes in C for ever at one page."""

    def parse(self, response: Response) -> Any:
        if response.url.endswith("/3"):
            import re

            re.match(r"(a|a)*b", "a" * 40)
        yield {"url": response.url}
        yield from response.follow_all(css="a")


class Unsendable(Rooted):
    """Gives what cannot leave its process, and goes on."""

    async def parse(self, response: Response) -> Any:
        yield {"number": 1}
        yield {"function": lambda: None}
        await asyncio.sleep(0.05)
        yield {"number": 2}
