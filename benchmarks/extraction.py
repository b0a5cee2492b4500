"""How long does the item of a product page take: by selectolax's own calls, by `css()`, and by parsel?

    pip install parsel && python benchmarks/extraction.py

The page has 14 KB, its item takes 61 CSS queries (`fields.py`), and all three must find the same. *Queries* is what is
asked of a page that was parsed before; *from bytes* includes its parsing. *Links* are those of `follow_all()`, which
parsel's users make by hand. The rounds are interleaved; the table has medians, and the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any
from urllib.parse import urljoin

from parsel import Selector as ParselSelector
from selectolax.lexbor import LexborHTMLParser

from catalogue import Shop, product_path
from fields import read_lexbor, read_parsel
from pages import product_page
from scraper.http.response import Response

SHOP = Shop(products=500, port=8900)
Work = Callable[[], Any]


def prepare(body: bytes, url: str) -> dict[str, dict[str, Work]]:
    """What is timed of a page: of each kind of work, what each contestant does."""
    lexbor, response = LexborHTMLParser(body), Response(url, body=body)
    parsel = ParselSelector(body=body)
    response.css("html").get()
    return {
        "queries": {
            "selectolax": lambda: read_lexbor(url, lexbor),
            "ours": lambda: read_parsel(url, response),
            "parsel": lambda: read_parsel(url, parsel),
        },
        "from bytes": {
            "selectolax": lambda: read_lexbor(url, LexborHTMLParser(body)),
            "ours": lambda: read_parsel(url, Response(url, body=body)),
            "parsel": lambda: read_parsel(url, ParselSelector(body=body)),
        },
        "links": {
            "selectolax": lambda: unique(url, [node.attributes["href"] or "" for node in lexbor.css("a[href]")]),
            "ours": lambda: [request.url for request in response.follow_all(css="a[href]")],
            "parsel": lambda: unique(url, parsel.css("a[href]::attr(href)").getall()),
        },
    }


def unique(url: str, references: list[str]) -> list[str]:
    """The URLs that references of the page at `url` lead to, each once."""
    return list(dict.fromkeys(urljoin(url, reference) for reference in references))


def timed(work: Work, repeats: int) -> tuple[float, Any]:
    """Milliseconds that a piece of work takes, and what it gives."""
    begun = perf_counter()
    for _ in range(repeats):
        result = work()
    return (perf_counter() - begun) * 1000 / repeats, result


def main() -> None:
    """Print a table: milliseconds a page, and ours as a multiple of selectolax, parsel's as a multiple of ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5, help="times that a page is read in a round")
    arguments = parser.parse_args()
    times: dict[str, dict[str, list[float]]] = {}
    for number in range(arguments.rounds):
        url = SHOP.origin + product_path(number)
        for kind, contestants in prepare(product_page(SHOP, number).encode(), url).items():
            results = []
            for name, work in contestants.items():
                seconds, result = timed(work, arguments.repeats)
                times.setdefault(kind, {}).setdefault(name, []).append(seconds)
                results.append(result)
            if any(result != results[0] for result in results):
                raise SystemExit(f"{kind}: what is found in {url} differs")
    print(f"{'ms a page':12}{'selectolax':>12}{'ours':>8}{'parsel':>8}{'ours ÷ selectolax':>20}{'parsel ÷ ours':>16}")
    for kind, found in times.items():
        bare, ours, theirs = found["selectolax"], found["ours"], found["parsel"]
        slower = median(own / each for own, each in zip(ours, bare, strict=True))
        faster = median(each / own for own, each in zip(ours, theirs, strict=True))
        print(f"{kind:12}{median(bare):12.3f}{median(ours):8.3f}{median(theirs):8.3f}{slower:20.2f}{faster:16.2f}")


if __name__ == "__main__":
    main()
