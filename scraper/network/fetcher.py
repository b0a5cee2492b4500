"""One request on the wire, one response back: the innermost fetch, by aiohttp.

Most requests of a crawl are a plain GET, and their page comes with its head, in one piece or a few. Nothing is made
for those that can be shared: see `_PLAIN` and `Deadlines`.

A connection that is kept alive may be closed by the server just as a request goes out on it. So a request that may
be repeated without harm is sent once more, at once, if it failed without an answer on a connection that was not
opened for it (RFC 9112, 9.3.1). One that failed on a new connection is not: that is for the retry policy to decide.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any, NamedTuple

import aiohttp
from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING
from yarl import URL

from scraper.errors import FetchError, Reason, SpiderError
from scraper.http.headers import left_out, own_headers
from scraper.http.request import Request
from scraper.http.response import Headers, Response
from scraper.network.body.content_coding import CodecError, decoded
from scraper.network.body.stream import BodyStream
from scraper.network.body.upload import Content
from scraper.network.connection.address_guard import Guard
from scraper.network.connection.deadlines import TICK, Deadline, Deadlines
from scraper.network.connection.pool import broke_off, flags, opened
from scraper.network.connection.session import timeouts
from scraper.network.connection.tls import Trust
from scraper.network.failures import failure
from scraper.network.headers import FRAMING, check
from scraper.network.policies.retry import IDEMPOTENT
from scraper.network.proxies.address import Proxy, basic, proxy
from scraper.settings.schema import NetworkSettings
from scraper.urls import host, is_web, without_credentials

SMALL = 256 * 1024  # compressed bytes that may be decoded on the loop, if they
SHORT = 2 * 1024 * 1024  # come to no more than so many; the rest is done in a thread
IN_ONE = 1024 * 1024  # bytes of content that are sent in one piece

SKIPPED = 64 * 1024  # bytes of a redirect's body that are read for the connection's sake
SKIPPING = 1.0  # and for so many seconds

IsFollowed = Callable[[Request, int, Headers], bool]


class _Terms(NamedTuple):
    """What sets a request apart from a plain GET. `total` and `head` are seconds that are left to `Deadlines`."""

    total: float | None
    head: float
    timeout: aiohttp.ClientTimeout
    headers: Mapping[str, str] | None = None
    proxy: URL | None = None
    proxy_headers: Mapping[str, str] | None = None
    tls: ssl.SSLContext | bool = True
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...] | None = None


class Fetcher:
    """Sends requests over `session`. Follows nothing, and decodes bodies itself.

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
        self._settings = settings
        self._deadlines = deadlines
        self._is_followed = is_followed
        self._trust = trust
        self._guard = guard
        self._places = asyncio.Semaphore(most)
        self._streams: set[BodyStream] = set()
        self._most = int(settings.max_body)
        self._most_streamed = int(settings.max_stream)
        self._longest = settings.max_url
        self._proxy = proxy(settings.proxy) if settings.proxy else None
        self._plain = self._time(settings.timeout)

    async def __call__(self, request: Request) -> Response:
        """The answer to `request`, whatever its status. Raises `FetchError` if there is none that can be used."""
        self._check_url(request.url)
        terms = self._plain if self._is_plain(request) else self._terms(request)
        await self._places.acquire()
        try:
            return await self._fetch(request, terms)
        finally:
            self._places.release()

    def close(self) -> None:
        """Close the bodies that somebody still reads."""
        for stream in list(self._streams):
            stream.close()

    async def _fetch(self, request: Request, terms: _Terms) -> Response:
        deadline = self._deadlines.begin(terms.total, headers=terms.head) if terms.total is not None else None
        try:
            answer = await self._ask(request, terms)
            try:
                self._check_status(answer, request, terms)
                if request.stream and answer.status < 300:
                    return self._streamed(answer, request)
                body = await self._read(answer, request, deadline)
            except BaseException:
                answer.close()
                raise
        except asyncio.CancelledError:
            if deadline is None or not self._deadlines.end(deadline):
                raise
            detail = self._deadlines.told(deadline)
            raise FetchError(deadline.reason, without_credentials(request.url), detail) from None
        except FetchError:
            raise
        except Exception as error:
            raise failure(error, request.url, by_proxy=terms.proxy is not None) from error
        finally:
            if deadline is not None:
                self._deadlines.end(deadline)
        if body and CONTENT_ENCODING in answer.headers:
            body = await self._decoded(body, ",".join(answer.headers.getall(CONTENT_ENCODING)), request)
        return _response(answer, request, body)

    # What is asked.

    def _is_plain(self, request: Request) -> bool:
        return (
            request.method == "GET"
            and not (request.headers or request.body or request.proxy or self._proxy)
            and request.timeout is None
            and "@" not in request.url
            and not (self._trust.hosts and request.url.startswith("https:"))
        )

    def _check_url(self, url: str) -> None:
        """Raises `FetchError` if nothing may be sent to `url`."""
        if len(url) > self._longest:
            detail = f"{len(url)} characters, where [network] max_url is {self._longest}"
            raise FetchError(Reason.URL_TOO_LONG, without_credentials(url)[:200], detail)
        if not is_web(url):
            raise FetchError(Reason.SCHEME_NOT_ALLOWED, without_credentials(url))
        if self._guard is not None and (reason := self._guard.refusal(host(url))) is not None:
            raise FetchError(reason, without_credentials(url), "not of the public internet, and named by nobody")

    def _terms(self, request: Request) -> _Terms:
        """How `request` is to be sent. Raises `FetchError` if it cannot be."""
        url = request.url
        try:
            check(request)
            via = proxy(request.proxy) if request.proxy else self._proxy
        except (SpiderError, ValueError) as error:
            raise FetchError(Reason.BAD_REQUEST, without_credentials(url), str(error)) from error
        headers = {name: value for name, value in own_headers(request.headers).items() if name.lower() not in FRAMING}
        without = left_out(request.headers) if None in request.headers.values() else frozenset()
        authorization = basic(url) if "@" in url else None
        if authorization is not None and "authorization" not in (*map(str.lower, headers), *without):
            headers["Authorization"] = authorization
        for_proxy = _for_proxy(headers, via, is_tunnel=url.startswith("https:"))
        if via is not None and self._guard is not None:
            self._guard.name_proxy(host(str(via.url)))
        timing = self._plain if request.timeout is None else self._time(request.timeout)
        return timing._replace(
            headers=headers or None,
            proxy=via.url if via else None,
            proxy_headers=for_proxy,
            tls=self._trust.of(host(url)),
            middlewares=(_without(without),) if without else None,
        )

    def _time(self, total: float) -> _Terms:
        """The terms of a plain request; a deadline that is too near for `Deadlines` is left to aiohttp."""
        settings = self._settings
        patience = total if total > settings.timeout else 0.0  # who has more time may wait longer
        head = max(settings.headers_timeout, patience)
        if total < 8 * TICK:
            return _Terms(None, head, timeouts(settings, read=patience, total=total))
        return _Terms(total, head, timeouts(settings, read=patience))

    async def _ask(self, request: Request, terms: _Terms) -> aiohttp.ClientResponse:
        if request.files or request.body_file:
            with Content(request) as content:
                return await self._send(request, terms, await content.opened())
        body = request.body
        assert isinstance(body, bytes)
        sockets = opened()
        before = sockets[0]
        try:
            return await self._send(request, terms, _in_pieces(body))
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if sockets[0] != before or request.method not in IDEMPOTENT:
                raise
        return await self._send(request, terms, _in_pieces(body))

    def _send(self, request: Request, terms: _Terms, data: Any) -> "aiohttp.client._RequestContextManager":
        url = request.url
        return self._session.request(
            request.method,
            URL(without_credentials(url) if "@" in url else url, encoded=True),
            data=data,
            headers=terms.headers,
            skip_auto_headers=None if data is None or request.files else _NO_TYPE,
            allow_redirects=False,
            proxy=terms.proxy,
            proxy_headers=terms.proxy_headers,
            timeout=terms.timeout,
            ssl=terms.tls,
            middlewares=terms.middlewares,
        )

    # What is answered.

    def _check_status(self, answer: aiohttp.ClientResponse, request: Request, terms: _Terms) -> None:
        if answer.status < 200:  # a protocol that was not asked for, or no status at all
            raise FetchError(Reason.BAD_RESPONSE, without_credentials(request.url), f"status {answer.status:03}")
        if TRANSFER_ENCODING in answer.headers and not _is_chunked(answer):  # nor was any other coding asked for
            detail = f"Transfer-Encoding {answer.headers[TRANSFER_ENCODING]!r:.60}"
            raise FetchError(Reason.BAD_RESPONSE, without_credentials(request.url), detail)
        if answer.status == 407 and terms.proxy is not None:
            raise FetchError(Reason.PROXY, without_credentials(request.url), "407 Proxy Authentication Required")

    async def _read(self, answer: aiohttp.ClientResponse, request: Request, deadline: Deadline | None) -> bytes:
        """The whole body as it was sent, but never more than `max_body` bytes of it."""
        status, content = answer.status, answer.content
        if 300 <= status < 400 and self._is_followed(request, status, answer.headers):
            await _skip(answer)
            return b""
        if content.is_eof():  # it came with the head
            body = content.read_nowait()
        else:
            self._check_size(int(answer.headers.get(CONTENT_LENGTH, 0)), request)
            if deadline is not None:
                deadline.begin_body(content)
            parts: list[bytes] = []
            size = 0
            while not content.at_eof():
                part = await content.readany()
                parts.append(part)
                size += len(part)
                self._check_size(size, request)
            body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._check_size(len(body), request)
        if broke_off(answer):
            raise FetchError(Reason.PARTIAL_BODY, without_credentials(request.url), "connection reset in the body")
        return body

    def _streamed(self, answer: aiohttp.ClientResponse, request: Request) -> Response:
        """A response whose body is still to come."""
        stream = BodyStream(
            answer,
            request.url,
            most=self._most_streamed,
            deadlines=self._deadlines,
            closed=self._streams.discard,
        )
        self._streams.add(stream)
        return _response(answer, request, b"", stream=stream)

    def _check_size(self, size: int, request: Request) -> None:
        if size > self._most:
            detail = f"{size} bytes or more, where [network] max_body is {self._most}"
            raise FetchError(Reason.TOO_LARGE, without_credentials(request.url), detail)

    async def _decoded(self, body: bytes, codings: str, request: Request) -> bytes:
        """`body` decoded: on the loop if that is quick, else in a thread."""
        try:
            if len(body) <= SMALL:
                try:
                    return decoded(body, codings, min(self._most, SHORT))
                except CodecError as error:
                    if error.reason is not Reason.TOO_LARGE or self._most <= SHORT:
                        raise
            return await asyncio.to_thread(decoded, body, codings, self._most)
        except CodecError as error:
            raise FetchError(error.reason, without_credentials(request.url), error.detail) from None

    def __repr__(self) -> str:
        return f"<Fetcher {self._deadlines!r}>"


