"""Crawl the shop with the same hand-written loop, by the standard library wherever it has the part."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TextIO
from urllib.parse import urljoin

import aiohttp
from selectolax.lexbor import LexborHTMLParser

from fields import is_product, read_lexbor

CONCURRENCY = 32


class Crawl:
    """What the workers share."""

    def __init__(self, url: str, output: TextIO) -> None:
        self.output = output
        self.seen = {url}
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.queue.put_nowait(url)
        self.pages = self.items = 0

    async def run(self) -> None:
        connector = aiohttp.TCPConnector(limit=CONCURRENCY)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self.work(session)) for _ in range(CONCURRENCY)]
            await self.queue.join()
            for worker in workers:
                worker.cancel()

    async def work(self, session: aiohttp.ClientSession) -> None:
        while True:
            url = await self.queue.get()
            async with session.get(url) as response:
                body = await response.read()
            self.read(url, body)
            self.queue.task_done()

    def read(self, url: str, body: bytes) -> None:
        page = LexborHTMLParser(body)
        for link in page.css("a"):
            target = urljoin(url, link.attrs["href"])
            if target not in self.seen:
                self.seen.add(target)
                self.queue.put_nowait(target)
        if is_product(url):
            self.output.write(json.dumps(read_lexbor(url, page)) + "\n")
            self.items += 1
        self.pages += 1


def main(url: str, path: str) -> None:
    with Path(path).open("w", encoding="utf-8") as output:
        crawl = Crawl(url, output)
        asyncio.run(crawl.run())
    print(json.dumps({"pages": crawl.pages, "items": crawl.items}))


if __name__ == "__main__":
    main(*sys.argv[1:])
