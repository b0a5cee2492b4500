"""A Redis server in a folder, which can be killed, robbed of its last writes, and started again.

Its commands are sent through a socket in the file system, so it may be in another network namespace.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleet import processes

PATIENCE = 10.0  # seconds until it must answer


class Connection:
    """Speaks RESP2 through a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")

    def ask(self, *words: str) -> Any:
        """The answer to a command. Raises `RuntimeError` if it is an error."""
        parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
        self._socket.sendall("".join(parts).encode())
        return self.read()

    def read(self) -> Any:
        line = self._file.readline()
        if not line:
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest.decode()
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2].decode(errors="replace")
            case b"*":
                return [self.read() for _ in range(int(rest))]
        raise RuntimeError(rest.decode())

    def lines(self) -> Iterator[str]:
        """Lines of a MONITOR that was begun, until nothing comes for a while."""
        self._socket.settimeout(0.2)
        try:
            while line := self._file.readline():
                yield line.decode(errors="replace")
        except TimeoutError:
            return

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Redis:
    """A server on `address`; appends each write to a file, which a kill of the process does not touch."""

    def __init__(self, folder: Path, address: str, port: int, within: Sequence[str]) -> None:
        self.url = f"redis://{address}:{port}/0"
        self._folder = folder
        self._path = folder / "socket"
        self._log = folder / "log"
        settings = {
            "port": port,
            "bind": address,
            "protected-mode": "no",
            "dir": folder,
            "unixsocket": self._path,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "auto-aof-rewrite-percentage": "0",
            "latency-tracking": "no",  # takes 40 KB for each command that is used, and has nothing to do with a job
            "logfile": self._log,
        }
        given = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        self._command = [*within, "redis-server", *given]
        self._sizes: deque[tuple[float, int]] = deque(maxlen=600)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it has loaded its file."""
        self._process = processes.begin(self._command)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask("PING")
            except (OSError, RuntimeError):
                if time.monotonic() > until or self._process.poll() is not None:
                    raise RuntimeError(f"redis-server does not start: see {self._log}") from None
                time.sleep(0.02)
            else:
                return

    def ask(self, *words: str) -> Any:
        """The answer to a command over a new connection."""
        connection = Connection(self._path)
        try:
            return connection.ask(*words)
        finally:
            connection.close()

    def connect(self) -> Connection:
        return Connection(self._path)

    def info(self, section: str) -> dict[str, str]:
        lines = str(self.ask("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def note_size(self) -> None:
        """Remember how long the file of writes is now."""
        if (file := self._file()) is not None:
            self._sizes.append((time.monotonic(), file.stat().st_size))

    def kill(self) -> None:
        assert self._process is not None
        processes.end(self._process)

    def cut(self, seconds: float) -> int:
        """Take the writes of the last `seconds` before now off the file of a killed server; how many bytes."""
        file = self._file()
        assert file is not None
        size = file.stat().st_size
        old = [length for when, length in self._sizes if when <= time.monotonic() - seconds]
        kept = max(old[-1] if old else 0, size // 2)  # never so much that the job itself is not there any more
        with file.open("r+b") as opened:
            opened.truncate(kept)
        self._sizes.clear()
        return size - kept

    def freeze(self) -> None:
        """Stop the process, which loses nothing and answers nothing."""
        assert self._process is not None
        processes.send(self._process, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        processes.send(self._process, signal.SIGCONT)

    def _file(self) -> Path | None:
        return max(self._folder.glob("appendonlydir/*.incr.aof"), default=None)


@contextmanager
def serve(folder: Path, *, address: str, port: int = 0, within: Sequence[str] = ()) -> Iterator[Redis]:
    """Run a Redis server with a file of its own in `folder`, at a free port unless one is given."""
    if shutil.which("redis-server") is None:
        raise SystemExit("skipped: there is no redis-server (apt-get install redis-server)")
    if not port:
        with socket.create_server((address, 0)) as free:
            port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    redis = Redis(folder, address, port, within)
    redis.start()
    try:
        yield redis
    finally:
        redis.kill()
