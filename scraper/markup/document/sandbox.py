"""A sandbox for the parser: a process of its own parses a page that may never end, and is killed if it does not.

What is told of the page is whether the process lived through it, within a time and a size. So what cannot be foreseen
is covered as well: a page at which the parser crashes is one that does not pass.

The process is started when the first such page comes, and kept for those that follow; `close()` ends it.
"""

import atexit
import os
import signal
import subprocess
import sys
from contextlib import suppress
from threading import Lock

from scraper.markup.document.complexity import is_simple
from scraper.process.signals import unheard

SECONDS = 2.0  # that a page may take
MEMORY = 2 << 30  # bytes that the process may use

_LENGTH = 8  # bytes in which the length of a page is told
_PASSED = b"."


class TooComplexError(ValueError):
    """A page that would take too long to parse, or too much memory."""


class Sandbox:
    """Tells pages that can be parsed from those that cannot; one at a time, from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def check(self, page: bytes) -> None:
        """Raises `TooComplexError` if `page` is not parsed within `SECONDS` and `MEMORY`."""
        if is_simple(page):
            return
        with self._lock:
            if not self._passes(page):
                raise TooComplexError(f"its {len(page)} bytes would take too long to parse, or too much memory")

    def _passes(self, page: bytes) -> bool:
        """Whether a process lives through `page`: the one there is, or, if it was somehow lost, a new one."""
        if self._child is not None:
            if self._survives(self._child, page):
                return True
            if self._end() == -signal.SIGALRM:
                return False
        self._child = self._start()
        survives = self._survives(self._child, page)
        if not survives:
            self._end()
        return survives

    @staticmethod
    def _survives(child: "subprocess.Popen[bytes]", page: bytes) -> bool:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(len(page).to_bytes(_LENGTH) + page)
            child.stdin.flush()
            return child.stdout.read(1) == _PASSED
        except OSError:
            return False

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", f"from scraper.markup.document.sandbox import serve; serve({SECONDS})"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with unheard():
            return subprocess.Popen(  # noqa: S603 -- ourselves
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )

    def _end(self) -> int | None:
        """End the process; how it ended."""
        child, self._child = self._child, None
        if child is None:
            return None
        child.kill()
        with suppress(OSError):
            child.communicate()
        return child.returncode

    def close(self) -> None:
        """End the process, if there is one. A page that comes later starts another."""
        with self._lock:
            self._end()

    def __repr__(self) -> str:
        return f"<Sandbox {'waiting' if self._child is None else self._child.pid}>"


sandbox = Sandbox()
"""The one that all crawls of this process share; outside of a crawl, its process ends with this one."""

atexit.register(sandbox.close)


def serve(seconds: float) -> None:
    """In the process: parse what is sent, and say so, until nothing more comes. The clock's signal kills."""
    import resource

    from selectolax.lexbor import LexborHTMLParser

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    read, write = sys.stdin.buffer, sys.stdout.buffer
    while length := int.from_bytes(read.read(_LENGTH)):
        page = read.read(length)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        LexborHTMLParser(page)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        write.write(_PASSED)
        write.flush()
