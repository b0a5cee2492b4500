"""A spider: where a crawl starts, and what is made of its pages. This is the class that users write."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from scraper import urls
from scraper.errors import SpiderError
from scraper.http.request import Request
from scraper.http.response import Response


@dataclass(frozen=True, slots=True)
class Failure:
    """What an errback is called with: the request that failed, why, and the answer if there was one.

    `error` is a `FetchError`, or whatever the callback raised.
    """

    request: Request
    """The request; after redirects, the one that was sent last."""
    error: BaseException
    """A `FetchError`, or what the callback raised."""
    response: Response | None = None
    """The answer with the error status, or the page whose callback raised; None if there was no answer."""

    @property
    def value(self) -> BaseException:
        """`error`, by Scrapy's name for it."""
        return self.error

    def check(self, *kinds: type[BaseException]) -> type[BaseException] | None:
        """The first of `kinds` that `error` is an instance of, as Scrapy's failures tell it."""
        return next((kind for kind in kinds if isinstance(self.error, kind)), None)


class Spider:
    """What to crawl and what to take from it.

    A subclass needs a `name`, and `start_urls` or a `start()` of its own. Callbacks (`parse` unless a request
    names another) may be functions, generators, coroutines or asynchronous generators; they yield items and
    requests. Plain (`def`) callbacks of one spider never run at the same time, so `self.count += 1` needs no
    lock. Attributes with a type annotation are arguments: `-a category=travel` sets and converts them.

    `custom_settings` has the tables of config.toml: `{"limits": {"delay": 0.5}}`. `pipelines` and
    `middlewares` are lists of objects (see `scraper.protocols`) that are used besides the configured ones.
    `contracts` are promises that docstrings may make besides `@returns` and `@scrapes`, as functions by name.
    """

    name: str = ""
    """What the command, `config.toml`, the log and data files call the spider."""
    start_urls: Iterable[str] = ()
    """Where to begin, unless there is a `start()`."""
    allowed_domains: Iterable[str] = ()
    """Hosts that may be crawled, and their subdomains; any if it is empty."""
    handle_httpstatus_list: Iterable[int] = ()
    """Error statuses whose pages callbacks get."""
    custom_settings: ClassVar[Mapping[str, Any]] = {}
    """The tables of config.toml, for this spider."""
    pipelines: Iterable[Any] = ()
    """Objects that each item passes, in order, after the configured pipelines."""
    middlewares: Iterable[Any] = ()
    """Functions around each fetch; the first is the outermost."""
    contracts: Mapping[str, Callable[..., object]] = {}
    """More promises that docstrings of callbacks may make, by name."""

    _fetch: Callable[[Request], Awaitable[Response]] | None = None
    _state: Any = None

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        if name is not None:
            self.name = name
        for argument, value in arguments.items():
            setattr(self, argument, value)

    @property
    def logger(self) -> logging.Logger:
        """The logger that has the spider's name."""
        return logging.getLogger(self.name)

    def log(self, message: object, level: int = logging.INFO) -> None:
        """Log one line under the spider's name."""
        self.logger.log(level, "%s", message)

    @property
    def state(self) -> Any:
        """What the spider remembers: a dict of JSON values that is there again when the crawl is resumed.

        It is kept with each checkpoint. A page that was in hand when the process died has its callback run again, so
        what a callback adds here should be such that it can be added twice: a set of names rather than a count.
        """
        if self._state is None:
            self._state = {}
        return self._state

    @state.setter
    def state(self, value: Any) -> None:
        self._state = value

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Around the whole crawl: open here what the spider needs, and close it after the `yield`."""
        yield

    async def start(self) -> AsyncIterator[Any]:
        """The first requests (and items, if there are any): `start_requests()` if there is one, or `start_urls`.

        It is asked for more as the crawl has use for it, so it may go on for ever.
        """
        first = getattr(self, "start_requests", None)
        for request in first() if first is not None else map(Request, self.start_urls):
            yield request

    def check_start(self) -> None:
        """Raises `SpiderError` if there is nothing to start from, or no `parse()` for the pages it starts from."""
        if type(self).start is Spider.start and not hasattr(self, "start_requests"):
            self._check_start_urls()
            if getattr(self.parse, "__func__", None) is Spider.parse or not callable(self.parse):
                raise self._missing("parse(self, response)")

    def _check_start_urls(self) -> None:
        if not self.start_urls:
            raise SpiderError(f"spider {self.name!r} has no start URL: give it start_urls, or `async def start(self)`")
        self._check_urls("start_urls", self.start_urls)

    def _check_urls(self, name: str, given: Any) -> None:
        """Raises `SpiderError` if `given`, the attribute of that name, is not a list of URLs to start from."""
        if isinstance(given, str) or not isinstance(given, Iterable):
            shown = f"one text ({given!r:.200})" if isinstance(given, str) else f"{given!r:.200}"
            raise SpiderError(f"spider {self.name!r}: {name} is a list of URLs, not {shown}")
        for url in given if isinstance(given, Collection) else ():
            if not isinstance(url, str) or not _leads_somewhere(url):
                shown = urls.without_credentials(url) if isinstance(url, str) else url
                text = f"{name} has {shown!r:.200}, not an absolute URL: begin it with http:// or https://"
                raise SpiderError(f"spider {self.name!r}: {text}")

    def parse(self, response: Response) -> Any:
        """What is made of a page whose request names no callback."""
        raise self._missing("parse(self, response)")

    def _missing(self, method: str) -> SpiderError:
        return SpiderError(f"spider {self.name!r} has no {method} method")

    def closed(self, reason: str) -> Any:
        """Called once, after the last page and before the data files are closed; may be `async def`."""

    async def fetch(self, request: Request | str) -> Response:
        """Fetch one more page from within an `async def` callback, through the same limits as any other.

        Raises `FetchError` if there is no answer, or one with an error status, and `CrawlStopped`, which is no
        `Exception`, once the crawl is to end: nothing more is sent then.
        """
        if self._fetch is None:
            raise SpiderError("fetch() works while a crawl is running, in `async def` callbacks and in start()")
        return await self._fetch(Request(request) if isinstance(request, str) else request)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def _leads_somewhere(url: str) -> bool:
    """Whether `url` is one of the web, or at least meant to be, as `http://[` is: that fails alone, and is counted."""
    address = urls.canonical(url)
    return urls.is_web(address) if address is not None else not urls.lacks_scheme(url)
