"""What cannot be handed between processes is one page's error, and what can be comes over as it is."""

from typing import Any

import pytest

from scraper.events import Broke
from tests.flow.crawls import Ended
from tests.workers.odd_crawls import crawled
from tests.workers.odd_spiders import Changed, FetchesChanged, GivesUnreadable, Streams


def by_page(ended: Ended) -> dict[str, Any]:
    """The items by the last character of their URL."""
    return {each["url"][-1]: each for each in ended.items if "url" in each}


@pytest.mark.asyncio
async def test_what_cannot_be_read_again(site: str) -> None:
    """An item, or a request, that can be pickled and not be unpickled is an error of its page, and of no other."""
    ended = await crawled(GivesUnreadable(site))
    assert {"0", "1", "2", "5"} <= by_page(ended).keys()
    errors = {broke.url[-1]: str(broke.error) for broke in ended.of(Broke)}
    assert errors.keys() == {"3", "4"}
    assert all("not again" in each for each in errors.values())


@pytest.mark.asyncio
async def test_what_a_middleware_changes(site: str) -> None:
    """A callback sees what a middleware has changed of its page; headers cannot be changed, as with one process."""
    ended = await crawled(Changed(site))
    pages = by_page(ended)
    assert pages["1"]["status"] == 203
    assert pages["2"]["text"] == "changed"
    assert pages["0"]["text"] == "0"
    assert ended.statistics.failed == {"middleware": 1}


@pytest.mark.asyncio
async def test_what_a_middleware_adds_that_cannot_be_sent(site: str) -> None:
    """What a middleware leaves in `meta` that cannot be pickled is an error that says what to do, for `fetch()` too."""
    ended = await crawled(Changed(site))
    (text,) = {str(each.error) for each in ended.of(Broke) if each.where == "Changed.parse"}
    assert "processes = 1" in text
    ended = await crawled(FetchesChanged(site))
    (broke,) = ended.of(Broke)
    assert "processes = 1" in str(broke.error)


@pytest.mark.asyncio
async def test_errbacks_of_streams(site: str) -> None:
    """The errback of a stream is called when there is none, and when its callback fails."""
    ended = await crawled(Streams(site))
    assert sorted(each["error"].partition(":")[0] for each in ended.items) == ["http_404", "not this"]
