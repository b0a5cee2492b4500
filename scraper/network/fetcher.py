"""One request on the wire, one response back: the innermost fetch, by aiohttp."""

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from scraper.errors import FetchError, Reason
from scraper.network.codec import CodecError, decoded
from scraper.network.failures import FOREIGN, translated
from scraper.network.session import timeout_of
from scraper.request import Request
from scraper.response import Response
from scraper.settings import NetworkSettings
from scraper.urls import without_credentials

LARGE = 256 * 1024  # compressed bytes that are decoded in a thread, since they may take the loop too long


class Fetcher:
    """Sends requests over `session`. Follows nothing, retries nothing, and decodes bodies itself."""

    def __init__(self, session: aiohttp.ClientSession, settings: NetworkSettings) -> None:
        self._session = session
        self._settings = settings
        self._most = int(settings.max_body)

    async def __call__(self, request: Request) -> Response:
        """The answer to `request`, whatever its status. Raises `FetchError` if there is none that can be used."""
        if request.headers:
            _check(request)
        try:
            async with self._ask(request) as answer:
                body = await self._read(answer, request)
        except FOREIGN as error:
            raise translated(error, request.url) from error
        except ValueError as error:  # aiohttp's word for what it will not write
            raise FetchError(Reason.BAD_REQUEST, without_credentials(request.url), str(error)) from error
        coding = answer.headers.get("Content-Encoding")
        if coding and body and not 300 <= answer.status < 400:
            body = await self._decode(body, coding, request)
        url = without_credentials(request.url) if "@" in request.url else request.url
        return Response(url, status=answer.status, headers=answer.headers, body=body, request=request)

    def _ask(self, request: Request) -> "aiohttp.client._RequestContextManager":
        return self._session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers or None,
            data=request.body or None,
            allow_redirects=False,
            proxy=request.proxy or self._settings.proxy,
            timeout=aiohttp.helpers.sentinel if request.timeout is None else timeout_of(self._settings, request.timeout),
        )

    async def _read(self, answer: aiohttp.ClientResponse, request: Request) -> bytes:
        """The whole body as it was sent, but never more than `max_body` bytes of it."""
        length = answer.content_length
        if length is not None and request.method != "HEAD":
            if length > self._most:
                raise self._too_large(answer, f"Content-Length is {length}", request)
            return await answer.read()
        parts: list[bytes] = []
        size = 0
        async for part in answer.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > self._most:
                raise self._too_large(answer, "the body goes on and on", request)
        return b"".join(parts)

    def _too_large(self, answer: aiohttp.ClientResponse, detail: str, request: Request) -> FetchError:
        answer.close()
        return FetchError(Reason.TOO_LARGE, without_credentials(request.url), f"{detail}; at most {self._most} are taken")

    async def _decode(self, body: bytes, coding: str, request: Request) -> bytes:
        try:
            if len(body) >= LARGE:
                return await asyncio.to_thread(decoded, body, coding, self._most)
            return decoded(body, coding, self._most)
        except CodecError as error:
            raise FetchError(error.reason, without_credentials(request.url), error.detail) from None


def _check(request: Request) -> None:
    """Raises `FetchError` for a header that would become two on the wire."""
    headers: Mapping[str, str] = request.headers
    for name, value in headers.items():
        if any(mark in f"{name}{value}" for mark in "\r\n\0"):
            detail = f"the header {name!r} has a line break or a NUL"
            raise FetchError(Reason.BAD_REQUEST, without_credentials(request.url), detail)
