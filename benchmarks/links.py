"""How long do the links of a page take: by Scrapy's LinkExtractor, and by ours?

    pip install scrapy && python benchmarks/links.py

Every round has a page of its own. *From bytes* includes its parsing, and no URL of it was met before; *parsed* is what
another extractor, that of a spider's second rule say, costs on the same page after that. Both must find the same
links. The rounds are interleaved, and the best of each counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter
from typing import Any

from scrapy.http import HtmlResponse
from scrapy.linkextractors import LinkExtractor as ScrapyLinkExtractor

from scraper.http.response import Response
from scraper.markup.links.link_extractor import LinkExtractor

URL = "http://shop.example/list/"
OPTIONS: dict[str, dict[str, Any]] = {
    "all links": {},
    "allow, deny and a domain": {"allow": "/product/", "deny": r"/product/\d*7/", "allow_domains": "shop.example"},
    "within a part": {"restrict_css": "main"},
    "canonical": {"canonicalize": True},
}


def page(number: int, links: int) -> bytes:
    """A list of products, of which no other page has the links."""
    rows = "".join(
        f'<li class="row"><a class="name" href="/product/{number}{each}/tea-{each}?ref=list&amp;page={number}#top">'
        f'Tea <b>number {each}</b></a> <span class="price">£{each}.99</span><p>Leaves of the first flush.</p></li>'
        for each in range(links)
    )
    return f"<!doctype html><title>Teas</title><main><ul>{rows}</ul></main>".encode()


def ours(body: bytes, options: dict[str, Any]) -> tuple[float, float, list[tuple[str, str]]]:
    """Seconds from bytes, seconds once parsed, and the links."""
    response = Response(URL, body=body)
    return timed(lambda: LinkExtractor(**options).extract_links(response))


def scrapys(body: bytes, options: dict[str, Any]) -> tuple[float, float, list[tuple[str, str]]]:
    """The same by Scrapy."""
    response = HtmlResponse(URL, body=body, encoding="utf-8")
    return timed(lambda: ScrapyLinkExtractor(**options).extract_links(response))


def timed(extract: Callable[[], list[Any]]) -> tuple[float, float, list[tuple[str, str]]]:
    begun = perf_counter()
    links = extract()
    from_bytes = perf_counter() - begun
    begun = perf_counter()
    extract()
    return from_bytes, perf_counter() - begun, [(link.url, link.text) for link in links]


def main() -> None:
    """Print a table: milliseconds a page, and how many times ours Scrapy's take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=1000, help="links of a page")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    print(f"{'ms a page of ' + str(arguments.links) + ' links':32} {'scrapy':>8} {'ours':>8} {'÷ ours':>8}")
    for name, options in OPTIONS.items():
        best = [[float("inf")] * 2, [float("inf")] * 2]
        for number in range(arguments.rounds):
            body = page(number, arguments.links)
            found = []
            for which, contestant in enumerate((scrapys, ours)):
                *seconds, links = contestant(body, options)
                best[which] = [min(pair) for pair in zip(best[which], seconds, strict=True)]
                found.append(links)
            if found[0] != found[1] or not found[0]:
                raise SystemExit(f"{name}: the links differ")
        for place, way in enumerate(("from bytes", "parsed")):
            theirs, own = best[0][place] * 1000, best[1][place] * 1000
            print(f"{name + ', ' + way:32} {theirs:8.2f} {own:8.2f} {theirs / own:8.1f}")


if __name__ == "__main__":
    main()
