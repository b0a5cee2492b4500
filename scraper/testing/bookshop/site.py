"""Opens the shop on 127.0.0.1 for the length of an `async with`, and counts who comes in."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from scraper.recording.origin import recorded_origin
from scraper.testing.bookshop.catalogue import Book, catalogue
from scraper.testing.bookshop.desk import Desk, printed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Shop:
    """The open shop: where it is, what it sells, and what its visitors did."""

    url: str
    books: tuple[Book, ...]
    requests: Counter[str] = field(default_factory=Counter)  # path without query: how often it was asked for
    arrivals: list[tuple[float, str]] = field(default_factory=list)  # (the loop's time in seconds, path)
    in_flight: int = 0
    most_in_flight: int = 0  # the most requests that were being answered at one time

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rstrip("/").rpartition(":")[2])

    def __repr__(self) -> str:
        flight = f"in_flight={self.in_flight} most_in_flight={self.most_in_flight}"
        return f"<Shop {self.url} books={len(self.books)} requests={self.requests.total()} {flight}>"


@asynccontextmanager
async def serve(*, port: int = 0, latency: float = 0.0, slow: float = 1.5) -> AsyncIterator[Shop]:
    """The shop on 127.0.0.1, on a free port unless one is given; closed at once at the end.

    Every answer takes `latency` seconds, the slow page another `slow` seconds. Without latency most answers
    are ready before the next request is read, so give one where `most_in_flight` is to mean something.

    While a recording is replayed nothing is opened: the shop is where it was when that was made.
    """
    if origin := recorded_origin.get():
        yield Shop(f"{origin}/", catalogue().books)
        return
    await asyncio.to_thread(printed)  # the first time it takes a while, and others may use this loop
    stock = catalogue()
    shop = Shop("", stock.books)

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        shop.requests[request.path] += 1
        shop.arrivals.append((asyncio.get_running_loop().time(), request.path))
        shop.in_flight += 1
        shop.most_in_flight = max(shop.most_in_flight, shop.in_flight)
        try:
            await asyncio.sleep(latency)
            return await handler(request)
        finally:
            shop.in_flight -= 1

    application = web.Application(middlewares=[count])
    application.add_routes(Desk(stock, shop.requests, slow=slow).routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield shop
    finally:
        await runner.cleanup()
