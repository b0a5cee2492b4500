"""Connections: how many are kept, when one is given up, and what is forgiven on it.

* Unused connections are bounded, so that a crawl of many hosts does not run out of file descriptors.
* Bytes that arrive on a connection nobody uses are the answer to nothing, and end it (RFC 9112, 9.2).
* Bytes after a body of known length, or after an answer that has none, are ignored, as browsers do. aiohttp refuses
  the whole answer if they come together with its head. The connection is not used again.
* Nor is it after a head that had to be mended: see `response_head`.
"""

import asyncio
import socket
import ssl
import sys
from collections import OrderedDict
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.hdrs import CONTENT_LENGTH, TRANSFER_ENCODING
from aiohttp.helpers import EMPTY_BODY_STATUS_CODES
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD

from scraper.http.response import TRUNCATED
from scraper.network.connection.response_head import HeadParser, may_be_head, mended
from scraper.network.connection.short_way import Answered
from scraper.protocols import sending

DNS_SECONDS = 300
IDLE_SECONDS = 15.0  # that a connection nobody uses is kept
MOST_IDLE = 16_384  # connections that nobody uses
MOST_FRAMING = 1024 * 1024  # bytes around a body, besides eight for each of its own
FORGIVABLE = 64 * 1024  # bytes of an answer's beginning that are looked at again if it is broken

OTHER_FILES = 40  # descriptors that are left to data files, name servers, the loop and the terminal


