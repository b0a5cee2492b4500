"""Web sites to be crawled: real servers on loopback, in a thread of their own, which note who asked for what and when.

They have a thread, and a loop in it, so that what the crawl leaves on its own loop is the crawl's alone, and so
that a crawl in a process or loop of its own can be served, too.
"""

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Self, TypeVar

from aiohttp import web

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """One request as it came in; `time` is `time.monotonic()`."""

    time: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = str | bytes | int | dict[str, Any] | web.StreamResponse
Page = Answer | Callable[[Asked], Answer | Awaitable[Answer]]


@dataclass(eq=False)
class Site:
    """A server: `pages` by path (with or without the query), and `otherwise` for all others.

    A page is an HTML text, bytes, a status, a dict (JSON), a whole response, or a function that gives one of these.
    Every page but robots.txt takes `latency` seconds.
    """

    pages: dict[str, Page]
    otherwise: Page = 404
    latency: float = 0.0
    host: str = "127.0.0.1"
    port: int = 0
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def root(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def url(self, path: str = "/") -> str:
        """The address of a page."""
        return self.root + path

    @property
    def paths(self) -> Counter[str]:
        """How often each path was asked for, robots.txt left out."""
        return Counter(each.path for each in self.asked if each.path != "/robots.txt")

    @property
    def times(self) -> list[float]:
        """When something was asked for, robots.txt included."""
        return [each.time for each in self.asked]

    def of(self, path: str) -> list[Asked]:
        """The requests for one path."""
        return [each for each in self.asked if each.path == path]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request and answer it."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        arrived = time.monotonic()
        try:
            asked = Asked(arrived, request.method, request.path_qs, dict(request.headers), await request.read())
            self.asked.append(asked)
            if request.path != "/robots.txt":
                await asyncio.sleep(self.latency)
            page: Any = self.pages.get(request.path_qs, self.pages.get(request.path, self.otherwise))
            if callable(page):
                page = page(asked)
                page = await page if isawaitable(page) else page
            return _response(page)
        finally:
            self.in_flight -= 1


def _response(page: Answer) -> web.StreamResponse:
    match page:
        case str():
            return web.Response(text=page, content_type="text/html")
        case bytes():
            return web.Response(body=page, content_type="text/html")
        case int():
            return web.Response(status=page)
        case dict():
            return web.json_response(page)
    return page


def redirect(target: str, status: int = 302, **headers: str) -> Callable[[Asked], web.Response]:
    """A page that leads elsewhere."""
    return lambda _: web.Response(status=status, headers={"Location": target, **headers})


def links(*targets: object) -> str:
    """A page with a link to each of `targets`."""
    return "<!DOCTYPE html><title>Links</title>" + "".join(f'<a href="{each}">{each}</a>\n' for each in targets)


class Flaky:
    """A page that fails `times` times with `status` before it gives `page`."""

    def __init__(self, page: Answer, *, status: int = 503, times: int = 1) -> None:
        self.page, self.status, self.left = page, status, times

    def __call__(self, _: Asked) -> Answer:
        self.left -= 1
        return self.status if self.left >= 0 else self.page


class Talk:
    """A connection to a server that answers byte for byte what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def hear(self) -> bytes:
        """The next request's head."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def say(self, text: bytes) -> None:
        """Send `text`."""
        self._writer.write(text)
        await self._writer.drain()

    def reset(self) -> None:
        """Break the connection off."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def tunnel(self, host: str, port: int, head: bytes) -> None:
        """Hand `head`, and all that comes back, on."""
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(head)
            while data := await reader.read(65_536):
                await self.say(data)
        finally:
            writer.close()


class Servers:
    """Opens servers in a thread, and closes them all at the end."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers")
        self._thread.start()
        self._closing: list[Callable[[], Awaitable[Any]]] = []
        self._talks: set[asyncio.Task[None]] = set()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _close(self) -> None:
        for task in self._talks:
            task.cancel()
        for close in reversed(self._closing):
            await close()
        await asyncio.sleep(0)
        await self._loop.shutdown_default_executor()

    def site(self, pages: dict[str, Page] | None = None, *, tls: ssl.SSLContext | None = None, **fields: Any) -> Site:
        """Open a site; it has no robots.txt unless `pages` has one."""
        site = Site(pages if pages is not None else {}, scheme="https" if tls else "http", **fields)
        self._run(self._open(site, tls))
        return site

    async def _open(self, site: Site, tls: ssl.SSLContext | None) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", site.answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        self._closing.append(runner.cleanup)
        await web.TCPSite(runner, site.host, site.port, ssl_context=tls).start()
        site.port = runner.addresses[0][1]

    def raw(self, script: Callable[[Talk], Awaitable[None]]) -> str:
        """Open a server that runs `script` on every connection; its root URL."""
        return self._run(self._open_raw(script))

    async def _open_raw(self, script: Callable[[Talk], Awaitable[None]]) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._talks.add(task)
            try:
                with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    await script(Talk(reader, writer))
            finally:
                self._talks.discard(task)
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)

        async def close() -> None:
            server.close()

        self._closing.append(close)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