_NO_TYPE = ("Content-Type",)  # which aiohttp would invent


def _without(names: Iterable[str]) -> aiohttp.ClientMiddlewareType:
    """Takes headers of these `names` from a request that aiohttp is about to send: default ones are among them."""

    async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        for name in names:
            request.headers.popall(name, None)
        return await handler(request)

    return send


def _for_proxy(headers: dict[str, str], via: Proxy | None, *, is_tunnel: bool) -> Mapping[str, str] | None:
    """Puts what only the proxy may read where only the proxy reads it: what goes with CONNECT is returned."""
    given = [headers.pop(name) for name in list(headers) if name.lower() == "proxy-authorization"]
    if via is None:
        return None
    word = given[0] if given else via.authorization
    if word is None:
        return None
    if is_tunnel:
        return {"Proxy-Authorization": word}
    headers["Proxy-Authorization"] = word
    return None


def _in_pieces(body: bytes) -> bytes | BytesIO | None:
    """Content as aiohttp takes it: all at once, or as a file if it is large."""
    return (body if len(body) <= IN_ONE else BytesIO(body)) if body else None


def _is_chunked(answer: aiohttp.ClientResponse) -> bool:
    """Whether a body is in chunks, or as it is, and nothing else was done to it (RFC 9112, 6.1)."""
    codings = ",".join(answer.headers.getall(TRANSFER_ENCODING)).lower().split(",")
    return {each.strip() for each in codings} <= {"chunked", "identity", ""}


async def _skip(answer: aiohttp.ClientResponse) -> None:
    """Read past a body, so that the connection can be used again; give the connection up if that takes long."""
    content, size = answer.content, 0
    if content.is_eof():
        return
    try:
        async with asyncio.timeout(SKIPPING):
            while not content.at_eof() and size <= SKIPPED:
                size += len(await content.readany())
    except (TimeoutError, aiohttp.ClientError):
        pass
    if not content.at_eof():
        answer.close()


def _response(
    answer: aiohttp.ClientResponse, request: Request, body: bytes, *, stream: BodyStream | None = None
) -> Response:
    url = without_credentials(request.url) if "@" in request.url else request.url
    return Response(
        url,
        status=answer.status,
        headers=answer.headers,
        body=body,
        request=request,
        flags=flags(answer) if stream is None else (),
        stream=stream,
    )
