"""Fields of items that are not found any more: told once, counted, and forgotten when they are found again."""

from typing import Any

import pytest

from scraper import Item, Request, Response, Spider, css
from scraper.events import Drifted
from tests.engine.harness import crawl


class Book(Item):
    """A book, whose rating not all pages have."""

    title: str | None = css("h1")
    rating: int | None = css("i")
    never: str | None = css("b")


class Books(Spider):
    """Asks for pages one after the other."""

    name = "books"

    def __init__(self, pages: list[str]) -> None:
        super().__init__()
        self.pages = pages

    async def start(self) -> Any:
        for number in range(len(self.pages)):
            yield Request(f"http://a.example/{number}")

    def parse(self, response: Response) -> Any:
        return Book.extract(response)


class Asynchronous(Books):
    """The same, on the event loop."""

    async def parse(self, response: Response) -> Any:
        yield Book.extract(response)
        yield Book.extract(response)  # twice on one page counts once


FULL, BARE = "<h1>Title</h1><i>5</i>", "<h1>Title</h1>"


async def crawled(pages: list[str], kind: type[Books] = Books, *, after: int = 3) -> Any:
    async def answer(request: Request) -> str:
        return pages[int(request.url.rpartition("/")[2])]

    return await crawl(kind(pages), answer, per_host=1, drift_after=after)


@pytest.mark.parametrize("kind", [Books, Asynchronous])
async def test_a_field_that_is_not_found_any_more_is_told_once(kind: type[Books]) -> None:
    """After so many pages without it, once; a field that never was found is none that drifts."""
    run = await crawled([FULL, BARE, BARE, FULL, *[BARE] * 5], kind)
    assert [event for event in run.events if isinstance(event, Drifted)] == [Drifted("Book.rating", 3)]
    assert run.engine.statistics().misses == {"Book.rating": 5, "Book.title": 0}


async def test_it_is_told_again_if_it_was_back() -> None:
    """Found again, it may drift again."""
    run = await crawled([FULL, *[BARE] * 3, FULL, *[BARE] * 3])
    assert [event for event in run.events if isinstance(event, Drifted)] == [Drifted("Book.rating", 3)] * 2


async def test_it_may_be_switched_off() -> None:
    """With 0 nothing is told."""
    run = await crawled([FULL, *[BARE] * 30], after=0)
    assert not [event for event in run.events if isinstance(event, Drifted)]
