"""Runs commands in processes that need not load their modules: forks of one that has loaded them.

Most of what a command takes in a test is its start. A fork is a process as any other: it has its own folder,
environment, streams, signals and exit status, and what it imports or changes nobody else sees. What a start itself
does (which modules are loaded when, streams that are closed, Ctrl-C meanwhile) is to be tested with a new interpreter.

As a script this is the process that is forked. It has the address of a socket as its argument, and lives for as long as
its standard input is open.
"""

import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Self

LOADED = ("scraper", "aiohttp", "rich.live", "rich.table", "uvloop", "yarl")
"""Modules, and packages with all that is in them if they are ours."""


class Fork:
    """A process that was started: as `subprocess.Popen`, as far as this goes. What it says is kept in two files."""

    def __init__(self, connection: socket.socket, out: IO[bytes], err: IO[bytes]) -> None:
        self._connection = connection.makefile("r")
        self._socket = connection
        self._out, self._err = out, err
        self.pid = int(self._connection.readline())
        self._status: int | None = None

    def send_signal(self, number: int) -> None:
        """Send a signal, while it runs."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def told(self) -> str:
        """What it has said on standard error so far."""
        return os.pread(self._err.fileno(), 1_000_000, 0).decode()

    def poll(self, timeout: float = 0) -> int | None:
        """Its exit status, or None if it still runs after `timeout` seconds."""
        if self._status is None and select.select([self._socket], [], [], timeout)[0]:
            self._status = int(self._connection.readline())
            self._connection.close()
            self._socket.close()
        return self._status

    def wait(self, timeout: float = 50) -> int:
        """Its exit status. Raises `TimeoutError`, after which it is dead."""
        try:
            if (status := self.poll(timeout)) is None:
                raise TimeoutError(f"a command still runs after {timeout} seconds")
        except BaseException:
            self.kill()
            self.poll(timeout)
            raise
        return status

    def communicate(self) -> tuple[str, str]:
        """What it said on standard output and standard error, once it has ended."""
        try:
            self.wait()
            return _read(self._out), _read(self._err)
        finally:
            self._out.close()
            self._err.close()


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


class Forks:
    """The process that is forked, and what it is asked to run."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._address = str(Path(self._folder.name, "socket"))
        command = [sys.executable, __file__, self._address]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def start(
        self,
        *words: str,
        cwd: Path | str,
        env: Mapping[str, str] | None = None,
        module: str = "scraper",
        is_one_stream: bool = False,
    ) -> Fork:
        """Start `python -m MODULE WORDS` in a process group of its own, with nothing to read.

        Standard error is standard output if it `is_one_stream`.
        """
        out = tempfile.TemporaryFile()  # noqa: SIM115 -- the fork's to close
        err = os.fdopen(os.dup(out.fileno()), "r+b") if is_one_stream else tempfile.TemporaryFile()  # noqa: SIM115
        asked = {"words": words, "folder": str(cwd), "environment": dict(env or os.environ), "module": module}
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        socket.send_fds(connection, [json.dumps(asked).encode() + b"\n"], [out.fileno(), err.fileno()])
        return Fork(connection, out, err)

    def run(self, *words: str, **how: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, started as `start` does."""
        fork = self.start(*words, **how)
        out, err = fork.communicate()
        return subprocess.CompletedProcess(words, fork.wait(), out, err)


def serve(address: str) -> None:
    """Load the modules, and fork for each connection until standard input ends."""
    for name in LOADED:
        package: Any = import_module(name)
        for each in pkgutil.walk_packages(package.__path__, f"{name}.") if name == "scraper" else ():
            if not each.name.startswith(("scraper.testing", "scraper.__main__")):
                import_module(each.name)
    gc.freeze()  # or each fork would look through it all
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    os.write(1, b"ready\n")
    while 0 not in select.select([0, listening], [], [])[0]:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _answer(connection)
            return
        connection.close()


def _answer(connection: socket.socket) -> None:
    """Fork once more, and run there what is asked for; this process tells its number and its exit status."""
    data, descriptors, _, _ = socket.recv_fds(connection, 65_536, 2)
    while not data.endswith(b"\n"):
        data += connection.recv(65_536)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        connection.close()
        os.setpgid(0, 0)
        _take_streams(descriptors)
        _run(**json.loads(data))
        return
    connection.sendall(b"%d\n" % child)
    _, status = os.waitpid(child, 0)
    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _take_streams(descriptors: Sequence[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, *descriptors)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- as long as the process lives
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115


def _run(words: Sequence[str], folder: str, environment: Mapping[str, str], module: str) -> None:
    """What `python -m` does."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = [folder, *environment.get("PYTHONPATH", "").split(":")]
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(sys.argv[1])
