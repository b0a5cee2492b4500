"""An inspection for somebody who types: it stays open in a thread of its own, and its names are those of the prompt.

The event loop is in that thread, so that connections, pace and pauses go on while nobody types. What is awaited at
the prompt runs in there; all else runs in the thread of the prompt.
"""

import asyncio
import builtins
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import click

import scraper
from scraper.cli.addresses import address
from scraper.cli.event_loop import runner
from scraper.cli.single_page import answer
from scraper.crawling.inspection import Inspection
from scraper.errors import ScraperError, SpiderError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.process.signals import raise_on_interrupt
from scraper.views.formatting import told
from scraper.views.preview import kept, open_in_browser

_T = TypeVar("_T")


class Session:
    """The names at hand, and an inspection that is open while the context is. Entering and leaving raise what those of
    `Inspection` raise.
    """

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._opened: Future[asyncio.AbstractEventLoop] = Future()
        self._closed: Future[None] = Future()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="inspection", daemon=True)
        self.names: dict[str, Any] = {
            "__name__": "__main__",
            "__builtins__": builtins,
            "scraper": scraper,
            "Request": Request,
            "asyncio": asyncio,
            "spider": inspection.spider,
            "settings": inspection.settings,
            "request": None,
            "response": None,
            "fetch": self.fetch,
            "view": view,
            "shelp": self.shelp,
        }

    def __enter__(self) -> Self:
        raise_on_interrupt()
        self._thread.start()
        self._loop = self._opened.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._closed.result()
        self._thread.join()

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """What `coroutine` gives, run in the loop of the inspection. Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    # What is at hand.

    def fetch(self, url: str | Path | Request, redirect: bool = True) -> Any:
        """Fetch a URL, a `Request`, or a file's path, and have the answer as `response`, and its request as `request`.

        `await fetch(url)` gives the answer, too. In code that awaits nothing, `fetch(url)` does the same. With
        `redirect=False` a redirect is not followed. Raises `FetchError` if there is no answer; one with an error
        status is one.
        """
        place = address(url) if isinstance(url, str) else url
        if not redirect and not isinstance(place, Path):
            request = Request(place) if isinstance(place, str) else place
            place = request.replace(meta={**request.meta, "dont_redirect": True})
        coroutine = self._fetch(place)
        return coroutine if threading.current_thread() is self._thread else self.run(coroutine)

    def try_fetch(self, place: str | Path) -> None:
        """Fetch, and tell what is wrong in one line."""
        try:
            self.fetch(place)
        except ScraperError as error:
            click.echo(f"scraper: error: {told(error)}", err=True)

    def shelp(self) -> None:
        """List what is at hand."""
        click.echo(self.help())

    def help(self) -> str:
        """What is at hand, one line each."""
        names = self.names
        lines = {
            "response": repr(names["response"]),
            "request": repr(names["request"]),
            "spider": repr(names["spider"]),
            "settings": "those in effect",
            "fetch(url)": "fetch a URL, a Request or a file's path; the answer is then `response`",
            "view(response)": "open a page in the browser",
            "shelp()": "this list",
            "scraper, Request, asyncio": "as imported; await works at the prompt",
        }
        return "\n".join(f"  {name:27}{does}" for name, does in lines.items())

    async def _fetch(self, place: str | Path | Request) -> Response:
        response = await answer(self._inspection, place)
        self.names |= {"response": response, "request": response.request}
        return response

    # The thread.

    def _run(self) -> None:
        with runner() as running:
            running.run(self._stay())

    async def _stay(self) -> None:
        """Keep the inspection open. What opening or closing it raises is for who enters or leaves."""
        try:
            async with self._inspection:
                self._opened.set_result(asyncio.get_running_loop())
                await self._closing.wait()
        except Exception as error:
            (self._closed if self._opened.done() else self._opened).set_exception(error)
        else:
            self._closed.set_result(None)


def view(response: Response) -> Path:
    """Open a page in the browser; where it was put for that."""
    if not isinstance(response, Response):
        raise SpiderError(f"view() takes a response, not {response!r:.60}: fetch one first")
    file = kept(response)
    if not open_in_browser(file):
        click.echo("scraper: no browser was found to open it with", err=True)
    return file
