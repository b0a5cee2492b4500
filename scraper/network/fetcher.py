"""One request on the wire, one response back: the innermost fetch, by aiohttp.

How a request is sent is decided in `request_options`, and an answer is read in `response_reader`.

A connection that is kept alive may be closed by the server just as a request goes out on it. So a request that may
be repeated without harm is sent once more, at once, if it failed without an answer on a connection that was not
opened for it (RFC 9112, 9.3.1). One that failed on a new connection is not: that is for the retry policy to decide.
"""

import asyncio
import logging
from collections.abc import Awaitable
from io import BytesIO
from typing import Any

import aiohttp
from aiohttp.hdrs import CONTENT_ENCODING
from yarl import URL

from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.network.body.upload import Content
from scraper.network.connection.address_guard import Guard
from scraper.network.connection.deadlines import Deadlines
from scraper.network.connection.pool import opened
from scraper.network.connection.short_way import Answered, ShortWay, is_there
from scraper.network.connection.tls import Trust
from scraper.network.failures import failure
from scraper.network.policies.retry import IDEMPOTENT
from scraper.network.request_options import RequestOptions, RequestRules
from scraper.network.response_reader import IsFollowed, ResponseReader, response
from scraper.settings.schema import NetworkSettings
from scraper.urls import without_credentials

logger = logging.getLogger("scraper")

IN_ONE = 1024 * 1024  # bytes of content that are sent in one piece
MOST_WARNINGS = 100  # of proxies that fail

_NO_TYPE = ("Content-Type",)  # which aiohttp would invent


class Fetcher:
    """Sends requests over `session`, and follows nothing.

    The body of an answer for which `is_followed` holds is nobody's: it is not decoded, and the response has none. At
    most `most` requests are sent at once; others wait. Without a `guard`, every host may be reached.
    """

    def __init__(  # noqa: PLR0913 -- all that the wire needs
        self,
        session: aiohttp.ClientSession,
        settings: NetworkSettings,
        deadlines: Deadlines,
        *,
        is_followed: IsFollowed,
        trust: Trust,
        guard: Guard | None,
        most: int,
    ) -> None:
        self._session = session
        self._short_way = ShortWay(session) if settings.short_way and is_there() else None
        self._deadlines = deadlines
        self._rules = RequestRules(settings, trust=trust, guard=guard)
        self._reader = ResponseReader(settings, deadlines, is_followed=is_followed)
        self._places = asyncio.Semaphore(most)
        self._failing: set[URL | None] = set()  # proxies that have failed

    async def __call__(self, request: Request) -> Response:
        """The answer to `request`, whatever its status. Raises `FetchError` if there is none that can be used."""
        self._rules.check_url(request.url)
        options = self._rules.options(request)
        await self._places.acquire()
        try:
            return await self._fetch(request, options)
        finally:
            self._places.release()

    def close(self) -> None:
        """Close the bodies that somebody still reads."""
        self._reader.close()

    async def _fetch(self, request: Request, options: RequestOptions) -> Response:
        deadline = self._deadlines.begin(options.total, headers=options.head) if options.total is not None else None
        reader = self._reader
        try:
            answer = await self._ask(request, options)
            try:
                reader.check(answer, request, options.proxy if options.is_asked_of_proxy else None)
                if request.stream and answer.status < 300:
                    return reader.stream(answer, request)
                body = await reader.read(answer, request, deadline)
            except BaseException:
                answer.close()
                raise
        except asyncio.CancelledError:
            if deadline is None or not self._deadlines.end(deadline):
                raise
            detail = self._deadlines.told(deadline)
            raise FetchError(deadline.reason, without_credentials(request.url), detail) from None
        except FetchError as error:
            self._tell(error, options.proxy)
            raise
        except Exception as error:
            failed = failure(error, request.url, proxy=options.proxy)
            self._tell(failed, options.proxy)
            raise failed from error
        finally:
            if deadline is not None:
                self._deadlines.end(deadline)
        if body and CONTENT_ENCODING in answer.headers:
            body = await reader.decode(body, answer, request)
        return response(answer, request, body)

    def _tell(self, failed: FetchError, proxy: URL | None) -> None:
        """Warn once of each proxy that fails: robots.txt would only be unreachable, and its pages refused."""
        if failed.reason == Reason.PROXY and proxy not in self._failing and len(self._failing) < MOST_WARNINGS:
            self._failing.add(proxy)
            logger.warning("%s", failed.detail)

    async def _ask(self, request: Request, options: RequestOptions) -> Answered:
        if request.files or request.body_file:
            with Content(request) as content:
                return await self._send(request, options, await content.opened())
        body = request.body
        assert isinstance(body, bytes)
        sockets = opened()
        before = sockets[0]
        try:
            return await self._send(request, options, _in_pieces(body))
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if sockets[0] != before or request.method not in IDEMPOTENT:
                raise
        return await self._send(request, options, _in_pieces(body))

    def _send(self, request: Request, options: RequestOptions, data: Any) -> Awaitable[Answered]:
        url = request.url
        if self._short_way is not None and data is None and _is_short(request) and options.are_plain:
            head = self._short_way.head(url, options.headers)
            if head is not None:
                return self._short_way.send(*head, options.timeout)
        return self._session.request(
            request.method,
            URL(without_credentials(url) if "@" in url else url, encoded=True),
            data=data,
            headers=options.headers,
            skip_auto_headers=None if data is None or request.files else _NO_TYPE,
            allow_redirects=False,
            proxy=options.proxy,
            proxy_headers=options.proxy_headers,
            timeout=options.timeout,
            ssl=options.tls,
            middlewares=options.middlewares,
        )

    def __repr__(self) -> str:
        return f"<Fetcher {self._deadlines!r}>"


def _is_short(request: Request) -> bool:
    """Whether nothing but the head of `request` is sent, and nothing but a whole body is expected."""
    return request.method == "GET" and not request.stream and "@" not in request.url


def _in_pieces(body: bytes) -> bytes | BytesIO | None:
    """Content as aiohttp takes it: all at once, or as a file if it is large."""
    return (body if len(body) <= IN_ONE else BytesIO(body)) if body else None
