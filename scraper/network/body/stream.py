"""A body that is read as it is used: piece by piece, and never more of it in memory than a few pieces.

What holds for whole bodies holds here: one that is cut short, badly packed, too long or too slow ends with a
`FetchError`, not as if it were complete. The connection waits while nobody reads. It is used again only after the
last piece, and closed if the reader stops before.

What came is unpacked on the loop, piece by piece, as long as that is quick, which it nearly always is. The rest of it
is unpacked in a thread, a portion at a time, so that a few bytes of which gigabytes come hold nobody up.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic

from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_LENGTH

from scraper.errors import FetchError, Reason, SpiderError
from scraper.network.body.content_coding import CodecError
from scraper.network.body.streamed_coding import Unpacker
from scraper.network.connection.deadlines import Deadline, Deadlines
from scraper.network.connection.pool import broke_off, flags
from scraper.network.connection.short_way import Answered
from scraper.network.failures import failure
from scraper.urls import without_credentials

QUICK = 0.01  # seconds that the loop unpacks what came together
PORTION = 1024 * 1024  # bytes that a thread unpacks at once,
PATIENCE = 0.1  # and for so many seconds


class BodyStream:
    """The body of `answer`, decoded. At most `most` bytes of it, before and after each step of decoding.

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
        """Raises `FetchError` for a coding that cannot be undone, and a body that is announced too long."""
        self._answer = answer
        self._url = without_credentials(url)
        self._most = most
        self._deadlines = deadlines
        self._closed = closed
        self._deadline: Deadline | None = None
        self._size = 0
        self._read = 0
        self._pieces: Iterator[bytes] = iter(())
        self._ready: deque[bytes] = deque()  # what a thread has unpacked
        self._seconds = 0.0  # for which the loop has unpacked what came last
        self._is_over = False
        self._is_whole = False
        self._is_read = False
        self.flags: tuple[str, ...] = ()
        try:
            self._unpacker = Unpacker(",".join(answer.headers.getall(CONTENT_ENCODING, ())), most)
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
            while not (piece := await self._unpacked()):
                raw = await self._receive()
                if not raw:
                    self._unpacker.end()
                    self._is_whole = True
                    self.flags = flags(self._answer)
                    raise StopAsyncIteration
                self._read += len(raw)
                self._check_size(self._read)
                self._pieces, self._seconds = self._unpacker.feed(raw), 0.0
        except CodecError as error:
            raise FetchError(error.reason, self._url, error.detail) from None
        self._size += len(piece)
        self._check_size(self._size)
        return piece

    async def _unpacked(self) -> bytes:
        """The next piece of what has come, or nothing if there is no more."""
        while not self._ready and self._seconds < QUICK:
            begun = monotonic()
            piece = next(self._pieces, None)
            self._seconds += monotonic() - begun
            if piece is None:
                return b""
            if piece:
                return piece
        is_over = False
        while not self._ready and not is_over:
            self._ready, is_over = await asyncio.to_thread(_portion, self._pieces)
        return self._ready.popleft() if self._ready else b""

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
            self._ready.clear()
            self._answer.close()
            self._closed(self)

    def __repr__(self) -> str:
        return f"<BodyStream {self._size} bytes>"


def _portion(pieces: Iterator[bytes]) -> tuple[deque[bytes], bool]:
    """In a thread: some of `pieces`, and whether there are no more."""
    some: deque[bytes] = deque()
    size, due = 0, monotonic() + PATIENCE
    for piece in pieces:
        if piece:
            some.append(piece)
            size += len(piece)
        if size >= PORTION or monotonic() > due:
            return some, False
    return some, True
