"""Spiders whose callbacks do what spiders should not, for crawls in worker processes."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scraper import Request, Response, Spider
from scraper.spider import Failure

SETTINGS: dict[str, Any] = {"engine": {"processes": 2}, "limits": {"robots": False}}


class Pages(Spider):
    """Asks for the pages 0 to 5 of a site."""

    def __init__(self, site: str) -> None:
        super().__init__()
        self.site = site

    async def start(self) -> Any:
        for number in range(6):
            yield Request(f"{self.site}/{number}", errback=self.failed)

    def failed(self, failure: Failure) -> Any:
        return {"failed": failure.request.url, "error": str(failure.error)}


class Dies(Pages):
    """Its process dies at page 3."""

    name = "dies"

    def parse(self, response: Response) -> Any:
        if response.url.endswith("/3"):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"url": response.url}


class DiesTwice(Dies):
    """Its process dies at page 3, and again as it handles that."""

    name = "dies-twice"

    def failed(self, failure: Failure) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class LeavesChild(Pages):
    """Its process dies at page 3, and a process that it had started does not."""

    name = "leaves-child"

    def __init__(self, site: str, pids: str) -> None:
        super().__init__(site)
        self.pids = pids

    def parse(self, response: Response) -> Any:
        if response.url.endswith("/3"):
            if not os.fork():
                with open(self.pids, "a") as file:  # noqa: PTH123 -- as a spider would
                    file.write(f"{os.getpid()}\n")
                os.closerange(1, 3)
                time.sleep(600)
            os._exit(0)
        return {"url": response.url}


class Talks(Pages):
    """Logs and prints what is hard to hand on."""

    name = "talks"

    def parse(self, response: Response) -> Any:
        logger = logging.getLogger("talks")
        logger.warning("with %s", "more", extra={"maker": lambda: 0})
        if response.url.endswith("/3"):
            logger.warning("too few: %s %s", 1)  # noqa: PLE1206 -- on purpose
        print("text", response.url, "\udc80")  # noqa: T201 -- as a spider does
        sys.stdout.buffer.write(b"\xff\n")
        sys.stdout.flush()
        return {"url": response.url}


def refuse() -> Any:
    """What an item's class may do as it is read again."""
    raise ValueError("not again")


class Unreadable(dict[str, Any]):
    """An item that can be sent, and not be read again."""

    def copy(self) -> "Unreadable":
        return self

    def __reduce__(self) -> Any:
        return refuse, ()


class GivesUnreadable(Pages):
    """Gives an item that cannot be read again at page 3, and asks for a page with one at page 4."""

    name = "gives-unreadable"

    async def parse(self, response: Response) -> Any:
        if response.url.endswith("/3"):
            yield {"item": Unreadable()}
        if response.url.endswith("/4"):
            await self.fetch(Request(f"{self.site}/0?again", meta={"item": Unreadable()}))
        yield {"url": response.url}


async def change(request: Request, fetch: Any) -> Response:
    """A middleware that changes what it is given."""
    response: Response = await fetch(request)
    if request.url.endswith("/1"):
        response.status = 203
    if request.url.endswith("/2"):
        response.body = b"<p>changed"
    if request.url.endswith("/3"):
        request.meta["maker"] = lambda: 0
    if request.url.endswith("/4"):
        response.headers["X"] = "y"  # type: ignore[index]
    return response


class Changed(Pages):
    """Its middleware changes answers, and adds what cannot be sent."""

    name = "changed"
    middlewares = (change,)

    def parse(self, response: Response) -> Any:
        return {"url": response.url, "status": response.status, "text": response.css("p::text").get()}


class FetchesChanged(Changed):
    """Calls `fetch()` for such a page."""

    name = "fetches-changed"

    async def start(self) -> Any:
        yield Request(f"{self.site}/0")

    async def parse(self, response: Response) -> Any:
        yield {"url": (await self.fetch(Request(f"{self.site}/3"))).url}


class Streams(Pages):
    """Asks for a stream that is not there, and for one that its callback does not like."""

    name = "streams"

    async def start(self) -> Any:
        for each in ("missing", "0"):
            yield Request(f"{self.site}/{each}", stream=True, errback=self.failed)

    async def parse(self, response: Response) -> Any:
        async for _ in response.stream():
            raise ValueError("not this")
        yield {}


def workers() -> set[int]:
    """The worker processes of this one, which may have started others."""
    found = subprocess.run(
        ["pgrep", "-f", "-P", str(os.getpid()), "scraper.workers"], capture_output=True, text=True, check=False
    )
    return {int(each) for each in found.stdout.split()}


class KillsEarly(Pages):
    """Kills all workers before it asks for the first page, which it does as others begin."""

    name = "kills-early"

    async def start(self) -> Any:
        before = workers()
        for each in before:
            os.kill(each, signal.SIGKILL)
        while len(workers() - before) < len(before):  # noqa: ASYNC110 -- nothing tells
            await asyncio.sleep(0)
        async for each in super().start():
            yield each

    def parse(self, response: Response) -> Any:
        return {"url": response.url}


class TermsAll(Pages):
    """Sends its workers what ends a crawl, as a service manager does."""

    name = "terms-all"

    async def start(self) -> Any:
        for each in workers():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(each, number)
        async for each in super().start():
            yield each

    def parse(self, response: Response) -> Any:
        child = subprocess.Popen(["sleep", "600"])
        child.terminate()
        return {"url": response.url, "ended": child.wait(60)}


class Collects(logging.Handler):
    """Writes each text that is logged to the standard output of its process."""

    def emit(self, record: logging.LogRecord) -> None:
        os.write(1, f"collected {record.getMessage()}\n".encode())


logging.getLogger("collected").addHandler(Collects())
logging.getLogger("alone").addHandler(Collects())
logging.getLogger("alone").propagate = False


class LogsOnce(Pages):
    """Logs to loggers that its module has given handlers."""

    name = "logs-once"

    def parse(self, response: Response) -> Any:
        logging.getLogger("collected").warning("once")
        logging.getLogger("alone").warning("alone")
        return {"url": response.url}


class AwaitsSuspect(Pages):
    """Page 3 has killed its process once, and awaits a page at which processes have died as well."""

    name = "awaits-suspect"

    def __init__(self, site: str, folder: str) -> None:
        super().__init__(site)
        self.folder = Path(folder)

    async def start(self) -> Any:
        for each in ("3", "1"):
            yield Request(f"{self.site}/{each}")

    async def parse(self, response: Response) -> Any:
        died = self.folder / response.url[-1]
        while response.url.endswith("/1") and not (self.folder / "3").exists():  # noqa: ASYNC110 -- in two processes
            await asyncio.sleep(0.01)  # page 3 is the first that is handled alone
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if response.url.endswith("/3"):
            yield {"awaited": (await self.fetch(Request(f"{self.site}/1"))).url}
        yield {"url": response.url}
