"""What a server answers becomes a response: its head is checked, its body read, bounded and decoded.

Most pages come with their head, in one piece or a few; nothing waits for those.
"""

import asyncio
from collections.abc import Callable

import aiohttp
from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING
from msgspec.structs import replace
from yarl import URL

from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Headers, Response
from scraper.network.body.content_coding import CodecError, Limits, decoded
from scraper.network.body.stream import BodyStream
from scraper.network.connection.deadlines import Deadline, Deadlines
from scraper.network.connection.pool import broke_off, flags
from scraper.network.connection.short_way import Answered
from scraper.settings.schema import NetworkSettings
from scraper.urls import without_credentials

SMALL = 256 * 1024  # compressed bytes that may be decoded on the loop, if they
QUICK = Limits(size=2 * 1024 * 1024, streams=500)  # come to no more than that; the rest is done in a thread

SKIPPED = 64 * 1024  # bytes of a redirect's body that are read for the connection's sake
SKIPPING = 1.0  # and for so many seconds

IsFollowed = Callable[[Request, int, Headers], bool]


class ResponseReader:
    """Reads what is answered.

    The body of an answer for which `is_followed` holds is nobody's: it is not decoded, and the response has none.
    """

    def __init__(self, settings: NetworkSettings, deadlines: Deadlines, *, is_followed: IsFollowed) -> None:
        self._deadlines = deadlines
        self._is_followed = is_followed
        self._streams: set[BodyStream] = set()
        self._most = int(settings.max_body)
        self._quick = replace(QUICK, size=min(self._most, QUICK.size))
        self._most_streamed = int(settings.max_stream)

    def close(self) -> None:
        """Close the bodies that somebody still reads."""
        for stream in list(self._streams):
            stream.close()

    def check(self, answer: Answered, request: Request, proxy: URL | None) -> None:
        """Raises `FetchError` if the head of an answer, perhaps by a `proxy` that was asked for it, cannot be used."""
        if answer.status < 200:  # a protocol that was not asked for, or no status at all
            raise FetchError(Reason.BAD_RESPONSE, without_credentials(request.url), f"status {answer.status:03}")
        if TRANSFER_ENCODING in answer.headers and not _is_chunked(answer):  # nor was any other coding asked for
            detail = f"Transfer-Encoding {answer.headers[TRANSFER_ENCODING]!r:.60}"
            raise FetchError(Reason.BAD_RESPONSE, without_credentials(request.url), detail)
        if answer.status == 407 and proxy is not None:
            detail = f"proxy {without_credentials(str(proxy))}: 407 Proxy Authentication Required"
            raise FetchError(Reason.PROXY, without_credentials(request.url), detail)

    async def read(self, answer: Answered, request: Request, deadline: Deadline | None) -> bytes:
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

    async def decode(self, body: bytes, answer: Answered, request: Request) -> bytes:
        """The `body` that was read, decoded: on the loop if that is quick, else in a thread."""
        codings = ",".join(answer.headers.getall(CONTENT_ENCODING))
        try:
            if len(body) <= SMALL:
                try:
                    return decoded(body, codings, self._quick)
                except CodecError as error:
                    if error.reason is not Reason.TOO_LARGE:
                        raise
            return await asyncio.to_thread(decoded, body, codings, Limits(self._most))
        except CodecError as error:
            raise FetchError(error.reason, without_credentials(request.url), error.detail) from None

    def stream(self, answer: Answered, request: Request) -> Response:
        """A response whose body is still to come."""
        stream = BodyStream(
            answer,
            request.url,
            most=self._most_streamed,
            deadlines=self._deadlines,
            closed=self._streams.discard,
        )
        self._streams.add(stream)
        return response(answer, request, stream)

    def _check_size(self, size: int, request: Request) -> None:
        if size > self._most:
            detail = f"{size} bytes or more, where [network] max_body is {self._most}"
            raise FetchError(Reason.TOO_LARGE, without_credentials(request.url), detail)


def _is_chunked(answer: Answered) -> bool:
    """Whether a body is in chunks, or as it is, and nothing else was done to it (RFC 9112, 6.1)."""
    codings = ",".join(answer.headers.getall(TRANSFER_ENCODING)).lower().split(",")
    return {each.strip() for each in codings} <= {"chunked", "identity", ""}


async def _skip(answer: Answered) -> None:
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


def response(answer: Answered, request: Request, body: bytes | BodyStream) -> Response:
    """The response to `request`."""
    url = without_credentials(request.url) if "@" in request.url else request.url
    return Response(
        url,
        status=answer.status,
        headers=answer.headers,
        body=body,
        request=request,
        flags=flags(answer) if isinstance(body, bytes) else (),
    )
