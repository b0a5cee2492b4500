"""Serve small pages on every address of 127.0.0.0/8 at one port, and note when each request arrived.

    python benchmarks/hosts_server.py --pages 20 --latency 0.05

It prints its port, serves until its standard input ends, and prints then what it saw as JSON. The first page of a host
links to all others, and these to the next three. The moments are the kernel's (SO_TIMESTAMPNS, Linux): they are right
also if this process was late.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import struct
import sys
import time
from collections import deque
from itertools import pairwise

SO_TIMESTAMPNS = 35  # Linux, asm-generic/socket.h; not among Python's names
NEXT = 3  # pages that a page links to
NO_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def page(number: int, pages: int) -> bytes:
    """The answer with page `number` of a host that has so many `pages`."""
    linked = range(1, pages) if not number else range(number + 1, min(number + 1 + NEXT, pages))
    links = "".join(f'<li><a href="/{each}">page {each}</a>' for each in linked)
    body = f"<!doctype html><meta charset=utf-8><title>{number}</title><h1>Page {number}</h1><ul>{links}</ul>".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Server:
    """One loop over all connections; every answer but robots.txt takes `latency` seconds."""

    def __init__(self, pages: int, latency: float) -> None:
        self._pages = [page(number, pages) for number in range(pages)]
        self._latency = latency
        self._connections: dict[int, tuple[socket.socket, list[float]]] = {}
        self._answers: deque[tuple[float, float, socket.socket, bytes]] = deque()
        self._arrivals: dict[str, list[float]] = {}  # by address
        self._opened = 0
        self._most = 0
        self._answered = 0
        self._taken = 0.0  # seconds, for all answers
        self._epoll = select.epoll()
        self._listening = socket.create_server(("0.0.0.0", 0), backlog=4096)  # on all of 127.0.0.0/8
        self._listening.setblocking(False)
        self._listening.setsockopt(
            socket.SOL_SOCKET, SO_TIMESTAMPNS, 1
        )  # from now on: the kernel takes a while to begin
        self.port = self._listening.getsockname()[1]

    def run(self) -> None:
        """Serve until standard input ends."""
        epoll, answers = self._epoll, self._answers
        listening = self._listening.fileno()
        for each in (listening, sys.stdin.fileno()):
            epoll.register(each, select.EPOLLIN)
        while True:
            if answers:  # epoll itself waits for whole milliseconds
                select.select([epoll.fileno()], (), (), max(answers[0][0] - time.time(), 0.0))
            for ready, _ in epoll.poll(0 if answers else None):
                if ready == listening:
                    self._accept()
                elif ready == 0:
                    return
                else:
                    self._read(ready)
            while answers and answers[0][0] <= time.time():
                _, arrived, connection, answer = answers.popleft()
                if connection.fileno() >= 0:
                    connection.send(answer)
                    self._answered += 1
                    self._taken += time.time() - arrived

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._listening.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stamps = self._arrivals.setdefault(connection.getsockname()[0], [])
                self._connections[connection.fileno()] = connection, stamps
                self._epoll.register(connection, select.EPOLLIN)
                self._opened += 1
        except BlockingIOError:
            pass

    def _read(self, descriptor: int) -> None:
        connection, stamps = self._connections[descriptor]
        try:
            head, ancillary, _, _ = connection.recvmsg(8192, 64)
        except ConnectionError:
            head, ancillary = b"", []
        if not head:
            connection.close()
            del self._connections[descriptor]
            return
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        arrived = seconds + nanoseconds / 1e9
        stamps.append(arrived)
        path = head[5 : head.index(b" ", 5)]
        if path == b"robots.txt":
            connection.send(NO_ROBOTS)
        else:
            self._answers.append((arrived + self._latency, arrived, connection, self._pages[int(path)]))
            self._most = max(self._most, len(self._answers))

    def report(self) -> dict[str, float]:
        """Hosts, requests, connections, most in flight, mean latency, requests a second, smallest gap.

        The rate is that while all hosts are busy: from when each was asked twice until one was asked for the last
        time, with a tenth left out at either end.
        """
        by_host = [sorted(stamps) for stamps in self._arrivals.values()]
        begin, end = max(stamps[1] for stamps in by_host), min(stamps[-1] for stamps in by_host)
        begin, end = begin + (end - begin) / 10, end - (end - begin) / 10
        within = sorted(stamp for stamps in by_host for stamp in stamps if begin <= stamp <= end)
        gaps = [later - earlier for stamps in by_host for earlier, later in pairwise(stamps)]
        return {
            "hosts": len(by_host),
            "requests": sum(map(len, by_host)),
            "connections": self._opened,
            "most_in_flight": self._most,
            "latency": self._taken / self._answered,
            "rate": (len(within) - 1) / (within[-1] - within[0]),
            "smallest_gap": min(gaps),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, required=True, help="of each host")
    parser.add_argument("--latency", type=float, required=True, help="seconds that an answer takes")
    given = parser.parse_args()
    server = Server(given.pages, given.latency)
    print(server.port, flush=True)
    server.run()
    print(json.dumps(server.report()), flush=True)


if __name__ == "__main__":
    main()
