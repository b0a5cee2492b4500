"""What one machine owns: a registrable domain with all its hosts, so that its cookies and its pace stay together.

`shop.example.co.uk` and `www.example.co.uk` are one unit, by publicsuffix.org's list; an address, and a name without a
public suffix, is its own. A unit is the same whatever the port.

Requests wait in queues: one for each site, unless its domain is cut into *lanes*. Each lane is a unit,
`huge.example#2`, and each site has a queue in each, `www.huge.example#2`. In which lane a page is depends on the page
alone.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from zlib import crc32

from scraper import urls
from scraper.http.public_suffixes import registrable_domain
from scraper.http.request import Request

LANE = "#"  # which no host has


@lru_cache(maxsize=16_384)
def unit_of(queue: str) -> str:
    """The unit of a queue; or of a site (see `urls.site`) or host, as what parts of a crawl remember names them."""
    site, mark, lane = queue.partition(LANE)
    return registrable_domain(urls.host(f"http://{site}/")) + mark + lane


def site_of(queue: str) -> str:
    """The site whose requests are in a queue."""
    return queue.partition(LANE)[0]


class Lanes:
    """In which queue a request waits. `numbers` says into how many lanes domains are cut.

    Requests of which `identity` is equal (see `protocols.identity`) are in one lane.
    """

    def __init__(self, numbers: Mapping[str, int], identity: Callable[[Request], str]) -> None:
        self._numbers = dict(numbers)
        self._identity = identity

    def queue(self, request: Request) -> str:
        """The queue in which `request` waits."""
        site = urls.site(request.url)
        return self._queue(site, self._identity(request)) if self._numbers else site

    def unit(self, request: Request) -> str:
        """The unit that `request` belongs to."""
        return unit_of(self.queue(request))

    def unit_of_page(self, key: str, url: str) -> str:
        """The unit of the requests for `url` that are identified by `key`."""
        site = urls.site(url)
        return unit_of(self._queue(site, key) if self._numbers else site)

    def _queue(self, site: str, key: str) -> str:
        number = self.number(site)
        return site if number == 1 else f"{site}{LANE}{crc32(key.encode('utf-8', 'surrogatepass')) % number}"

    def number(self, queue: str) -> int:
        """In how many lanes the requests for the site of a queue wait."""
        return self._numbers.get(site_of(unit_of(queue)), 1)

    def beside(self, queue: str) -> Iterator[str]:
        """All queues for the same site; one, unless its domain is cut into lanes."""
        site, number = site_of(queue), self.number(queue)
        return iter((site,)) if number == 1 else (f"{site}{LANE}{lane}" for lane in range(number))
