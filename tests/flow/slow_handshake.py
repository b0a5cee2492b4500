"""A server at which some connections take long to open, and which notes when the head of each request arrived.

The moments are the kernel's: they are right however busy the machine, and with it this server, is. Linux tells them.
"""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

SO_TIMESTAMPNS = 35  # Linux, asm-generic/socket.h; not among Python's names
PATIENCE = 10.0  # seconds until a connection on which nothing comes is closed


@dataclass(eq=False)
class SlowHandshake:
    """Takes `handshake(n)` seconds before the handshake of connection n, and `latency` for each answer.

    The answer to request n is the last one of its connection where `is_last(n)` holds.
    """

    context: ssl.SSLContext | None
    handshake: Callable[[int], float]
    is_last: Callable[[int], bool]
    latency: float
    port: int = 0
    connections: int = 0
    arrivals: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def gaps(self) -> list[float]:
        """Seconds between two requests that arrived one after the other."""
        times = sorted(self.arrivals)
        return [later - earlier for earlier, later in pairwise(times)]

    def talk(self, connection: socket.socket, number: int) -> None:
        """Answer what comes on one connection."""
        connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        time.sleep(self.handshake(number))
        with suppress(OSError), self._secured(connection) as secured:
            while True:
                arrived = arrival(secured)
                if arrived is None or not secured.recv(65_536):
                    return
                with self.lock:
                    self.arrivals.append(arrived)
                    is_last = self.is_last(len(self.arrivals))
                time.sleep(self.latency)
                close = b"Connection: close\r\n" if is_last else b""
                secured.sendall(b"HTTP/1.1 200 OK\r\n%bContent-Length: 2\r\n\r\nok" % close)
                if is_last:
                    return

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self.context.wrap_socket(connection, server_side=True) if self.context is not None else connection


def arrival(connection: socket.socket) -> float | None:
    """When the bytes that are to be read next arrived, in seconds since 1970; None if there come no more."""
    plain = socket.socket(fileno=connection.fileno())
    plain.settimeout(PATIENCE)
    try:
        first, ancillary, _, _ = plain.recvmsg(1, 256, socket.MSG_PEEK)
    finally:
        plain.detach()
    if not first:
        return None
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", data)
            return float(seconds + nanoseconds / 1e9)
    raise AssertionError("the kernel does not say when bytes arrived")


@contextmanager
def serve(site: SlowHandshake) -> Iterator[SlowHandshake]:
    """The server, listening on loopback while the context is open."""
    threads: list[threading.Thread] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connection.settimeout(PATIENCE)
                site.connections += 1
                threads.append(threading.Thread(target=site.talk, args=(connection, site.connections)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # the kernel takes a while to begin
        site.port = listening.getsockname()[1]
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield site
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for each in threads:
                each.join()
