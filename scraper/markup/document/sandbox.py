"""A sandbox for the parser: a process of its own parses a page that may never end, and is killed if it does not.

All that is learnt about the page is whether the process lived through it, within a time and a size. So what cannot be
foreseen is covered as well: a page at which the parser crashes does not pass. The time is what the process computes. A
machine that is busy, or a process that is stopped for a while, makes no difference to the outcome.

The process is started when the first such page comes, and kept for those that follow; `close()` ends it.
"""

import atexit
import os
import signal
import struct
import sys
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser

from scraper.markup.document.complexity import is_simple
from scraper.process.signals import unheard

if TYPE_CHECKING:
    import subprocess

SECONDS = 2.0  # of computing that a page may take
MEMORY = 2 << 30  # bytes that the process may use
PATIENCE = 120.0  # seconds of the clock after which the process is taken for stuck, and another one tries
ATTEMPTS = 3

WITHOUT_EVENTS = int(LexborDocumentOptions.WO_EVENTS)
"""How pages are parsed, on trial and for good: nobody watches the tree grow. So long lists of options take no time."""

_LENGTH = 8  # bytes in which the length of a page is told
_SECONDS = struct.Struct("d")  # what is answered


class TooComplexError(ValueError):
    """A page that would take too long to parse, or too much memory."""


class Sandbox:
    """Tells pages that can be parsed from those that cannot; one at a time, from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def check(self, page: bytes) -> float:
        """How many seconds of computing it took to parse `page`; 0 for one that is simple, and was not tried.

        Raises `TooComplexError` if it is not parsed within `SECONDS` and `MEMORY`.
        """
        if is_simple(page):
            return 0.0
        with self._lock:
            seconds = self._tried(page)
        if seconds is None:
            raise TooComplexError(f"its {len(page)} bytes would take too long to parse, or too much memory")
        return seconds

    def _tried(self, page: bytes) -> float | None:
        """How long a process took for `page`; None if it did not live through it.

        A process that was there before may have been lost for another reason, and one that is stuck says nothing of
        the page: then a new one tries.
        """
        for _ in range(ATTEMPTS):
            is_new = self._child is None
            child = self._child = self._child or self._start()
            seconds = self._parsed(child, page)
            if seconds is not None:
                return seconds
            ending = self._end()
            if ending == -signal.SIGPROF or (is_new and ending != -signal.SIGALRM):
                break
        return None

    @staticmethod
    def _parsed(child: "subprocess.Popen[bytes]", page: bytes) -> float | None:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(len(page).to_bytes(_LENGTH) + page)
            child.stdin.flush()
            answer = child.stdout.read(_SECONDS.size)
        except OSError:
            return None
        return float(_SECONDS.unpack(answer)[0]) if len(answer) == _SECONDS.size else None

    def _start(self) -> "subprocess.Popen[bytes]":
        program = f"from scraper.markup.document.sandbox import serve; serve({SECONDS}, {PATIENCE})"
        command = [sys.executable, "-c", program]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        import subprocess  # few pages need a process of theirs

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


def serve(seconds: float, patience: float) -> None:
    """In the process: parse what is sent, and answer how long it took, until nothing more comes.

    A signal kills it after so many `seconds` of computing, another one after so much `patience` by the clock.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    read, write = sys.stdin.buffer, sys.stdout.buffer
    while length := int.from_bytes(read.read(_LENGTH)):
        page = read.read(length)
        begun = resource.getrusage(resource.RUSAGE_SELF)
        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF, of what it computes
        signal.setitimer(signal.ITIMER_REAL, patience)  # SIGALRM, by the clock
        LexborHTMLParser(page, options=WITHOUT_EVENTS)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        write.write(_SECONDS.pack(ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime))
        write.flush()
