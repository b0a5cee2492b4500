"""What one machine owns: a registrable domain with all its hosts, so that its cookies and its pace stay together.

`shop.example.co.uk` and `www.example.co.uk` are one unit, by publicsuffix.org's list; an address, and a name without a
public suffix, is its own. A unit is the same whatever the port.
"""

from functools import lru_cache

from scraper import urls
from scraper.http.public_suffixes import registrable_domain


def unit_of(url: str) -> str:
    """The unit that a canonical web URL belongs to."""
    return unit_of_site(urls.site(url))


@lru_cache(maxsize=16_384)
def unit_of_site(site: str) -> str:
    """The unit of a site (see `urls.site`), or of a host, as parts of a crawl name them in what they remember."""
    host = urls.host(f"http://{site}/")
    return registrable_domain(host)
