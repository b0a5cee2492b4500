"""A body that is read as it is used: piece by piece, and never more of it in memory than a few pieces.

What holds for whole bodies holds here: one that is cut short, badly packed, too long or too slow ends with a
`FetchError`, not as if it were complete. The connection waits while nobody reads. It is used again only after the
last piece, and closed if the reader stops before.
"""

import asyncio
from collections.abc import Callable, Iterator

from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_LENGTH

from scraper.errors import FetchError, Reason, SpiderError
from scraper.network.body.content_coding import CodecError
from scraper.network.body.streamed_coding import Unpacker
from scraper.network.connection.deadlines import Deadline, Deadlines
from scraper.network.connection.pool import broke_off, flags
from scraper.network.connection.short_way import Answered
from scraper.network.failures import failure
from scraper.urls import without_credentials


class BodyStream:
    """The body of `answer`, decoded. At most `most` bytes of it, before and after decoding.

    `closed` is called once, when the body is over or nobody is to read on.
    """

    def __init__(
        self,
        answer: Answered,
        url: str,
        *,
        most: int,
        deadlines: Deadlines,
        closed: Callable[["BodyStream"], None],
    ) -> None:
        """Raises `FetchError` for a coding that is not known, and a body that is announced too long."""
        self._answer = answer
        self._url = without_credentials(url)
        self._most = most
        self._deadlines = deadlines
        self._closed = closed
        self._deadline: Deadline | None = None
        self._size = 0
        self._read = 0
        self._pieces: Iterator[bytes] = iter(())
        self._is_over = False
        self._is_whole = False
        self._is_read = False
        self.flags: tuple[str, ...] = ()
        try:
            self._unpacker = Unpacker(",".join(answer.headers.getall(CONTENT_ENCODING, ())))
        except CodecError as error:
            raise FetchError(error.reason, self._url, error.detail) from None
        self._check_size(int(answer.headers.get(CONTENT_LENGTH, 0)))

    def begin(self) -> None:
        """Somebody is about to read. Raises `SpiderError` if somebody did before."""
        if self._is_read:
            raise SpiderError(f"the body of {self._url} is a stream, which can be read once")
        self._is_read = True

    def __aiter__(self) -> "BodyStream":
        return self

    async def __anext__(self) -> bytes:
        """The next piece, which is not empty. Raises `FetchError` for what is wrong with the body."""
        try:
            return await self._next()
        except BaseException:
            self.close()
            raise

    async def _next(self) -> bytes:
        if self._is_over:
            if self._is_whole:
                raise StopAsyncIteration
            raise FetchError(Reason.PARTIAL_BODY, self._url, "closed before its end")
        try:
            while (piece := next(self._pieces, b"")) == b"":
                raw = await self._receive()
                if not raw:
                    self._unpacker.end()
                    self._is_whole = True
                    self.flags = flags(self._answer)
                    raise StopAsyncIteration
                self._read += len(raw)
                self._check_size(self._read)
                self._pieces = self._unpacker.feed(raw)
        except CodecError as error:
            raise FetchError(error.reason, self._url, error.detail) from None
        self._size += len(piece)
        self._check_size(self._size)
        return piece

    async def _receive(self) -> bytes:
        """What has come, waited for if need be; nothing at the end."""
        content = self._answer.content
        deadline = self._deadline = self._deadlines.resume(self._deadline, content)
        try:
            raw = await content.readany()
        except asyncio.CancelledError:
            if not self._deadlines.end(deadline):
                raise
            raise FetchError(deadline.reason, self._url, self._deadlines.told(deadline)) from None
        except Exception as error:
            raise failure(error, self._url) from error
        finally:
            self._deadlines.pause(deadline)
        if not raw and broke_off(self._answer):
            raise FetchError(Reason.PARTIAL_BODY, self._url, "connection reset in the body")
        return raw

    def _check_size(self, size: int) -> None:
        if size > self._most:
            detail = f"{size} bytes or more, where [network] max_stream is {self._most}"
            raise FetchError(Reason.TOO_LARGE, self._url, detail)

    async def aclose(self) -> None:
        """Read no more."""
        self.close()

    def close(self) -> None:
        """Let go of the connection, which is closed unless the body has been read to its end."""
        if not self._is_over:
            self._is_over = True
            self._pieces = iter(())
            self._answer.close()
            self._closed(self)

    def __repr__(self) -> str:
        return f"<BodyStream {self._size} bytes>"
