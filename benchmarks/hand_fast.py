"""Crawl the shop with the fastest loop that one writes by hand: what every framework is measured against.

One thread, one queue, a set of URLs, and the fastest library for each step. It promises nothing: no
robots.txt, no retries, no pace, no memory of what was done when it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import BinaryIO

import aiohttp
import orjson
import uvloop
from ada_url import join_url
from selectolax.lexbor import LexborHTMLParser
from yarl import URL

from fields import is_product, read_lexbor

CONCURRENCY = 32


class Crawl:
    """What the workers share."""

    def __init__(self, url: str, output: BinaryIO) -> None:
        self.output = output
        self.seen = {url}
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.queue.put_nowait(url)
        self.pages = self.items = 0

    async def run(self) -> None:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONCURRENCY),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            ) as session,
            asyncio.TaskGroup() as tasks,
        ):
            workers = [tasks.create_task(self.work(session)) for _ in range(CONCURRENCY)]
            await self.queue.join()
            for worker in workers:
                worker.cancel()

    async def work(self, session: aiohttp.ClientSession) -> None:
        while True:
            url = await self.queue.get()
            async with session.get(URL(url, encoded=True)) as response:
                body = await response.read()
            self.read(url, body)
            self.queue.task_done()

    def read(self, url: str, body: bytes) -> None:
        page = LexborHTMLParser(body)
        seen, put = self.seen, self.queue.put_nowait
        for link in page.tags("a"):
            target = join_url(url, link.attrs["href"] or "")
            if target not in seen:
                seen.add(target)
                put(target)
        if is_product(url):
            self.output.write(orjson.dumps(read_lexbor(url, page), option=orjson.OPT_APPEND_NEWLINE))
            self.items += 1
        self.pages += 1


def main(url: str, path: str) -> None:
    with Path(path).open("wb", buffering=1 << 20) as output:
        crawl = Crawl(url, output)
        uvloop.run(crawl.run())
    print(orjson.dumps({"pages": crawl.pages, "items": crawl.items}).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
