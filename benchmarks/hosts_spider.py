"""Crawl all pages of many hosts, and note what a page costs while all hosts are busy."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from scraper import Request, Response, Spider

BUSY = (0.3, 0.9)  # the part of all pages during which processor time is measured


class HostsSpider(Spider):
    """Follows every link of `hosts` addresses from 127.1.0.1 on; each host has `pages` pages."""

    name = "hosts"
    port: int = 0
    hosts: int = 0
    pages: int = 0

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.seen = 0
        self.marks: list[tuple[int, float]] = []

    async def start(self) -> AsyncIterator[Request]:
        for number in range(self.hosts):
            yield Request(f"http://127.{1 + number // 65_536}.{number // 256 % 256}.{number % 256}:{self.port}/0")

    def parse(self, response: Response) -> Iterator[Any]:
        self.seen += 1
        if self.seen in (int(self.hosts * self.pages * part) for part in BUSY):
            self.marks.append((self.seen, time.process_time()))
        yield from response.follow_all(css="a", callback=self.parse)
        yield {"url": response.url, "title": response.css("h1::text").get()}

    def closed(self, reason: str) -> None:
        """Write the processor seconds a page to cost.json."""
        (first, begun), (last, ended) = self.marks
        Path("cost.json").write_text(json.dumps((ended - begun) / (last - first)), encoding="utf-8")
