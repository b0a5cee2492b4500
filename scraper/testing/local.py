"""Crawls in tests: answered by pages that the test has at hand, or by a server of its own; nothing is waited for."""

import asyncio
import mimetypes
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from inspect import isawaitable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec

from scraper.crawling.crawl import Crawl
from scraper.crawling.result import Result
from scraper.engine.stages import Stages, Tap
from scraper.errors import FetchError, SettingsError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.process.event_loop import loop_factory
from scraper.protocols import Fetch
from scraper.recording.replay import at_once, still
from scraper.settings.load import laid_over
from scraper.settings.schema import Settings
from scraper.sinks.memory import Collect
from scraper.spider import Spider
from scraper.urls import without_fragment
from scraper.views.log import Log

Answer: TypeAlias = str | bytes | dict[str, Any] | list[Any] | Response | FetchError
"""A page: text or bytes, what is sent as JSON, a whole response, or the error with which no answer comes."""

Pages: TypeAlias = Mapping[str, Answer] | Callable[[Request], Answer | Awaitable[Answer]]
"""Pages by URL, or by path with or without the query; or a function of the request, which may be `async def`."""

T = TypeVar("T")


class Local(Tap):
    """What a crawl is handed as its `tap` to be answered by `pages`; what is not among them is a 404.

    Without `pages` requests go over the network, to a server of the test's own.
    """

    def __init__(self, pages: Pages | None) -> None:
        self._pages = pages

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        """The answer to `request`."""
        if self._pages is None:
            return await fetch(request)
        if not callable(self._pages):
            return _response(request, _found(self._pages, request.url))
        answer = self._pages(request)
        return _response(request, await answer if isawaitable(answer) else answer)

    def fit_settings(self, settings: Settings) -> Settings:
        """`settings` of a crawl that is the same each time."""
        return still(settings)

    def fit_stages(self, stages: Stages) -> Stages:
        """`stages` that wait for nothing."""
        return at_once(stages)


def _found(pages: Mapping[str, Answer], url: str) -> Answer:
    parts = urlsplit(url)
    names = (without_fragment(url), f"{parts.path}?{parts.query}", parts.path)
    return next((pages[name] for name in names if name in pages), Response(url, status=404))


def _response(request: Request, answer: Answer) -> Response:
    """The response to `request` that `answer` stands for. Raises it if it is a `FetchError`."""
    match answer:
        case FetchError():
            raise answer
        case Response():
            return answer.replace(url=request.url, request=request)
        case dict() | list():
            body, kind = msgspec.json.encode(answer), "application/json"
        case str():
            body, kind = answer.encode(), f"{content_type(urlsplit(request.url).path)}; charset=utf-8"
        case bytes():
            body, kind = answer, content_type(urlsplit(request.url).path)
        case _:
            raise SettingsError(
                f"{answer!r:.60} is no answer to {request!r}: expected a text, bytes, JSON or a Response"
            )
    return Response(request.url, headers={"Content-Type": kind}, body=body, request=request)


def content_type(path: str) -> str:
    """What a file of this name is sent as: HTML unless its ending tells another type."""
    return mimetypes.guess_type(path)[0] or "text/html"


def crawled(
    spider: Spider | type[Spider],
    pages: Pages | None,
    settings: Mapping[str, Any] | None,
    arguments: Mapping[str, Any],
) -> Result:
    """Crawl with `pages` as the network; robots.txt is not asked for, unless `settings` say so."""
    tables = laid_over({"limits": {"robots": False}}, settings or {})
    crawl = Crawl(spider, tables, arguments=arguments, sinks=[Collect()], observers=[Log()], tap=Local(pages))
    return run(crawl.run())


def response_of(file: Path, url: str, fields: Mapping[str, Any]) -> Response:
    """The response of `url` whose body is the content of `file`; `fields` are those of `Response`."""
    headers = {"Content-Type": content_type(file.name)}
    return Response(url, **{"headers": headers, "body": file.read_bytes(), **fields})


def run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, in a loop of its own; where one is running, in a thread of its own, which is waited for."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(work)
    with ThreadPoolExecutor(1, thread_name_prefix="crawl") as pool:
        return pool.submit(_run, work).result()


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)
