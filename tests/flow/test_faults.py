"""A crawl of servers at which everything goes wrong: each request ends once, with its reason, and nothing is left."""

from collections import Counter
from typing import Any

from scraper import Failure, Request, Response, Spider
from tests.flow.crawls import crawl
from tests.flow.faulty import FAULTS, SETTINGS, Faults, reason_of, serve
from tests.flow.site import Servers


class Asking(Spider):
    """Asks for addresses, and gives an item for what became of each."""

    name = "asking"

    async def start(self) -> Any:
        for url in self.addresses:
            yield Request(url, errback=self.failed, meta={"asked": url})

    def parse(self, response: Response) -> Any:
        yield {"asked": response.meta["asked"], "title": response.css("title::text").get()}

    def failed(self, failure: Failure) -> Any:
        yield {"asked": failure.request.meta["asked"], "reason": getattr(failure.error, "reason", "")}


async def test_every_request_ends_once_with_its_reason(servers: Servers) -> None:
    """Faults of each kind among good pages, on several hosts, drawn by lot: the counts are those of the servers."""
    faults = Faults(seed=20261123, share=0.5)
    addresses = [f"{root}{path}" for root in (servers.raw(serve) for _ in range(4)) for path in faults.paths(60)]
    kinds = Counter(url.split("/")[3] for url in addresses)
    assert kinds.keys() >= FAULTS.keys()
    network = {**SETTINGS["network"], "headers_timeout": 2.5, "read_timeout": 3.0}  # for a machine that is busy
    limits = {**SETTINGS["limits"], "per_host": 32}
    settings = {"network": network, "engine": {"concurrency": 128}, "limits": limits}
    ended = await crawl(Asking(addresses=addresses), settings, seconds=60)
    assert {item["asked"]: item.get("reason") for item in ended.items} == {
        url: reason_of("/" + url.split("/", 3)[3]) for url in addresses
    }
    assert len(ended.items) == len(addresses)
    expected = Counter(FAULTS[kind].reason for kind in kinds.elements() if kind in FAULTS)
    assert Counter(ended.statistics.failed) + Counter(ended.statistics.refused) == expected
    assert ended.statistics.fetched == kinds["good"]
    assert ended.statistics.errors == 0
