"""The short way of a plain GET: aiohttp's pool, connections and parser, without what its session makes a request.

`ClientSession.request()` makes a dozen objects for each request: the request, timers, a writer, the response, a URL.
A GET without a body uses none of what they can do. Here one `ClientRequest` an origin stands for all requests to it:
it is the key of the pool, and knows how to connect. The head of a request is text that is the same for a whole origin
but for the path. Measured: 35 µs of CPU instead of 90 µs a request.

What this takes of aiohttp besides its public names is checked by `is_there()` when a session is opened. With an
aiohttp in which it has changed, and with `[network] short_way = false`, everything goes by the session. Both ways give
the same answers and raise the same errors: `tests/network/test_short_way.py`.
"""

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy
from yarl import URL

from scraper.network.connection.session import HEADS
from scraper.urls import without_fragment

MOST_ORIGINS = 10_000  # that are remembered
BUFFER = 64 * 1024  # bytes of a body that are read ahead

_PARAMETERS = frozenset(
    ("timer", "skip_payload", "read_until_eof", "auto_decompress", "read_timeout", "read_bufsize")
) | frozenset(("timeout_ceil_threshold", "max_line_size", "max_field_size", "max_headers"))


@cache
def is_there() -> bool:
    """Whether the installed aiohttp has all that the short way takes of it."""
    try:
        parameters = inspect.signature(ResponseHandler.set_response_params).parameters
        return (
            frozenset(parameters) >= _PARAMETERS
            and isinstance(inspect.getattr_static(aiohttp.ClientRequest, "connection_key"), property)
            and all(hasattr(ResponseHandler, name) for name in ("read", "start_timeout", "close"))
            and all(hasattr(Connection, name) for name in ("protocol", "release", "close"))
            and list(inspect.signature(aiohttp.BaseConnector.connect).parameters)
            == ["self", "req", "traces", "timeout"]
            and hasattr(StreamReader, "on_eof")
        )
    except (AttributeError, TypeError, ValueError):
        return False


class Origin(aiohttp.ClientRequest):
    """Stands for all plain requests to one origin; `head` is what each of them sends after its request line."""

    connection_key: ConnectionKey = None  # type: ignore[assignment]  # made once, rather than for each request

    def __init__(self, url: URL, session: aiohttp.ClientSession) -> None:
        super().__init__("GET", url, headers=session.headers, session=session, loop=asyncio.get_running_loop())
        self.connection_key = aiohttp.ClientRequest.connection_key.fget(self)  # type: ignore[attr-defined]
        self.names = frozenset(name.lower() for name in self.headers)
        self.head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())


class Answer:
    """What a server answered: the part of `aiohttp.ClientResponse` that reading it takes."""

    __slots__ = ("_connection", "_protocol", "content", "headers", "status")

    method = "GET"

    def __init__(self, message: Any, content: StreamReader, connection: Connection) -> None:
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        self._connection = connection
        self._protocol = connection.protocol

    def close(self) -> None:
        """Give up the connection, unless the whole body was read, with which it has gone back to the pool."""
        self._connection.close()


Answered = aiohttp.ClientResponse | Answer
"""What both ways give."""


class ShortWay:
    """Sends plain GETs over the connections of `session`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        assert session.connector is not None
        self._session = session
        self._connect = session.connector.connect
        self._origins: OrderedDict[str, Origin] = OrderedDict()

    def head(self, url: str, headers: Mapping[str, str] | None) -> tuple[Origin, bytes] | None:
        """What is sent for a canonical URL, and to whom; None if one of `headers` replaces one of the session's."""
        end = url.index("/", 8)
        origin = self._origin(url[:end])
        more = ""
        if headers:
            if not origin.names.isdisjoint(map(str.lower, headers)):
                return None
            more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        path = without_fragment(url[end:])
        if path[-1] == "?" and path.index("?") == len(path) - 1:
            path = path[:-1]  # an empty query, which aiohttp does not send
        return origin, f"GET {path} HTTP/1.1\r\n{origin.head}{more}\r\n".encode()

    async def send(self, origin: Origin, head: bytes, terms: aiohttp.ClientTimeout) -> Answer:
        """The answer to `head`, whose body is still to be read. Raises what `ClientSession.request` raises."""
        try:
            connection = await self._connect(origin, [], terms)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {origin.url}") from error
        try:
            message, body = await self._exchange(connection.protocol, head, terms)
        except HttpProcessingError as error:
            connection.close()
            raise aiohttp.ClientResponseError(
                origin.request_info, (), status=error.code, message=error.message, headers=error.headers
            ) from error
        except BaseException:
            connection.close()
            raise
        answer = Answer(message, body, connection)
        body.on_eof(connection.release)
        return answer

    async def _exchange(self, protocol: Any, head: bytes, terms: aiohttp.ClientTimeout) -> tuple[Any, StreamReader]:
        protocol.set_response_params(
            timer=None,
            skip_payload=False,
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=terms.sock_read,
            read_bufsize=BUFFER,
            timeout_ceil_threshold=terms.ceil_threshold,
            **HEADS,
        )
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        transport.write(head)
        protocol.start_timeout()
        while True:
            message, body = await protocol.read()
            if not 100 <= message.code <= 199 or message.code == 101:
                return message, body

    def _origin(self, name: str) -> Origin:
        found = self._origins.get(name)
        if found is None:
            if len(self._origins) >= MOST_ORIGINS:
                self._origins.popitem(last=False)
            found = self._origins[name] = Origin(URL(f"{name}/", encoded=True), self._session)
        return found

    def __repr__(self) -> str:
        return f"<ShortWay to {len(self._origins)} origins>"