class Wire(ResponseHandler):
    """aiohttp's side of one connection. While nobody uses it, it stands among the `idle` ones."""

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: "Idle") -> None:
        super().__init__(loop)
        self._idle = idle
        self.is_idle = False
        self.is_ended = False  # as the other side has said, with TLS by its own close_notify (RFC 8446, 6.1)
        self._params: dict[str, Any] = {}
        self._heard: bytes | None = None  # of the answer, as long as its head is awaited
        self._head: HeadParser | None = None  # reads it meanwhile
        self._bytes = 0  # of the body, which came after that

    def set_response_params(self, **params: Any) -> None:
        """Another answer is to come, as a request is about to be written."""
        under_way = sending.get()
        if under_way is not None and "read_timeout" in params:  # a proxy's CONNECT, which leads up to one, has none
            under_way.on_wire()
        self.is_idle = False
        self._idle.pop(self, None)
        self._params = params
        self._heard = b""
        self._bytes = 0
        super().set_response_params(**params)
        self._head = HeadParser(self._parser)
        self._parser = self._head  # type: ignore[assignment]  # which stands in for it

    def eof_received(self) -> None:
        """Nothing more will come. With TLS, TCP may say so, or close_notify, after which no next byte is awaited."""
        transport = self.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        try:
            self.is_ended = tls is None or not tls.read(1)
        except ssl.SSLError as error:
            self.is_ended = isinstance(error, ssl.SSLZeroReturnError)

    def data_received(self, data: bytes) -> None:
        if self.is_idle and data:
            self.close()
            return
        if self._heard is None:
            super().data_received(data)
            self._weigh(len(data))
            return
        self._heard += data
        super().data_received(data)
        if self._head is not None and self._head.error is not None:
            if not may_be_head(self._heard, FORGIVABLE):
                self._start_over()
        elif self._payload is not None or (self._heard is not None and len(self._heard) > FORGIVABLE):
            self._heard = None
            if self._head is not None:
                self._parser, self._head = self._head.parser, None

    def _start_over(self) -> None:
        """The head was refused: read it again, as browsers do."""
        heard = self._heard or b""
        self._heard = mended(heard)
        self._should_close = True
        self._head = None
        super().set_response_params(**self._params)
        super().data_received(self._heard)
        if self._payload is not None:
            self._heard = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing more will come. A head that was refused is not whole then, and so is an error."""
        self._idle.pop(self, None)
        if self._head is not None and self._head.error is not None:
            self._start_over()
        super().connection_lost(exc)

    def _weigh(self, size: int) -> None:
        """Count `size` bytes of a body. It is broken if they are framing, chunk extensions say, and little else."""
        payload = self._payload
        if payload is None:
            return
        self._bytes += size
        if self._bytes > MOST_FRAMING and self._bytes > MOST_FRAMING + 8 * payload.total_bytes:
            if self.transport is not None:
                self.transport.close()
            text = f"{self._bytes} bytes for a body of {payload.total_bytes}"
            self.set_exception(HttpProcessingError(code=400, message=text))

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """The answer is broken, unless what came after it was all that is wrong with it."""
        if not isinstance(exc, HttpProcessingError):
            super().set_exception(exc, *cause)
        elif self._heard and self._forgive(self._heard):
            self._should_close = True
        else:
            payload = self._payload
            if payload is not None and not payload.is_eof():
                payload.set_exception(exc)  # aiohttp would call it cut short
            super().set_exception(exc, *cause)

    def _forgive(self, heard: bytes) -> bool:
        """Read the answer that `heard` begins with, and it alone; whether there is one."""
        self._heard = None
        head, mark, rest = heard.partition(b"\r\n\r\n")
        super().set_response_params(**self._params)
        parser = self._parser
        assert parser is not None
        try:
            messages, _, _ = parser.feed_data(head + mark)
            if len(messages) != 1:
                return False
            message, payload = messages[0]
            if self._skip_payload or message.code in EMPTY_BODY_STATUS_CODES:
                payload = EMPTY_PAYLOAD
            else:
                length = int(message.headers.get(CONTENT_LENGTH, -1))
                if message.chunked or not 0 <= length <= len(rest):
                    return False
                if length:
                    parser.feed_data(rest[:length])
        except Exception:
            return False
        self.feed_data((message, payload), 0)
        return True


Idle = OrderedDict[Wire, None]
"""Connections that nobody uses, the one that was used last at the end."""


def broke_off(answer: Answered) -> bool:
    """Whether a body that ends with its connection ended by a reset, which aiohttp takes for its end."""
    if not _ends_with_connection(answer):
        return False
    protocol = answer._protocol
    return protocol is not None and isinstance(protocol.exception(), aiohttp.ClientOSError)


def flags(answer: Answered) -> tuple[str, ...]:
    """What is to be said of `answer`, if its body was read to its end: see `Response.flags`."""
    protocol = answer._protocol
    if not isinstance(protocol, Wire) or protocol.is_ended or not _ends_with_connection(answer):
        return ()
    return (TRUNCATED,) if answer.content.at_eof() else ()


def _ends_with_connection(answer: Answered) -> bool:
    """Whether nothing but the end of its connection says where the body ends (RFC 9112, 6.3)."""
    if CONTENT_LENGTH in answer.headers or TRANSFER_ENCODING in answer.headers:
        return False
    return answer.method != "HEAD" and answer.status not in EMPTY_BODY_STATUS_CODES


class Pool(aiohttp.TCPConnector):
    """aiohttp's connections, of which at most `most_idle` are kept for later."""

    def __init__(self, *, most_idle: int, **options: Any) -> None:
        super().__init__(
            limit=0,
            limit_per_host=0,
            ttl_dns_cache=DNS_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            socket_factory=self._open_socket,
            **options,
        )
        self._resolver_owner = True  # the resolver is closed with the connections
        self._most_idle = most_idle
        self._idle: Idle = OrderedDict()
        self._factory: partial[Any] = partial(Wire, loop=self._loop, idle=self._idle)

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        super()._release(key, protocol, should_close=should_close)
        protocol.is_idle = True
        if protocol.is_connected():
            self._idle[protocol] = None

    def _open_socket(self, address: tuple[Any, ...]) -> socket.socket:
        self._prepare_socket()
        family, kind, protocol, *_ = address
        return socket.socket(family, kind, protocol)

    def _prepare_socket(self) -> None:
        """A socket is about to be opened: count it, and make room for it."""
        opened()[0] += 1
        self._make_room()

    def _make_room(self) -> None:
        """Close the connections that were not used for longest, until one fewer than `most_idle` are left."""
        while len(self._idle) >= self._most_idle:
            self._idle.popitem(last=False)[0].close()


# Whether a request went out on a connection that was in use before decides whether it may be sent again. Every
# socket that is opened on behalf of a task counts in the list that `opened()` gives to that task.

_opened: ContextVar[list[int]] = ContextVar("_opened")


def opened() -> list[int]:
    """A list of one number, which grows with every socket that is opened for the running task."""
    count = _opened.get(None)
    if count is None:
        count = [0]
        _opened.set(count)
    return count


def room() -> tuple[int, int]:
    """How many connections may be in use at once, and how many kept besides, by the limit on open files."""
    if sys.platform == "win32":
        files = 2048
    else:
        import resource

        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if files == resource.RLIM_INFINITY:
            files = 1 << 20
    ours = max(files - OTHER_FILES, 8)
    idle = min(ours // 3, MOST_IDLE)
    return ours - idle, max(idle, 1)
