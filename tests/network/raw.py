"""A server that says, byte for byte, what it is told to, and notes what it hears."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Talk:
    """One connection, as the server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[bytes]

    async def hear(self) -> bytes:
        """The next request, with its content."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b":0")
        request = head + await self.reader.readexactly(int(length.partition(b":")[2]))
        self.heard.append(request)
        return request

    async def say(self, text: bytes) -> None:
        """Send `text`; raises `ConnectionResetError` if the connection is closed, as uvloop would not."""
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(text)
        await self.writer.drain()

    async def reset(self) -> None:
        """Break the connection off."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def wait_closed(self) -> bool:
        """Whether the other side has closed the connection, which is waited for."""
        with suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass
        return True


Script = Callable[[Talk], Awaitable[None]]


@dataclass
class Raw:
    """A running server: its address, the requests it heard, and how many connections it saw."""

    port: int
    scheme: str = "http"
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/"


@asynccontextmanager
async def raw(script: bytes | Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    """A server whose every connection runs `script`; bytes are one answer, after which it closes."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        server.connections += 1
        talk = Talk(reader, writer, server.heard)
        try:
            if callable(script):
                await script(talk)
            else:
                await talk.hear()
                await talk.say(script)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    listening = await asyncio.start_server(run, "127.0.0.1", 0, ssl=tls)
    server = Raw(listening.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await listening.wait_closed()


def repeating(answer: bytes) -> Script:
    """Gives `answer` to every request, and keeps the connection."""

    async def script(talk: Talk) -> None:
        while True:
            await talk.hear()
            await talk.say(answer)

    return script


def answer(body: bytes, *, headers: str = "", status: int = 200) -> bytes:
    """An answer with `body` and its length; `headers` is lines that end with CRLF."""
    return f"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def joined(talk: Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry what one side says to the other, and back, until both are through."""

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                target.write(piece)
                await target.drain()
            target.close()

    try:
        await asyncio.gather(carry(talk.reader, writer), carry(reader, talk.writer))
    finally:
        writer.close()


def open_sockets() -> int:
    """How many sockets this process has open."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(each.readlink()).startswith("socket:")
    return found
