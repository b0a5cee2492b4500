"""Crawl the shop of `fleet/shop.c`, and say with each request which machine sends it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from ipaddress import IPv4Address
from typing import Any

from scraper import Request, Response, Spider

MACHINE = os.environ.get("MACHINE", "")


async def signed(request: Request, fetch: Callable[[Request], Awaitable[Response]]) -> Response:
    """Send `request` with the name of this machine, which is no part of what is kept of it."""
    return await fetch(request.replace(headers={**request.headers, "X-Machine": MACHINE}))


class MachinesSpider(Spider):
    """Follows every link of the shop whose first host is `first`; a product is one item or several."""

    name = "machines"
    middlewares = [signed] if MACHINE else []
    first: str = ""
    port: int = 0
    hosts: int = 0
    items: bool = True

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        first = IPv4Address(self.first)
        self.allowed_domains = [str(first + number) for number in range(self.hosts)]

    async def start(self) -> AsyncIterator[Request]:
        yield Request(f"http://{self.first}:{self.port}/")

    def parse(self, response: Response) -> Iterator[Any]:
        yield from response.follow_all(css="a", callback=self.parse)
        number = response.css("h1::text").get()
        if number is None or not self.items:
            return
        check, variants = response.css("b::text").get(), response.css("i::text").get()
        for variant in range(int(variants or 0)):
            yield {"number": int(number), "variant": variant, "check": check}
