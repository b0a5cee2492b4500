"""How a crawl is run: it resumes, or begins anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper import Crawl, Response, Spider
from scraper.engine.stages import Tap
from scraper.events import Event, Resumed
from scraper.http.request import Request
from scraper.protocols import Fetch

URLS = [f"https://books.example/{number}" for number in range(5)]


class Answers(Tap):
    """Answers every request with an empty page."""

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        return Response(request.url, request=request)


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_crawl_resumes_unless_it_is_fresh(fresh: bool, tmp_path: Path) -> None:
    """`run()` resumes a crawl that was interrupted, `run(fresh=True)` begins anew; the file has each item once."""
    settings: dict[str, Any] = {
        "engine": {"concurrency": 1},
        "frontier": {"jobs": str(tmp_path)},
        "limits": {"robots": False, "adapt": False},
        "sinks": [{"path": str(tmp_path / "pages.jsonl")}],
    }
    asked: list[str] = []

    class Pages(Spider):
        name = "pages"
        start_urls = URLS

        def parse(self, response: Response) -> Iterator[Any]:
            asked.append(response.url)
            yield {"url": response.url}
            if len(asked) == 2:
                interrupted.stop()

    interrupted = Crawl(Pages, settings, tap=Answers())
    assert (await interrupted.run()).reason == "interrupted"
    done, events = len(asked), list[Event]()
    assert 2 <= done < len(URLS)
    result = await Crawl(Pages, settings, observers=[events.append], tap=Answers()).run(fresh=fresh)
    assert result.exit_status == 0, result.problems
    assert len(asked) - done == len(URLS) - (0 if fresh else done)
    assert sum(isinstance(each, Resumed) for each in events) == (not fresh)
    assert sorted((tmp_path / "pages.jsonl").read_text().splitlines()) == [f'{{"url":"{url}"}}' for url in URLS]
