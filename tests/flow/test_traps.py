"""Real sites with a trap in them: all that is real is crawled, and the crawl ends."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from scraper import Request, Response, Spider
from tests.flow.crawls import Ended, Follower, crawl
from tests.flow.site import Asked, Servers, links

REAL = 300
NUMBERS = count()


def calendar(asked: Asked) -> str:
    """A page that leads to the next day, for ever."""
    day = int(asked.path.rsplit("/", 1)[-1])
    return links(f"/calendar/{day + 1}")


def sessions(asked: Asked) -> str:
    """A page that gives its links another session each time."""
    return links(*(f"/sessions?sid={next(NUMBERS)}" for _ in range(3)))


def facets(asked: Asked) -> str:
    """A list that can be narrowed down in all ways."""
    query = asked.path.partition("?")[2]
    return links(*(f"/facets?{query}&f{number}={len(query)}" for number in range(3)))


def folders(asked: Asked) -> str:
    """A page with a reference that lacks its slash."""
    return links("folders/again/")


def changing(asked: Asked) -> str:
    """A page whose own base makes ever longer paths."""
    return f'<base href="{asked.path}/x/">{links("here")}'


TRAPS: dict[str, tuple[str, Callable[[Asked], str], dict[str, int]]] = {
    "calendar": ("/calendar/1", calendar, {"max_depth": 40}),
    "sessions": ("/sessions?sid=0", sessions, {"max_queries": 50}),
    "facets": ("/facets?a=1", facets, {"max_queries": 50}),
    "folders": ("/folders/", folders, {}),
    "changing": ("/base", changing, {}),
}


@pytest.mark.parametrize("name", TRAPS)
async def test_all_that_is_real_is_crawled(name: str, servers: Servers) -> None:
    """A trap costs some requests, each refused one with its reason, and no page of the site."""
    entrance, trap, limits = TRAPS[name]
    real = {f"/{number}": links(f"/{number + 1}", f"/{2 * number}", entrance) for number in range(REAL)}
    real |= {f"/{number}": "<p>" for number in range(REAL, 2 * REAL)}

    def otherwise(asked: Asked) -> Any:
        return trap(asked) if asked.path.startswith(entrance.partition("?")[0].rstrip("/1")) else 404

    site = servers.site({"/": links("/1", entrance), **real}, otherwise=otherwise)
    settings = {"limits": {"per_host": 32, "robots": False, **limits}}
    ended = await crawl(Follower(start_urls=[site.url()]), settings, seconds=30)
    assert ended.result.reason == "finished"
    assert {item["url"] for item in ended.items} >= {site.url(f"/{number}") for number in range(1, REAL)}
    assert set(ended.statistics.refused) <= {"repeating_path", "too_many_queries", "depth"}
    assert ended.statistics.refused


class Many(Spider):
    """Gives a page's links as they are, or one by one."""

    name = "many"
    number: int = 0
    one_by_one: bool = False

    def parse(self, response: Response) -> Any:
        paths = [f"/{each}" for each in range(self.number)]
        if self.one_by_one:
            yield from (Request(response.urljoin(path), self.leaf) for path in paths)
        else:
            yield from response.follow_all(paths, self.leaf)

    def leaf(self, response: Response) -> None:
        """Nothing is here."""


async def many(servers: Servers, *, one_by_one: bool) -> Ended:
    """A crawl of a page with more links than are taken."""
    site = servers.site({"/": "<p>"}, otherwise="<p>")
    spider = Many(start_urls=[site.url()], number=1_300, one_by_one=one_by_one)
    return await crawl(spider, {"limits": {"max_links": 700, "per_host": 32, "robots": False}})


@pytest.mark.parametrize("one_by_one", [False, True])
async def test_a_page_with_too_many_links(servers: Servers, one_by_one: bool) -> None:
    """The first are taken, and the others counted."""
    ended = await many(servers, one_by_one=one_by_one)
    assert ended.statistics.fetched == 701
    assert ended.statistics.refused == {"too_many_links": 600}
    assert ended.statistics.discovered == 1_301


class OneByOne(Spider):
    """Follows each link by a separate request."""

    name = "one_by_one"

    def parse(self, response: Response) -> Any:
        for link in response.css("a"):
            yield response.follow(link)


@pytest.mark.parametrize("kind", [Follower, OneByOne])
async def test_one_page_in_many_spellings(servers: Servers, kind: type[Spider]) -> None:
    """It is one page, and asked for once, whether its links come together or one by one."""
    spellings = ["/a%7eb", "/a~b", "/./a~b", "/x/../a~b", "/a~b#c", "/%61~b", "\\a~b", "/a~b\n", " /a~b ", "/a~b?"]
    site = servers.site({"/": links(*spellings), "/a~b": "<p>"})
    ended = await crawl(kind(start_urls=[site.url(), site.url().replace("http", "HTTP")]))
    assert ended.statistics.fetched == 2
