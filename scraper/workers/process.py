"""A process for a worker, and the owner's end of the sockets between them.

A fork is there at once, with all that is imported, but may only be made while there is neither a thread nor an event
loop, nor anything open: it would have half of each. So the command forks workers before its crawl begins. Everybody
else, and a worker that takes the place of one that died, starts a new interpreter.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from scraper.process.signals import unheard

_START = "from scraper.workers.worker import main; main({})"


class Process(Protocol):
    """What is done with a process, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def wait(self) -> int: ...


class Forked:
    """A process that was forked. `returncode` is known once it was waited for."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        """How it ended, if it has."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """Wait until it ends; how it did."""
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def __repr__(self) -> str:
        return f"<Forked {self.pid}>"


class Newborn(NamedTuple):
    """A worker that was told nothing yet: its process, and the owner's end of the sockets."""

    process: Process
    socket: socket.socket


def start() -> Newborn:
    """Start a new interpreter. Raises `OSError` if the system does not let it."""
    ours, theirs = socket.socketpair()
    with theirs, unheard():
        try:
            command = [sys.executable, "-c", _START.format(theirs.fileno())]
            process = subprocess.Popen(command, pass_fds=(theirs.fileno(),))  # noqa: S603 -- our own code
        except BaseException:
            ours.close()
            raise
    return Newborn(process, ours)


def fork(number: int) -> list[Newborn]:
    """Fork so many workers, where there is neither thread nor loop. Raises `OSError` if the system does not let it."""
    from scraper.workers.worker import main  # here, so that all of it is loaded once

    newborn: list[Newborn] = []
    try:
        for _ in range(number):
            ours, theirs = socket.socketpair()
            with theirs, unheard():
                pid = os.fork()
                if not pid:
                    _live(main, theirs, [ours, *(each.socket for each in newborn)])
            newborn.append(Newborn(Forked(pid), ours))
    except BaseException:
        abandon(newborn)
        raise
    return newborn


def _live(main: Callable[[int], None], own: socket.socket, others: list[socket.socket]) -> None:
    """In a fork: be a worker, and nothing of what the owner is."""
    status = 1
    try:
        for each in others:
            each.close()
        main(own.detach())
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def abandon(newborn: Sequence[Newborn]) -> None:
    """End workers that nothing was made of."""
    for process, ours in newborn:
        ours.close()
        process.kill()
        process.wait()
